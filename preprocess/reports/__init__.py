"""From reports to the sentence index: layout, sentences, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.reports.index import SentenceIndex as SentenceIndex
    from preprocess.reports.index import read_sentences as read_sentences
    from preprocess.reports.index import write_sentences as write_sentences
    from preprocess.reports.language.language import Language as Language
    from preprocess.reports.language.registry import known_languages as known_languages
    from preprocess.reports.language.registry import language_named as language_named
    from preprocess.reports.language.registry import register_language as register_language
    from preprocess.reports.language.registry import registered_language as registered_language
    from preprocess.reports.matching import IdColumns as IdColumns
    from preprocess.reports.matching import ReportTable as ReportTable
    from preprocess.reports.splitting import RuleSplitter as RuleSplitter
    from preprocess.reports.splitting import Splitter as Splitter
    from preprocess.reports.splitting import StanzaSplitter as StanzaSplitter
    from preprocess.reports.splitting import choose_splitter as choose_splitter
    from preprocess.reports.splitting import split_sentences as split_sentences
    from preprocess.reports.tokenise import IndexedReports as IndexedReports
    from preprocess.reports.tokenise import index_reports as index_reports
    from preprocess.reports.tokenizer import ReportTokenizer as ReportTokenizer
    from preprocess.reports.tokenizer import load_tokenizer as load_tokenizer
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        index="SentenceIndex read_sentences write_sentences",
        language__language="Language",
        language__registry="known_languages language_named register_language registered_language",
        matching="IdColumns ReportTable",
        splitting="RuleSplitter Splitter StanzaSplitter choose_splitter split_sentences",
        tokenise="IndexedReports index_reports",
        tokenizer="ReportTokenizer load_tokenizer",
    )
