"""Adding a kind of source is local: an `Importer`, and the run that fills stores does the rest.

The sources are `<patient>_<study>.npz` with a short-axis cine `sax` `[slice, frame, row, col]` and a pixel size in mm.
"""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from preprocess.conversion.dicom_run import convert as convert_dicom
from preprocess.conversion.job import Job
from preprocess.conversion.outcome import Outcome
from preprocess.conversion.records import ALREADY_STORED, new_record, with_studies
from preprocess.conversion.run import Found, Importer, fill_store
from preprocess.errors import PreprocessError
from preprocess.privacy.crosswalk import crosswalk_lines
from preprocess.privacy.keys import SiteKey
from preprocess.sources.finding import Shard, Source
from preprocess.store.ledger import STORED, Record, Row
from preprocess.store.manifest import read_manifest
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import read_study, studies_in, write_study
from preprocess.store.views import View
from tests.support.factories import SeriesSpec, files, write_zip
from tests.support.stacks import stack_of
from tests.support.stores import hashes, ledger

KEY = SiteKey(bytes(16))
NO_NAME = "not named <patient>_<study>.npz"


@dataclass(frozen=True)
class NpzImporter:
    """Arrays in a folder, as an `Importer`; `before` is called with each source, for the tests."""

    folder: Path
    job: Job
    flip: bool = False
    what: str = "import arrays"
    before: Callable[[Source], None] = field(default=lambda source: None)

    @property
    def options(self) -> str:
        return repr(("npz", self.flip))

    def find(self) -> Found:
        paths = sorted(self.folder.rglob("*.npz"))
        named = [path for path in paths if path.stem.count("_") == 1]
        if not named:
            raise PreprocessError("no <patient>_<study>.npz found", "check the folder")
        odd = len(paths) - len(named)
        place = self.job.key.source(f"{NO_NAME}\n{self.folder}")
        left_out = Record(place, rows=(Row(place, n_files=odd, reason=NO_NAME),) if odd else ())
        return Found([Source((path,)) for path in named], (left_out,))

    def process(self, source: Source, claimed: frozenset[tuple[str, str]]) -> Record:
        self.before(source)
        record = new_record(source, self.job.key, self.options)
        patient_id, study_id = source.paths[0].stem.split("_")
        keys = self.job.key.patient(patient_id), self.job.key.study(patient_id, study_id)
        row = Row(record.source, *keys, view=View.SAX.value, n_files=len(source.paths))
        if keys in claimed:
            return replace(record, known=1, rows=(replace(row, reason=ALREADY_STORED),))
        if self.job.with_crosswalk:
            record = replace(record, crosswalk=crosswalk_lines(self.job.key, source.name, [(patient_id, study_id)]))
        try:
            stack = joined([read_array(path) for path in source.paths], self.flip)
        except PreprocessError as error:
            return replace(record, seen=(keys,), rows=(replace(row, reason=error.problem),))
        write_study(self.job.store, Study(*keys, {View.SAX: stack}))
        stored = replace(row, outcome=STORED, n_frames=stack.pixels.shape[1], reason="an array")
        return replace(with_studies(record, self.job.store, [keys]), seen=(keys,), rows=(stored,))


