"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", help="The settings file; else AUTOSCALER_CONFIG, else /etc/autoscaler/autoscaler.yaml."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Group = Annotated[str | None, typer.Option(help="Only this group.")]
