"""One vendor per file: what the ports ask for, translated to and from the outside world."""
