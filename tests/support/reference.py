"""Expected numbers and real files beside the repository; tests skip where they are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.paths import SHARED


def shared(path: str) -> Path:
    """A file or folder of the shared material, or skip the test."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"no {path} beside the repository (shared material is not part of the project)")
    return found
