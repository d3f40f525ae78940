"""The sources of a conversion: every archive is one, and every set of archives or folders known to be one study."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess.dicom.elements import study_uid_of
from preprocess.errors import PreprocessError
from preprocess.privacy.keys import SiteKey, default_key_path
from preprocess.sources.archives import is_archive
from preprocess.sources.sites import Site, identify

__all__ = ["Shard", "Source", "find_sources"]

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

    def fingerprint(self, key: SiteKey, options: str = "") -> str:
        """Changes when a file is added, changed or removed, or the options do."""
        states: list[str] = []
        for path in self.paths:
            try:
                if path.is_dir():
                    entries = sorted((entry.name, entry.stat()) for entry in os.scandir(path) if entry.is_file())
                    states.append(repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in entries]))
                else:
                    stat = path.stat()
                    states.append(f"{stat.st_size} {stat.st_mtime_ns}")
            except OSError:
                states.append("unreadable")
        return key.source("\n".join([*states, options]))


@dataclass(frozen=True)
class Shard:
    """One of `count` equal parts of the sources; `index` counts from 1."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `i/n`.

        Raises:
            PreprocessError: not of this form, or out of range.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise PreprocessError(f"--shard {text}: no such part", "write i/n with i from 1 to n, such as 1/64")
        return cls(int(match[1]), int(match[2]))

    def holds(self, source: str) -> bool:
        """True for the sources (by hash) of this part."""
        return int(source, 16) % self.count == self.index - 1


def find_sources(inputs: Sequence[Path], store: Path, sites: Sequence[Site]) -> list[Source]:
    """Find archives and folders of files under the inputs, in a fixed order.

    Archives and folders that a public data set names as parts of one study are one source, and so are folders whose
    first image names the same study, wherever they lie.

    Args:
        inputs: folders, archives or single files.
        store: passed over, and so is the folder of its key.
        sites: data sets whose names say what belongs together; none where only headers do.

    Raises:
        PreprocessError: an input does not exist.
    """
    groups: dict[object, set[Path]] = {}
    for number, given in enumerate(inputs, start=1):
        if not given.exists():
            raise PreprocessError(f"input {number} does not exist", "check --input")
        for path in _walk(given.resolve(), store.resolve()):
            identity = identify(path, sites)
            groups.setdefault(identity or (_study_of(path) if path.is_dir() else path), set()).add(path)
    return sorted((Source(tuple(sorted(paths))) for paths in groups.values()), key=lambda source: source.paths)


def _walk(given: Path, store: Path) -> Iterator[Path]:
    """Archives, and folders that hold files beside archives; never the store itself or its key."""
    if not given.is_dir():
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
