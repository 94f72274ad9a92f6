"""A made-up world behind the same ports: the cycle cannot tell it from the real one."""
