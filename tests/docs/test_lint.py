"""docs/lint.md: every code has a section, whose first example causes it and nothing else, and whose second does not."""

from __future__ import annotations

import re

import pytest

from autoscaler.adapters.policy_files import policy_files
from autoscaler.policy.document import parse
from autoscaler.policy.lint.run import CODES, lint
from autoscaler.policy.load import read_policies
from autoscaler.runtime import settings_lint
from autoscaler.runtime.settings import examine
from tests.support.documents import ROOT, Block, blocks, headings, read
from tests.support.policy_text import lay_over

LINT = ROOT / "docs/lint.md"
_PARTS = re.split(r"^### `(lint-[a-z-]+)`$", read(LINT), flags=re.MULTILINE)
SECTIONS = dict(
    zip(_PARTS[1::2], (re.split(r"^## ", part, flags=re.MULTILINE)[0] for part in _PARTS[2::2]), strict=True)
)
BASE = next(block.text for block in blocks("yaml") if block.file == LINT and block.info[1:] == ("policy",))


def examples(section: str) -> list[str]:
    return re.findall(r"^```yaml (?:settings-)?lint\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def codes(fragment: str) -> set[str]:
    """What is said about the laid-over policy; one with a name of its own stands beside the base."""
    texts = {"example": lay_over(BASE, fragment)}
    if re.search(r"^group:", fragment, re.MULTILINE):
        texts["base"] = BASE
    policies, wrong = read_policies(texts)
    assert wrong == []
    return {problem.code for problem in lint(policies) if problem.file == "example"}


SETTINGS = next(block.text for block in blocks("yaml") if block.file == LINT and block.info[1:] == ("settings",))


def codes_of_settings(fragment: str) -> set[str]:
    """What is said about the laid-over settings, where nothing is in the environment or in files."""
    text = lay_over(SETTINGS, fragment)
    settings, problems = examine(parse(text, "example"), {"AMS_PASSWORD": "x"})
    assert settings, problems
    assert {problem.code for problem in problems} <= {"unset-variable", "unreadable"}
    return {problem.code for problem in settings_lint.lint(settings, parse(text, "example"))}


@pytest.mark.parametrize(
    "block", [block for block in blocks("yaml") if block.info[1:] == ("lint",)], ids=lambda b: b.place
)
def test_every_example_is_a_policy_without_errors(block: Block) -> None:
    assert block.file == LINT
    codes(block.text)


def test_the_way_to_silence_silences() -> None:
    (example,) = examples(read(LINT).partition("## The examples")[0])
    assert codes(example) == set()
    assert codes(re.sub("#.*", "", example)) == {"lint-no-redundancy", "lint-one-zone"}


def test_every_code_has_a_section_and_every_section_a_code() -> None:
    assert sorted(SECTIONS) == sorted({*CODES, *settings_lint.CODES})
    documented = [heading.strip("`") for heading in headings(LINT) if heading.startswith("`")]
    assert sorted(documented) == sorted(SECTIONS)


def test_the_base_of_the_examples_has_no_warning() -> None:
    assert codes("") == set()
    assert codes_of_settings("") == set()


@pytest.mark.parametrize("code", SECTIONS)
def test_the_first_example_causes_the_warning_and_the_second_does_not(code: str) -> None:
    bad, mended = examples(SECTIONS[code])
    told = codes_of_settings if code in settings_lint.CHECKS else codes
    assert told(bad) == {code}
    assert told(mended) == set()


@pytest.mark.parametrize("code", SECTIONS)
def test_every_section_says_when_to_silence(code: str) -> None:
    assert re.search(r"^(Silence it when|Nothing is a reason to silence it)", SECTIONS[code], re.MULTILINE)


@pytest.mark.parametrize("folder", ["policies", "autoscaler/demo/policies"])
def test_what_we_ship_has_no_warning(folder: str) -> None:
    files = policy_files(ROOT / folder)
    policies, wrong = read_policies({str(file): read(file) for file in files})
    assert policies
    assert [str(problem) for problem in (*wrong, *lint(policies))] == []
