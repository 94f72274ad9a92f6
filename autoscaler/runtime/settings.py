"""The daemon's settings: where its cluster, balancers and policies are. No scaling rule stands here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StrictInt, field_validator, model_validator
from pydantic_core import PydanticCustomError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from autoscaler.adapters.policy_files import read_text
from autoscaler.adapters.user_data import UnusableUri, check_uri
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.document import Document, check, parse
from autoscaler.policy.schema import Name, Record
from autoscaler.policy.units import Duration, FromList

DEFAULT_PATH = Path("/etc/autoscaler/autoscaler.yaml")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SHORTEST_CYCLE = timedelta(milliseconds=200)


class MongoSettings(Record):
    """`applications`: whose streams count; `auto` asks clusterdb.AppSettings."""

    uri: SecretStr
    cluster_database: str = "clusterdb"
    state_database: str = "autoscaler"
    applications: Literal["auto"] | Annotated[tuple[str, ...], FromList] = "auto"


class BalancerSettings(Record):
    """One HAProxy: `socket` steers it, `stats` alone only watches it, `master` shows workers that outlived a reload."""

    name: Name
    socket: str | None = Field(default=None, pattern=r"^(unix:/.+|tcp:.+:\d+)$")
    master: str | None = Field(default=None, pattern=r"^(unix:/.+|tcp:.+:\d+)$")
    stats: str | None = Field(default=None, pattern=r"^https?://.+")
    username: str = ""
    password: SecretStr = SecretStr("")
    timeout: Duration = timedelta(seconds=3)

    @model_validator(mode="after")
    def _readable(self) -> BalancerSettings:
        if self.socket is None and self.stats is None:
            raise PydanticCustomError("balancer", "needs a socket (to steer it) or stats (only to watch it)")
        return self


class Ec2Settings(Record):
    """`endpoint_url` is for emulators; None is EC2 itself. Credentials come from where boto3 finds them."""

    region: str
    endpoint_url: str | None = None


class NodeSettings(Record):
    """What launched nodes are told. `mongodb_uri` may be `ssm:NAME` or `secretsmanager:ID`, fetched by the node."""

    mongodb_uri: SecretStr

    @field_validator("mongodb_uri")
    @classmethod
    def _usable(cls, value: SecretStr) -> SecretStr:
        try:
            check_uri(value.get_secret_value())
        except UnusableUri as error:
            raise PydanticCustomError("uri", "{why}", {"why": str(error)}) from None
        return value


class Settings(Record):
    """Everything in autoscaler.yaml. `give_up_after`: so many failed cycles in a row end the process."""

    cluster: Name
    cycle: Duration = timedelta(seconds=5)
    give_up_after: StrictInt = Field(default=12, ge=1)
    mongodb: MongoSettings
    haproxy: Annotated[tuple[BalancerSettings, ...], FromList] = Field(min_length=1)
    ec2: Ec2Settings
    nodes: NodeSettings | None = None
    policies: Path

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.cycle < _SHORTEST_CYCLE:
            raise PydanticCustomError("cycle", "cycle is shorter than 200ms")
        names = [balancer.name for balancer in self.haproxy]
        if len(set(names)) != len(names):
            raise PydanticCustomError("balancer", "haproxy names a balancer twice")
        return self


def load_settings(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read settings from `path`, else AUTOSCALER_CONFIG, else /etc; raises ConfigurationError with every problem.

    `${NAME}` is taken from the environment, and a value `file:PATH` from that file, as systemd passes credentials.
    A relative `policies` is relative to the settings file.
    """
    environment = os.environ if environment is None else environment
    path = path or Path(environment.get("AUTOSCALER_CONFIG") or DEFAULT_PATH)
    document = parse(read_text(path), str(path))
    problems = _resolve(document, document.root, (), environment)
    if problems:
        raise ConfigurationError(problems)
    settings = check(Settings, document)
    return settings.model_copy(update={"policies": path.parent / settings.policies})


def _resolve(
    document: Document, holder: CommentedMap | CommentedSeq, path: tuple[str | int, ...], environment: Mapping[str, str]
) -> list[Problem]:
    """Replace references in place; return those that lead nowhere."""
    problems: list[Problem] = []
    items: Any = holder.items() if isinstance(holder, CommentedMap) else enumerate(holder)
    for key, value in list(items):
        here = (*path, key)
        if isinstance(value, CommentedMap | CommentedSeq):
            problems += _resolve(document, value, here, environment)
        elif isinstance(value, str):
            try:
                holder[key] = _expand(value, environment)
            except LookupError as error:
                problems.append(document.problem(here, "unset-variable", f"the environment has no {error.args[0]}"))
            except (OSError, UnicodeDecodeError):
                problems.append(document.problem(here, "unreadable", f"cannot read {value[len('file:') :]}"))
    return problems


def _expand(value: str, environment: Mapping[str, str]) -> str:
    value = _VARIABLE.sub(lambda match: environment[match[1]], value)
    if value.startswith("file:"):
        return Path(value.removeprefix("file:")).read_text(encoding="utf-8").strip()
    return value
