"""The daemon's settings: where its cluster, balancers and policies are. No scaling rule stands here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from jwt import PyJWTError
from pydantic import AfterValidator, Field, SecretStr, StrictInt
from pydantic_core import PydanticCustomError

from autoscaler.adapters import mongo
from autoscaler.adapters.ams_resources import server_token
from autoscaler.adapters.policy_files import read_text
from autoscaler.adapters.user_data import UnusableUri, UserDataTooLarge, render
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.document import Document, check, parse
from autoscaler.policy.marked import MarkedList, MarkedMap
from autoscaler.policy.record import Faults, Name, Record, cross_check, cross_check_each
from autoscaler.policy.units import Duration, FromList

DEFAULT_PATH = Path("/etc/autoscaler/autoscaler.yaml")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST = rf"({_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])"
_PORT = r":(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
_SHORTEST_CYCLE = timedelta(milliseconds=200)
_STAND_INS = {"uri": "mongodb://unset/", "mongodb_uri": "mongodb://unset/"}
_STAND_IN = "unset".ljust(64, "-")
"""What a reference that leads nowhere is taken for, while the rest is looked at."""

_SHORTEST_TIMEOUT = timedelta(milliseconds=50)
_SHORTEST_KEY = 32
_SHORTEST_TOKEN = 16


def _shaped(pattern: str, what: str) -> AfterValidator:
    """Take texts of a shape only, and name the shape to whoever writes another."""

    def check_shape(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise PydanticCustomError("shape", "is not {what}", {"what": what})
        return value

    return AfterValidator(check_shape)


Database = Annotated[str, _shaped(r'[^/\\. "$*<>:|?\x00]{1,63}', "the name of a MongoDB database")]
Region = Annotated[str, _shaped(r"[a-z]+(-[a-z]+)+-[0-9]+", "an EC2 region such as eu-west-1")]
Address = Annotated[str, _shaped(rf"unix:/[^\x00]+|tcp:{_HOST}{_PORT}", "unix:/PATH or tcp:HOST:PORT")]
Listen = Annotated[str, _shaped(rf"{_HOST}{_PORT}", "HOST:PORT, such as 127.0.0.1:9640")]
Url = Annotated[str, _shaped(rf"https?://{_HOST}({_PORT})?(/\S*)?", "a URL such as http://HOST:PORT/PATH")]


def _long(value: SecretStr, shortest: int, why: str) -> SecretStr:
    """Take secrets of some length only."""
    if len(value.get_secret_value()) < shortest:
        message = "is shorter than {shortest} characters: {why}"
        raise PydanticCustomError("secret", message, {"shortest": shortest, "why": why})
    return value


def _usable(value: SecretStr) -> SecretStr:
    """Take what a client can be made of."""
    try:
        mongo.connect(value.get_secret_value(), lazy=True).close()
    except ConfigurationError as error:
        [problem] = error.problems
        raise PydanticCustomError("uri", "{why}", {"why": f"{problem.message} ({problem.hint})"}) from None
    return value


def _bootable(value: SecretStr) -> SecretStr:
    """Take what nodes can be told."""
    try:
        render(value.get_secret_value())
    except (UnusableUri, UserDataTooLarge) as error:
        raise PydanticCustomError("uri", "{why}", {"why": str(error)}) from None
    return value


def _signs(value: SecretStr) -> SecretStr:
    """Take keys that sign."""
    _long(value, _SHORTEST_KEY, "AMS asks for as many")
    try:
        server_token(value.get_secret_value(), datetime.now(UTC))
    except PyJWTError:
        raise PydanticCustomError("secret", "signs no token: it looks like a key of another kind") from None
    return value


def _hard_to_guess(value: SecretStr) -> SecretStr:
    return _long(value, _SHORTEST_TOKEN, "it keeps others from telling us of refusals")


ClusterUri = Annotated[SecretStr, AfterValidator(_usable)]
NodesUri = Annotated[SecretStr, AfterValidator(_bootable)]
Key = Annotated[SecretStr, AfterValidator(_signs)]
Token = Annotated[SecretStr, AfterValidator(_hard_to_guess)]


class MongoSettings(Record):
    """`applications`: whose streams count; `auto` asks clusterdb.AppSettings."""

    uri: ClusterUri
    cluster_database: Database = "clusterdb"
    state_database: Database = "autoscaler"
    applications: Literal["auto"] | Annotated[tuple[str, ...], FromList] = "auto"


class BalancerSettings(Record):
    """One HAProxy: `socket` steers it, `stats` alone only watches it, `master` shows workers that outlived a reload."""

    name: Name
    socket: Address | None = None
    master: Address | None = None
    stats: Url | None = None
    username: str = ""
    password: SecretStr = SecretStr("")
    timeout: Duration = timedelta(seconds=3)

    @cross_check
    def _readable(self) -> Faults:
        if self.socket is None and self.stats is None:
            yield PydanticCustomError("balancer", "needs a socket (to steer it) or stats (only to watch it)")


class Ec2Settings(Record):
    """`endpoint_url` is for emulators; None is EC2 itself. Credentials come from where boto3 finds them."""

    region: Region
    endpoint_url: Url | None = None


class NodeSettings(Record):
    """What launched nodes are told. `mongodb_uri` may be `ssm:NAME` or `secretsmanager:ID`, fetched by the node."""

    mongodb_uri: NodesUri


class AmsSettings(Record):
    """How nodes are asked for their own loads. `jwt_secret`: AMS's `server.jwtServerSecretKey`, one for all nodes."""

    port: StrictInt = Field(default=5080, ge=1, le=65535)
    jwt_secret: Key
    timeout: Duration = timedelta(seconds=1)

    @cross_check
    def _some_time(self) -> Faults:
        if self.timeout < _SHORTEST_TIMEOUT:
            yield PydanticCustomError("timeout", "is shorter than 50ms", {"at": ("timeout",)})


