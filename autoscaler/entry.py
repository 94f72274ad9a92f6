"""The way in for the command `autoscaler` and for `python -m autoscaler`.

Loading the vendors' libraries takes a second or more. Ctrl-C within it is no error to show a traceback of.
"""

import sys

INTERRUPTED = 130
"""128 and the number of SIGINT, as a shell tells it."""

try:
    from autoscaler.cli.app import main
except KeyboardInterrupt:
    sys.exit(INTERRUPTED)

__all__ = ["main"]
