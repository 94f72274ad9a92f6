"""How a command was called wrongly, told as everything else that is wrong: in one line, and with exit code 2."""

from __future__ import annotations

import sys
from typing import Any, NoReturn, cast

import typer
from typer.core import TyperGroup

from autoscaler.model.errors import Problem

_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""What all of them are, be it click's own or the one in the copy of click that newer releases of typer bring."""


class Commands(TyperGroup):
    """The commands, with no boxes drawn around errors: logs of CI and of systemd are read line by line."""

    def main(self, *args: Any, **options: Any) -> NoReturn:  # noqa: ANN401 - whatever typer has
        """Run a command and exit."""
        try:
            sys.exit(super().main(*args, **{**options, "standalone_mode": False}))
        except _UsageError as error:
            if type(error).__name__ != "NoArgsIsHelpError":  # by then it has shown the help
                typer.echo(str(_problem(error)), err=True)
            sys.exit(error.exit_code)


def _problem(error: typer.BadParameter) -> Problem:
    """Say it in our form: who was called, what is wrong, and where all options are told."""
    command = error.ctx.command_path if error.ctx else "autoscaler"
    message = " ".join(error.format_message().split()).removesuffix(".")
    message = message.replace("Value error, ", "").replace("(Possible", "(possible")
    return Problem(command, 0, 0, "usage", message[:1].lower() + message[1:], f"see {command} --help")
