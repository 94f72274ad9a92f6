"""`python -m autoscaler` is the command `autoscaler`."""

from autoscaler.cli.app import main

main()
