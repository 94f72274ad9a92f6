"""A trace from a file, whatever kind it is."""

from __future__ import annotations

from pathlib import Path

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.document import check, parse
from autoscaler.simulate.traffic import levels_csv, session_csv
from autoscaler.simulate.traffic.generator import ready
from autoscaler.simulate.traffic.rows import header, opened
from autoscaler.simulate.traffic.schema import Generator
from autoscaler.simulate.traffic.sessions import Traffic

CSV = ".csv"
_YAML = frozenset({".yaml", ".yml"})


def load_traffic(path: Path, seed: int) -> Traffic:
    """Check a trace from end to end and make it ready; the same seed gives the same sessions on every machine.

    `.yaml` is a generator file. `.csv` holds levels or sessions, as its first line tells; levels need the seed, too.

    Raises:
        ConfigurationError: with every problem of the file.
    """
    if path.suffix in _YAML:
        with opened(path) as file:
            text = file.read()
        return read_generator(text, str(path), seed)
    if path.suffix == CSV:
        return _csv(path, seed)
    message = "is no trace: .csv holds levels or sessions, .yaml a generator"
    raise ConfigurationError([Problem(str(path), 0, 0, "trace", message)])


def read_generator(text: str, file: str, seed: int) -> Traffic:
    """Read a generator file's text; raises ConfigurationError with everything that is wrong with it."""
    document = parse(text, file)
    return ready(check(Generator, document), document, seed)


def _csv(path: Path, seed: int) -> Traffic:
    columns = header(path)
    if sorted(columns) == sorted(levels_csv.COLUMNS):
        return levels_csv.read_levels(path, seed)
    if sorted(columns) == sorted(session_csv.COLUMNS):
        return session_csv.read_sessions(path)
    forms = " or ".join(",".join(form.COLUMNS) for form in (levels_csv, session_csv))
    message = f"its first line has {','.join(columns)[:80] or 'nothing'}; {forms} is needed"
    hint = "columns are separated by commas" if len(columns) == 1 and columns[0] else ""
    raise ConfigurationError([Problem(str(path), 1, 1, "header", message, hint)])
