"""Policies as they were in a revision of a git repository: `origin/main:policies`, `v1.2:policies/edge.yaml`.

Files are read with `git cat-file`, which runs neither filters nor textconv programs: what a repository's own
configuration says cannot make a comparison run anything.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.naming import is_policy

_PATIENCE_S = 60


def is_revision(text: str) -> bool:
    """Whether a text is a `REV:path`, and not the name of a file or folder that is there."""
    return ":" in text and not Path(text).exists()


def revision_texts(spec: str) -> dict[str, str]:
    """Read the policy file, or what `policy_files` would list of a folder, by their names in the revision.

    A path is the repository's, or this folder's when it begins with `./`, as everywhere in git.

    Raises:
        ConfigurationError: there is no git, no such revision, no such path, or no text in UTF-8.
    """
    revision, _, path = spec.partition(":")
    commit = _commit(spec, revision)
    kind = _git(spec, "cat-file", "-t", f"{commit}:{path}").decode().strip() if _exists(commit, path) else ""
    if kind == "blob":
        return {spec: _text(spec, f"{commit}:{path}")}
    if kind != "tree":
        hint = "paths are the repository's; './' in front makes them this folder's"
        raise _problem(spec, "no-path", f"the revision {revision!r} has no {path!r}", hint)
    listing = _git(spec, "ls-tree", "--full-tree", "-z", f"{commit}:{path}").decode(errors="replace")
    entries = [entry.partition("\t") for entry in listing.split("\0")]  # mode, type and id before the tab
    names = sorted(name for about, _, name in entries if " blob " in about and is_policy(name))
    inside = [f"{path.rstrip('/')}/{name}" if path else name for name in names]
    return {f"{revision}:{file}": _text(spec, f"{commit}:{file}") for file in inside}


def patch_name(place: str) -> str:
    """Return how a patch for `git apply` names a policy's file, however that was given: as seen from this folder.

    What is not below this folder is named from the top of its repository, and outside of any from the root.
    """
    here = Path.cwd()
    file = here / place
    if is_revision(place):
        inside = place.partition(":")[2]
        file = (here if inside.startswith(("./", "../")) else _top(here) or here) / inside
    file = Path(os.path.realpath(file))  # git patches no links
    roots = [root for root in (here, _top(file.parent)) if root and file.is_relative_to(root)]
    return file.relative_to(roots[0] if roots else file.anchor).as_posix()


def _top(folder: Path) -> Path | None:
    """Return the top of the repository that a folder is in."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), None)


def _commit(spec: str, revision: str) -> str:
    """Resolve a revision. None begins with a dash, so none can be taken for an option."""
    if not revision or revision.startswith("-"):
        raise _problem(spec, "no-revision", f"{revision!r} is no revision", "write REV:path, such as HEAD~1:policies")
    done = _run(spec, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if done.returncode:
        if why := done.stderr.decode(errors="replace").strip():
            raise _problem(spec, "git", _first_line(why))
        hint = "there is no such file either; a shallow clone has few revisions: git fetch brings more"
        raise _problem(spec, "no-revision", f"git knows no revision {revision!r}", hint)
    return done.stdout.decode().strip()


def _exists(commit: str, path: str) -> bool:
    return _run(path, "cat-file", "-e", f"{commit}:{path}").returncode == 0


def _text(spec: str, name: str) -> str:
    try:
        return _git(spec, "cat-file", "blob", name).decode("utf-8")
    except UnicodeDecodeError:
        raise _problem(spec, "unreadable", f"{name.partition(':')[2]} is not UTF-8 text") from None


def _git(spec: str, *arguments: str) -> bytes:
    done = _run(spec, *arguments)
    if done.returncode:
        raise _problem(spec, "git", _first_line(done.stderr.decode(errors="replace")))
    return done.stdout


def _run(spec: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", *arguments]
    try:
        return subprocess.run(  # noqa: S603 - no shell, and no argument can be an option
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=environment, timeout=_PATIENCE_S
        )
    except FileNotFoundError:
        message = "is no file, and there is no git to look for a revision with"
        raise _problem(spec, "no-git", message) from None
    except subprocess.TimeoutExpired:
        raise _problem(spec, "git", f"git took longer than {_PATIENCE_S} s") from None


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["git failed and said nothing"])[0]


def _problem(spec: str, code: str, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Problem(spec, 0, 0, code, message, hint)])
