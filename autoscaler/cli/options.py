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


def spare(option: str, output: Path | None, read: Iterable[Path | None]) -> None:
    """Refuse to write over a file that the command reads, by whatever name; raises ConfigurationError."""
    if output and same_file(output) in {same_file(each) for each in read if each}:
        raise ConfigurationError([Problem(option, 0, 0, "usage", f"would overwrite what it reads: {output}")])
