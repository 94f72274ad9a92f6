"""A simulation as it is sent to another machine, which has neither our files nor, perhaps, our version."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import autoscaler
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.simulate.compare.job import Job, run_job
from autoscaler.simulate.measures import Measures


@dataclass(frozen=True, slots=True)
class Parcel:
    """A job, its trace's bytes, and which program is to play it."""

    job: Job
    trace: bytes
    program: str


@cache
def program() -> str:
    """Return a digest of this program's own text: another release may well decide, or count, otherwise."""
    place = Path(autoscaler.__file__).parent
    digest = sha256()
    for file in sorted(place.rglob("*.py"), key=lambda file: file.relative_to(place).as_posix()):
        digest.update(file.relative_to(place).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def pack(job: Job) -> Parcel:
    """Put all into a parcel that its simulation needs."""
    return Parcel(job, _compressed(job.trace), program())


def run_parcel(parcel: Parcel) -> Measures:
    """Play it, wherever this is; raises ConfigurationError where another version is installed."""
    if parcel.program != program():
        what = "a worker has another version of this program, whose figures need not be ours"
        raise ConfigurationError([Problem("--cluster", 0, 0, "other-version", what, "install the same on all workers")])
    with TemporaryDirectory(prefix="autoscaler-tune-") as folder:
        trace = Path(folder, parcel.job.trace.name)
        trace.write_bytes(gzip.decompress(parcel.trace))
        return run_job(replace(parcel.job, trace=trace))


@cache
def _compressed(trace: Path) -> bytes:
    return gzip.compress(trace.read_bytes(), mtime=0)
