"""Importers with mistakes of their own: each costs its source at most, and says so; nothing is lost in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from preprocess.conversion import Found, Job, Outcome, fill_store, new_record, with_studies
from preprocess.errors import PreprocessError
from preprocess.privacy.keys import SiteKey
from preprocess.sources.finding import Source
from preprocess.sources.sites import Site
from preprocess.store.ledger import STORED, Record, Row, part_path
from preprocess.store.manifest import read_manifest
from preprocess.store.study import Study
from preprocess.store.study_file import read_study, write_study
from preprocess.store.views import View
from tests.support.stacks import stack_of
from tests.support.stores import ledger

KEY = SiteKey(bytes(16))
STUDY = KEY.patient("anna"), KEY.study("anna", "1")
OTHER = KEY.patient("bert"), KEY.study("bert", "1")


def pixels(level: int, n_slices: int = 1, dtype: type = np.uint8) -> np.ndarray:
    return np.full((n_slices, 4, 16, 16), level, dtype)


@dataclass(frozen=True)
class Folder:
    """Files of one number each; `careless` makes a record of a source."""

    folder: Path
    job: Job
    careless: Callable[[Source, Job], object]
    what: str = "import"
    options: str = "folder"

    def find(self) -> Found:
        return Found([Source((path,)) for path in sorted(self.folder.glob("*.txt"))])

    def process(self, source: Source, claimed: frozenset[tuple[str, str]]) -> Record:
        return self.careless(source, self.job)  # type: ignore[return-value]


def store_as(keys: tuple[str, str], source: Source, job: Job, **stack: object) -> Record:
    levels = [int(path.read_text()) for path in source.paths]
    merged = np.concatenate([pixels(level, **stack) for level in levels])  # type: ignore[arg-type]
    write_study(job.store, Study(*keys, {View.SAX: stack_of(merged)}))
    record = with_studies(new_record(source, job.key, "folder"), job.store, [keys])
    return replace(record, rows=(Row(record.source, *keys, view="SAX", outcome=STORED),))


def run(tmp_path: Path, careless: Callable[[Source, Job], object], levels: tuple[int, ...] = (1, 2)) -> Outcome:
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    for level in levels:
        (folder / f"{level}.txt").write_text(str(level))
    importer = Folder(folder, Job(tmp_path / "store", KEY), careless)
    return fill_store(importer, workers=0)


def test_two_sources_of_one_study_are_joined_though_nothing_says_what_was_seen(tmp_path: Path) -> None:
    run(tmp_path, lambda source, job: store_as(STUDY, source, job))
    stored = read_study(tmp_path / "store", *STUDY).views[View.SAX].pixels
    assert sorted(stored[:, 0, 0, 0].tolist()) == [1, 2]


def test_so_are_those_of_an_importer_that_writes_its_records_itself(tmp_path: Path) -> None:
    run(tmp_path, lambda source, job: replace(store_as(STUDY, source, job), seen=()))
    assert len(read_study(tmp_path / "store", *STUDY).views[View.SAX].pixels) == 2


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda source, job: None, "gave NoneType, no record"),
        (lambda source, job: "stored", "gave str, no record"),
        (lambda source, job: Record("../../evil"), "record of another source"),
        (lambda source, job: replace(new_record(source, job.key, ""), studies=(OTHER,)), "that it did not store"),
        (lambda source, job: store_as(OTHER, source, job, dtype=np.float32), "pixels of type float32"),
        (lambda source, job: 1 / 0, "internal error (ZeroDivisionError)"),
    ],
)
def test_a_wrong_answer_costs_its_own_source_only(
    wrong: Callable[[Source, Job], object], reason: str, tmp_path: Path
) -> None:
    def sometimes(source: Source, job: Job) -> object:
        return wrong(source, job) if source.paths[0].name == "2.txt" else store_as(STUDY, source, job)

    outcome = run(tmp_path, sometimes)
    assert outcome.n_studies == 1 and len(read_manifest(tmp_path / "store")) == 1
    assert sum(reason in text for text in ledger(tmp_path / "store").reason) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"in", "store"}


def test_memory_that_runs_out_is_said(tmp_path: Path) -> None:
    def starve(source: Source, job: Job) -> Record:
        raise MemoryError

    run(tmp_path, starve, (1,))
    assert ledger(tmp_path / "store").reason.tolist() == ["out of memory"]


def test_nothing_found_is_an_error_and_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(PreprocessError, match="nothing to import"):
        run(tmp_path, lambda source, job: store_as(STUDY, source, job), ())
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("source", ["../../evil", "", "a/b", "ABC", "x" * 8, "0" * 65])
def test_records_lie_nowhere_but_in_the_ledger(source: str, tmp_path: Path) -> None:
    with pytest.raises(PreprocessError, match="goes by its hash"):
        part_path(tmp_path, source)


def test_a_data_set_that_is_registered_later_has_its_sources_looked_at_again() -> None:
    class Later(Site):
        name = "later"

        def identify(self, path: object) -> None:
            return None

    before = Job(Path("store"), KEY)
    after = replace(before, sites=(*before.sites, Later()))
    assert before.options == repr((False, True, ""))  # what records of 0.3 say: an update converts nothing again
    assert after.options != before.options
