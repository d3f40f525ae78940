"""The sources of a conversion: every archive is one, and every set of folders that belongs to one study."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess.archive import is_archive
from preprocess.deid import SiteKey, default_key_path
from preprocess.elements import study_uid_of
from preprocess.errors import PreprocessError

__all__ = ["Source", "find_sources"]

_PEEK = 5  # files looked at in a folder to learn which study it belongs to


@dataclass(frozen=True)
class Source:
    """A unit of work. Paths may hold identifiers: outside of the worker only `key_hash` stands for it.

    Attributes:
        paths: archives, or folders whose direct files count.
        parts: the hashes of the sources merged into this one, if it is a merger.
    """

    paths: tuple[Path, ...]
    parts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What identifies it at the site."""
        return "\n".join(str(path) for path in self.paths)

    def key_hash(self, key: SiteKey) -> str:
        """16 hex digits."""
        return key.source(self.name)

    def fingerprint(self, key: SiteKey) -> str:
        """Changes when a file is added, changed or removed."""
        return key.source("\n".join(_state(path) for path in self.paths))


def _state(path: Path) -> str:
    try:
        if path.is_dir():
            entries = sorted((entry.name, entry.stat()) for entry in os.scandir(path) if entry.is_file())
            return repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in entries])
        stat = path.stat()
        return f"{stat.st_size} {stat.st_mtime_ns}"
    except OSError:
        return "unreadable"


def find_sources(inputs: Sequence[Path], store: Path) -> list[Source]:
    """Find archives and folders of files under the inputs, in a fixed order.

    Folders whose first image names the same study are one source, wherever they lie.

    Raises:
        PreprocessError: an input does not exist.
    """
    archives: list[Path] = []
    studies: dict[str, list[Path]] = {}
    for number, given in enumerate(inputs, start=1):
        if not given.exists():
            raise PreprocessError(f"input {number} does not exist", "check --input")
        for path in _walk(given.resolve(), store.resolve()):
            if path.is_dir():
                studies.setdefault(_study_of(path), []).append(path)
            else:
                archives.append(path)
    folders = [tuple(sorted(set(paths))) for paths in studies.values()]
    return [Source((path,)) for path in sorted(set(archives))] + [Source(paths) for paths in sorted(folders)]


def _walk(given: Path, store: Path) -> Iterator[Path]:
    """Archives, and folders that hold files beside archives; never the store itself or its key."""
    if given.is_file():
        if not is_archive(given):
            raise PreprocessError("an input is neither a folder nor an archive", "known: .tgz .tar.gz .tar .zip")
        yield given
        return
    private = default_key_path(store).parent
    for root, folders, files in os.walk(given):
        folder = Path(root)
        folders[:] = sorted(name for name in folders if folder / name not in (store, private))
        loose = [name for name in files if not is_archive(Path(name))]
        yield from (folder / name for name in files if is_archive(Path(name)))
        if loose:
            yield folder


def _study_of(folder: Path) -> str:
    """The study of a folder's first readable image, else the folder itself."""
    for file in sorted(entry for entry in folder.iterdir() if entry.is_file())[:_PEEK]:
        uid = study_uid_of(file)
        if uid:
            return uid
    return str(folder)