class WebSettings(Record):
    """Where the daemon itself listens. `token`: what AMS's posts must carry as `?token=`."""

    listen: Listen = "127.0.0.1:9640"
    token: Token | None = None


class Settings(Record):
    """Everything in autoscaler.yaml. `give_up_after`: so many failed cycles in a row end the process."""

    cluster: Name
    cycle: Duration = timedelta(seconds=5)
    give_up_after: StrictInt = Field(default=12, ge=1)
    mongodb: MongoSettings
    haproxy: Annotated[tuple[BalancerSettings, ...], FromList] = Field(min_length=1)
    ec2: Ec2Settings
    nodes: NodeSettings | None = None
    ams: AmsSettings | None = None
    web: WebSettings | None = None
    policies: Path

    @cross_check
    def _some_cycle(self) -> Faults:
        if self.cycle < _SHORTEST_CYCLE:
            yield PydanticCustomError("cycle", "is shorter than 200ms", {"at": ("cycle",)})

    @cross_check_each("haproxy")
    def _balancer_once(self, number: int, balancer: BalancerSettings) -> Faults:
        if balancer.name in {getattr(other, "name", None) for other in self.haproxy[:number]}:
            yield PydanticCustomError("balancer", "is named twice", {"at": ("haproxy", number, "name")})


def load_settings(
    path: Path | None, environment: Mapping[str, str] | None = None, *, steering: bool = False
) -> Settings:
    """Read settings from `path`, else AUTOSCALER_CONFIG, else /etc; raises ConfigurationError with every problem.

    `${NAME}` is taken from the environment, and a value `file:PATH` from that file, as systemd passes credentials.
    A relative `policies` is relative to the settings file. `steering`: what only the live daemon needs must be there.
    """
    environment = os.environ if environment is None else environment
    path = settings_file(path, environment)
    document = parse(read_text(path), str(path))
    settings, problems = examine(document, environment)
    if settings and steering:
        problems += unsteerable(document, settings)
    if settings is None or problems:
        raise ConfigurationError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return settings.model_copy(update={"policies": path.parent / settings.policies})


def settings_file(path: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return `path`, else AUTOSCALER_CONFIG, else the one in /etc."""
    return path or Path(environment.get("AUTOSCALER_CONFIG") or DEFAULT_PATH)


def examine(document: Document, environment: Mapping[str, str]) -> tuple[Settings | None, list[Problem]]:
    """Return the settings, None when they are wrong, and every problem.

    References are replaced in the document. One that leads nowhere, `unset-variable` or `unreadable`, is a problem, and
    hides no other one: something that fits most keys stands in for it.
    """
    problems = _resolve(document, document.root, (), environment)
    known = {(problem.line, problem.column) for problem in problems}
    try:
        return check(Settings, document), problems
    except ConfigurationError as error:
        problems += [problem for problem in error.problems if (problem.line, problem.column) not in known]
        return None, problems


def unsteerable(document: Document, settings: Settings) -> Iterator[Problem]:
    """Say what keeps these settings from more than watching."""
    for number, balancer in enumerate(settings.haproxy):
        if balancer.socket is None:
            message = f"{balancer.name} has no socket, so nothing can steer it"
            yield document.problem(("haproxy", number), "no-socket", message, "or --dry-run")
    if settings.nodes is None:
        hint = "nodes: {mongodb_uri: ...}, as the nodes reach it; or --dry-run"
        yield document.problem((), "no-nodes", "nothing says what launched nodes are told", hint)


def _resolve(
    document: Document, holder: MarkedMap | MarkedList, path: tuple[str | int, ...], environment: Mapping[str, str]
) -> list[Problem]:
    """Replace references in place; return those that lead nowhere."""
    problems: list[Problem] = []
    items: Any = holder.items() if isinstance(holder, MarkedMap) else enumerate(holder)
    for key, value in list(items):
        here = (*path, key)
        if isinstance(value, MarkedMap | MarkedList):
            problems += _resolve(document, value, here, environment)
        elif isinstance(value, str):
            try:
                holder[key] = _read(_VARIABLE.sub(lambda match: environment[match[1]], value))
            except LookupError as error:
                problems.append(document.problem(here, "unset-variable", f"the environment has no {error.args[0]}"))
                holder[key] = _STAND_INS.get(key, _STAND_IN)
            except ConfigurationError:
                problems.append(document.problem(here, "unreadable", "the file that it names cannot be read"))
                holder[key] = _STAND_INS.get(key, _STAND_IN)
    return problems


def _read(value: str) -> str:
    if value.startswith("file:"):
        return read_text(Path(value.removeprefix("file:"))).strip()
    return value
