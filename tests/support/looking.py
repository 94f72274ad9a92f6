"""Settings of commands that only read what is in MongoDB."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

FOR_GOOD = timedelta(days=20_000)
"""A retention for journals of stories that happened long ago: MongoDB would forget them once a minute."""

SETTINGS = """\
cluster: live
mongodb: {{uri: "{uri}", state_database: {database}}}
haproxy: [{{name: lb1, socket: "unix:/nowhere"}}]
ec2: {{region: eu-west-1}}
policies: nowhere
"""


def settings(folder: Path, uri: str, database: str) -> Path:
    file = folder / "autoscaler.yaml"
    file.write_text(SETTINGS.format(uri=uri, database=database))
    return file
