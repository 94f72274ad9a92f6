"""Paths that are not what they should be: each is a problem with a name, none is a crash, a wait or a silence."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autoscaler.adapters.policy_files import PolicyFiles, read_text
from autoscaler.cli.app import app
from autoscaler.model.errors import ConfigurationError
from autoscaler.runtime.preflight import PoliciesInForce
from tests.support.policy_text import QUIET

NOBODY = 65_534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be somebody to whom permissions mean something: root reads everything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, with one good policy."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        (path / "edge.yaml").write_text(QUIET)
        yield path
        path.chmod(0o755)


def problems(source: PolicyFiles) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        source.load()
    return [str(problem) for problem in caught.value.problems]


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, result
    assert isinstance(result.exception, SystemExit), result.exception
    return result.stdout


@pytest.mark.parametrize("command", ["validate", "test"])
def test_a_folder_that_may_not_be_read_is_a_problem(folder: Path, command: str) -> None:
    folder.chmod(0o311)
    with unprivileged():
        assert said(command, str(folder)).startswith(f"{folder}: unreadable Permission denied\n")


def test_a_file_in_a_folder_that_may_not_be_entered_is_a_problem(folder: Path) -> None:
    folder.chmod(0o644)
    with unprivileged():
        assert said("validate", str(folder / "edge.yaml")) == f"{folder}/edge.yaml: unreadable Permission denied\n"
        assert said("validate", str(folder)) == f"{folder}/edge.yaml: unreadable Permission denied\n"
        assert problems(PolicyFiles(folder)) == [f"{folder}/edge.yaml: unreadable Permission denied"]


def test_a_loop_of_links_is_a_problem(folder: Path) -> None:
    (folder / "loop.yaml").symlink_to("loop.yaml")
    for path in (folder / "loop.yaml", folder):
        assert "loop.yaml: unreadable Too many levels of symbolic links\n" in said("validate", str(path))


def test_a_link_that_leads_nowhere_is_a_problem_and_hides_no_other(folder: Path) -> None:
    (folder / "gone.yaml").symlink_to("nowhere")
    (folder / "other.yaml").write_text(QUIET.replace("role: edge", "role: x"))
    gone = f"{folder}/gone.yaml: unreadable No such file or directory"
    assert gone in said("validate", str(folder)).splitlines()
    first, second = problems(PolicyFiles(folder))
    assert first == gone
    assert second.startswith(f"{folder}/other.yaml:3:1: literal-error")


@pytest.mark.parametrize("name", ["pipe.yaml", "pipe.test.yaml", "pipe.csv"])
def test_what_may_never_end_is_not_read(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    assert said("validate", str(folder / name)).startswith(f"{folder}/{name}: unreadable is no regular file\n")


def test_a_test_that_may_never_end_is_not_run(folder: Path) -> None:
    os.mkfifo(folder / "edge.test.yaml")
    assert said("test", str(folder)).startswith(f"{folder}/edge.test.yaml: unreadable is no regular file\n")


def test_a_device_is_not_read() -> None:
    assert said("validate", "/dev/zero") == "/dev/zero: unreadable is no regular file\n"


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_a_name_that_cannot_be_one_is_a_problem(name: str) -> None:
    with pytest.raises(ConfigurationError, match="unreadable"):
        read_text(Path(name))
    with pytest.raises(ConfigurationError, match="unreadable"):
        PolicyFiles(Path(name)).load()


def test_a_secret_is_never_read_from_what_may_never_end(folder: Path) -> None:
    os.mkfifo(folder / "uri")
    (folder / "autoscaler.yaml").write_text(f'cluster: a\nmongodb: {{uri: "file:{folder}/uri"}}\n')
    assert ":2:11: unreadable the file that it names cannot be read\n" in said("validate", f"{folder}/autoscaler.yaml")


def test_a_folder_that_may_no_longer_be_read_keeps_the_last_good_policies(folder: Path) -> None:
    in_force = PoliciesInForce(PolicyFiles(folder), lambda _: [], lambda *_: [])
    assert in_force.reload() == []
    folder.chmod(0o311)
    with unprivileged():
        (error,) = in_force.reload()
    assert str(error) == f"{folder}: unreadable Permission denied"
    assert [policy.group for policy in in_force.policies] == ["edge"]
