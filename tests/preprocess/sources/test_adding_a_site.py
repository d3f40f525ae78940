"""Adding a public data set is local: one class, registered, and `convert` and `labels` know it.

The data set is like M&Ms: `<code>_sa.nii.gz` and `<code>_4ch.nii.gz` are cines, `…_gt` are masks beside them, and one
table holds the vendor and a disease for each code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

import nibabel as nib
import numpy as np
import pytest

from preprocess.cli import main
from preprocess.commands.console import console
from preprocess.conversion.dicom_run import convert as run
from preprocess.conversion.job import Job
from preprocess.errors import PreprocessError
from preprocess.labels.table import read_labels
from preprocess.privacy.keys import SiteKey, load_key
from preprocess.sources.sites import Aside, Identity, LabelOption, LabelRow, Site, SiteLabels
from preprocess.sources.sites.identity import parts_of
from preprocess.sources.sites.registry import identify, known_sites, registered_site
from preprocess.store.study_file import read_study, studies_in
from preprocess.store.views import View
from preprocess.system.tables import read_rows
from tests.support.factories import SAX, SeriesSpec, files, write_zip
from tests.support.stores import as_stored, base_to_apex, convert, hashes, ledger, write_labels

_NAME = re.compile(r"(?P<code>[A-Z]\d[A-Z0-9]{4})_(?P<plane>sa|4ch)(?P<mask>_gt)?\.nii(?:\.gz)?", re.ASCII)
_VIEWS = {"sa": View.SAX, "4ch": View.CH4}
MASK = "mask of the Heart Centres Challenge, not the cine"
LIST = "list of the Heart Centres Challenge"
ABSENT = "listed by the Heart Centres Challenge but not there"
DISEASES = ("HCM", "DCM")


class Centres(Site):
    """A data set of several heart centres; all that this project knows of it is here."""

    name = "centres"
    title = "Heart Centres Challenge"
    files = "volumes <code>_sa.nii.gz of the Heart Centres Challenge"
    label_option = LabelOption("CSV", "table of codes and diseases")

    def identify(self, path: PurePath) -> Identity | None:
        found = _name(path)
        return Identity(f"centres_{found['code']}", f"centres_{found['code']}", self.name) if found else None

    def aside(self, path: PurePath) -> Aside | None:
        if path.name == "files.txt":
            return Aside(LIST, is_manifest=True)
        found = _name(path)
        return Aside(MASK) if found and found["mask"] else None

    def missing(self, manifest: bytes, present: Collection[str]) -> Mapping[str, int]:
        listed = manifest.decode(errors="replace").split()
        if not listed:
            raise PreprocessError("list of the Heart Centres Challenge is empty")
        n_missing = len(set(listed) - {PurePath(name).name for name in present})
        return {ABSENT: n_missing} if n_missing else {}

    def volume_view(self, path: PurePath) -> View | None:
        found = _name(path)
        return _VIEWS[found["plane"]] if found else None

    def labels(self, paths: Sequence[Path]) -> SiteLabels:
        rows, strangers = [], 0
        for row in (row for path in paths for row in read_rows(path, ["code", "pathology"])):
            if not re.fullmatch(r"[A-Z]\d[A-Z0-9]{4}", row["code"]):
                strangers += 1
                continue
            who, disease = f"centres_{row['code']}", row["pathology"].strip()
            reason = "" if disease in (*DISEASES, "NOR") else "unknown disease"
            values = tuple("" if reason else str(int(disease == name)) for name in DISEASES)
            rows.append(LabelRow(who, who, disease, values, reason))
        return SiteLabels(DISEASES, tuple(rows), ("no code of the Heart Centres Challenge",) * strangers)


def _name(path: PurePath) -> re.Match[str] | None:
    parts = parts_of(path)
    return _NAME.fullmatch(parts[-1]) if parts else None


class Greedy(Site):
    """Claims every NIfTI file and sets every other file aside."""

    name = "greedy"
    title = "Greedy"
    files = "anything"

    def identify(self, path: PurePath) -> Identity | None:
        return Identity("greedy_1", "greedy_1", self.name) if ".nii" in path.name else None

    def aside(self, path: PurePath) -> Aside | None:
        return None if ".nii" in path.name else Aside("Greedy side file")

    def volume_view(self, path: PurePath) -> View | None:
        return View.SAX


@pytest.fixture(autouse=True)
def centres() -> Iterator[Site]:
    before = known_sites()
    console.cache_clear()
    with registered_site(Centres()) as site:
        yield site
    assert known_sites() == before
    console.cache_clear()


def volume(level: int = 0, n_frames: int = 12) -> tuple[SeriesSpec, nib.Nifti1Image]:
    spec = SeriesSpec(level=level, n_frames=n_frames)
    values = as_stored(spec).transpose(3, 2, 0, 1).astype(np.int16)  # x, y, z, t
    normal = np.cross(SAX[:3], SAX[3:]) * 8.0
    lps = np.array([np.multiply(SAX[:3], 1.25), np.multiply(SAX[3:], 1.5), normal, [-60.0, -40.0, 20.0]]).T
    return spec, nib.Nifti1Image(values, np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.vstack([lps, [0, 0, 0, 1]]))


def data_set(root: Path) -> dict[str, SeriesSpec]:
    """Two patients in the challenge's folders: cines, masks, and one file that is a single phase."""
    specs = {}
    for level, code in enumerate(("A0S9V1", "B1T2W8"), start=1):
        folder = root / code
        folder.mkdir(parents=True)
        specs[code], image = volume(level)
        nib.save(image, folder / f"{code}_sa.nii.gz")
        nib.save(
            nib.Nifti1Image((image.get_fdata() > 100).astype(np.int16), image.affine), folder / f"{code}_sa_gt.nii.gz"
        )
    nib.save(volume(3)[1], root / "A0S9V1" / "A0S9V1_4ch.nii.gz")
    nib.save(volume(4, n_frames=1)[1], root / "B1T2W8" / "B1T2W8_4ch.nii.gz")
    return specs


