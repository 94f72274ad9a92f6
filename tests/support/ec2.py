"""The EC2 emulator and clients for it. One emulator a test run: moto keeps one state a process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import boto3
import pytest

import moto_fixtures
from autoscaler.adapters.ec2 import READ_TIMEOUT, connect
from autoscaler.model.plan import Launch, LaunchSpec
from moto_fixtures.world import ACCESS_KEY, SECRET_KEY

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

EDGE = LaunchSpec(launch_template="ams-edge")


@pytest.fixture(scope="session")
def emulator() -> Iterator[moto_fixtures.Server]:
    with moto_fixtures.start("empty") as server:
        yield server


@pytest.fixture
def ec2(emulator: moto_fixtures.Server, monkeypatch: pytest.MonkeyPatch) -> moto_fixtures.Server:
    """Give the test a fresh `small` world, and credentials that reach nothing else."""
    sign_in(monkeypatch, ACCESS_KEY, SECRET_KEY)
    emulator.load("small")
    return emulator


def sign_in(monkeypatch: pytest.MonkeyPatch, access_key: str, secret_key: str) -> None:
    """Set the credentials that clients made after this pick up."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)


def launch(
    subnet: str,
    *,
    token: str = "t-1",  # noqa: S107  # an idempotency token, no secret
    count: int = 1,
    group: str = "edge",
    spec: LaunchSpec = EDGE,
) -> Launch:
    """Make a launch action."""
    return Launch(token=token, why="below_desired", group=group, spec=spec, subnet=subnet, count=count)


def connected(server: moto_fixtures.Server, *, read_only: bool, read_timeout: timedelta = READ_TIMEOUT) -> EC2Client:
    """Return the adapter's client for the credentials set now. Making one costs more than most tests, so it is kept."""
    return _client(server.endpoint_url, server.region, read_only, read_timeout, os.environ["AWS_ACCESS_KEY_ID"])


@cache
def _client(
    endpoint_url: str,
    region: str,
    read_only: bool,  # noqa: FBT001  # a key of the cache
    read_timeout: timedelta,
    _access_key: str,
) -> EC2Client:
    return connect(region, endpoint_url, read_only=read_only, read_timeout=read_timeout)


def user(server: moto_fixtures.Server, *actions: str) -> tuple[str, str]:
    """Make an IAM user who may do these actions and nothing else; return access key and secret key."""
    iam = boto3.session.Session().client(
        "iam",
        region_name=server.region,
        endpoint_url=server.endpoint_url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
    name = "autoscaler"
    iam.create_user(UserName=name)
    if actions:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


@pytest.fixture
def permissions(ec2: moto_fixtures.Server) -> Iterator[moto_fixtures.Server]:
    """Make the emulator look at signatures and policies once `enforce` is called on the yielded server."""
    yield ec2
    count_unchecked(ec2, "inf")


def count_unchecked(server: moto_fixtures.Server, calls: str) -> None:
    """Say how many calls pass unchecked from now on: `0` enforces permissions, `inf` does not."""
    connection = HTTPConnection(server.host, server.port, timeout=5)
    connection.request("POST", "/moto-api/reset-auth", body=calls)
    assert connection.getresponse().read()
    connection.close()
