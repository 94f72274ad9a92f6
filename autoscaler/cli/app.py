"""The command line: names the commands and turns our errors into one line each and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, NoReturn

import typer

from autoscaler.cli.calling import Commands
from autoscaler.model.errors import AutoscalerError, ConfigurationError, Problem

_UNREAD = 128 + signal.SIGPIPE
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a write to stdout fails with, or to a temporary file; adapters translate what happens to others."""

_LAST_STREAM = 2

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keeps an Ant Media Server cluster the right size without cutting a live stream.",
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer passes the flag so
    if wanted:
        try:
            typer.echo(version("ams-autoscaler"))
        except PackageNotFoundError:
            typer.echo("unknown: this checkout is not installed")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold the options that need no command."""


def main() -> None:
    """Run the command; what we know to go wrong is one line on stderr, never a traceback."""
    closed = _occupy()
    try:
        app(prog_name="autoscaler")
    except SystemExit as ended:  # typer and rich end with 1 when nobody reads on, which means something else here
        if isinstance(ended.__context__, BrokenPipeError):
            _end(_UNREAD)
        raise
    except AutoscalerError as error:
        _end(error.exit_code, str(error))
    except OSError as error:
        why = _why_lost(error, closed=closed)
        if not why:
            raise
        _drop_output()
        _end(ConfigurationError.exit_code, str(Problem("output", 0, 0, "unwritable", why)))


def _occupy() -> bool:
    """Return whether stdout is closed: to print fails then, while what a closed stderr would have shown is let go.

    No file gets the number of a closed stream.
    """
    while (number := os.open(os.devnull, os.O_RDONLY)) <= _LAST_STREAM:
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    closed = sys.stdout is None
    if closed:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    return closed


def _why_lost(error: OSError, *, closed: bool) -> str:
    """Say why what was to be printed, or kept for a while, is lost; nothing when it is not about that."""
    if closed and error.errno == errno.EBADF:
        return "is closed"
    return os.strerror(error.errno) if error.errno in _FULL else ""


def _drop_output() -> None:
    """Let what could not be printed go: the interpreter would try once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _end(code: int, message: str = "") -> NoReturn:
    with suppress(OSError):  # whoever does not hear it sees the code
        if message:
            typer.echo(message, err=True)
    sys.exit(code)
