"""What the operator asked for: YAML text in, a checked Policy or every problem with its line out."""
