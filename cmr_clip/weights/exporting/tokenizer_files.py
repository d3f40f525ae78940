"""The tokenizer beside exported weights: its vocabulary and rules, without what names a place."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.reports.tokenizer import load_tokenizer, tokenizer_folder
from preprocess.system.files import write_text

__all__ = ["ExportedTokenizer", "public_source", "write_tokenizer"]

_log = logging.getLogger(__name__)
_RULES = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")


@dataclass(frozen=True)
class ExportedTokenizer:
    """What was written.

    Attributes:
        source: its public name.
        sha256: hash of the vocabulary; None where the tokenizer was not at hand.
        files: the files written.
    """

    source: str
    sha256: str | None
    files: tuple[Path, ...]


def public_source(source: str) -> str:
    """A source as others may read it: of a folder on somebody's disk, its last name."""
    is_place = source.startswith(("/", ".", "~")) or Path(source).expanduser().exists()
    return Path(source).expanduser().resolve().name if is_place else source


def write_tokenizer(found: Path | str, source: str, out: Path) -> ExportedTokenizer:
    """Copy a tokenizer; where it is not at hand, only its name goes out, and a warning says so.

    Args:
        found: folder or source to read it from.
        source: what the checkpoint calls it.
        out: folder to write to.
    """
    try:
        folder = tokenizer_folder(str(found))
        tokenizer = load_tokenizer(str(found))
    except PreprocessError as error:
        _log.warning("the tokenizer is not exported: %s", error)
        return ExportedTokenizer(public_source(source), None, ())
    if (folder / "tokenizer.json").is_file():
        contents = {"tokenizer.json": (folder / "tokenizer.json").read_text(encoding="utf-8")}
    else:
        config_path = folder / "tokenizer_config.json"
        config = json.loads(config_path.read_text(encoding="utf-8")) if config_path.is_file() else {}
        rules = {name: config[name] for name in _RULES if name in config}
        # Bytes decide: line ends other than \n are tokens here and there.
        vocabulary = (folder / "vocab.txt").read_bytes().decode("utf-8")
        contents = {"vocab.txt": vocabulary, "tokenizer_config.json": json.dumps(rules, indent=2) + "\n"}
    for name, text in contents.items():
        write_text(out / name, text)
    return ExportedTokenizer(public_source(source), tokenizer.sha256, tuple(out / name for name in contents))
