"""What is legal in the settings and still unwise; a section for each in docs/lint.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from autoscaler.model.errors import Problem
from autoscaler.model.memory import LONGEST_BLINK
from autoscaler.model.snapshot import HEARTBEAT_MAX_AGE
from autoscaler.policy.document import Document, Path
from autoscaler.policy.lint.finding import Finding
from autoscaler.policy.lint.run import UNKNOWN, UNNEEDED, UNREASONED, warnings
from autoscaler.policy.units import format_duration
from autoscaler.runtime.settings import Settings

_CREDENTIALS = re.compile(r"://[^/@]*:[^/@]+@")
_REFERENCE = re.compile(r"\$\{|file:")


def _no_master(settings: Settings, _: Mapping[str, Any]) -> Iterator[Finding]:
    """Find balancers of which nobody could tell, after a reload, on whom the older workers still have sessions."""
    for number, balancer in enumerate(settings.haproxy):
        if balancer.socket and not balancer.master:
            message = f"after a reload of {balancer.name} no node older than it is drained or ended any more"
            yield Finding(("haproxy", number), message, "master: unix:/run/haproxy-master.sock")


def _secret_in_file(settings: Settings, written: Mapping[str, Any]) -> Iterator[Finding]:
    """Find secrets that everybody who reads the file can read."""
    secrets: list[tuple[Path, object]] = [
        (("haproxy", number, "password"), written["haproxy"][number].get("password"))
        for number, _ in enumerate(settings.haproxy)
    ]
    secrets += [((section, key), (written.get(section) or {}).get(key)) for section, key in _SECRETS]
    uri = written["mongodb"]["uri"]
    secrets.append((("mongodb", "uri"), uri if _CREDENTIALS.search(uri) else None))
    for path, value in secrets:
        if isinstance(value, str) and value and not _REFERENCE.search(value):
            yield Finding(path, "a secret stands in the file, in the clear", "${NAME}, or file:PATH")


_SECRETS = (("ams", "jwt_secret"), ("web", "token"))


def _password_in_user_data(settings: Settings, _: Mapping[str, Any]) -> Iterator[Finding]:
    """Find passwords that every node is launched with, for whoever may describe an instance."""
    if settings.nodes and _CREDENTIALS.search(settings.nodes.mongodb_uri.get_secret_value()):
        message = "the password stands in every node's user-data, for whoever may describe the instance"
        yield Finding(("nodes", "mongodb_uri"), message, "ssm:NAME, or secretsmanager:ID")


def _cycle_long(settings: Settings, _: Mapping[str, Any]) -> Iterator[Finding]:
    """Find cycles that see too little: beyond LONGEST_BLINK nothing counts as watched."""
    if settings.cycle > LONGEST_BLINK:
        message = f"looks more than {format_duration(LONGEST_BLINK)} apart prove nothing, so no node is ever ended"
    elif settings.cycle > HEARTBEAT_MAX_AGE:
        message = f"what happens is noticed up to {format_duration(settings.cycle)} late, and then a node has to boot"
    else:
        return
    yield Finding(("cycle",), message, "5s")


def _applications_listed(settings: Settings, _: Mapping[str, Any]) -> Iterator[Finding]:
    """Find lists of applications: whoever publishes to one that is not in it is not seen."""
    if settings.mongodb.applications != "auto":
        message = "streams of an application that is not in the list are not counted, and protect no node"
        yield Finding(("mongodb", "applications"), message, "auto")


CHECKS: dict[str, Callable[[Settings, Mapping[str, Any]], Iterable[Finding]]] = {
    "lint-no-master": _no_master,
    "lint-secret-in-file": _secret_in_file,
    "lint-password-in-user-data": _password_in_user_data,
    "lint-cycle-long": _cycle_long,
    "lint-applications-listed": _applications_listed,
}
"""Each gets the settings as they are understood, and as they are written, with `${NAME}` left alone."""

CODES = (*CHECKS, UNKNOWN, UNREASONED, UNNEEDED)


def lint(settings: Settings, written: Document) -> list[Problem]:
    """Return what is unwise in settings, as warnings in the order of their lines."""
    findings = ((code, finding) for code, check in CHECKS.items() for finding in check(settings, written.root))
    return warnings(written, findings, CODES)
