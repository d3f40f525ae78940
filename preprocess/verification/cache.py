"""Fingerprints that were made before: `fingerprints.parquet` in the store, by the SHA-256 of the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from preprocess.errors import DamagedFileError, MachineError
from preprocess.system.parquet import read_parquet, write_parquet
from preprocess.verification.fingerprint import N_WORDS, VERSION, Words

__all__ = ["FILE", "Fingerprints"]

FILE = "fingerprints.parquet"
_SHA256, _IS_VALID, _VERSION = "pixel_sha256", "is_valid", "version"
_WORDS = [f"word{number}" for number in range(N_WORDS)]


class Fingerprints:
    """Known fingerprints; a cine that can have none is known as such.

    Args:
        store: whose they are; a damaged file, or one of another version, counts as none.
    """

    def __init__(self, store: Path) -> None:
        self._path = store / FILE
        self._words: dict[str, Words | None] = {}
        self._is_changed = False
        if self._path.is_symlink() or not self._path.is_file():
            return
        try:
            table = read_parquet(self._path)
        except (DamagedFileError, MachineError):  # its fingerprints are made again
            return
        numbers = [*_WORDS, _IS_VALID, _VERSION]
        if not {_SHA256, *numbers} <= set(table.columns) or not all(
            is_numeric_dtype(table[name].dtype) for name in numbers
        ):
            return
        table = table[table[_VERSION] == VERSION]
        words = np.ascontiguousarray(table[_WORDS].to_numpy(np.uint64))
        valid = table[_IS_VALID].to_numpy(bool).tolist()
        for sha256, own, is_valid in zip(table[_SHA256].astype(str), words, valid, strict=True):
            self._words[sha256] = own if is_valid else None

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._words

    def __getitem__(self, sha256: str) -> Words | None:
        return self._words[sha256]

    def add(self, sha256: str, words: Words | None) -> None:
        """Note a new fingerprint, `[4]` words, or None for a cine that can have none."""
        self._words[sha256] = words
        self._is_changed = True

    def keep(self, used: set[str]) -> None:
        """Forget those of cines that the store no longer has."""
        kept = {sha256: words for sha256, words in self._words.items() if sha256 in used}
        self._is_changed |= len(kept) < len(self._words)
        self._words = kept

    def save(self) -> bool:
        """Write the file if it changed; False where the store cannot be written to."""
        if not self._is_changed:
            return True
        names = sorted(self._words)
        nothing = np.zeros(N_WORDS, np.uint64)
        words = [self._words[name] for name in names]
        values = np.array([nothing if own is None else own for own in words], np.uint64).reshape(-1, N_WORDS)
        table = pd.DataFrame({_SHA256: names, **dict(zip(_WORDS, values.T, strict=True))})
        table[_IS_VALID] = np.array([own is not None for own in words], dtype=bool)
        table[_VERSION] = VERSION
        try:
            write_parquet(self._path, table)
        except MachineError:
            return False
        self._is_changed = False
        return True