def read_array(path: Path) -> np.ndarray:
    try:
        with np.load(path) as content:
            array = content["sax"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise PreprocessError("damaged array") from None
    if array.ndim != 4 or array.dtype != np.uint8:
        raise PreprocessError("not an array of bytes [slice, frame, row, col]")
    return np.asarray(array)


def joined(arrays: list[np.ndarray], flip: bool) -> CineStack:
    pixels = np.concatenate(arrays)
    return stack_of(np.ascontiguousarray(pixels[::-1] if flip else pixels), spacing_mm=1.5, interval_ms=np.nan)


def array(seed: int, n_slices: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n_slices, 12, 16, 16), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three studies of two patients."""
    given = tmp_path / "in"
    given.mkdir()
    for seed, name in enumerate(("anna_1", "anna_2", "bert_1")):
        np.savez(given / f"{name}.npz", sax=array(seed))
    return given


def job(store: Path, **options: object) -> Job:
    return Job(store, KEY, **options)  # type: ignore[arg-type]


def keys_of(patient: str, study: str) -> tuple[str, str]:
    return KEY.patient(patient), KEY.study(patient, study)


def fill(importer: Importer, **options: object) -> Outcome:
    return fill_store(importer, **{"workers": 0, **options})  # type: ignore[arg-type]


def test_arrays_become_studies_with_ledger_and_manifest(tmp_path: Path, folder: Path) -> None:
    outcome = fill(NpzImporter(folder, job(tmp_path / "store")))
    assert (outcome.n_patients, outcome.n_studies, outcome.n_sources, outcome.n_skipped) == (2, 3, 3, 0)
    stored = read_study(tmp_path / "store", *keys_of("anna", "2")).views[View.SAX]
    assert (stored.pixels == array(1)).all()
    assert len(read_manifest(tmp_path / "store")) == 6
    assert ledger(tmp_path / "store")["reason"].tolist() == ["an array"] * 3
    everything = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert b"anna" not in everything


def test_a_second_run_does_what_is_new_or_changed(tmp_path: Path, folder: Path) -> None:
    done: list[str] = []
    importer = NpzImporter(folder, job(tmp_path / "store"), before=lambda source: done.append(source.paths[0].stem))
    fill(importer)
    assert done == ["anna_1", "anna_2", "bert_1"]
    done.clear()
    assert fill(importer).n_skipped == 3 and done == []
    np.savez(folder / "anna_2.npz", sax=array(7, n_slices=3))
    np.savez(folder / "cleo_1.npz", sax=array(8))
    assert fill(importer).n_studies == 4 and done == ["anna_2", "cleo_1"]
    assert read_study(tmp_path / "store", *keys_of("anna", "2")).views[View.SAX].pixels.shape[0] == 3
    done.clear()
    fill(replace(importer, flip=True))
    assert len(done) == 4, "other options, another result"
    next((tmp_path / "store").glob(f"*/{keys_of('bert', '1')[1]}.h5")).unlink()
    done.clear()
    fill(replace(importer, flip=True))
    assert done == ["bert_1"]


def test_an_interrupted_run_goes_on_and_ends_like_a_whole_one(tmp_path: Path, folder: Path) -> None:
    fill(NpzImporter(folder, job(tmp_path / "whole")))
    calls: list[int] = []

    def interrupt(source: Source) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    store = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        fill(NpzImporter(folder, job(store), before=interrupt))
    assert len(list(studies_in(store))) == 1 and not (store / "ledger.csv").exists()
    assert fill(NpzImporter(folder, job(store), before=interrupt)).n_skipped == 1
    assert hashes(store) == hashes(tmp_path / "whole")
    for name in ("ledger.csv", "clips.csv"):
        assert (store / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_bad_file_goes_to_the_ledger_and_the_rest_is_stored(tmp_path: Path, folder: Path) -> None:
    (folder / "anna_1.npz").write_bytes(b"PK\x03\x04 and no more")
    np.savez(folder / "bert_1.npz", sax=np.zeros((2, 12, 16)))
    np.savez(folder / "nobody.npz", sax=array(4))
    outcome = fill(NpzImporter(folder, job(tmp_path / "store")))
    assert outcome.n_studies == 1
    assert outcome.reasons == {"damaged array": 1, "not an array of bytes [slice, frame, row, col]": 1, NO_NAME: 1}
    (folder / "nobody.npz").unlink()
    assert NO_NAME not in fill(NpzImporter(folder, job(tmp_path / "store"))).reasons


def test_a_bug_of_the_importer_is_that_sources_failure_and_no_others(tmp_path: Path, folder: Path) -> None:
    def fail(source: Source) -> None:
        if source.paths[0].stem == "anna_2":
            raise ZeroDivisionError("anna")

    outcome = fill(NpzImporter(folder, job(tmp_path / "store"), before=fail))
    assert outcome.n_studies == 2 and outcome.reasons == {"internal error (ZeroDivisionError)": 1}
    assert fill(NpzImporter(folder, job(tmp_path / "store"))).n_studies == 3


def test_a_file_that_turns_bad_leaves_the_store_and_one_that_vanishes_does_not(tmp_path: Path, folder: Path) -> None:
    importer = NpzImporter(folder, job(tmp_path / "store"))
    fill(importer)
    (folder / "anna_1.npz").write_bytes(b"bad")
    (folder / "bert_1.npz").unlink()
    assert fill(importer).n_studies == 2
    assert {study for _, study in studies_in(tmp_path / "store")} == {
        keys_of("anna", "2")[1],
        keys_of("bert", "1")[1],
    }


def test_the_crosswalk_names_what_the_store_hides(tmp_path: Path, folder: Path) -> None:
    book = tmp_path / "crosswalk.csv"
    fill(NpzImporter(folder, job(tmp_path / "store", with_crosswalk=True)), crosswalk=book)
    with book.open() as file:
        lines = {(row["kind"], row["hash"]): row["identifier"] for row in csv.DictReader(file)}
    assert lines["patient", KEY.patient("anna")] == "anna" and lines["study", KEY.study("bert", "1")] == "1"
    assert sum(kind == "source" for kind, _ in lines) == 3
    assert book.stat().st_mode & 0o777 == 0o600


def test_parts_make_the_store_of_a_whole_run(tmp_path: Path, folder: Path) -> None:
    fill(NpzImporter(folder, job(tmp_path / "whole")))
    parts = NpzImporter(folder, job(tmp_path / "parts"))
    outcomes = [fill(parts, shard=Shard(index, 3)) for index in (3, 1, 2)]
    assert [outcome.is_finished for outcome in outcomes] == [False, False, True]
    assert hashes(tmp_path / "parts") == hashes(tmp_path / "whole")


def test_sources_that_hold_one_study_are_processed_once_more_together(tmp_path: Path, folder: Path) -> None:
    """The importer gets them as one source of several paths, as for DICOM."""
    (folder / "more").mkdir()
    np.savez(folder / "more" / "anna_1.npz", sax=array(9))
    store = tmp_path / "store"
    fill(NpzImporter(folder, job(store)))
    pixels = read_study(store, *keys_of("anna", "1")).views[View.SAX].pixels
    assert (pixels == np.concatenate([array(0), array(9)])).all()
    assert len(ledger(store)) == 3, "the ledger tells of the whole, not of its parts"
    assert fill(NpzImporter(folder, job(store))).n_skipped == 4


def test_stores_are_shared_with_other_importers_and_keep_their_settings(tmp_path: Path, folder: Path) -> None:
    store = tmp_path / "store"
    spec = SeriesSpec(n_slices=1, tags={"PatientID": "anna", "AccessionNumber": "1"})
    convert_dicom([write_zip(tmp_path / "anna.zip", files(spec))], job(store), workers=0)
    before = hashes(store)
    outcome = fill(NpzImporter(folder, job(store)))
    assert outcome.n_studies == 3 and outcome.reasons == {ALREADY_STORED: 1}
    assert before.items() <= hashes(store).items()
    with pytest.raises(PreprocessError, match="another --bits"):
        fill(NpzImporter(folder, job(store, bits=16)))
    with pytest.raises(PreprocessError, match="another site key"):
        fill(NpzImporter(folder, Job(store, SiteKey(bytes(range(16))))))


def test_nothing_to_import_is_said_before_a_store_is_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PreprocessError, match="no <patient>_<study>"):
        fill(NpzImporter(tmp_path / "empty", job(tmp_path / "store")))
    assert not (tmp_path / "store").exists()


def kill(source: Source) -> None:
    if source.paths[0].stem == "anna_2":
        os._exit(9)


def nothing(source: Source) -> None:
    """What the workers call; a lambda cannot be sent to them."""


def test_worker_processes_do_the_same_and_survive_one_that_dies(tmp_path: Path, folder: Path) -> None:
    fill(NpzImporter(folder, job(tmp_path / "here")))
    seen: list[tuple[str, int, int]] = []
    there = NpzImporter(folder, job(tmp_path / "there"), before=nothing)
    fill(there, workers=2, progress=lambda *step: seen.append(step))
    assert hashes(tmp_path / "there") == hashes(tmp_path / "here")
    assert ("import arrays", 3, 3) in seen
    outcome = fill(NpzImporter(folder, job(tmp_path / "dying"), before=kill), workers=2)
    assert outcome.n_studies == 2
    assert list(outcome.reasons) == ["worker process died (out of memory, or stuck for longer than --timeout)"]
