"""Checks of a whole store: files against manifest, ledger and their own hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.verification.duplicates import Duplicate as Duplicate
    from preprocess.verification.duplicates import find_duplicates as find_duplicates
    from preprocess.verification.problem import Check as Check
    from preprocess.verification.problem import Problem as Problem
    from preprocess.verification.store_check import Options as Options
    from preprocess.verification.verify import Verification as Verification
    from preprocess.verification.verify import verify_stores as verify_stores
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        duplicates="Duplicate find_duplicates",
        problem="Check Problem",
        store_check="Options",
        verify="Verification verify_stores",
    )
