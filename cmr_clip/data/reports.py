"""Sentences of a report to the token sequence that the text encoder reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from preprocess.reports.index import SentenceIndex

__all__ = ["ReportAssembler", "Tokens"]


class Tokens(NamedTuple):
    """A report as the encoder reads it.

    Attributes:
        ids: `[CLS] … [SEP]`.
        truncated: tokens that did not fit.
    """

    ids: list[int]
    truncated: int


class ReportAssembler:
    """Draws sentences and frames them with `[CLS]` and `[SEP]`.

    Args:
        index: the sentence index.
        n_sentences: drawn per step, kept in report order (the paper: five).
        max_tokens: longest sequence, both special tokens included.
    """

    def __init__(self, index: SentenceIndex, n_sentences: int, max_tokens: int) -> None:
        self.index = index
        self.n_sentences = n_sentences
        self.max_tokens = max_tokens

    def draw(self, study: str, rng: np.random.Generator) -> Tokens:
        """`n_sentences` random sentences of a study's report, in report order; all of a shorter report."""
        sentences = self.index.studies[study]
        count = min(self.n_sentences, len(sentences))
        chosen = np.sort(rng.choice(len(sentences), size=count, replace=False))
        return self._frame([sentences[i] for i in chosen])

    def whole(self, study: str) -> Tokens:
        """The whole report of a study."""
        return self._frame(self.index.studies[study])

    def report_id(self, study: str) -> int:
        """A 63-bit number, equal for reports that are word for word the same."""
        digest = hashlib.sha256(repr(self.index.studies[study]).encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def _frame(self, sentences: Sequence[Sequence[int]]) -> Tokens:
        ids = [token for sentence in sentences for token in sentence]
        room = self.max_tokens - 2
        return Tokens(
            [self.index.cls_id, *ids[:room], self.index.sep_id],
            max(0, len(ids) - room),
        )
