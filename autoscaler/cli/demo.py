"""`autoscaler demo`: the whole product on this machine, no account anywhere."""

from __future__ import annotations

import importlib
import json
from typing import Annotated

import typer
from rich.console import Console

SLOWEST, FASTEST = 0.75, 4.0
"""Slower would not end within three minutes, faster would leave the cluster no time to follow."""


def demo(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout; progress on stderr.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with logs and configuration.")] = False,
    speed: Annotated[float, typer.Option(min=SLOWEST, max=FASTEST, help="Divide the story's times by this.")] = 1.0,
) -> None:
    """Run HAProxy, the daemon and stand-in media servers here; let viewers and publishers come and go; add up.

    Exits 1 when a session broke, a publisher was cut, HAProxy was reloaded, or the cluster did not grow and shrink.
    """
    try:
        # By name: the demo needs the extra `demo`, and this command has to exist without it.
        stage = importlib.import_module("autoscaler.demo.run")
        views = importlib.import_module("autoscaler.demo.view")
    except ModuleNotFoundError as error:
        typer.echo(f"the package {error.name} is missing: pip install 'ams-autoscaler[demo]'", err=True)
        raise typer.Exit(2) from None
    console = Console(stderr=as_json)
    view = views.Picture(console) if console.is_terminal else views.Lines(console)
    try:
        result = stage.run(view, keep=keep, speed=speed)
    except stage.Interrupted as interruption:
        typer.echo(str(interruption), err=True)
        raise typer.Exit(128 + interruption.number) from None
    numbers = result.summary.as_dict()
    if as_json:
        typer.echo(json.dumps(numbers))
    else:
        console.print("\n".join(f"{name:24} {value}" for name, value in numbers.items()), highlight=False)
    for complaint in result.complaints:
        typer.echo(complaint, err=True)
    raise typer.Exit(1 if result.complaints else 0)
