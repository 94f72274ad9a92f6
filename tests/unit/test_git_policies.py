"""Policies of a revision, from real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler.adapters.git_policies import is_revision, patch_name, revision_texts
from autoscaler.adapters.policy_files import policy_files
from autoscaler.model.errors import ConfigurationError
from tests.support.repository import commit, git


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits: what was, tagged v1, and what is."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "policies"
    (folder / "below").mkdir(parents=True)
    for name in ("edge.yaml", "origin.yml", "edge.test.yaml", "notes.md", "below/far.yaml"):
        (folder / name).write_text(f"# old {name}: ü\n", encoding="utf-8")
    commit(tmp_path)
    git(tmp_path, "tag", "v1")
    (folder / "edge.yaml").write_text("# new\n")
    (folder / "latin.yaml").write_bytes(b"\xfc\n")
    commit(tmp_path)
    return tmp_path


def test_a_folder_of_a_revision_is_read_without_tests_and_what_is_below(repository: Path) -> None:
    (repository / "policies/edge.yaml").unlink()  # what lies there now means nothing
    for place in ("v1:policies", "v1:policies/"):
        texts = revision_texts(place)
        assert [name.replace("//", "/") for name in texts] == ["v1:policies/edge.yaml", "v1:policies/origin.yml"]
        assert next(iter(texts.values())) == "# old edge.yaml: ü\n"


def test_a_file_of_a_revision_is_read_by_any_name_of_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert revision_texts("HEAD:policies/edge.yaml") == {"HEAD:policies/edge.yaml": "# new\n"}
    old = "# old edge.yaml: ü\n"
    short = git(repository, "rev-parse", "--short", "v1")
    for revision in ("v1", "HEAD~1", "main^", short):
        assert [*revision_texts(f"{revision}:policies/edge.yaml").values()] == [old]
    monkeypatch.chdir(repository / "policies")
    assert [*revision_texts("v1:./edge.yaml").values()] == [old]
    assert list(revision_texts("v1:./")) == ["v1:./edge.yaml", "v1:./origin.yml"]
    assert [*revision_texts("v1:policies/edge.yaml").values()] == [old]


def test_the_root_of_a_repository_is_a_folder_too(repository: Path) -> None:
    (repository / "top.yaml").write_text("# top\n")
    commit(repository)
    assert revision_texts("HEAD:") == {"HEAD:top.yaml": "# top\n"}


def test_a_folder_of_a_revision_is_read_as_one_on_the_disk(repository: Path) -> None:
    (repository / "below.yaml").mkdir()
    for name in ("top.yaml", ".pre-commit-hooks.yaml", ".hidden.yml", "top.test.yaml", "below.yaml/far.yaml"):
        (repository / name).write_text("# text\n")
    commit(repository)
    assert list(revision_texts("HEAD:")) == ["HEAD:top.yaml"]
    assert [file.name for file in policy_files(repository)] == ["top.yaml"]
    hidden = repository / ".hidden.yml"
    assert list(revision_texts("HEAD:.hidden.yml")) == ["HEAD:.hidden.yml"]
    assert policy_files(hidden) == [hidden]


@pytest.mark.parametrize(
    ("folder", "place", "name"),
    [
        (".", "policies/edge.yaml", "policies/edge.yaml"),
        (".", "./policies/../policies/edge.yaml", "policies/edge.yaml"),
        (".", "{top}/policies/edge.yaml", "policies/edge.yaml"),
        (".", "v1:policies/edge.yaml", "policies/edge.yaml"),
        ("policies", "edge.yaml", "edge.yaml"),
        ("policies", "{top}/policies/edge.yaml", "edge.yaml"),
        ("policies", "v1:./edge.yaml", "edge.yaml"),
        ("policies", "v1:policies/edge.yaml", "edge.yaml"),
        ("policies/below", "../edge.yaml", "policies/edge.yaml"),
        ("policies/below", "{top}/policies/edge.yaml", "policies/edge.yaml"),
        ("policies/below", "v1:../edge.yaml", "policies/edge.yaml"),
        (".", "link.yaml", "policies/edge.yaml"),
        ("..", "{top}/policies/edge.yaml", "{name}/policies/edge.yaml"),
    ],
)
def test_a_patch_names_the_file_as_git_apply_finds_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch, folder: str, place: str, name: str
) -> None:
    (repository / "link.yaml").symlink_to("policies/edge.yaml")
    monkeypatch.chdir(repository / folder)
    assert patch_name(place.format(top=repository)) == name.format(name=repository.name)


def test_a_file_outside_of_here_and_of_any_repository_is_named_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert patch_name("../edge.yaml") == str(tmp_path / "edge.yaml").lstrip("/")


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nope:policies", "nope:policies: no-revision git knows no revision 'nope' (a shallow clone has few"),
        ("HEAD:nope", "HEAD:nope: no-path the revision 'HEAD' has no 'nope' (paths are the repository's"),
        ("HEAD:../nope", "HEAD:../nope: outside leads out of the repository"),
        ("HEAD:policies/../..", "HEAD:policies/../..: outside"),
        ("HEAD:/policies", "HEAD:/policies: outside"),
        ("HEAD:policies/edge.yaml/x", "HEAD:policies/edge.yaml/x: no-path"),
        ("HEAD:policies\nHEAD:policies/edge.yaml", "no-path"),
        ("HEAD^{/nope: this}:policies", "no-revision git knows no revision 'HEAD^{/nope: this}'"),
        (":policies", ":policies: no-revision '' is no revision (write REV:path"),
        ("--output=x:policies", "no-revision '--output=x' is no revision"),
        ("HEAD policies:edge", "no-revision git knows no revision 'HEAD policies'"),
        ("HEAD:policies", "HEAD:policies: unreadable policies/latin.yaml is not UTF-8 text"),
    ],
)
def test_what_is_not_there_is_told(place: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        revision_texts(place)
    assert message in str(caught.value)


def test_outside_of_a_repository_git_itself_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ConfigurationError, match=r"HEAD:policies: git .*not a git repository"):
        revision_texts("HEAD:policies")


@pytest.mark.usefixtures("repository")
def test_without_git_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigurationError, match="HEAD:policies: no-git there is no git"):
        revision_texts("HEAD:policies")


def test_a_revision_is_known_by_its_form_whatever_lies_there(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change may bring a folder that is called like what it is compared with."""
    short = git(repository, "rev-parse", "--short=12", "v1")
    for name in (f"{short}:policies", "a:b.yaml"):
        (repository / name).mkdir()
        assert is_revision(name)
        for place in (f"./{name}", f"../{repository.name}/{name}", str(repository / name)):
            assert not is_revision(place)
    (repository / f"{short}:policies/edge.yaml").write_text("# forged\n")
    monkeypatch.chdir(repository)
    assert revision_texts(f"{short}:policies")[f"{short}:policies/edge.yaml"] == "# old edge.yaml: ü\n"
    assert not is_revision("policies")
    assert patch_name(Path("a:b.yaml")) == "a:b.yaml"


