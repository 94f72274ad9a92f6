"""What the daemon of the demo reads: its settings and its one policy, like any operator's."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from autoscaler.demo.balancer import STATS_PASSWORD, STATS_USER, Balancer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoscaler.demo.rows import Names


def write_policy(folder: Path, ids: Mapping[str, str]) -> tuple[int, int]:
    """Copy the policy, with ids for the names of the emulated region's subnets, and return its bounds."""
    yaml = YAML()
    policy = yaml.load((resources.files("autoscaler.demo") / "policies" / "edge.yaml").read_text())
    policy["launch"]["subnets"] = [ids[name] for name in policy["launch"]["subnets"]]
    policies = folder / "policies"
    policies.mkdir()
    with (policies / "edge.yaml").open("w") as stream:
        yaml.dump(policy, stream)
    return policy["bounds"]["min"], policy["bounds"]["max"]


def write_settings(
    folder: Path, *, balancer: Balancer, mongodb_uri: str, names: Names, region: str, endpoint_url: str
) -> Path:
    """Write autoscaler.yaml and return its path."""
    settings = {
        "cluster": "demo",
        "cycle": "1s",
        "mongodb": {"uri": mongodb_uri, "cluster_database": names.cluster, "state_database": names.state},
        "haproxy": [
            {
                "name": "lb1",
                "socket": f"unix:{balancer.socket}",
                "stats": balancer.stats_url,
                "username": STATS_USER,
                "password": STATS_PASSWORD,
            }
        ],
        "ec2": {"region": region, "endpoint_url": endpoint_url},
        "nodes": {"mongodb_uri": mongodb_uri},
        "policies": "policies",
    }
    path = folder / "autoscaler.yaml"
    with path.open("w") as stream:
        YAML().dump(settings, stream)
    return path
