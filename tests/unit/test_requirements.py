"""The pinned requirements that set-up installs are complete, hashed, without an address, and true to pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUN, DEV = ROOT / "requirements/run.txt", ROOT / "requirements/dev.txt"
RANGED = {"secantusdb"}  # its old releases leave the index, so set-up installs it by its range
OWN = canonicalize_name(PROJECT["name"])


def _pins(path: Path) -> list[tuple[Requirement, list[str]]]:
    lines = [line for line in path.read_text().replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    return [(Requirement(line.split(" --hash=")[0]), re.findall(r"--hash=sha256:[0-9a-f]{64}", line)) for line in lines]


def _asked(*extras: str) -> list[Requirement]:
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in PROJECT["optional-dependencies"][extra])]
    asked = [Requirement(text) for text in texts]
    return [need for need in asked if canonicalize_name(need.name) not in RANGED | {OWN}]


@pytest.mark.parametrize("path", [RUN, DEV], ids=lambda path: path.name)
def test_every_pin_is_exact_and_hashed_and_none_has_an_address(path: Path) -> None:
    pins = _pins(path)

    assert pins
    assert [str(pin) for pin, hashes in pins if not hashes or not str(pin.specifier).startswith("==")] == []
    assert "://" not in path.read_text()


@pytest.mark.parametrize(("path", "extras"), [(RUN, ()), (DEV, ("dask", "demo", "dev", "tune"))], ids=["run", "dev"])
def test_every_requirement_of_the_project_has_a_pin_within_its_range(path: Path, extras: tuple[str, ...]) -> None:
    versions = [(canonicalize_name(pin.name), str(pin.specifier).removeprefix("==")) for pin, _ in _pins(path)]

    unmet = [
        str(need)
        for need in _asked(*extras)
        if not any(
            name == canonicalize_name(need.name) and need.specifier.contains(version, prereleases=True)
            for name, version in versions
        )
    ]

    assert unmet == []


def test_what_runs_in_production_is_what_was_tested() -> None:
    assert {str(pin) for pin, _ in _pins(RUN)} <= {str(pin) for pin, _ in _pins(DEV)}


def test_the_test_database_is_given_by_range_only() -> None:
    assert not RANGED & {canonicalize_name(pin.name) for pin, _ in _pins(DEV)}
    assert {canonicalize_name(Requirement(text).name) for text in PROJECT["optional-dependencies"]["demo"]} >= RANGED
