"""Keyed hashes that stand for patients, studies and sources; the key stays with the site.

The store holds only `HMAC-SHA-256(site key, identifier)`, cut to 16 hex digits: without the key neither a
dictionary of medical record numbers nor a second site's hashes lead back to a person.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from preprocess.errors import PreprocessError
from preprocess.system.files import writing

__all__ = ["SiteKey", "check_keys", "default_key_path", "is_key", "load_key", "load_or_create_key"]

_KEY = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class SiteKey:
    """A site's secret and the hashes made with it."""

    secret: bytes

    def __repr__(self) -> str:
        return "SiteKey(…)"

    def patient(self, patient_id: str) -> str:
        """16 hex digits for a patient identifier (surrounding blanks do not count)."""
        return self._hash("patient", patient_id.strip())

    def study(self, patient_id: str, study_id: str) -> str:
        """16 hex digits for a study: its accession number or, where that is empty, its StudyInstanceUID."""
        return self._hash("study", patient_id.strip(), study_id.strip())

    def source(self, name: str) -> str:
        """16 hex digits for the name of an archive or folder, or for a series UID."""
        return self._hash("source", name)

    def _hash(self, *parts: str) -> str:
        message = "\0".join(parts).encode()
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()[:16]


def is_key(text: object) -> TypeGuard[str]:
    """True for what a store calls a patient or a study: 16 hex digits."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


def check_keys(path: Path, keys: Iterable[str]) -> None:
    """Refuse a table that names patients or studies by anything but their hashes.

    Raises:
        PreprocessError: a key is not 16 hex digits.
    """
    wrong = sum(1 for key in keys if not is_key(key))
    if wrong:
        raise PreprocessError(
            f"{path}: {wrong} keys are not 16 hex digits",
            "make the file with cmr-preprocess, not from real numbers",
        )


def default_key_path(store: Path) -> Path:
    """Beside the store, never in it: `<store>.private/site.key`."""
    return store.with_name(f"{store.name}.private") / "site.key"


def load_key(path: Path) -> SiteKey:
    """Read a site key.

    Raises:
        PreprocessError: no such file, or it holds no key.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
        secret = bytes.fromhex(text)
    except FileNotFoundError:
        raise PreprocessError(f"no site key at {path}", "name the key that convert used with --key") from None
    except (UnicodeDecodeError, ValueError):
        secret = b""
    if len(secret) < 16:
        raise PreprocessError(f"{path} holds no site key", "a key is at least 32 hex digits")
    return SiteKey(secret)


def load_or_create_key(path: Path) -> SiteKey:
    """Read a site key, or make one that only this user can read (mode 0600).

    Where several processes begin at once, one of them makes the key and all read the same.
    """
    if path.exists():
        return load_key(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32) + "\n")
            try:  # to link, which fails where the name is taken: a rename would not notice
                os.link(temporary, path)
            except FileExistsError:
                pass  # another process made the key
            except OSError:  # a file system without hard links
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return load_key(path)
