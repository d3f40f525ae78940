"""Nothing that identifies a person may reach an output byte, a file name or a stream."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pandas as pd
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement

from preprocess.cli import main
from preprocess.dicom.elements import quiet_pydicom
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from preprocess.store.manifest import read_manifest
from tests.support.factories import SeriesSpec, dataset, datasets, encode, write_zip
from tests.support.identifiers import (
    ALL_SECRETS,
    SECRET,
    SECRETS,
    assert_absent,
    every_output,
    planted_file,
    text_elements,
    write_planted,
)
from tests.support.paths import SHARED

REAL = SHARED / "real" / "rvsc_p09"


def test_the_planted_file_holds_every_text_vr_in_every_place() -> None:
    with quiet_pydicom():
        ds = planted_file(SeriesSpec(), 0, 0)
    kinds = {element.VR for element in ds}
    assert kinds >= set(SECRETS) - {"UN"}
    private = {element.VR for element in ds if element.tag.is_private}
    assert private >= set(SECRETS)
    assert {element.VR for element in ds.RequestAttributesSequence[0]} >= set(SECRETS) - {"UN", "AE"}
    assert len(text_elements()) > 1000


@pytest.fixture(scope="module")
def planted_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with quiet_pydicom():
        return write_planted(tmp_path_factory.mktemp(SECRET) / SECRET)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_planted_identifiers_occur_nowhere(
    planted_source: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
    workers: str,
) -> None:
    source, out = planted_source, tmp_path / "store"
    caplog.clear()
    recwarn.clear()
    capfd.readouterr()
    with caplog.at_level(logging.DEBUG):
        for name in list(logging.root.manager.loggerDict):
            caplog.set_level(logging.DEBUG, logger=name)
        assert main(["convert", "--input", str(source), "--out", str(out), "--workers", workers]) == 0
    captured = capfd.readouterr()
    warned = "\n".join(str(warning.message) for warning in recwarn.list)
    streams = captured.out + captured.err + caplog.text + warned
    assert "left out" in streams
    found = every_output(out) | {"streams": streams.replace(str(tmp_path), "").encode()}
    assert_absent(ALL_SECRETS, found)
    table = read_manifest(out)
    assert table["vendor"].tolist() == ["other", "other"]
    assert table["model"].tolist() == ["", ""]
    assert table["age_years"].tolist() == [61.0, 61.0]


@pytest.mark.parametrize("keyword", ["RescaleSlope", "Rows", "SOPClassUID", "PixelSpacing", "PixelData"])
def test_no_error_of_a_damaged_file_quotes_it(keyword: str) -> None:
    ds = dataset(SeriesSpec(), 0, 0)
    kind = ds[keyword].VR if keyword in ds else "DS"
    ds.SeriesDescription = SECRET
    ds[keyword] = RawDataElement(tag_for_keyword(keyword), kind, 6, SECRET.encode(), 0, False, True)  # type: ignore[arg-type]
    with quiet_pydicom():
        data = encode(ds)
        try:
            images = read_images(data)
        except PreprocessError as error:
            assert SECRET not in str(error)
            assert SECRET not in error.problem + error.remedy
        else:
            assert keyword == "RescaleSlope"
            assert images[0].pixels.slope == 1.0


def test_pydicom_is_silenced(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> None:
    with quiet_pydicom():
        logging.getLogger("pydicom.valuerep").error(SECRET)
        warnings.warn(SECRET, stacklevel=1)
    assert SECRET not in caplog.text
    assert not recwarn.list
    logging.getLogger("pydicom.valuerep").error("heard again")
    assert "heard again" in caplog.text


def test_a_crash_names_no_identifier(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import preprocess.conversion.dicom_study as study_module

    def crash(*_: object) -> None:
        raise LookupError(SECRET)

    monkeypatch.setattr(study_module, "split_series", crash)
    content = {f"{i}": encode(ds) for i, ds in enumerate(datasets(SeriesSpec(n_slices=1)))}
    source = write_zip(tmp_path / "in" / f"{SECRET}.zip", content)
    assert main(["convert", "--input", str(source), "--out", str(tmp_path / "store"), "--workers", "0"]) == 1
    captured = capfd.readouterr()
    assert "internal error (LookupError)" in captured.out
    assert SECRET not in captured.out + captured.err
    assert SECRET not in (tmp_path / "store" / "ledger.csv").read_text()


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/real/rvsc_p09 (a real cine) is not on this machine")
def test_the_real_cine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from preprocess.store.study_file import read_study, studies_in
    from preprocess.store.views import View

    out = tmp_path / "store"
    assert main(["convert", "--input", str(REAL), "--out", str(out), "--workers", "1"]) == 0
    (keys,) = studies_in(out)
    study = read_study(out, *keys)
    stack = study.views[View.SAX]
    assert list(study.views) == [View.SAX]
    assert stack.pixels.shape == (1, 20, 256, 216)
    assert (stack.trigger_time[0, 1:] > stack.trigger_time[0, :-1]).all()
    ledger = pd.read_csv(out / "ledger.csv")
    positions = ledger[ledger["position_mm"].notna()]
    assert positions["reason"].tolist() == ["incomplete slice: 2 of 20 frames"] * 2
    captured = capfd.readouterr()
    secrets = (
        "59^CR",
        "AW897931135",
        "Rouen",
        "PROT VD FEVD",
        "20090309",
        "1.3.12.2.1107",
        "1.2.840.113619",
        "P09",
    )
    assert_absent(secrets, every_output(out) | {"streams": (captured.out + captured.err).encode()})
