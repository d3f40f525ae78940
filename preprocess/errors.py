"""The errors a user can mend; each names what is wrong, where, and what to do about it."""

from __future__ import annotations

__all__ = ["PreprocessError"]


class PreprocessError(Exception):
    """Bad input. The command line prints it as one line; the conversion turns it into a ledger row.

    Args:
        problem: What is wrong, naming the file or field but never a patient.
        remedy: What the user can do, if anything.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} ({remedy})" if remedy else problem)
        self.problem = problem
        self.remedy = remedy
