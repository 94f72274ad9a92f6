"""The commands: each is loaded when it is called, and told in one line, with exit code 2, how it was called wrongly."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

from autoscaler.model.errors import Problem

_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""What all of them are, be it click's own or the one in the copy of click that newer releases of typer bring."""

NAMES = (
    "run", "plan", "validate", "test", "simulate", "compare", "tune", "schema", "status", "explain", "record", "replay",
    "learn", "reserve", "demo",
)  # fmt: skip
"""The commands, in the order of the help: each a function in the module of its name."""


class Commands(TyperGroup):
    """The commands, with no boxes drawn around errors: logs of CI and of systemd are read line by line.

    Who calls one loads no other: a daemon does without the 20 MB that simulations and their pages take.
    """

    def list_commands(self, ctx: object) -> list[str]:
        """Name them."""
        del ctx
        return [*NAMES]

    def get_command(self, ctx: object, cmd_name: str) -> Any:  # noqa: ANN401 - click's own, whichever copy of it
        """Load one."""
        del ctx
        return load(cmd_name) if cmd_name in NAMES else None

    def main(self, *args: Any, **options: Any) -> NoReturn:  # noqa: ANN401 - whatever typer has
        """Run a command and exit."""
        try:
            sys.exit(super().main(*args, **{**options, "standalone_mode": False}))
        except _UsageError as error:
            if type(error).__name__ != "NoArgsIsHelpError":  # by then it has shown the help
                typer.echo(str(_problem(error)), err=True)
            sys.exit(error.exit_code)


def load(name: str) -> Any:  # noqa: ANN401 - see get_command
    """Return one of the commands."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(getattr(importlib.import_module(f"autoscaler.cli.{name}"), name))
    return get_command(alone)


def _problem(error: typer.BadParameter) -> Problem:
    """Say it in our form: who was called, what is wrong, and where all options are told."""
    command = error.ctx.command_path if error.ctx else "autoscaler"
    message = " ".join(error.format_message().split()).removesuffix(".")
    message = message.replace("Value error, ", "").replace("(Possible", "(possible")
    return Problem(command, 0, 0, "usage", message[:1].lower() + message[1:], f"see {command} --help")
