"""The languages that are known by name. A new one is a module beside `english` and a line here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from preprocess.errors import PreprocessError
from preprocess.reports.language.english import ENGLISH
from preprocess.reports.language.language import Language

__all__ = ["DEFAULT_LANGUAGE", "known_languages", "language_named", "register_language", "registered_language"]

DEFAULT_LANGUAGE = ENGLISH
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_PATTERNS = ("sections", "identifiers", "signature", "date", "abbreviations", "before_number")
_LANGUAGES: dict[str, Language] = {language.name: language for language in (ENGLISH,)}


def known_languages() -> tuple[str, ...]:
    """The names of all languages, sorted."""
    return tuple(sorted(_LANGUAGES))


def language_named(name: str) -> Language:
    """A language by its name.

    Raises:
        PreprocessError: there is none of this name.
    """
    if name not in _LANGUAGES:
        raise PreprocessError(f"no language {name!r} is known", f"known are: {', '.join(known_languages())}")
    return _LANGUAGES[name]


def register_language(language: Language) -> None:
    """Make a language known by its name in this process.

    Raises:
        PreprocessError: another one has this name, it is no plain word, or a pattern is none.
    """
    if not _NAME.fullmatch(language.name):
        raise PreprocessError(f"{language.name!r} is no name of a language", "use small letters, digits and hyphens")
    for name in _PATTERNS:
        try:
            named = re.compile(getattr(language, name)).groupindex
        except re.error as error:
            raise PreprocessError(f"{name} of the language {language.name} is no pattern: {error}", "mend it") from None
        if named:
            raise PreprocessError(f"{name} of the language {language.name} names a group", "use (?:…) in its place")
    if _LANGUAGES.setdefault(language.name, language) != language:
        raise PreprocessError(f"another language is called {language.name!r}", "give it a name of its own")


@contextmanager
def registered_language(language: Language) -> Iterator[Language]:
    """A language that is known inside the context only.

    Raises:
        PreprocessError: another one has this name.
    """
    before = dict(_LANGUAGES)
    register_language(language)
    try:
        yield language
    finally:
        _LANGUAGES.clear()
        _LANGUAGES.update(before)
