"""Hostile and damaged archives."""

from __future__ import annotations

import gzip
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from preprocess.errors import PreprocessError
from preprocess.sources.archives import LIMITS, Limits, Member, Skipped, members
from preprocess.sources.zip_directory import count_entries
from tests.support.factories import SeriesSpec, files, write_folder, write_tgz, write_zip
from tests.support.stores import convert, ledger


def contents(path: Path, limits: Limits = LIMITS) -> list[bytes | str]:
    return [one.data if isinstance(one, Member) else one.reason for one in members(path, limits)]


def test_every_packing_gives_the_same_files(tmp_path: Path) -> None:
    content = {"a": b"1", "b/c": b"22", "b/d/e": b""}
    assert sorted(contents(write_tgz(tmp_path / "a.tgz", content))) == [b"", b"1", b"22"]
    assert sorted(contents(write_zip(tmp_path / "a.zip", content))) == [b"", b"1", b"22"]
    with tarfile.open(tmp_path / "plain.tar", "w") as tar:
        tar.add(write_folder(tmp_path / "folder", content), "x")
    assert sorted(contents(tmp_path / "plain.tar")) == [b"", b"1", b"22"]
    assert contents(tmp_path / "folder") == [b"1"]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_names_that_leave_the_archive_are_skipped(tmp_path: Path, name: str) -> None:
    for path in (write_tgz(tmp_path / "i" / "a.tgz", {name: b"x", "ok": b"y"}),
                 write_zip(tmp_path / "i" / "a.zip", {name: b"x", "ok": b"y"})):  # fmt: skip
        assert sorted(map(str, contents(path))) == ["b'y'", "entry name leaves the archive"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tgz", "a.zip", "i"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_skipped(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    assert contents(tmp_path / "a.tgz") == ["link, device or sparse entry in an archive"]


def test_a_symbolic_link_in_a_zip_or_folder_is_skipped(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert contents(tmp_path / "a.zip") == ["link, device or sparse entry in an archive"]
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to("/etc/passwd")
    assert contents(tmp_path / "folder") == ["link or device in a folder"]


@pytest.mark.parametrize("suffix", ["tgz", "zip"])
def test_bombs_are_refused(tmp_path: Path, suffix: str) -> None:
    write = write_tgz if suffix == "tgz" else write_zip
    zeros = write(tmp_path / f"zeros.{suffix}", {"z": bytes(2_000_000)})
    with pytest.raises(PreprocessError, match="decompression bomb"):
        contents(zeros, Limits(ratio_floor=1 << 20))
    with pytest.raises(PreprocessError, match="size limit"):
        contents(zeros, Limits(member_bytes=1_000_000, ratio=1e9))
    many = write(tmp_path / f"many.{suffix}", {str(number): b"" for number in range(300)})
    with pytest.raises(PreprocessError, match="more than 200 entries"):
        contents(many, Limits(members=200))
    assert len(contents(many)) == 300


def test_a_bomb_in_a_tar_header_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": "0" * 4_000_000}):
        pass
    with pytest.raises(PreprocessError, match="decompression bomb"):
        contents(tmp_path / "a.tgz", Limits(ratio_floor=1 << 20))


def test_default_limits_refuse_a_hundredfold_bomb(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"z": bytes(80 << 20)})
    with pytest.raises(PreprocessError, match="decompression bomb"):
        contents(path)


def test_what_precedes_the_damage_is_read(tmp_path: Path) -> None:
    import numpy as np

    noise = np.random.default_rng(0).bytes(50_000)
    whole = write_tgz(tmp_path / "a.tgz", {"a": noise, "b": noise[::-1]}).read_bytes()
    (tmp_path / "cut.tgz").write_bytes(whole[: len(whole) * 3 // 4])
    first, second = contents(tmp_path / "cut.tgz")
    assert first == noise
    assert second == "archive is damaged: what follows in it was not read"


def test_a_damaged_or_encrypted_zip_entry_is_skipped(tmp_path: Path) -> None:
    data = bytearray(write_zip(tmp_path / "a.zip", {"a": bytes(range(256)) * 4, "b": b"fine"}).read_bytes())
    data[60] ^= 255
    (tmp_path / "bad.zip").write_bytes(data)
    assert contents(tmp_path / "bad.zip") == ["entry is damaged", b"fine"]
    data = bytearray(write_zip(tmp_path / "c.zip", {"a": b"x"}).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    assert contents(tmp_path / "locked.zip") == ["entry is encrypted"]


def test_an_empty_file_is_no_archive(tmp_path: Path) -> None:
    for name in ("a.tgz", "a.zip", "a.tar"):
        (tmp_path / name).write_bytes(b"")
        assert contents(tmp_path / name) == ["archive is damaged: what follows in it was not read"]
    assert isinstance(next(iter(members(tmp_path / "a.zip"))), Skipped)
    assert list(members(write_tgz(tmp_path / "none.tgz", {}))) == []


def many_in_a_zip(path: Path) -> Path:
    """A million empty entries, all with one local header; `zipfile` would make half a gigabyte of them."""
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * 1_000_000
    start, size = len(local), len(directory)
    end_64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1_000_000, 1_000_000, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, size, start, 0)
    path.write_bytes(local + directory + end_64 + locator + end)
    return path


def many_in_a_tgz(path: Path) -> Path:
    header = tarfile.TarInfo("a").tobuf()
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(1000):
            file.write(header * 1000)
    return path


def a_link(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, target in (("out", ".."), ("out/evil", "/etc/passwd")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "parent.zip": lambda path: write_zip(path, {"../evil": b"x", "a/../../../evil": b"x"}),
    "parent.tgz": lambda path: write_tgz(path, {"../evil": b"x", "a/../../../evil": b"x"}),
    "absolute.tgz": lambda path: write_tgz(path, {f"{path.parent}/evil": b"x"}),
    "absolute.zip": lambda path: write_zip(path, {f"{path.parent}/evil": b"x"}),
    "link.tgz": a_link,
    "bomb.zip": lambda path: write_zip(path, {"z": bytes(100 << 20)}),
    "bomb.tgz": lambda path: write_tgz(path, {"z": bytes(100 << 20)}),
    "many.zip": many_in_a_zip,
    "many.tgz": many_in_a_tgz,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_writes_nothing_outside_the_store(tmp_path: Path, name: str) -> None:
    bad = HOSTILE[name](tmp_path / name)
    good = write_zip(tmp_path / "good.zip", files(SeriesSpec(n_slices=1)))
    before = {path: path.stat().st_size for path in tmp_path.iterdir()}
    store = convert(tmp_path / "both" / "store", bad, good)
    refused = ledger(store).query("outcome == 'left_out'")
    assert refused.source.nunique() == 1
    assert refused.reason.str.contains("refused|leaves the archive|link").all()
    assert {path: path.stat().st_size for path in tmp_path.iterdir() if path.is_file()} == before
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["site.key", "store"]


def test_entries_are_counted_without_listing_them(tmp_path: Path) -> None:
    assert count_entries(many_in_a_zip(tmp_path / "a.zip"), 10) == 11
    assert count_entries(tmp_path / "a.zip", 2_000_000) == 1_000_000
    few = write_zip(tmp_path / "few.zip", {str(number): b"x" for number in range(7)})
    assert count_entries(few, 100) == 7
    with zipfile.ZipFile(few, "a") as archive:
        archive.comment = b"a comment"
    assert count_entries(few, 100) == 7
    for content in (b"", b"no zip", b"PK\x05\x06", bytes(100)):
        (tmp_path / "x").write_bytes(content)
        assert count_entries(tmp_path / "x", 100) == 0
