"""Files that commands write: what may be replaced, and what stays of what was there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoscaler.adapters.journal_file import new_file
from autoscaler.model.errors import ConfigurationError
from tests.support.daemon import environment


def write(path: Path, text: str = "new") -> None:
    with new_file(path) as append:
        append(text)


def refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        write(path)
    assert str(caught.value).startswith(f"{path}: unwritable ")
    return str(caught.value).removeprefix(f"{path}: unwritable ")


@pytest.mark.parametrize("name", ["", ".", "..", "/", "/tmp"])  # noqa: S108 - it is not written to
def test_a_folder_is_no_file(name: str) -> None:
    assert refused(Path(name)) == "is a folder"


def test_what_is_no_regular_file_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    (tmp_path / "full").symlink_to("/dev/full")
    before = sorted(tmp_path.iterdir())
    for name in ("fifo", "link", "full"):
        assert refused(tmp_path / name).startswith("is no regular file")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "fifo").is_fifo()


def test_a_path_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    assert refused(tmp_path / "file" / "below") == "Not a directory"
    assert refused(tmp_path / "loop") == "Too many levels of symbolic links"


def test_what_is_called_nearly_alike_is_somebodys(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_text("mine")
    with new_file(tmp_path / "file") as append:
        append("new")
        (part,) = {each.name for each in tmp_path.iterdir()} - {"file.part"}
        assert part.startswith(".")
    with pytest.raises(ZeroDivisionError), new_file(tmp_path / "file") as append:
        append(str(1 / 0))
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"file": "new", "file.part": "mine"}


def test_a_link_is_written_through(tmp_path: Path) -> None:
    there, link, ahead = tmp_path / "pages" / "there", tmp_path / "link", tmp_path / "ahead"
    there.parent.mkdir()
    there.write_text("old")
    link.symlink_to(there)
    ahead.symlink_to("pages/soon")
    write(link)
    write(ahead)
    assert (there.read_text(), (tmp_path / "pages/soon").read_text()) == ("new", "new")
    assert (link.is_symlink(), ahead.is_symlink()) == (True, True)
    assert sorted(each.name for each in there.parent.iterdir()) == ["soon", "there"]


def test_what_is_replaced_hands_its_mode_on(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o640)
    write(file)
    assert (file.read_text(), file.stat().st_mode & 0o7777) == ("new", 0o640)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_where_output_goes_is_not_replaced(tmp_path: Path, stream: str) -> None:
    code = f"from tests.unit.test_new_file import *; print('kept'); print(refused(Path('/dev/{stream}')))"
    with (tmp_path / "out").open("w") as file:
        words = [sys.executable, "-c", code]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: file}
        ended = subprocess.run(words, env=environment(), check=False, text=True, **streams)  # type: ignore[call-overload]
    said = (ended.stdout or "") + (tmp_path / "out").read_text()
    assert said == "kept\nis where stdout or stderr goes\n"
