"""How many nodes the group should have, and every reason why. Pure: no I/O, no clock, no log."""
