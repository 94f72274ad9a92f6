"""What Linux says about a process."""

from __future__ import annotations

import os
import re
from pathlib import Path


def resident_mb(pid: int | str) -> float:
    """Return the most memory that was ever resident, in MB (VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise ValueError(f"/proc/{pid}/status has no VmHWM")
    return int(found[1]) / 1024


def processor_s(pid: int) -> float:
    """Return the processor time that all threads of a process used, in user mode and in the kernel, in seconds."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    after_name = stat.rpartition(")")[2].split()  # the name may hold spaces
    user, system = int(after_name[11]), int(after_name[12])  # fields 14 and 15, proc(5)
    return (user + system) / os.sysconf("SC_CLK_TCK")
