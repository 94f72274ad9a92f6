"""What a policy launches, where, and on which market."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from autoscaler.policy.record import Record
from autoscaler.policy.units import FromList, Number, Percent


class SpotRules(Record):
    """How much of the group is bought on the spot market, where EC2 takes an instance back two minutes after saying so.

    Never the first `bounds.min` nodes, and only what is launched from now on: no node is ended for the share's sake.
    """

    percent: Percent = Field(
        default=0.0,
        ge=0,
        le=100,
        description="at most so much of the nodes in service and on their way, rounded down; the first `bounds.min` "
        "are always on demand",
    )


Weight = Annotated[Number, Field(gt=0, le=10_000)]


class LaunchRules(Record):
    """What to launch and where: `types` in order of preference, over all `subnets`."""

    launch_template: str = Field(
        default="", description="name or id (`lt-...`); its default version is used. This, or `image`"
    )
    image: str = Field(default="", description="an AMI, with `types`")
    types: Annotated[tuple[str, ...], FromList] = Field(
        default=(), description="instance types in order of preference; the template's own when left out"
    )
    weights: dict[str, Weight] = Field(
        default={}, description="how much a node of each type carries, compared with the others; vCPUs when left out"
    )
    subnets: Annotated[tuple[str, ...], FromList] = Field(
        min_length=1, description="launches are spread over them, the emptiest first"
    )
    security_groups: Annotated[tuple[str, ...], FromList] = Field(
        default=(), description="ids; instead of the template's"
    )
    key_name: str = Field(default="", description="instead of the template's")
    instance_profile: str = Field(
        default="",
        description="name or ARN; instead of the template's. Needed where nodes fetch their MongoDB URI themselves",
    )

    spot: SpotRules = Field(
        default=SpotRules(), description="how much is bought on the spot market, whose nodes may be taken back"
    )

    @property
    def unweighed(self) -> tuple[str, ...]:
        """The types whose vCPUs say what they are worth; none where there is one, or where the policy weighs them."""
        return () if self.weights or len(self.types) < 2 else self.types  # noqa: PLR2004 - one is like itself

    @model_validator(mode="after")
    def _complete(self) -> LaunchRules:
        if bool(self.launch_template) == bool(self.image):
            raise PydanticCustomError("launch", "needs exactly one of launch_template and image")
        if self.image and not self.types:
            raise PydanticCustomError("launch", "an image needs types: there is no template to take one from")
        if len(set(self.subnets)) != len(self.subnets):
            raise PydanticCustomError("launch", "names a subnet twice")
        unweighed = sorted({*self.types} ^ {*self.weights}) if self.weights else ()
        if unweighed:
            message = "{types}: weights and types must name the same types"
            raise PydanticCustomError("launch", message, {"types": ", ".join(unweighed), "at": ("weights",)})
        return self
