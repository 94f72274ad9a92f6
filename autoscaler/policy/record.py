"""What every part of a policy is: a strict, frozen record with a name or two."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class Record(BaseModel):
    """Strict and frozen: an unknown key is an error, and nothing changes a policy after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))
