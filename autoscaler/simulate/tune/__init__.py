"""A search for better parameters of a policy: what may vary, what is better, and what it would change in the file."""
