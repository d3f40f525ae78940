"""The files of a source, one by one and in memory: archives are read as streams, never unpacked to disk.

Archives are untrusted. A member that could harm (links, devices, names that leave the archive) is skipped with a
reason; an archive that looks like a decompression bomb is refused as a whole.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from preprocess.errors import DamagedFileError, MachineError, PreprocessError, machine_fault
from preprocess.sources.zip_directory import count_entries

__all__ = ["EVERYTHING", "LIMITS", "Limits", "Member", "Skipped", "is_archive", "members"]

_SUFFIXES = (".tgz", ".tar.gz", ".tar", ".zip")
# What the standard library raises on broken archives; RuntimeError for a password and for codings it does not know.
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)


@dataclass(frozen=True)
class Limits:
    """What an archive may hold.

    Attributes:
        members: number of entries.
        member_bytes: size of one entry.
        ratio: unpacked over packed size, looked at once `ratio_floor` bytes are exceeded.
        ratio_floor: bytes below which any ratio is fine.
    """

    members: int = 200_000
    member_bytes: int = 2 << 30
    ratio: float = 60.0
    ratio_floor: int = 64 << 20


LIMITS = Limits()


@dataclass(frozen=True)
class Member:
    """The bytes of one file.

    Attributes:
        data: its content.
        index: its place in the fixed order of the source.
        name: where it lies in its archive or folder, with `/`; may hold identifiers.
    """

    data: bytes
    index: int
    name: str


@dataclass(frozen=True)
class Skipped:
    """A file that was not read, or the rest of a damaged archive; the reason never holds a name."""

    reason: str


class _Everything:
    """Holds every number."""

    def __contains__(self, item: object) -> bool:
        return True


EVERYTHING: Container[int] = _Everything()


def is_archive(path: Path) -> bool:
    """True where the file name says tar or zip."""
    return path.name.lower().endswith(_SUFFIXES)


def members(path: Path, limits: Limits = LIMITS, wanted: Container[int] = EVERYTHING) -> Iterator[Member | Skipped]:
    """The files of an archive, or those directly in a folder, or a single file, in a fixed order.

    Args:
        path: the archive, folder or file.
        limits: what an archive may hold.
        wanted: places in that order to read; the content of other files is passed over.

    Raises:
        PreprocessError: the archive breaks a limit; nothing of it may be used.
    """
    if path.is_dir():
        return _files(sorted(path.iterdir()), limits, wanted)
    if not is_archive(path):
        return _files([path], limits, wanted)
    if path.name.lower().endswith(".zip"):
        return _zip(path, limits, wanted)
    return _tar(path, limits, wanted)


def _files(files: list[Path], limits: Limits, wanted: Container[int]) -> Iterator[Member | Skipped]:
    for index, file in enumerate(files):
        if file.is_dir() or is_archive(file) or index not in wanted:
            continue
        try:
            if file.is_symlink() or not file.is_file():
                yield Skipped("link or device in a folder")
            elif file.stat().st_size > limits.member_bytes:
                yield Skipped("file is too large")
            else:
                yield Member(file.read_bytes(), index, file.name)
        except OSError:
            yield Skipped("file cannot be read")


def _unsafe(name: str) -> bool:
    posix = name.replace("\\", "/")
    return posix.startswith("/") or posix[1:2] == ":" or ".." in PurePosixPath(posix).parts


class _BoundedReader(io.RawIOBase):
    """Counts what comes out of a decompressor and stops a bomb.

    Args:
        stream: the decompressed side.
        packed: size of the archive in bytes.
        limits: bounds on the ratio, and on what may lie between two calls of `next_member`.
    """

    def __init__(self, stream: BinaryIO, packed: int, limits: Limits) -> None:
        self._stream = stream
        self._total = max(limits.ratio_floor, int(packed * limits.ratio))
        self._gap = limits.member_bytes + (1 << 20)
        self._seen = 0
        self._mark = 0

    def readable(self) -> bool:
        return True

    def next_member(self) -> None:
        """A member header was read: the count of bytes between members starts anew."""
        self._mark = self._seen

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""
        data = self._stream.read(size)
        self._seen += len(data)
        if self._seen > self._total or self._seen - self._mark > self._gap:
            raise PreprocessError("archive unpacks to far more than its size (refused as a decompression bomb)")
        return data


@contextmanager
def _reading() -> Iterator[None]:
    """A block that reads an archive.

    Raises:
        DamagedFileError: its bytes are not what the format says.
        MachineError: the machine could not read it.
    """
    try:
        yield
    except _DAMAGED as error:
        if fault := machine_fault(error):
            raise MachineError(f"archive could not be read: {fault}") from error
        raise DamagedFileError("archive is damaged") from error


def _tar(path: Path, limits: Limits, wanted: Container[int]) -> Iterator[Member | Skipped]:
    try:
        with _reading(), path.open("rb") as packed:
            is_gzip = packed.read(2) == b"\x1f\x8b"
            packed.seek(0)
            stream: BinaryIO = gzip.GzipFile(fileobj=packed) if is_gzip else packed  # type: ignore[assignment]
            bounded = _BoundedReader(stream, path.stat().st_size, limits)
            with tarfile.open(fileobj=bounded, mode="r|") as tar:
                yield from _tar_members(tar, bounded, limits, wanted)
    except DamagedFileError:
        yield Skipped("archive is damaged: what follows in it was not read")


def _tar_members(
    tar: tarfile.TarFile, bounded: _BoundedReader, limits: Limits, wanted: Container[int]
) -> Iterator[Member | Skipped]:
    for index, info in enumerate(tar):
        tar.members = []  # type: ignore[attr-defined] # a stream needs no list of what has passed; a million entries would fill the memory
        bounded.next_member()
        if index >= limits.members:
            raise PreprocessError(f"archive has more than {limits.members} entries (refused)")
        if not info.isdir() and index in wanted:
            yield _tar_member(tar, info, index, limits)


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo, index: int, limits: Limits) -> Member | Skipped:
    if not info.isreg() or info.issparse():
        return Skipped("link, device or sparse entry in an archive")
    if _unsafe(info.name):
        return Skipped("entry name leaves the archive")
    if info.size > limits.member_bytes:
        raise PreprocessError("archive has an entry beyond the size limit (refused)")
    file = tar.extractfile(info)
    data = file.read() if file else b""
    return Member(data, index, info.name) if len(data) == info.size else Skipped("entry is cut off")


def _zip(path: Path, limits: Limits, wanted: Container[int]) -> Iterator[Member | Skipped]:
    if count_entries(path, limits.members) > limits.members:
        raise PreprocessError(f"archive has more than {limits.members} entries (refused)")
    try:
        with _reading(), zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            sizes = [info.file_size for info in entries]
            if len(entries) > limits.members:
                raise PreprocessError(f"archive has more than {limits.members} entries (refused)")
            if max(sizes, default=0) > limits.member_bytes:
                raise PreprocessError("archive has an entry beyond the size limit (refused)")
            if sum(sizes) > max(limits.ratio_floor, path.stat().st_size * limits.ratio):
                raise PreprocessError("archive unpacks to far more than its size (refused as a decompression bomb)")
            for index, info in enumerate(sorted(entries, key=lambda entry: entry.filename)):
                if not info.is_dir() and index in wanted:
                    yield _zip_member(archive, info, index)
    except DamagedFileError:
        yield Skipped("archive is damaged: what follows in it was not read")


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, index: int) -> Member | Skipped:
    file_type = info.external_attr >> 28  # upper bits of a Unix mode: 8 is a regular file, 0 unknown
    if file_type not in (0, 8):
        return Skipped("link, device or sparse entry in an archive")
    if _unsafe(info.filename):
        return Skipped("entry name leaves the archive")
    if info.flag_bits & 1:
        return Skipped("entry is encrypted")
    try:
        with _reading(), archive.open(info) as file:
            data = file.read(info.file_size + 1)
    except DamagedFileError:
        return Skipped("entry is damaged")
    return Member(data, index, info.filename) if len(data) == info.file_size else Skipped("entry is damaged")
