"""The same image in every coding: pydicom's encoders where it has one, gdcm's for the others."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from tests.support.factories import SeriesSpec, a_study, encode


def _native(syntax: UID) -> Callable[[Dataset], bytes]:
    def coded(ds: Dataset) -> bytes:
        ds.file_meta.TransferSyntaxUID = syntax
        return encode(ds)

    return coded


def _big_endian(ds: Dataset) -> bytes:
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
    words = np.frombuffer(ds.PixelData, "<u2").astype(">u2")
    ds.PixelData = words.tobytes()
    ds["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True, little_endian=False, implicit_vr=False)
    return buffer.getvalue()


def compressed(syntax: UID) -> Callable[[Dataset], bytes]:
    """Encode with pydicom's plug-ins."""

    def coded(ds: Dataset) -> bytes:
        ds.compress(syntax, generate_instance_uid=False)
        return encode(ds)

    return coded


def _gdcm(name: str) -> Callable[[Dataset], bytes]:
    """Encode with gdcm, which knows the lossless JPEG of old scanners."""

    def coded(ds: Dataset) -> bytes:
        import gdcm

        with tempfile.TemporaryDirectory() as folder:
            before, after = str(Path(folder) / "before"), str(Path(folder) / "after")
            Path(before).write_bytes(encode(ds))
            reader = gdcm.ImageReader()
            reader.SetFileName(before)
            assert reader.Read()
            change = gdcm.ImageChangeTransferSyntax()
            change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
            change.SetInput(reader.GetImage())
            assert change.Change()
            writer = gdcm.ImageWriter()
            writer.SetFileName(after)
            writer.SetFile(reader.GetFile())
            writer.SetImage(change.GetOutput())
            assert writer.Write()
            return Path(after).read_bytes()

    return coded


CODINGS: dict[str, Callable[[Dataset], bytes]] = {
    "implicit": _native(pydicom.uid.ImplicitVRLittleEndian),
    "deflated": _native(pydicom.uid.DeflatedExplicitVRLittleEndian),
    "big endian": _big_endian,
    "RLE": compressed(pydicom.uid.RLELossless),
    "JPEG-LS": compressed(pydicom.uid.JPEGLSLossless),
    "JPEG 2000": compressed(pydicom.uid.JPEG2000Lossless),
    "JPEG lossless": _gdcm("JPEGLosslessProcess14"),
    "JPEG lossless SV1": _gdcm("JPEGLosslessProcess14_1"),
    "JPEG-LS by gdcm": _gdcm("JPEGLSLossless"),
    "JPEG 2000 by gdcm": _gdcm("JPEG2000Lossless"),
    "RLE by gdcm": _gdcm("RLELossless"),
}
SMALL_SERIES = SeriesSpec(size=(40, 32))
CODESTREAMS = [name for name in CODINGS if name not in ("implicit", "deflated", "big endian")]


def small_study() -> tuple[SeriesSpec, ...]:
    """The cines of a study, small enough for slow encoders."""
    return tuple(replace(spec, size=(40, 32)) for spec in a_study() if "LOC" not in spec.description)
