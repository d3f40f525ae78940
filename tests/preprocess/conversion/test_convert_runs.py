"""Whole runs: merging, resume, interruption, failures, workers, wrong use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from preprocess.cli import main
from preprocess.conversion import dicom_run as runner
from preprocess.conversion.dicom_study import Job
from preprocess.privacy.keys import SiteKey
from preprocess.sources.archives import Limits
from preprocess.store.study_file import studies_in
from tests.support.factories import SeriesSpec, a_study, files, write_tgz, write_zip
from tests.support.paths import ROOT
from tests.support.stores import convert, hashes, ledger, only_study


def test_a_study_spread_over_archives_is_merged(tmp_path: Path) -> None:
    specs = a_study()
    whole = convert(tmp_path / "whole", write_zip(tmp_path / "all.zip", files(*specs)))
    write_zip(tmp_path / "in" / "one.zip", files(*specs[:3]))
    write_tgz(tmp_path / "in" / "two.tgz", files(*specs[3:]))
    store = convert(tmp_path / "store", tmp_path / "in")
    assert hashes(store) == hashes(whole)
    assert ledger(store).source.nunique() == 1
    before = (store / "ledger.csv").read_bytes()
    convert(store, tmp_path / "in")
    assert (store / "ledger.csv").read_bytes() == before


def test_another_runs_study_is_not_overwritten(tmp_path: Path) -> None:
    specs = a_study()
    store = convert(tmp_path / "store", write_zip(tmp_path / "one.zip", files(*specs)))
    before = hashes(store)
    convert(store, write_zip(tmp_path / "two.zip", files(specs[1])))
    assert hashes(store) == before
    assert ledger(store).reason.str.contains("already stored from another source").sum() == 1
    convert(store, tmp_path / "one.zip", tmp_path / "two.zip")
    assert hashes(store) == before
    assert ledger(store).source.nunique() == 1
    assert ledger(store).reason.str.contains("the same image twice").sum() == 1


def test_a_run_that_stores_nothing_fails_even_beside_older_studies(tmp_path: Path) -> None:
    store = convert(tmp_path / "store", write_zip(tmp_path / "one.zip", files(SeriesSpec(n_slices=1))))
    still = SeriesSpec(n_slices=1, n_frames=1, tags={"PatientID": "other"})
    convert(store, write_zip(tmp_path / "two.zip", files(still)), code=1)
    assert len(hashes(store)) == 1


def test_several_studies_in_one_archive(tmp_path: Path) -> None:
    first = SeriesSpec(n_slices=1)
    second = replace(first, uid="1.2.9", tags={"AccessionNumber": "ACC78"})
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(first, second)))
    keys = list(studies_in(store))
    assert len(keys) == 2
    assert len({patient for patient, _ in keys}) == 1


def test_a_second_run_skips_and_an_interrupted_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        tags = {"PatientID": f"P{number}", "AccessionNumber": f"A{number}"}
        write_zip(tmp_path / "in" / f"{number}.zip", files(SeriesSpec(n_slices=1, level=number, tags=tags)))
    whole = convert(tmp_path / "whole", tmp_path / "in")
    calls: list[str] = []
    real = runner.process_source

    def counted(source: object, job: object) -> object:
        calls.append("")
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(source, job)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "process_source", counted)
    out = tmp_path / "store"
    assert main(["convert", "--input", str(tmp_path / "in"), "--out", str(out), "--workers", "0",
                 "--key", str(tmp_path / "site.key")]) == 130  # fmt: skip
    assert 0 < len(list(studies_in(out))) < 4
    assert not (out / "ledger.csv").exists()
    convert(out, tmp_path / "in")
    assert hashes(out) == hashes(whole)
    assert (out / "ledger.csv").read_bytes() == (whole / "ledger.csv").read_bytes()
    n_calls = len(calls)
    convert(out, tmp_path / "in")
    assert len(calls) == n_calls
    assert "4 of 4 sources were finished before" in capsys.readouterr().out
    assert not [path for path in out.rglob("*") if ".tmp" in path.name]


@dataclass(frozen=True)
class Deadly(Limits):
    """Limits whose use kills the process, as the kernel does when memory runs out."""

    def __getattribute__(self, name: str) -> object:
        if name == "member_bytes":
            os._exit(9)
        return super().__getattribute__(name)


def test_a_dying_worker_does_not_end_the_run(tmp_path: Path) -> None:
    for number in range(2):
        write_zip(tmp_path / "in" / f"{number}.zip", files(SeriesSpec(n_slices=1, n_frames=1)))
    job = Job(tmp_path / "store", SiteKey(bytes(16)), limits=Deadly())
    outcome = runner.convert([tmp_path / "in"], job, workers=2)
    assert outcome.reasons == {"worker process died (out of memory, or stuck for longer than --timeout)": 2}


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a.zip", files(SeriesSpec(n_slices=1)))
    store = convert(tmp_path / "store", source)
    (study,) = store.glob("*/*.h5")
    (record,) = (path for path in (store / ".ledger").glob("*.json") if path.name != "settings.json")
    for path in (study, record, store / "ledger.csv", store / "clips.csv", store / "clips.parquet"):
        path.with_name(f".{path.name}.99999.tmp").write_bytes(b"half")
    study.unlink()
    convert(store, source)
    assert list(store.rglob("*.tmp")) == []


def test_a_removed_study_is_converted_again(tmp_path: Path) -> None:
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(SeriesSpec(n_slices=1))))
    before = hashes(store)
    next(store.glob("*/*.h5")).unlink()
    assert hashes(convert(store, tmp_path / "a.zip")) == before


def test_nothing_half_written_remains_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import preprocess.store.study_file as store_module

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(store_module, "study_sha256", fail)  # after the pixels, before the file is closed
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(SeriesSpec(n_slices=1))), code=1)
    assert ledger(store).reason.tolist() == ["internal error (OSError)"]
    assert [path.name for path in store.rglob("*.h5")] == []
    assert [path.name for path in store.rglob("*.tmp")] == []
    monkeypatch.undo()
    assert len(hashes(convert(store, tmp_path / "a.zip"))) == 1


def test_two_workers_give_the_same_store(tmp_path: Path) -> None:
    for number in range(3):
        tags = {"PatientID": f"P{number}"}
        write_zip(tmp_path / "in" / f"{number}.zip", files(SeriesSpec(n_slices=1, tags=tags)))
    one = convert(tmp_path / "one", tmp_path / "in")
    two = convert(tmp_path / "two", tmp_path / "in", workers=2)
    assert hashes(one) == hashes(two)
    assert (one / "clips.csv").read_bytes() == (two / "clips.csv").read_bytes()
    assert (one / "ledger.csv").read_bytes() == (two / "ledger.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "nowhere"], "an input does not exist"),
        (["--input", "."], "no archive and no file found"),
        (["--input", ".", "--key", "store/site.key"], "site key may not lie inside the store"),
        (["--input", ".", "--crosswalk", "store/x.csv"], "crosswalk may not lie inside the store"),
        (["--input", ".", "--spacing", "100"], "--spacing 100.0 is out of range"),
        (["--input", ".", "--crop", "1"], "--crop 1 is out of range"),
        (["--input", ".", "--memory", "1"], "--memory 1 is too small"),
        (["--input", ".", "--shard", "0/2"], "--shard 0/2: no such part"),
        (["--input", ".", "--site", "no.yaml"], "no.yaml"),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["convert", "--out", "store", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_another_key_or_width_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_zip(tmp_path / "a.zip", files(SeriesSpec(n_slices=1)))
    store = convert(tmp_path / "store", source)
    convert(store, source, code=1, key=tmp_path / "other.key")
    assert "another site key" in capsys.readouterr().err
    for options in ({"bits": 16}, {"spacing": 1.5}, {"crop": 16}):
        convert(store, source, code=1, **options)
        assert f"another --{next(iter(options))}" in capsys.readouterr().err


def test_other_rules_convert_again_and_age_and_sex_can_be_left_out(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a.zip", files(SeriesSpec(n_slices=1)))
    store = convert(tmp_path / "store", source)
    assert (only_study(store).info.sex, only_study(store).info.age) == ("F", 55.0)
    before = hashes(store)
    convert(store, source, **{"no-keep-age-sex": None})
    assert (only_study(store).info.sex, str(only_study(store).info.age)) == ("", "nan")
    assert hashes(store) == before
    (tmp_path / "rules.yaml").write_text('- match: "sax fiesta bh"\n  view: none\n')
    convert(store, source, code=1, site=tmp_path / "rules.yaml")
    assert hashes(store) == {}
    assert hashes(convert(store, source)) == before


def test_importing_the_commands_loads_no_heavy_library() -> None:
    code = (
        "import sys, json, preprocess.cli; parser = preprocess.cli.build_parser(); "
        "[c.load() for a in parser._actions if a.choices for c in a.choices.values()]; "
        "print(json.dumps([n for n in ('torch', 'transformers', 'stanza', 'cmr_clip') if n in sys.modules]))"
    )
    root = ROOT
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert json.loads(done.stdout) == []


def test_views_command(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("series_description,count\nCINE_4CH,5\nSURVEY,7\nCINE_SAX_REPEAT,1\n")
    assert main(["views", "--csv", str(tmp_path / "names.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    table = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert list(table.columns) == ["series_description", "count", "view", "confidence", "reason"]
    assert table["view"].tolist() == ["4CH", "", ""]
    assert main(["views", "--csv", str(tmp_path / "names.csv")]) == 0
    assert (tmp_path / "names.views.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()
    assert main(["views", "--csv", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out.csv")]) == 1
