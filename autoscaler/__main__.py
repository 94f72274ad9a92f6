"""`python -m autoscaler` is the command `autoscaler`."""

from autoscaler.entry import main

main()
