"""Sessions of boto3 that are made for reading a whole fleet every few seconds."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.loaders import Loader, create_loader
from botocore.utils import parse_timestamp


def new_session() -> boto3.session.Session:
    """Return a session that reads credentials as every AWS tool does, now and not when the process began."""
    core = botocore.session.get_session()
    core.register_component("data_loader", _models())
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return boto3.session.Session(botocore_session=core)


@cache
def _models() -> Loader:
    """Keep one copy of what botocore knows about services: EC2's alone takes 20 MB, for each client anew."""
    return create_loader()


def _time(value: Any) -> datetime:  # noqa: ANN401 - text, or a number from services that speak JSON
    """Read `2026-01-01T12:00:00.000Z` at once: dateutil's guessing takes a quarter of the time of a DescribeInstances.

    Credentials come through here too, from services with other formats, so everything else is left to botocore.
    """
    if isinstance(value, str) and value.endswith("Z"):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    return parse_timestamp(value)
