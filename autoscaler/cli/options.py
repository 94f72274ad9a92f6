"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from autoscaler.adapters.policy_files import same_file
from autoscaler.model.errors import ConfigurationError, Problem

Config = Annotated[
    Path | None,
    typer.Option("--config", help="The settings file; else AUTOSCALER_CONFIG, else /etc/autoscaler/autoscaler.yaml."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Group = Annotated[str | None, typer.Option(help="Only this group.")]


STDOUT = "-"


def beside_stdout(text: str) -> Path:
    """Take the name of a file to write where stdout is taken: `-` is refused, and `./-` is a file of that name."""
    if text == STDOUT:
        raise typer.BadParameter("- is stdout, which has the table or --json; name a file, or ./- for one of that name")
    return Path(text)


def file_or_stdout(text: str) -> Path | None:
    """Take the name of a file to write; `-` is stdout, and `./-` a file of that name."""
    return None if text == STDOUT else Path(text)


def spare(option: str, output: Path | None, read: Iterable[Path | None]) -> None:
    """Refuse to write over a file that the command reads, by whatever name; raises ConfigurationError."""
    if output and same_file(output) in {same_file(each) for each in read if each}:
        raise ConfigurationError([Problem(option, 0, 0, "usage", f"would overwrite what it reads: {output}")])
