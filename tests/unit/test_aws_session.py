"""What our sessions do differently from boto3's own: times, and one copy of the service models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from urllib3.response import HTTPResponse

from autoscaler.adapters.aws_session import new_session

AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
DESCRIBED = """<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item>
<instancesSet><item><launchTime>{}</launchTime></item></instancesSet></item></reservationSet>
</DescribeInstancesResponse>"""


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-01T12:00:00Z", AT),
        ("2026-01-01T12:00:00.250Z", AT + timedelta(milliseconds=250)),
        ("2026-01-01T14:00:00+02:00", AT.astimezone(timezone(timedelta(hours=2)))),
        ("20260101T120000Z", AT),
        ("Thu, 01 Jan 2026 12:00:00 GMT", AT),
        ("1767268800", AT),
        ("2026-01-01 12:00 Z", AT),
    ],
)
def test_a_launch_time_is_the_same_however_it_is_written(text: str, at: datetime) -> None:
    client: Any = new_session().client("ec2", region_name="eu-west-1", aws_access_key_id="k", aws_secret_access_key="s")
    body = HTTPResponse(BytesIO(DESCRIBED.format(text).encode()), preload_content=False)
    reply = AWSResponse("", 200, HTTPHeaders(), body)
    client.meta.events.register("before-send.ec2.DescribeInstances", lambda **_: reply)
    assert client.describe_instances()["Reservations"][0]["Instances"][0]["LaunchTime"] == at


def test_a_session_reads_numbers_as_times_too() -> None:
    """Single sign-on and container credentials come as JSON, where a time is a number."""
    factory = new_session()._session.get_component("response_parser_factory")
    assert factory.create_parser("json")._timestamp_parser(1767268800) == AT


def test_the_models_are_in_memory_once() -> None:
    one, other = (new_session()._session.get_component("data_loader") for _ in range(2))
    assert one.load_service_model("ec2", "service-2") is other.load_service_model("ec2", "service-2")


def test_credentials_are_those_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    for key in ("first", "second"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        credentials = new_session().get_credentials()
        assert credentials is not None
        keys.append(credentials.access_key)
    assert keys == ["first", "second"]
