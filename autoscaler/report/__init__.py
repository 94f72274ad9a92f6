"""The page that `autoscaler simulate --html` writes: one file, to be read anywhere, without a network."""
