"""Who comes, when, and for how long: traces, read from files or drawn from seeds."""