def test_what_is_in_braces_may_hold_a_colon(repository: Path) -> None:
    (repository / "policies/edge.yaml").write_text("# mended\n")
    commit(repository, "fix: the edge")
    (repository / "policies/edge.yaml").write_text("# later\n")
    commit(repository)
    for revision in ("HEAD^{/fix: the}", "main@{0}^"):
        assert [*revision_texts(f"{revision}:policies/edge.yaml").values()] == ["# mended\n"]


def test_dots_in_a_path_mean_what_they_do_everywhere(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "top.yaml").write_text("# top\n")
    commit(repository)
    for path in (".", "./", "policies/.."):
        assert [*revision_texts(f"HEAD:{path}").values()] == ["# top\n"]
    for path in ("policies/.", "./policies", "./policies/", "policies/below/.."):
        assert len(revision_texts(f"v1:{path}")) == 2
    monkeypatch.chdir(repository / "policies")
    assert list(revision_texts("v1:.")) == ["v1:./edge.yaml", "v1:./origin.yml"]
    assert [*revision_texts("HEAD:..").values()] == ["# top\n"]


def test_links_are_followed_within_the_revision_as_on_the_disk(repository: Path) -> None:
    (repository / "policies/latin.yaml").unlink()
    (repository / "linked").symlink_to("policies")
    (repository / "policies/alias.yaml").symlink_to("../policies/edge.yaml")
    (repository / "policies/folder.yaml").symlink_to("below")
    commit(repository)
    (repository / "policies/edge.yaml").write_text("# what lies there now\n")
    assert [*revision_texts("HEAD:linked/alias.yaml").values()] == ["# new\n"]
    for folder in ("policies", "linked"):
        texts = revision_texts(f"HEAD:{folder}")
        assert list(texts) == [f"HEAD:{file}" for file in policy_files(Path(folder))]
        assert texts[f"HEAD:{folder}/alias.yaml"] == "# new\n"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("../../edge.yaml", "is a link that leads out of what the revision has"),
        ("/etc/hostname", "is a link that leads out of what the revision has"),
        ("nowhere.yaml", "is a link to nowhere"),
        ("alias.yaml", "is a link to itself"),
    ],
)
def test_a_link_that_leads_to_no_file_says_so(repository: Path, target: str, message: str) -> None:
    (repository / "policies/alias.yaml").symlink_to(target)
    commit(repository)
    for place in ("HEAD:policies", "HEAD:policies/alias.yaml"):
        with pytest.raises(ConfigurationError, match=f"{place}: unreadable policies/alias.yaml {message}"):
            revision_texts(place)
