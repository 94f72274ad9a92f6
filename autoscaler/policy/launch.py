"""What a policy launches, where, and on which market."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, StrictInt, model_serializer
from pydantic_core import PydanticCustomError

from autoscaler.policy.record import MOST_NODES, Faults, Phrase, Record, Word, cross_check, cross_check_each
from autoscaler.policy.units import FromList, Number, Percent, Period


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


class WarmPoolRules(Record):
    """Stopped nodes, to be started in a third of a boot's time. They cost their disks, and nobody is ever on them.

    They come from drained nodes, which are stopped instead of ended, and from launches that join once and are stopped.
    Spot nodes are ended: EC2 does not stop them at our word.
    """

    stopped: StrictInt = Field(
        default=0,
        ge=0,
        le=MOST_NODES,
        description="so many stopped nodes are kept; none that `bounds.max` would not let start",
    )
    max_age: Period = Field(
        default=timedelta(days=7),
        description="a stopped node whose last start was so long ago is replaced: its image grows old",
    )


Weight = Annotated[Number, Field(ge=0.001, le=10_000)]


class LaunchRules(Record):
    """What to launch and where: `types` in order of preference, over all `subnets`."""

    launch_template: Word = Field(
        default="", description="name or id (`lt-...`); its default version is used. This, or `image`"
    )
    image: Word = Field(default="", description="an AMI, with `types`")
    types: Annotated[tuple[Word, ...], FromList] = Field(
        default=(), description="instance types in order of preference; the template's own when left out"
    )
    weights: dict[Word, Weight] = Field(
        default={}, description="how much a node of each type carries, compared with the others; vCPUs when left out"
    )
    subnets: Annotated[tuple[Word, ...], FromList] = Field(
        min_length=1, description="launches are spread over them, the emptiest first"
    )
    security_groups: Annotated[tuple[Word, ...], FromList] = Field(
        default=(), description="ids; instead of the template's"
    )
    key_name: Phrase = Field(default="", description="instead of the template's")
    instance_profile: Word = Field(
        default="",
        description="name or ARN; instead of the template's. Needed where nodes fetch their MongoDB URI themselves",
    )

    spot: SpotRules = Field(
        default=SpotRules(), description="how much is bought on the spot market, whose nodes may be taken back"
    )
    warm_pool: WarmPoolRules = Field(
        default=WarmPoolRules(), description="stopped nodes that are started before new ones are launched"
    )

    @property
    def unweighed(self) -> tuple[Word, ...]:
        """The types whose vCPUs say what they are worth; none where there is one, or where the policy weighs them."""
        return () if self.weights or len(self.types) < 2 else self.types  # noqa: PLR2004 - one is like itself

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what a file leaves out: no file may say an empty text."""
        return {key: value for key, value in handler(self).items() if value != ""}

    @cross_check
    def _one_image(self) -> Faults:
        if bool(self.launch_template) == bool(self.image):
            doubts = ("launch_template", "image")
            yield PydanticCustomError("launch", "needs exactly one of launch_template and image", {"doubts": doubts})

    @cross_check
    def _image_with_types(self) -> Faults:
        if self.image and not self.types:
            yield PydanticCustomError("launch", "an image needs types: there is no template to take one from")

    @cross_check_each("subnets")
    def _subnet_once(self, number: int, subnet: str) -> Faults:
        if subnet in self.subnets[:number]:
            yield PydanticCustomError("launch", "names a subnet twice", {"at": ("subnets", number)})

    @cross_check_each("types")
    def _type_once(self, number: int, name: str) -> Faults:
        if name in self.types[:number]:
            yield PydanticCustomError("launch", "names a type twice", {"at": ("types", number)})

    @cross_check_each("security_groups")
    def _security_group_once(self, number: int, group: str) -> Faults:
        if group in self.security_groups[:number]:
            yield PydanticCustomError("launch", "names a security group twice", {"at": ("security_groups", number)})

    @cross_check
    def _all_weighed(self) -> Faults:
        unweighed = sorted({*self.types} ^ {*self.weights}) if self.weights else ()
        if unweighed:
            message = "{types}: weights and types must name the same types"
            yield PydanticCustomError("launch", message, {"types": ", ".join(unweighed), "at": ("weights",)})
