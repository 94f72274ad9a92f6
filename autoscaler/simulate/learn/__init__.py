"""What nodes carry, learnt from recorded cycles: readings, fits with intervals, and what follows for a policy."""
