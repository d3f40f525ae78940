"""Bounded memory and time, parts of a run, and what changed inputs do to a store."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from preprocess.cli import main
from preprocess.conversion import source as pipeline
from preprocess.conversion import survey as reading
from preprocess.conversion.dicom_run import convert as run
from preprocess.conversion.job import Job
from preprocess.errors import PreprocessError
from preprocess.privacy.keys import SiteKey, load_or_create_key
from preprocess.sources.finding import Shard
from preprocess.store import manifest
from preprocess.system import clock
from preprocess.system.clock import Clock, TimeUpError
from preprocess.system.pool import Done, Failed, work
from tests.support.factories import SeriesSpec, a_study, datasets, encode, files, write_folder, write_tgz, write_zip
from tests.support.stores import content_of, convert, hashes, ledger

KEY = SiteKey(bytes(16))


def specs_of(patient: int, **more: object) -> SeriesSpec:
    tags = {"PatientID": f"P{patient}", "AccessionNumber": f"A{patient}"}
    return SeriesSpec(n_slices=2, uid=f"1.2.{patient}", level=patient, size=(96, 80), tags=tags, **more)  # type: ignore[arg-type]


def archives(folder: Path, n: int) -> Path:
    for number in range(n):
        write_zip(folder / f"{number}.zip", files(specs_of(number)))
    return folder


def test_an_archive_larger_than_the_memory_gives_the_same_store(tmp_path: Path, monkeypatch) -> None:
    content = {f"{n}/{name}": data for n in range(5) for name, data in files(specs_of(n)).items()}
    content["9/copy"] = content["0/s0/IM0003"]
    batches: list[int] = []
    in_batches = reading._batches
    monkeypatch.setattr(reading, "_batches", lambda *args: (batches.append(len(b)) or b for b in in_batches(*args)))  # type: ignore[func-returns-value]
    for source in (write_tgz(tmp_path / "a.tgz", content), write_zip(tmp_path / "a.zip", content)):
        one, two = tmp_path / f"one{source.suffix}", tmp_path / f"two{source.suffix}"
        assert run([source], Job(one, KEY), workers=0).n_studies == 5
        assert batches == []
        assert run([source], Job(two, KEY, memory_mb=1), workers=0).n_studies == 5  # 370 kB of pixels for each study
        assert batches == [2, 2, 1]
        assert content_of(one, without="shards") == content_of(two, without="shards")
        batches.clear()


def test_a_source_that_changes_while_it_is_read_again_keeps_what_was_stored(tmp_path: Path, monkeypatch) -> None:
    content = {f"{n}/{name}": data for n in range(5) for name, data in files(specs_of(n)).items()}
    source = write_zip(tmp_path / "a.zip", content)
    files_of = reading._files
    calls: list[int] = []

    def changing(*args, **kwargs):  # type: ignore[no-untyped-def]
        calls.append(1)
        if len(calls) == 3:
            raise PreprocessError("archive has become a bomb")
        return files_of(*args, **kwargs)

    monkeypatch.setattr(reading, "_files", changing)
    job = Job(tmp_path / "store", KEY, memory_mb=1)
    outcome = run([source], job, workers=0)
    assert outcome.n_studies == 2
    assert outcome.reasons == {"archive has become a bomb": 1}
    monkeypatch.undo()
    assert run([source], job, workers=0).n_studies == 5


def test_a_study_larger_than_the_memory_is_left_out_with_the_remedy(tmp_path: Path) -> None:
    large = replace(specs_of(1), n_slices=9)
    source = write_zip(tmp_path / "a.zip", files(specs_of(0)) | {f"l/{n}": d for n, d in files(large).items()})
    assert run([source], Job(tmp_path / "store", KEY, memory_mb=1), workers=0).n_studies == 1
    (reason,) = (row for row in ledger(tmp_path / "store").itertuples() if row.outcome == "left_out")
    assert reason.reason == "study needs more than 1 MB of memory (raise --memory)"
    assert reason.n_files == str(9 * 12)


def test_the_parts_of_a_run_make_the_store_of_a_whole_one(tmp_path: Path) -> None:
    given = archives(tmp_path / "in", 6)
    specs = a_study()  # and one study in two archives, which fall into whatever parts
    write_zip(given / "x1.zip", files(*specs[:3]))
    write_zip(given / "x2.zip", files(*specs[3:]))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run([given], Job(whole, KEY), workers=0)
    outcomes = [run([given], Job(parts, KEY), workers=0, shard=Shard(index, 3)) for index in (2, 3, 1)]
    assert [outcome.is_finished for outcome in outcomes] == [False, False, True]
    assert sum(outcome.n_sources for outcome in outcomes) == 8
    assert content_of(whole, without="shards") == content_of(parts, without="shards")


def test_a_part_that_never_ran_is_done_by_the_same_command_without_parts(tmp_path: Path) -> None:
    given = archives(tmp_path / "in", 4)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run([given], Job(whole, KEY), workers=0)
    assert not run([given], Job(parts, KEY), workers=0, shard=Shard(1, 2)).is_finished
    assert not (parts / "ledger.csv").exists()
    assert run([given], Job(parts, KEY), workers=0).is_finished
    assert content_of(whole, without="shards") == content_of(parts, without="shards")


def test_marks_of_other_inputs_do_not_end_a_run(tmp_path: Path) -> None:
    given = archives(tmp_path / "in", 4)
    job = Job(tmp_path / "store", KEY)
    run([given], job, workers=0, shard=Shard(1, 2))
    write_zip(given / "new.zip", files(specs_of(7)))
    assert not run([given], job, workers=0, shard=Shard(2, 2)).is_finished
    assert run([given], job, workers=0, shard=Shard(1, 2)).is_finished


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/2/3"])
def test_a_part_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(PreprocessError, match="from 1 to n"):
        Shard.parse(text)


def test_a_study_that_takes_too_long_is_left_out_and_tried_again(tmp_path: Path, monkeypatch) -> None:
    content = {f"{n}/{name}": data for n in range(3) for name, data in files(specs_of(n)).items()}
    source = write_zip(tmp_path / "a.zip", content)
    patient = KEY.patient("P1")

    def slow(images, row, job):  # type: ignore[no-untyped-def]
        if row.patient == patient:
            time.sleep(20)
        return convert_study(images, row, job)

    convert_study = pipeline.convert_study
    monkeypatch.setattr(pipeline, "convert_study", slow)
    job = Job(tmp_path / "store", KEY, timeout_s=0.5)
    began = time.monotonic()
    outcome = run([source], job, workers=0)
    assert time.monotonic() - began < 10
    assert outcome.n_studies == 2
    assert sum(outcome.reasons[reason] for reason in outcome.reasons if "took longer than" in reason) == 1
    monkeypatch.undo()
    assert run([source], job, workers=0).n_studies == 3


def test_a_file_that_takes_too_long_ends_its_source_only(tmp_path: Path, monkeypatch) -> None:
    given = archives(tmp_path / "in", 2)
    slow = encode(datasets(specs_of(5))[0])
    write_zip(given / "slow.zip", {"a": slow})
    read = reading.read_images
    monkeypatch.setattr(reading, "read_images", lambda data: time.sleep(20) if data == slow else read(data))
    outcome = run([given], Job(tmp_path / "store", KEY, timeout_s=0.5), workers=0)
    assert outcome.n_studies == 2
    assert [reason for _, reason in outcome.empty] == [
        "took longer than 0.5 s (a later run tries again; raise --timeout)"
    ]


def hang(seconds: float) -> str:
    """In C code that no signal interrupts."""
    clock._GRACE = 0.3
    with Clock(seconds):
        return str(sum(range(10**13))) if seconds < 1 else "well"


def test_a_worker_that_hangs_in_foreign_code_is_ended() -> None:
    results = list(work(hang, [0.2, 5.0, 6.0], 2))
    assert Failed(0.2, None) in results
    assert {result.task for result in results if isinstance(result, Done)} == {5.0, 6.0}


def test_an_alarm_that_foreign_code_swallows_is_repeated(monkeypatch) -> None:
    monkeypatch.setattr(clock, "_AGAIN", 0.05)
    swallowed = 0
    with pytest.raises(TimeUpError), Clock(0.05):
        while True:
            try:
                time.sleep(5)
            except Exception:  # as libraries do
                swallowed += 1
                if swallowed == 3:
                    raise
    time.sleep(0.2)  # and it is silent afterwards


def test_many_processes_make_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(load_or_create_key, [tmp_path / "private" / "site.key"] * 40))
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "private").iterdir()] == ["site.key"]


def test_a_study_whose_source_lost_it_stays_and_the_ledger_says_so(tmp_path: Path) -> None:
    both = files(specs_of(0)) | {f"b/{name}": data for name, data in files(specs_of(1)).items()}
    source = write_zip(tmp_path / "a.zip", both)
    store = convert(tmp_path / "store", source)
    before = hashes(store)
    write_zip(source, files(specs_of(0)))
    assert hashes(convert(store, source)) == before
    kept = ledger(store)[lambda table: table.reason.str.startswith("kept from an earlier run")]
    assert kept.outcome.tolist() == ["stored"]
    source.write_bytes(source.read_bytes()[:-30])  # now it is damaged as well
    assert hashes(convert(store, source)) == before
    write_zip(source, both)
    assert hashes(convert(store, source)) == before
    assert not ledger(store).reason.str.startswith("kept").any()


def test_a_study_with_nothing_to_store_any_more_leaves_the_store(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a.zip", files(specs_of(0)) | {"x": b""})
    store = convert(tmp_path / "store", source)
    assert len(hashes(store)) == 1
    write_zip(source, files(replace(specs_of(0), n_frames=3)))
    convert(store, source, code=1)
    assert hashes(store) == {}
    assert "no cine: 3 frames, fewer than 10" in set(ledger(store).reason)


def test_a_single_file_and_a_dicomdir_are_no_riddle(tmp_path: Path) -> None:
    content = {"DICOMDIR": b"anything", "inner.zip": write_zip(tmp_path / "i.zip", {"a": b"x"}).read_bytes()}
    source = write_zip(tmp_path / "a.zip", content | files(specs_of(0)))
    store = convert(tmp_path / "store", source)
    reasons = set(ledger(store).reason)
    assert {"DICOMDIR: an index, not needed", "archive inside an archive (unpack the outer one)"} <= reasons
    one = write_folder(tmp_path, {"lone": encode(datasets(specs_of(3))[0])}) / "lone"
    convert(tmp_path / "other", one, code=1)
    assert set(ledger(tmp_path / "other").reason) == {"incomplete slice: 1 of 12 frames"}


def test_a_study_that_was_cut_off_since_is_converted_again(tmp_path: Path) -> None:
    store = convert(tmp_path / "store", archives(tmp_path / "in", 3))
    before = content_of(store, without="shards")
    victim = next(store.glob("*/*.h5"))
    victim.write_bytes(victim.read_bytes()[:-100])
    convert(store, tmp_path / "in")
    assert content_of(store, without="shards") == before


def test_the_manifest_takes_over_old_rows_and_reads_new_and_changed_studies(tmp_path: Path, monkeypatch) -> None:
    given = archives(tmp_path / "in", 3)
    store = convert(tmp_path / "store", given)
    for path in store.glob("*/*.h5"):
        os.utime(path, (1e9, 1e9))
    read: list[str] = []
    rows = manifest._rows
    monkeypatch.setattr(manifest, "_rows", lambda *key: (read.append(key[2]), *rows(*key))[1:])
    write_zip(given / "3.zip", files(specs_of(3)))
    write_zip(given / "1.zip", files(replace(specs_of(1), n_slices=3)))
    convert(store, given)
    new = {load_or_create_key(tmp_path / "site.key").study(f"P{n}", f"A{n}") for n in (1, 3)}
    assert set(read) == new
    next(store.glob("*/*.h5")).unlink()
    whole = convert(tmp_path / "other", given)
    convert(store, given)
    assert (store / "clips.csv").read_bytes() == (whole / "clips.csv").read_bytes()
    assert (store / "clips.parquet").read_bytes() == (whole / "clips.parquet").read_bytes()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_converted_store_passes_verification(tmp_path: Path, bits: int) -> None:
    thick = {
        "PatientID": "P9",
        "SliceThickness": "-1",
        "ImageOrientationPatient": ["0.999", "0.02", "0", "0", "1", "0"],
    }
    given = archives(tmp_path / "in", 2)
    write_zip(given / "odd.zip", files(replace(specs_of(9), tags=thick)))
    store = convert(tmp_path / "store", given, bits=bits)
    assert main(["verify", "--store", str(store), "--workers", "0"]) == 0
    assert len(hashes(store)) == 3
