"""What a check found, and collecting what several checks find."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from preprocess.errors import MendableError

__all__ = ["Finding", "Findings", "Status"]

Status = Literal["ok", "note", "failed"]
# What a configuration, data or a machine that does not fit makes Lightning and torch raise; other kinds are our faults.
_ERRORS = (MendableError, OSError, RuntimeError, ValueError, ImportError)


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: what was looked at.
        status: `failed` would stop the job, `note` would not.
        detail: what was found.
        remedy: what to do about it.
    """

    check: str
    status: Status
    detail: str
    remedy: str = ""


class Findings(list[Finding]):
    """Findings in order; a check that raises becomes a failed one, so that the next check still runs."""

    def ok(self, check: str, detail: str) -> None:
        """Add good news."""
        self.append(Finding(check, "ok", detail))

    def note(self, check: str, detail: str, remedy: str = "") -> None:
        """Add what one may want to know."""
        self.append(Finding(check, "note", detail, remedy))

    def failed(self, check: str, detail: str, remedy: str = "") -> None:
        """Add what would stop the job."""
        self.append(Finding(check, "failed", detail, remedy))

    def attempt(self, check: str) -> _Attempt:
        """A block of which an error becomes a failed finding."""
        return _Attempt(self, check)

    @property
    def failures(self) -> int:
        """How many checks failed."""
        return sum(finding.status == "failed" for finding in self)


class _Attempt:
    """Swallows the errors that bad input causes."""

    def __init__(self, findings: Findings, check: str) -> None:
        self._findings = findings
        self._check = check

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, MendableError):
            self._findings.failed(self._check, error.problem, error.remedy)
        elif isinstance(error, _ERRORS):
            in_one_line = " ".join(str(error).split())
            self._findings.failed(self._check, f"{type(error).__name__}: {in_one_line[:300]}")
        return error is None or isinstance(error, _ERRORS)
