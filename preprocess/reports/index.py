"""The sentence index: the sentences of each study's report as token ids, in one JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocess import __version__
from preprocess.errors import PreprocessError
from preprocess.privacy.keys import check_keys
from preprocess.system.files import write_text
from preprocess.system.tables import read_text

__all__ = ["SentenceIndex", "index_text", "read_sentences", "write_sentences"]

_FIELDS = {"tokenizer": str, "tokenizer_sha256": str, "cls_id": int, "sep_id": int, "splitter": str}
_FIRST_LANGUAGE = "english"  # of every index that records none
_REMEDY = "make it again with cmr-preprocess reports"


@dataclass(frozen=True)
class SentenceIndex:
    """The sentences of each study's report as token ids, without `[CLS]` and `[SEP]`, in report order.

    Attributes:
        tokenizer: where the tokenizer came from, as given on the command line.
        tokenizer_sha256: hash of its vocabulary (`preprocess.reports.tokenizer.vocabulary_sha256`).
        cls_id: id of `[CLS]`, which training puts before the sentences.
        sep_id: id of `[SEP]`, which training puts after them.
        splitter: what found the sentences: `rules-1` or `stanza-<version>`.
        studies: study key to its sentences; only studies with at least one.
        language: of the reports, by name; not necessarily one that this installation knows.
    """

    tokenizer: str
    tokenizer_sha256: str
    cls_id: int
    sep_id: int
    splitter: str
    studies: dict[str, list[list[int]]]
    language: str = _FIRST_LANGUAGE


def index_text(index: SentenceIndex) -> str:
    """The index as JSON, one study per line."""
    head = {name: getattr(index, name) for name in _FIELDS}
    head |= {"language": index.language, "software_version": __version__}
    lines = (
        f"{json.dumps(study)}: " + json.dumps({"sentences": sentences}, separators=(",", ":"))
        for study, sentences in index.studies.items()
    )
    return json.dumps(head, indent=0)[:-2] + ',\n"studies": {\n' + ",\n".join(lines) + "\n}}\n"


def write_sentences(path: Path, index: SentenceIndex) -> None:
    """Write a sentence index."""
    write_text(path, index_text(index))


def read_sentences(path: Path) -> SentenceIndex:
    """Read and check a sentence index; one without a language is English.

    Raises:
        PreprocessError: not JSON, a field is missing, or sentences that are not lists of token ids.
    """
    try:
        content = json.loads(read_text(path), object_pairs_hook=_each_once)
    except json.JSONDecodeError as error:
        raise PreprocessError(f"{path} is not JSON (line {error.lineno})", _REMEDY) from None
    except (KeyError, RecursionError):
        raise PreprocessError(f"{path} names a field or a study twice, or is nested too deeply", _REMEDY) from None
    content = {"language": _FIRST_LANGUAGE, **content} if isinstance(content, dict) else {}
    kinds = {**_FIELDS, "language": str}
    fields: dict[str, Any] = {name: content.get(name) for name in kinds}
    missing = [name for name, kind in kinds.items() if type(fields[name]) is not kind]
    if missing or not isinstance(content.get("studies"), dict):
        raise PreprocessError(f"{path} has no {', '.join(missing) or 'studies'}", _REMEDY)
    if min(fields["cls_id"], fields["sep_id"]) < 0:
        raise PreprocessError(f"{path} has a negative cls_id or sep_id", _REMEDY)
    check_keys(path, content["studies"])
    studies = {study: _sentences(path, entry) for study, entry in content["studies"].items()}
    return SentenceIndex(**fields, studies=studies)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise KeyError
    return found


def _sentences(path: Path, entry: object) -> list[list[int]]:
    sentences = entry.get("sentences") if isinstance(entry, dict) else None
    if not (isinstance(sentences, list) and sentences and all(_is_sentence(item) for item in sentences)):
        raise PreprocessError(f"{path}: a study's sentences are not lists of token ids", _REMEDY)
    return sentences


def _is_sentence(item: object) -> bool:
    return isinstance(item, list) and bool(item) and all(type(token) is int and token >= 0 for token in item)
