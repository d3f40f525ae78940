"""A store with planted faults, what is measured in it, and the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from preprocess import cli
from preprocess.qc.collect import collect
from preprocess.store.ledger import STORED, Row
from preprocess.store.study_file import studies_in
from tests.support.pages import HOSTILE
from tests.support.planted_faults import N_STUDIES, with_fault
from tests.support.synthetic import write_store

LEDGER = (
    Row("a" * 16, reason="no cine: 1 frames, fewer than 10"),
    Row("b" * 16, reason="no cine: 7 frames, fewer than 10"),
    Row("b" * 16, reason=HOSTILE),
    Row("c" * 16, outcome=STORED, view="SAX"),
)


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store; read only."""
    return write_store(tmp_path_factory.mktemp("planted") / "store", N_STUDIES, with_fault, LEDGER)


@pytest.fixture(scope="session")
def measures(planted: Path) -> pd.DataFrame:
    return collect(planted, list(studies_in(planted)), planted.parent / "measured.csv")


@pytest.fixture
def qc() -> Callable[..., int]:
    """Run the command in one process."""
    return lambda *arguments: cli.main(["qc", "--workers", "0", *map(str, arguments)])
