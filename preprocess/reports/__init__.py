"""From reports to the sentence index: layout, sentences, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.reports.index import SentenceIndex as SentenceIndex
    from preprocess.reports.index import read_sentences as read_sentences
    from preprocess.reports.splitting import RuleSplitter as RuleSplitter
    from preprocess.reports.splitting import Splitter as Splitter
    from preprocess.reports.splitting import StanzaSplitter as StanzaSplitter
    from preprocess.reports.splitting import split_sentences as split_sentences
    from preprocess.reports.tokenise import IdColumns as IdColumns
    from preprocess.reports.tokenise import tokenize_reports as tokenize_reports
    from preprocess.reports.tokenizer import ReportTokenizer as ReportTokenizer
    from preprocess.reports.tokenizer import load_tokenizer as load_tokenizer
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        index="SentenceIndex read_sentences",
        splitting="RuleSplitter Splitter StanzaSplitter split_sentences",
        tokenise="IdColumns tokenize_reports",
        tokenizer="ReportTokenizer load_tokenizer",
    )