def reasons(store: Path) -> dict[str, int]:
    rows = ledger(store).query("outcome == 'left_out'")
    return rows["n_files"].astype(int).groupby(rows["reason"]).sum().to_dict()


@pytest.mark.parametrize(("archived", "workers"), [(False, 0), (True, 0), (False, 2)])
def test_a_new_data_set_becomes_studies_with_labels(tmp_path: Path, archived: bool, workers: int) -> None:
    root = tmp_path / "in"
    specs = data_set(root)
    content = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.nii.gz")}
    given = write_zip(tmp_path / "set.zip", content) if archived else root
    store = convert(tmp_path / "store", given, bits=16, workers=workers)
    key = load_key(tmp_path / "site.key")
    keys = {code: (key.patient(f"centres_{code}"), key.study(*[f"centres_{code}"] * 2)) for code in specs}
    assert sorted(studies_in(store)) == sorted(keys.values())
    for code, spec in specs.items():
        views = read_study(store, *keys[code]).views
        assert (views[View.SAX].pixels == as_stored(spec, base_to_apex(spec))).all()
        assert (View.CH4 in views) is (code == "A0S9V1")
    assert sorted(ledger(store).query("outcome == 'stored'")["reason"]) == [
        "file name: Heart Centres Challenge four-chamber",
        *["file name: Heart Centres Challenge short axis; slices from base to apex"] * 2,
    ]
    assert reasons(store) == {MASK: 2, "no cine: 1 frames, fewer than 10": 1}
    table = tmp_path / "table.csv"
    table.write_text("code,pathology\nA0S9V1,HCM\nB1T2W8,ghost\nC9C9C9,NOR\nnobody,HCM\n")
    frame = read_labels(write_labels(store, "--centres", table))
    assert frame.columns.tolist() == [*DISEASES]
    assert frame.loc[keys["A0S9V1"][1]].tolist() == [1, 0]
    assert frame.loc[keys["B1T2W8"][1]].isna().all()
    said = (tmp_path / "labels.ledger.csv").read_text()
    for words in ("unknown disease", "study not in the store", "no code of the Heart Centres Challenge"):
        assert said.count(words) == 1
    for path in (*store.rglob("*"), tmp_path / "labels.csv", tmp_path / "labels.ledger.csv"):
        assert not path.is_file() or b"A0S9V1" not in path.read_bytes() + path.name.encode()


def test_help_and_errors_of_labels_tell_of_a_new_data_set(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["labels", "--help"])
    assert "--centres CSV" in capsys.readouterr().out
    data_set(tmp_path / "in")
    store = convert(tmp_path / "store", tmp_path / "in")
    table = tmp_path / "table.csv"
    table.write_text("code,pathology\nC9C9C9,HCM\n")
    capsys.readouterr()
    write_labels(store, "--centres", table, code=1)
    assert "<code>_sa.nii.gz of the Heart Centres Challenge" in capsys.readouterr().err


def test_what_a_manifest_lists_and_is_not_there_is_counted(tmp_path: Path) -> None:
    data_set(tmp_path / "in")
    (tmp_path / "in/A0S9V1/files.txt").write_text("A0S9V1_sa.nii.gz A0S9V1_2ch.nii.gz")
    (tmp_path / "in/B1T2W8/files.txt").write_text("")
    found = reasons(convert(tmp_path / "store", tmp_path / "in"))
    assert found[LIST] == 2 and found[ABSENT] == 1 and found["list of the Heart Centres Challenge is empty"] == 1


def test_a_mask_that_is_named_like_a_volume_is_never_taken_for_one(tmp_path: Path, centres: Site) -> None:
    mask = PurePath("A0S9V1_sa_gt.nii.gz")
    assert centres.identify(mask) and centres.aside(mask)  # what the class says by itself
    assert identify(mask) is None
    nib.save(volume()[1], tmp_path / mask.name)
    store = convert(tmp_path / "store", tmp_path / mask.name, code=1)
    assert reasons(store) == {MASK: 1} and not list(studies_in(store))


