"""Two policies on the same traffic: what got better, what got worse, and where they first part."""
