"""What is legal in a policy and still unwise: each finding a warning with a code, explained in docs/lint.md.

One file a family of checks. A check is a pure function from a policy to findings; `run` knows them all by their codes,
asks them, and leaves out what the file silences with a reason.
"""