def test_of_two_data_sets_that_claim_a_file_the_first_registered_gets_it(tmp_path: Path) -> None:
    data_set(tmp_path / "in")
    nib.save(volume(5)[1], tmp_path / "in" / "patient001_4d.nii.gz")
    expected = convert(tmp_path / "a" / "store", tmp_path / "in")
    with registered_site(Greedy()):
        store = convert(tmp_path / "b" / "store", tmp_path / "in", key=tmp_path / "a" / "site.key")
    assert sorted(studies_in(store)) == sorted(studies_in(expected))
    assert (store / "ledger.csv").read_bytes() == (expected / "ledger.csv").read_bytes()


@pytest.mark.parametrize("data", [b"", b"x" * 500, b"\x1f\x8b" + b"x" * 500, b"PK\x03\x04"])
def test_a_volume_that_is_none_is_left_out_with_its_reason(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "A0S9V1_sa.nii.gz"
    path.write_bytes(data)
    store = convert(tmp_path / "store", path, code=1)
    (reason,) = reasons(store)
    assert "NIfTI" in reason and not list(studies_in(store))


def test_the_same_code_twice_is_one_study(tmp_path: Path) -> None:
    data_set(tmp_path / "in" / "first" / "A")
    data_set(tmp_path / "in" / "second" / "B")
    store = convert(tmp_path / "store", tmp_path / "in")
    assert len(list(studies_in(store))) == 2
    assert reasons(store)["another volume of this study was used"] == 3


def test_a_study_of_another_run_is_not_overwritten_and_every_volume_is_counted(tmp_path: Path) -> None:
    data_set(tmp_path / "first")
    data_set(tmp_path / "second")
    store = convert(tmp_path / "store", tmp_path / "first" / "A0S9V1")
    before = hashes(store)
    convert(store, tmp_path / "second" / "A0S9V1", code=0)
    assert hashes(store) == before
    (row,) = ledger(store).query("reason.str.startswith('study already stored')").itertuples()
    assert row.n_files == "2"


class Mixed(Centres):
    """Its patients also have DICOM, `<code>_N.dcm`, beside the volumes."""

    name = "mixed"

    def identify(self, path: PurePath) -> Identity | None:
        code = path.name.partition("_")[0]
        return Identity(f"mixed_{code}", f"mixed_{code}", self.name) if path.suffix in (".dcm", ".gz") else None

    def volume_view(self, path: PurePath) -> View | None:
        return super().volume_view(path) if path.suffix == ".gz" else None


def test_dicom_beside_the_volumes_of_a_study_does_not_vanish(tmp_path: Path) -> None:
    nib.save(volume()[1], tmp_path / "A0S9V1_sa.nii.gz")
    content = {"Z_sa.nii.gz": b"", "A0S9V1_sa.nii.gz": (tmp_path / "A0S9V1_sa.nii.gz").read_bytes()}
    content |= {f"A0S9V1_{number}.dcm": data for number, data in enumerate(files(SeriesSpec(n_slices=1)).values())}
    given = write_zip(tmp_path / "in.zip", content)
    run([given], Job(tmp_path / "store", SiteKey(bytes(16)), sites=(Mixed(),)), workers=0)
    assert len(list(studies_in(tmp_path / "store"))) == 1
    assert reasons(tmp_path / "store")["DICOM beside the volumes of a study: not used"] == 12


def test_volumes_are_read_again_where_memory_does_not_hold_them(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 4000, (96, 96, 4, 12), np.int16)
    content = {}
    for code in ("A0S9V1", "B1T2W8"):
        nib.save(nib.Nifti1Image(noise, np.eye(4)), tmp_path / f"{code}_sa.nii")
        content[f"{code}_sa.nii"] = (tmp_path / f"{code}_sa.nii").read_bytes()
    given, key = write_zip(tmp_path / "in.zip", content), SiteKey(bytes(16))
    for name, memory_mb in (("whole", 2048), ("pieces", 1)):  # 0.9 MB for each volume
        run([given], Job(tmp_path / name, key, memory_mb=memory_mb), workers=0)
    assert len(hashes(tmp_path / "whole")) == 2
    assert hashes(tmp_path / "pieces") == hashes(tmp_path / "whole")


def test_ids_from_headers_leave_volumes_their_names(tmp_path: Path) -> None:
    """A volume has no header to take an identity from."""
    data_set(tmp_path / "in" / "set")
    store = convert(tmp_path / "store", tmp_path / "in", **{"ids-from-headers": None})
    assert len(list(studies_in(store))) == 2


def test_a_name_is_taken_once_and_is_a_plain_word() -> None:
    twin = Greedy()
    for name, words in (("acdc", "another data set"), ("centres", "another data set"), ("M&Ms", "no name")):
        twin.name = name
        with pytest.raises(PreprocessError, match=words), registered_site(twin):
            pass
    assert [site.name for site in known_sites()] == ["ukbiobank", "kaggle", "acdc", "centres"]
