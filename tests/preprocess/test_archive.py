"""Hostile and damaged archives."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest
from factories import write_folder, write_tgz, write_zip

from preprocess.archive import LIMITS, Limits, Member, Skipped, members
from preprocess.errors import PreprocessError


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
