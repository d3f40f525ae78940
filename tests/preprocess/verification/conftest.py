"""A sound store, and a copy of it for each test to damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from preprocess.store.study_file import write_study
from tests.support.verified_stores import KEYS, keyed_study, write_tables


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sound store; read only."""
    store = tmp_path_factory.mktemp("verify") / "store"
    for number in range(len(KEYS)):
        write_study(store, keyed_study(number))
    write_tables(store)
    return store


@pytest.fixture
def store(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "store"))
