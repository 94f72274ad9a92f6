"""The daemon's own web room: one address, served by one thread beside the cycles."""
