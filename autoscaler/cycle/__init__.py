"""The impure shell around the pure core: it reads through senses, writes through hands, and knows no vendor."""
