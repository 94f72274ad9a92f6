"""The command line: names the commands and turns our errors into one line each and an exit code."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from autoscaler.cli.compare import compare
from autoscaler.cli.demo import demo
from autoscaler.cli.explain import explain
from autoscaler.cli.learn import learn
from autoscaler.cli.plan import plan
from autoscaler.cli.record import record
from autoscaler.cli.replay import replay
from autoscaler.cli.reserve import reserve
from autoscaler.cli.run import run
from autoscaler.cli.schema import schema
from autoscaler.cli.simulate import simulate
from autoscaler.cli.status import status
from autoscaler.cli.test import test
from autoscaler.cli.tune import tune
from autoscaler.cli.validate import validate
from autoscaler.model.errors import AutoscalerError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keeps an Ant Media Server cluster the right size without cutting a live stream.",
)
for command in (
    run, plan, validate, test, simulate, compare, tune, schema, status, explain, record, replay, learn, reserve, demo,
):  # fmt: skip
    app.command()(command)


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
    try:
        app()
    except AutoscalerError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
