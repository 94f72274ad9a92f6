"""Moments of the past as `record` and `replay` take them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic_core import PydanticCustomError

from autoscaler.policy.units import parse_duration


def moment(text: str) -> datetime:
    """Read `2026-06-01T18:04:31Z`, without an offset in UTC, or `2h`: so long ago."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            return datetime.now(UTC) - parse_duration(text)
        except PydanticCustomError:
            raise typer.BadParameter(
                f"{text!r} is no time; write 2026-06-01T18:04:31Z, or 2h for so long ago"
            ) from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


_FORM = "2026-06-01T18:04:31Z, or 2h for two hours ago"
_SINCE = typer.Option(parser=moment, metavar="T", help=f"From when on: {_FORM}.", show_default=False)
Since = Annotated[datetime, _SINCE]
MaybeSince = Annotated[datetime | None, _SINCE]
Until = Annotated[
    datetime | None,
    typer.Option(
        parser=moment, metavar="T", help="Until before when, in the same forms; else now.", show_default=False
    ),
]
