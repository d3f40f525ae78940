"""The paper's HDF5 layouts are read at their true slice boundaries, and files that break them are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from preprocess.errors import PreprocessError
from preprocess.legacy.legacy_file import LegacySeries, open_legacy, read_legacy
from tests.support.legacy_files import LAYOUTS, SIZE, add, cine, grey8, stack


def the_series(path: Path) -> LegacySeries:
    (series,) = read_legacy(path).values()
    return series


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("counts", [(25,) * 10, (12,), (12, 30, 11), (3, 3), (1, 1, 40), (1,)])
def test_slices_end_where_slice_frames_says(tmp_path: Path, layout: str, counts: tuple[int, ...]) -> None:
    slices = stack(counts)
    series = the_series(add(tmp_path / "a.h5", "SAX", slices, layout))
    expected = np.split(grey8(slices), np.cumsum(counts)[:-1]) if layout == "A grey" else slices
    assert series.header.n_frames == counts
    assert len(series.slices) == len(counts)
    for found, wanted in zip(series.slices, expected, strict=True):
        assert found.dtype == (np.uint8 if layout == "A grey" else np.float32)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("lost", [1, 3, 500])
def test_total_images_may_count_files_that_were_not_read(tmp_path: Path, layout: str, lost: int) -> None:
    series = the_series(add(tmp_path / "a.h5", "SAX", stack((12, 15)), layout, lost=lost))
    assert series.header.n_files == 27 + lost
    assert series.header.n_frames == (12, 15)


@pytest.mark.parametrize("layout", ["A rgb", "B"])
@pytest.mark.parametrize("lost", [0, 1])
def test_a_single_frame_keeps_its_channels_apart_from_it(tmp_path: Path, layout: str, lost: int) -> None:
    series = the_series(add(tmp_path / "a.h5", "SAX", stack((1,)), layout, lost=lost))
    np.testing.assert_array_equal(series.slices[0], cine(0, 1))


def test_three_frames_of_three_channels_are_never_mixed_up_silently(tmp_path: Path) -> None:
    first = add(tmp_path / "a.h5", "SAX", stack((3,)), "A rgb")
    np.testing.assert_array_equal(the_series(first).slices[0], cine(0, 3))
    with pytest.raises(PreprocessError, match="channels differ"):
        read_legacy(add(tmp_path / "b.h5", "SAX", stack((3,)), "B"))


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_both_compressions_of_the_tool_are_read(tmp_path: Path, compression: str) -> None:
    path = add(tmp_path / "a.h5", "SAX", stack((12,)), compression=compression)
    np.testing.assert_array_equal(the_series(path).slices[0], cine(0, 12))


def test_single_images_are_read_with_and_without_channels(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, data in {"COLOUR": np.stack([cine(0, 1)[0]] * 3), "PLAIN": cine(0, 1)[0]}.items():
            one = file.create_dataset(name, data=data, compression="gzip")
            one.attrs["slice_frames"], one.attrs["total_images"] = np.zeros(0, np.int32), np.int32(1)
    for series in read_legacy(tmp_path / "a.h5").values():
        np.testing.assert_array_equal(series.slices[0], cine(0, 1))


@pytest.mark.parametrize(
    "slice_frames",
    [(23,), (11, 11), (15, 11), (-1,), (-5,), (24,), (11, 23), (99,)],
    ids=["empty last slice", "doubled", "falling", "empty first slice", "negative", "at the end", "two", "beyond"],
)
def test_slice_frames_that_cannot_be_are_refused(tmp_path: Path, slice_frames: tuple[int, ...]) -> None:
    path = add(tmp_path / "mrn77.h5", "Doe_SAX", stack((12, 12)), slice_frames=slice_frames)
    with pytest.raises(PreprocessError, match=r"data set 1: slice_frames do not rise .*cmr-preprocess convert") as info:
        read_legacy(path)
    assert "Doe" not in str(info.value)
    assert "mrn77" not in str(info.value)


def _attribute(name: str, value: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file["B"].attrs[name] = value

    return change


def _replace(**options: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        attrs = dict(file["B"].attrs)
        del file["B"]
        file.create_dataset("B", **options).attrs.update(attrs)

    return change


def _without(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file["B"].attrs[name]

    return change


def _one_channel_off(file: h5py.File) -> None:
    file["B"][5, 2, 3, 4] += 1


def _not_a_number(file: h5py.File) -> None:
    file["B"][5, :, 3, 4] = np.nan


def _link(link: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file["B"]
        file["B"] = link

    return change


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(12, 3, 24, 20), dtype="f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "SAX", shape=(12, 3, 24, 20))
    del file["B"]
    file.create_virtual_dataset("B", layout)


def _external(file: h5py.File) -> None:
    del file["B"]
    file.create_dataset("B", (12, 3, 24, 20), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def _group(file: h5py.File) -> None:
    del file["B"]
    file.create_group("B")


BROKEN = {
    "no slice_frames": (_without("slice_frames"), "no slice_frames"),
    "text for slice_frames": (_attribute("slice_frames", "5"), "slice_frames is no list"),
    "nothing for slice_frames": (_attribute("slice_frames", h5py.Empty("i4")), "slice_frames is no list"),
    "fractions for slice_frames": (_attribute("slice_frames", [5.5]), "slice_frames is no list"),
    "far too many slice_frames": (_attribute("slice_frames", np.zeros((2, 3), np.int32)), "slice_frames is no list"),
    "fewer total_images than frames": (_attribute("total_images", np.int32(11)), "total_images is below"),
    "negative total_images": (_attribute("total_images", np.int32(-3)), "total_images is no count"),
    "channels that differ": (_one_channel_off, "channels differ"),
    "values that are no numbers": (_not_a_number, "no numbers"),
    "five channels": (_replace(data=np.zeros((12, 5, 24, 20), "f4")), "none of the known layouts"),
    "five axes": (_replace(data=np.zeros((2, 12, 3, 24, 20), "f4")), "none of the known layouts"),
    "text": (_replace(data=[b"Doe^Jane"]), "neither float32"),
    "pickles": (_replace(shape=(12, 24, 20), dtype=h5py.special_dtype(vlen=bytes)), "neither float32"),
    "whole numbers of 64 bits": (_replace(data=np.zeros((12, 24, 20), "i8")), "neither float32"),
    "terabytes that are not there": (_replace(shape=(10**6, 3, 4096, 4096), dtype="f4", chunks=True), "frames of"),
    "a size without data": (_replace(shape=(12, 3, 24, 20), dtype="f4", chunks=True), "far fewer bytes"),
    "a bomb": (_replace(data=np.zeros((12, 3, 720, 720), "f4"), compression="gzip"), "far fewer bytes"),
    "another filter": (_replace(data=np.zeros((12, 3, 24, 20), "f4"), chunks=True, scaleoffset=2), "not gzip"),
    "an external link": (_link(h5py.ExternalLink("/etc/passwd", "/x")), "a link"),
    "a soft link": (_link(h5py.SoftLink("/A")), "a link"),
    "a virtual data set": (_virtual, "in other files"),
    "external data": (_external, "in other files"),
    "nothing": (_link(h5py.Empty("f4")), "holds nothing"),
    "a group": (_group, "no data set"),
}


@pytest.mark.parametrize("change, problem", BROKEN.values(), ids=BROKEN)
def test_a_series_that_breaks_the_layout_is_refused_and_the_others_are_read(
    tmp_path: Path, change: Callable[[h5py.File], None], problem: str
) -> None:
    path = add(tmp_path / "a.h5", "A", stack((12,)))
    add(path, "B", stack((12,), level=1))
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(PreprocessError, match=problem) as info:
        read_legacy(path)
    assert "2" in info.value.problem  # B comes second
    with open_legacy(path) as legacy:
        np.testing.assert_array_equal(legacy.read("A").slices[0], cine(0, 12))


def test_damage_anywhere_in_a_file_is_an_error_or_does_not_matter(tmp_path: Path) -> None:
    whole = add(tmp_path / "a.h5", "SAX", stack((12, 12))).read_bytes()
    rng = np.random.default_rng(0)
    n_refused = 0
    for number in range(200):
        damaged = bytearray(whole)
        if number % 4 == 0:
            del damaged[int(rng.integers(len(whole))) :]
        else:
            for place in rng.integers(len(whole), size=number % 4):
                damaged[place] ^= 1 << int(rng.integers(8))
        path = tmp_path / "b.h5"
        path.write_bytes(damaged)
        try:
            read_legacy(path)
        except PreprocessError as error:
            n_refused += 1
            assert str(tmp_path) not in str(error)
    assert n_refused > 50


def test_a_file_of_our_own_store_is_no_legacy_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["schema_version"] = 1
    with pytest.raises(PreprocessError, match="our own store"):
        read_legacy(tmp_path / "a.h5")


def test_only_the_wanted_slices_are_read(tmp_path: Path) -> None:
    with open_legacy(add(tmp_path / "a.h5", "SAX", stack((12, 30, 11)), "B")) as file:
        (only,) = file.read("SAX", (1,)).slices
    assert only.shape == (30, *SIZE)
    np.testing.assert_array_equal(only, cine(1, 30))
