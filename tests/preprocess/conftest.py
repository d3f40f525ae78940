"""A small store, its reports, and the command line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from preprocess import cli
from preprocess.privacy.keys import SiteKey, default_key_path, load_or_create_key
from preprocess.store.study import Study
from preprocess.store.study_file import write_study
from preprocess.store.views import View
from tests.support.stacks import stack_of

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz0123456789.,:%-()"]
VOCABULARY += [f"##{sign}" for sign in "abcdefghijklmnopqrstuvwxyz0123456789"]


@dataclass(frozen=True)
class Site:
    """A store and its key; `add` writes a tiny study of a patient."""

    store: Path
    key: SiteKey

    def add(self, patient: str, accession: str) -> str:
        study = self.key.study(patient, accession)
        write_study(
            self.store, Study(self.key.patient(patient), study, {View.SAX: stack_of(np.zeros((1, 2, 4, 4), np.uint8))})
        )
        return study


@pytest.fixture
def site(tmp_path: Path) -> Site:
    store = tmp_path / "store"
    store.mkdir()
    return Site(store, load_or_create_key(default_key_path(store)))


@pytest.fixture
def vocab_folder(tmp_path: Path) -> Path:
    """A character vocabulary as vocab.txt."""
    folder = tmp_path / "vocab"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def write_table(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, header: list[str], *rows: tuple[str, ...]) -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    def error(self) -> str:
        """The one line that a failed command leaves."""
        assert self.code == 1
        assert self.err.count("\n") == 1 and self.err.startswith("cmr-preprocess: error: ")
        assert "Traceback" not in self.err
        return self.err


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Outcome]]:
    """Run `cmr-preprocess` in this process."""
    from preprocess.commands.console import console

    def run(*argv: object) -> Outcome:
        console.cache_clear()
        code = cli.main([str(part) for part in argv])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    yield run
    console.cache_clear()
