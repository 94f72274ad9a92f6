"""Every block of code in the documents is executed, or held against the file that it is taken from."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from autoscaler.adapters.policy_files import policy_files
from autoscaler.policy.document import check, parse
from autoscaler.policy.load import load_policies
from autoscaler.review.cases import read_suite
from autoscaler.review.rehearse import rehearse
from autoscaler.runtime.settings import load_settings
from autoscaler.simulate.spec import PUBLISHERS_A_VCPU, VIEWERS_A_VCPU, WorldSpec
from tests.support.documents import ROOT, Block, blocks, read

KINDS = {"yaml", "json", "haproxy", "sh", "ini", "js", "diff"}
"""What blocks may be; plain text and pictures have no word at all."""

ENVIRONMENT = {
    "MONGODB_URI": "mongodb://10.0.0.1:27017/",
    "HAPROXY_STATS_USER": "Username",
    "HAPROXY_STATS_PASSWORD": "Password",
    "AMS_JWT_SECRET": "a-secret-of-at-least-32-characters",
    "WEB_TOKEN": "a-token-of-at-least-16-characters",
}


def place(block: Block) -> str:
    return block.place


def yaml_blocks(kind: str) -> list[Block]:
    return [block for block in blocks("yaml") if block.info[1:] == (kind,)]


def test_every_block_says_what_it_is() -> None:
    assert {block.place: block.info for block in blocks() if block.info and block.info[0] not in KINDS} == {}
    elsewhere = {"tutorial.md", "policy-review.md"}  # each held by a test of its own
    run_elsewhere = [block for block in blocks("yaml") if block.file.name in elsewhere]
    run_by_test_lint = yaml_blocks("lint")
    known = [*yaml_blocks("policy"), *yaml_blocks("settings"), *yaml_blocks("fragment"), *yaml_blocks("tests")]
    run_by_test_traces = yaml_blocks("trace")
    known += [*run_by_test_lint, *run_by_test_traces, *yaml_blocks("settings-lint"), *yaml_blocks("world")]
    known += yaml_blocks("search")  # held by test_tuning
    assert sorted(map(place, blocks("yaml"))) == sorted(map(place, [*known, *run_elsewhere]))
    kinds = {"policy", "settings", "fragment", "tests", "lint", "settings-lint", "world", "trace", "search"}
    assert {kind for block in known for kind in block.info[1:]} == kinds


def test_the_world_that_is_shown_is_the_usual_one() -> None:
    (block,) = yaml_blocks("world")
    world = check(WorldSpec, parse(block.text, block.place))
    assert world.model_copy(update={"types": {}}) == WorldSpec()
    (size,) = world.types.values()
    assert (size.viewers, size.publishers) == (size.vcpus * VIEWERS_A_VCPU, size.vcpus * PUBLISHERS_A_VCPU)


@pytest.mark.parametrize("block", yaml_blocks("policy"), ids=place)
def test_a_policy_loads(block: Block) -> None:
    assert load_policies({block.place: block.text})


@pytest.mark.parametrize("block", yaml_blocks("tests"), ids=place)
def test_policy_tests_pass(block: Block) -> None:
    suite = read_suite(block.text, block.place)
    (policy,) = load_policies({suite.policy: read(ROOT / "policies" / suite.policy)})
    assert [result for result in rehearse(suite, policy) if result.failures] == []


@pytest.mark.parametrize("block", yaml_blocks("fragment"), ids=place)
def test_a_fragment_fits_a_policy(block: Block) -> None:
    """Lay it over a shipped policy: a fragment's top-level keys replace the policy's."""
    whole = parse(read(ROOT / "policies/edge.yaml"), "edge.yaml").root | parse(block.text, block.place).root
    assert load_policies({block.place: json.dumps(whole)})  # JSON is YAML


@pytest.mark.parametrize("block", yaml_blocks("settings"), ids=place)
def test_settings_load(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "autoscaler.yaml"
    file.write_text(block.text)
    assert load_settings(file, ENVIRONMENT).policies == tmp_path / "policies"


@pytest.mark.parametrize("block", blocks("json"), ids=place)
def test_json_parses(block: Block) -> None:
    assert json.loads(block.text)


def sections(text: str) -> dict[str, list[str]]:
    """The lines of each section of an HAProxy configuration, without comments and space."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    name = ""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] in {"global", "defaults", "frontend", "backend", "listen"}:
            name = " ".join(words[:2])
        elif words:
            found[name].append(" ".join(words))
    return found


@pytest.mark.parametrize("block", blocks("haproxy"), ids=place)
def test_an_excerpt_of_haproxys_configuration_is_one(block: Block) -> None:
    """Each line stands in the same section of the whole configuration, which is run elsewhere."""
    whole = sections(read(ROOT / "docs/haproxy.cfg"))
    excerpt = sections(block.text)
    assert excerpt
    for section, lines in excerpt.items():
        assert [line for line in lines if line not in whole[section]] == [], section


def test_shipped_policies_are_valid_together() -> None:
    files = policy_files(ROOT / "policies")
    assert {policy.group for policy in load_policies({file.name: read(file) for file in files})} == {
        file.stem for file in files
    }
