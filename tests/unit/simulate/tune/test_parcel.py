"""A simulation that is sent elsewhere is the same one, and no other program plays it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.load import load_policies
from autoscaler.simulate.compare.job import Job, run_job
from autoscaler.simulate.tune.parcel import pack, program, run_parcel
from tests.support.policy_text import QUIET
from tests.support.tuning import SETTING


@pytest.fixture
def job(tmp_path: Path) -> Job:
    trace = tmp_path / "rush.csv"
    trace.write_text("time,viewers,publishers\n0s,40,1\n1m,300,1\n2m,20,0\n")
    (policy,) = load_policies({"edge.yaml": QUIET})
    return Job(policy.text, trace, 3, SETTING)


def test_it_needs_no_file_and_comes_to_the_same(job: Job) -> None:
    parcel, here = pack(job), run_job(job)
    job.trace.unlink()
    there = run_parcel(parcel)
    assert replace(there, wall_s=0.0) == replace(here, wall_s=0.0)
    assert there.trace == "rush"


def test_another_program_refuses_it(job: Job) -> None:
    parcel = pack(job)
    assert parcel.program == program()
    with pytest.raises(ConfigurationError, match=r"^--cluster: other-version a worker has another version"):
        run_parcel(replace(parcel, program="another"))
