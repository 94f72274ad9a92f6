"""Policies as they were in a revision of a git repository: `origin/main:policies`, `v1.2:policies/edge.yaml`.

Files are read with `git cat-file`, which runs neither filters nor textconv programs: what a repository's own
configuration says cannot make a comparison run anything.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from pathlib import Path

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.naming import is_policy

_PATIENCE_S = 60
_SPEC = re.compile(r"((?:[@^]\{[^}]*\}|[^:])*+):(.*)", re.DOTALL)
"""What is in braces may hold a colon: `HEAD^{/fix: this}:policies`."""
_ON_DISK = ("/", "./", "../")
_FOUND = re.compile(rb"[0-9a-f]{40,} (\w+) \d+\n")
_LINKS = {
    b"symlink": "is a link that leads out of what the revision has",
    b"dangling": "is a link to nowhere",
    b"loop": "is a link to itself",
}


def is_revision(text: str) -> bool:
    """Whether a text is a `REV:path`, by its form alone: a file with a colon in its name is `./that`.

    What lies there has no say, for a change could bring a folder that is called like what it is compared with.
    """
    return bool(_SPEC.fullmatch(text)) and not text.startswith(_ON_DISK)


def revision_texts(spec: str) -> dict[str, str]:
    """Read the policy file, or what `policy_files` would list of a folder, by their names in the revision.

    A path is the repository's, or this folder's when it begins with `.` or `..`, as everywhere in git. Links are
    followed within the revision.

    Raises:
        ConfigurationError: there is no git, no such revision, no such path, or no text in UTF-8.
    """
    revision, path = _parts(spec)
    commit = _commit(spec, revision)
    inside = _inside(spec, path)
    kind, content = _look(spec, commit, inside)
    if kind == b"blob":
        return {spec: _text(spec, inside, content)}
    if kind != b"tree":
        hint = "paths are the repository's; './' in front makes them this folder's"
        raise _problem(spec, "no-path", f"the revision {revision!r} has no {path!r}", hint)
    texts: dict[str, str] = {}
    for name in _names(spec, f"{commit}:{inside}"):
        file = posixpath.join(inside, name)
        kind, content = _look(spec, commit, file)
        if kind != b"tree":  # a link to a folder is one
            shown = f"{path.rstrip('/')}/{name}" if path else name
            texts[f"{revision}:{shown}"] = _text(spec, file, content)
    return texts


def patch_name(place: str | Path) -> str:
    """Return how a patch for `git apply` names a policy's file, however that was given: as seen from this folder.

    A `Path` is always a file, a text may be a `REV:path`. What is not below this folder is named from the top of its
    repository, and outside of any from the root.
    """
    here = Path.cwd()
    file = here / place
    if isinstance(place, str) and is_revision(place):
        _, inside = _parts(place)
        file = (here if inside.startswith(("./", "../")) else _top(here) or here) / inside
    file = Path(os.path.realpath(file))  # git patches no links
    roots = [root for root in (here, _top(file.parent)) if root and file.is_relative_to(root)]
    return file.relative_to(roots[0] if roots else file.anchor).as_posix()


def _top(folder: Path) -> Path | None:
    """Return the top of the repository that a folder is in."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), None)


def _parts(spec: str) -> tuple[str, str]:
    """Split a `REV:path`."""
    parts = _SPEC.fullmatch(spec)
    return (parts[1], parts[2]) if parts else (spec, "")


def _inside(spec: str, path: str) -> str:
    """Return a path as it is from the top of the repository, which itself is nothing."""
    if path.partition("/")[0] in {".", ".."}:
        path = posixpath.join(_git(spec, "rev-parse", "--show-prefix").decode().rstrip("\n"), path)
    path = posixpath.normpath(path)
    if path.startswith(("/", "../")) or path == "..":
        raise _problem(spec, "outside", "leads out of the repository", "write a path from its top, such as policies")
    return "" if path == "." else path


def _commit(spec: str, revision: str) -> str:
    """Resolve a revision. None begins with a dash, so none can be taken for an option."""
    if not revision or revision.startswith("-"):
        raise _problem(spec, "no-revision", f"{revision!r} is no revision", "write REV:path, such as HEAD~1:policies")
    done = _run(spec, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if done.returncode:
        if why := done.stderr.decode(errors="replace").strip():
            raise _problem(spec, "git", _first_line(why))
        hint = "a shallow clone has few revisions: git fetch brings more; a file with a colon in its name is ./that"
        raise _problem(spec, "no-revision", f"git knows no revision {revision!r}", hint)
    return done.stdout.decode().strip()


def _look(spec: str, commit: str, path: str) -> tuple[bytes, bytes]:
    """Return what a path is, links followed, and what it holds.

    It is `blob`, `tree`, one of `_LINKS`, or something else where there is nothing.

    Raises:
        ConfigurationError: it is a link that leads nowhere.
    """
    if "\n" in path:  # git is asked in a line
        return b"missing", b""
    answer = _git(spec, "cat-file", "--batch", "--follow-symlinks", asked=f"{commit}:{path}\n")
    if found := _FOUND.match(answer):
        return found[1], answer[found.end() : -1]
    kind = answer.partition(b" ")[0]
    if kind in _LINKS:
        raise _problem(spec, "unreadable", f"{path} {_LINKS[kind]}")
    return b"missing", b""


def _names(spec: str, folder: str) -> list[str]:
    """List what may be policies in a folder, which may be a link, in name order."""
    tree = _git(spec, "cat-file", "--batch-check=%(objectname)", "--follow-symlinks", asked=f"{folder}\n").decode()
    listing = _git(spec, "ls-tree", "--full-tree", "-z", tree.strip()).decode(errors="replace")
    entries = [entry.partition("\t") for entry in listing.split("\0")]  # mode, type and id before the tab
    return sorted(name for about, _, name in entries if " blob " in about and is_policy(name))


def _text(spec: str, path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise _problem(spec, "unreadable", f"{path} is not UTF-8 text") from None


def _git(spec: str, *arguments: str, asked: str = "") -> bytes:
    done = _run(spec, *arguments, asked=asked)
    if done.returncode:
        raise _problem(spec, "git", _first_line(done.stderr.decode(errors="replace")))
    return done.stdout


def _run(spec: str, *arguments: str, asked: str = "") -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", *arguments]
    try:
        return subprocess.run(  # noqa: S603 - no shell, and no argument can be an option
            command, input=os.fsencode(asked), capture_output=True, check=False, env=environment, timeout=_PATIENCE_S
        )
    except FileNotFoundError:
        message = "there is no git to look for a revision with"
        raise _problem(spec, "no-git", message, "a file with a colon in its name is ./that") from None
    except subprocess.TimeoutExpired:
        raise _problem(spec, "git", f"git took longer than {_PATIENCE_S} s") from None


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["git failed and said nothing"])[0]


def _problem(spec: str, code: str, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Problem(spec, 0, 0, code, message, hint)])
