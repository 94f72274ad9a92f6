"""Which nodes, which steps, in what order, and what nothing may override. Pure, like `decide`."""
