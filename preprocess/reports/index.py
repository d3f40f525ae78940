"""The sentence index: the sentences of each study's report as token ids, in one JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import check_keys
from preprocess.system.tables import read_text

__all__ = ["SentenceIndex", "read_sentences"]

_INDEX_FIELDS = {"tokenizer": str, "tokenizer_sha256": str, "cls_id": int, "sep_id": int, "splitter": str}


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
    """

    tokenizer: str
    tokenizer_sha256: str
    cls_id: int
    sep_id: int
    splitter: str
    studies: dict[str, list[list[int]]]


def read_sentences(path: Path) -> SentenceIndex:
    """Read and check a sentence index.

    Raises:
        PreprocessError: not JSON, a field is missing, or sentences that are not lists of token ids.
    """
    remedy = "make it again with cmr-preprocess reports"
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise PreprocessError(f"{path} is not JSON (line {error.lineno})", remedy) from None
    content = content if isinstance(content, dict) else {}
    fields: dict[str, Any] = {name: content.get(name) for name in _INDEX_FIELDS}
    missing = [name for name, kind in _INDEX_FIELDS.items() if type(fields[name]) is not kind]
    if missing or not isinstance(content.get("studies"), dict):
        raise PreprocessError(f"{path} has no {', '.join(missing) or 'studies'}", remedy)
    check_keys(path, content["studies"])
    studies = {study: _sentences(path, entry) for study, entry in content["studies"].items()}
    return SentenceIndex(**fields, studies=studies)


def _sentences(path: Path, entry: object) -> list[list[int]]:
    sentences = entry.get("sentences") if isinstance(entry, dict) else None
    if not (isinstance(sentences, list) and sentences and all(_is_sentence(item) for item in sentences)):
        raise PreprocessError(
            f"{path}: a study's sentences are not lists of token ids", "make it again with cmr-preprocess reports"
        )
    return sentences


def _is_sentence(item: object) -> bool:
    return isinstance(item, list) and bool(item) and all(type(token) is int and token >= 0 for token in item)
