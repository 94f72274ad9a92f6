"""docs/traces.md says what traces may be: every key, kind, scenario and mistake, and examples that load."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from autoscaler.policy.document import check, parse
from autoscaler.simulate.traffic import levels_csv, session_csv
from autoscaler.simulate.traffic.load import load_traffic
from autoscaler.simulate.traffic.schema import _MAY, _NEEDS, Generator
from autoscaler.simulate.traffic.sessions import EventKind
from tests.support.documents import ROOT, Block, blocks, first_spans, modules, read, rows, spans, tree
from tests.support.reference import trace_keys, updated_traces
from tests.support.traffic import generated, there, whole

DOCUMENT, ERRORS = ROOT / "docs/traces.md", ROOT / "docs/errors.md"
MINIMAL = "trace: defaults\nbegin: 2026-03-03T00:00:00\nlength: 1d\nviewers: {base: 100}\n"


def trace_blocks() -> list[Block]:
    return [block for block in blocks("yaml") if block.info[1:] == ("trace",)]


def test_the_reference_is_written_from_the_models() -> None:
    """`UPDATE=1 make docs` writes it anew."""
    if os.environ.get("UPDATE"):
        DOCUMENT.write_text(updated_traces(read(DOCUMENT)), encoding="utf-8")
    assert read(DOCUMENT) == updated_traces(read(DOCUMENT))
    table = rows(DOCUMENT, "Generator files")
    assert len(table) == len(trace_keys()) > 40
    assert all(meaning for *_, meaning in table)


@pytest.mark.parametrize("block", trace_blocks(), ids=lambda block: block.place)
def test_an_example_loads_and_draws(block: Block) -> None:
    assert len(whole(generated(block.text))) > 1000


def test_what_is_left_out_is_as_written() -> None:
    (written,) = [block for block in trace_blocks() if "trace: defaults" in block.text]
    assert check(Generator, parse(written.text, "f")) == check(Generator, parse(MINIMAL, "f"))


@pytest.mark.parametrize("columns", [levels_csv.COLUMNS, session_csv.COLUMNS])
def test_an_example_of_csv_loads(columns: tuple[str, ...], tmp_path: Path) -> None:
    (block,) = [block for block in blocks() if block.file == DOCUMENT and block.text.startswith(",".join(columns))]
    file = tmp_path / "example.csv"
    file.write_text(block.text)
    assert there(whole(load_traffic(file, 1)), np.array([3.0]))[0] > 0


def test_every_kind_of_event_is_listed_with_what_it_needs() -> None:
    table = rows(DOCUMENT, "Events")
    assert first_spans(table) == list(get_args(EventKind)) == list(_NEEDS)
    for kind, _, needs, may in table:
        told = tuple(needs.replace("`", "").replace("for", "lasts").split(", ")) if needs else ()
        assert sorted(told) == sorted(_NEEDS[kind.strip("`")])
        assert tuple(may.replace("`", "").split(", ") if may else ()) == _MAY.get(kind.strip("`"), ())


def test_every_scenario_is_listed() -> None:
    files = sorted(file.stem for file in (ROOT / "policies/traces").glob("*.yaml"))
    assert sorted(first_spans(rows(DOCUMENT, "Shipped scenarios"))) == files
    assert "autoscaler/simulate/traffic/exact.py" in spans(DOCUMENT)


def traffic_modules() -> list[Path]:
    return [file for file in modules() if file.parts[-2:-1] == ("traffic",) and "simulate" in file.parts]


def codes() -> Iterator[str]:
    """Every code that the traffic's files give to a problem."""
    places = {"Problem": 3, "problem": 1, "add": 2, "PydanticCustomError": 0}
    for file in traffic_modules():
        for node in ast.walk(tree(file)):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            place = places.get(name, 99)
            if len(node.args) > place and isinstance(code := node.args[place], ast.Constant):
                yield str(code.value)


def test_every_problem_has_a_row() -> None:
    elsewhere = set(first_spans(rows(ERRORS, "Problems in files")))
    assert sorted(first_spans(rows(ERRORS, "Problems in traces"))) == sorted(set(codes()) - elsewhere)


def test_nothing_is_drawn_by_what_differs_between_machines() -> None:
    """numpy's own exp, log, powers, sums and random numbers are not the same bits everywhere."""
    refused = {
        "exp",
        "log",
        "log1p",
        "expm1",
        "power",
        "interp",
        "random",
        "sum",
        "mean",
        "dot",
        "einsum",
        "default_rng",
    }
    for file in traffic_modules():
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in {"np", "math"}:
                assert node.attr not in refused, f"{file}:{node.lineno}"
