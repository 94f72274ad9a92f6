"""Every error the package raises on purpose, translated from vendor errors where they enter.

AutoscalerError
├── ConfigurationError     settings or a policy file are wrong; carries every Problem found    exit code 2
├── ObservationError       a source could not be read                                          exit code 3
└── ActionError            a write was refused or failed                                       exit code 4
    ├── StockOut           the provider has no capacity for the offering right now
    └── StateConflict      another process wrote this group's memory since we read it

Data never raises in `decide` and `plan`; there, an exception is a bug.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class Severity(StrEnum):
    """Whether a problem forbids its file to be used, or only asks for a second thought."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place. `line` and `column` count from 1; 0 means "the whole file"."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """Render as `file:line:column: code message (hint)`, the line that editors understand."""
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}: {self.code} {self.message}{hint}"


class AutoscalerError(Exception):
    """The root. `exit_code` is what a command ends with when nothing nearer decides."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(AutoscalerError):
    """Settings or policies are wrong. `problems` holds all of them, in file order."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep every problem; the message shows one a line."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class ObservationError(AutoscalerError):
    """A source could not be read. The reader turns it into a Gap, or ends with exit code 3."""

    exit_code = 3

    def __init__(self, source: str, detail: str) -> None:
        """Name the source (`ec2`, `mongodb`, `haproxy:lb1`) and what happened, without secrets."""
        super().__init__(f"{source}: {detail}")
        self.source = source
        self.detail = detail


class ActionError(AutoscalerError):
    """A write was refused or failed. `retryable`: the next cycle may try the same again."""

    exit_code = 4

    def __init__(self, code: str, detail: str, *, retryable: bool = True) -> None:
        """`code` is a reason code; `detail` is for people."""
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retryable = retryable


class StockOut(ActionError):
    """The provider has no capacity for this type in this subnet's zone (EC2: InsufficientInstanceCapacity)."""

    def __init__(self, detail: str) -> None:
        """`detail` is the provider's own sentence."""
        super().__init__("stock_out", detail)


class StateConflict(ActionError):
    """Another process saved this group's memory after we loaded it; nothing was written."""

    def __init__(self, group: str) -> None:
        """`group` names the memory that both processes wanted."""
        super().__init__("state_conflict", f"another process is running the group {group!r}")
