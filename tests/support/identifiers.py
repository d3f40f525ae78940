"""Files with an identifier in every place that can hold text, and the search for it in all outputs."""

from __future__ import annotations

import copy
import struct
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.support.factories import SAX, SeriesSpec, dataset, encode, write_folder, write_tgz, write_zip

SECRET = "Zaphod"
UID = "1.2.826.0.4242"
DAY = "19571112"


def every_output(folder: Path) -> dict[str, bytes]:
    """Every output byte: names, raw files, and what lies compressed or encoded in HDF5 and Parquet."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        found[f"name {name}"] = name.encode()
        if path.is_file():
            found[name] = path.read_bytes()
        if path.suffix == ".h5":
            with h5py.File(path) as file:
                parts = [repr(dict(file.attrs))]
                for key in file:
                    parts.append(repr((key, file[key].dtype)))
                    parts += [
                        f"{attribute} {np.asarray(value).tolist()}" for attribute, value in file[key].attrs.items()
                    ]
                    found[f"{name} {key} decoded"] = file[key][()].tobytes()
                found[f"{name} decoded"] = "\n".join(parts).encode()
        if path.suffix == ".parquet":
            found[f"{name} decoded"] = pd.read_parquet(path).to_csv().encode()
    return found


def assert_absent(secrets: tuple[str, ...], found: dict[str, bytes]) -> None:
    assert any("decoded" in name for name in found)
    for name, data in found.items():
        for secret in secrets:
            for coded in (secret.encode(), secret.lower().encode(), secret.encode("utf-16-le")):
                assert coded not in data, f"{secret!r} in {name}"


# A text of each value representation that holds text; where its form is fixed, one that obeys it and is found nowhere
# else. UI is a root of its own.
SECRETS = {
    "AE": SECRET, "AS": "987Y", "CS": SECRET.upper(), "DA": DAY, "DS": "-41424.344", "DT": "19571112131415.161718",
    "IS": "41424344", "LO": SECRET, "LT": SECRET, "PN": f"{SECRET}^{SECRET}", "SH": SECRET, "ST": SECRET,
    "TM": "131415.161718", "UC": SECRET, "UI": f"{UID}.7", "UN": SECRET.encode(), "UR": f"http://{SECRET}.org/{SECRET}",
    "UT": SECRET,
}  # fmt: skip
# Long enough to occur in no hash by chance.
ALL_SECRETS = (SECRET, SECRET.upper(), UID, DAY, "MRN0001", "987Y", "41424.344", "41424344", "131415.161718")
# Elements that carry the image itself, and the keys of the study, are planted one by one below.
_NOT_PLANTED = {
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "ImageType", "PhotometricInterpretation", "PatientAge",
    "PatientSex", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "TriggerTime", "SliceThickness",
    "CardiacNumberOfImages", "NumberOfFrames", "InstanceNumber", "AcquisitionNumber", "RescaleSlope",
    "RescaleIntercept", "RescaleType", "TemporalPositionIdentifier", "NominalInterval", "BurnedInAnnotation",
    "PhaseContrast", "ComplexImageComponent", "SeriesInstanceUID",
}  # fmt: skip


@cache
def text_elements() -> Dataset:
    """A secret in every text element of the dictionary that a data set may have."""
    ds = Dataset()
    for tag, (kind, _, _, is_retired, keyword) in DicomDictionary.items():
        is_plain = tag >> 16 not in (0, 2, 0x7FE0) and keyword and keyword not in _NOT_PLANTED
        if is_plain and not is_retired and kind in SECRETS:
            ds.add_new(tag, kind, SECRETS[kind])
    return ds


def planted_file(spec: SeriesSpec, slice_index: int, frame: int) -> Dataset:
    """A file with a secret in every text element, in private ones of every text VR, and in nested sequences."""
    ds = dataset(spec, slice_index, frame)
    ds.update(text_elements())
    ds.SOPInstanceUID = f"{UID}.{slice_index}.{frame}"
    ds.SeriesInstanceUID = f"{UID}.1"
    ds.file_meta.SourceApplicationEntityTitle = SECRET
    ds.file_meta.ImplementationVersionName = SECRET
    ds.file_meta.PrivateInformationCreatorUID, ds.file_meta.PrivateInformation = f"{UID}.9", SECRET.encode()
    ds.PatientAge = "061Y"
    block = ds.private_block(0x0019, SECRET, create=True)
    for number, (kind, value) in enumerate(SECRETS.items()):
        block.add_new(number, kind, value)
    inner, outer = Dataset(), Dataset()
    for item in (inner, outer):
        for kind, value in SECRETS.items():
            tag = next(element.tag for element in text_elements() if kind in (element.VR, "UN"))
            item.add_new(tag, kind, value)
    outer.ReferencedStudySequence = Sequence([inner])
    block.add_new(0x80, "SQ", Sequence([outer]))
    ds.RequestAttributesSequence = Sequence([outer])
    ds.ReferencedImageSequence = Sequence([outer])
    return ds


def damaged_copies(data: bytes, rng: np.random.Generator) -> list[bytes]:
    """Broken in ways whose error messages quote what was read."""
    position = encode(dataset(SeriesSpec(), 0, 0)).index(struct.pack("<HH", 0x0020, 0x0032))
    quoting = [
        data.replace(b"\x20\x00\x32\x00DS", b"\x20\x00\x32\x00" + kind, 1) for kind in (b"IS", b"FD", b"US", b"XX")
    ]
    flipped = []
    for _ in range(20):
        content = bytearray(data)
        for _ in range(10):
            content[int(rng.integers(132, len(content)))] ^= 1 << int(rng.integers(8))
        flipped.append(bytes(content))
    return [data[: len(data) // 2], data[: position + 10], *quoting, *flipped]


def write_planted(folder: Path) -> Path:
    """A folder and archives of files with planted identifiers, sound, wrong, damaged and none at all."""
    spec = SeriesSpec(n_slices=2, orientation=SAX)
    content = {
        f"{SECRET}/{SECRET}_{index}_{frame}.dcm": encode(planted_file(spec, index, frame))
        for index in range(2)
        for frame in range(spec.n_frames)
    }
    rng = np.random.default_rng(0)
    wrong = planted_file(spec, 0, 0)
    for keyword in ("ImagePositionPatient", "PixelSpacing", "InstanceNumber", "TriggerTime", "SliceThickness"):
        ds = copy.copy(wrong)
        ds.SOPInstanceUID = f"{UID}.5.{len(keyword)}"
        ds[keyword] = RawDataElement(ds[keyword].tag, ds[keyword].VR, 8, (SECRET + " x")[:8].encode(), 0, False, True)
        content[f"{SECRET}/wrong_{keyword}"] = encode(ds)
    for number, data in enumerate(damaged_copies(encode(wrong), rng)):
        content[f"{SECRET}/broken_{SECRET}_{number}"] = data
    content[f"{SECRET}/text_{SECRET}"] = SECRET.encode() * 50
    write_folder(folder / "plain", content)
    write_zip(folder / f"{SECRET}.zip", {name: data for name, data in content.items() if "broken" in name})
    write_tgz(folder / f"{SECRET}_2.tgz", {f"../{SECRET}": b"x", **{f"/{SECRET}": b"y"}})
    (folder / f"{SECRET}.tgz").write_bytes(SECRET.encode() * 20)
    return folder
