"""Kinds of heads: from the name in a file to the class.

A file never names code to import. It names a kind, and the kinds are those that come with the program and those that
the running program registered.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from cmr_clip.errors import CmrClipError
from cmr_clip.models.heads import BinaryHead, Head, RegressionHead

__all__ = ["describe_heads", "heads_from_description", "register_head", "registered_head"]

_kinds: dict[str, type[Head]] = {kind.__name__: kind for kind in (BinaryHead, RegressionHead)}

_Kind = TypeVar("_Kind", bound=type[Head])


def register_head(kind: _Kind) -> _Kind:
    """Make a head class known by its name, so that files of models with it load; usable as a decorator.

    Raises:
        CmrClipError: the name is taken.
    """
    name = kind.__name__
    if name in _kinds:
        raise CmrClipError(f"a head of kind {name} is registered already", "give the class another name")
    _kinds[name] = kind
    return kind


@contextmanager
def registered_head(kind: type[Head]) -> Iterator[type[Head]]:
    """Make a head class known within a `with` block."""
    register_head(kind)
    try:
        yield kind
    finally:
        del _kinds[kind.__name__]


def describe_heads(heads: Sequence[Head]) -> list[dict[str, Any]]:
    """What a checkpoint says of its heads, in order, in plain values.

    Raises:
        CmrClipError: a kind is not registered, so that no file could be loaded again; or two scores have one name.
    """
    for head in heads:
        kind = type(head)
        if _kinds.get(kind.__name__) is not kind:
            raise CmrClipError(
                f"the head {kind.__module__}.{kind.__name__} is of no registered kind ({', '.join(_kinds)}): its "
                "checkpoints could not be loaded",
                "put @register_head of cmr_clip.models.head_registry above the class",
            )
    names = [name for head in heads for name in {head.target, *head.score_names}]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CmrClipError(f"several heads predict {', '.join(twice)}", "give each head a target of its own")
    return [head.description() for head in heads]


def heads_from_description(described: Sequence[Mapping[str, Any]], origin: str) -> list[Head]:
    """The heads that a file describes, in order; what they took from labels is not part of it.

    Args:
        described: `Head.description()` of each.
        origin: what the error calls the file.

    Raises:
        CmrClipError: a kind or an argument that this version does not know.
    """
    heads = []
    for entry in described:
        arguments = {name: value for name, value in entry.items() if name != "kind"}
        kind = _kinds.get(str(entry.get("kind")))
        if kind is None or not _takes(kind, arguments):
            raise CmrClipError(
                f"{origin} describes a head that this version does not know: {dict(entry)}; known are "
                f"{', '.join(_kinds)}",
                "import the module that registers it, or install the cmr-clip that wrote the file",
            )
        heads.append(kind(**arguments))
    return heads


def _takes(kind: type[Head], arguments: Mapping[str, Any]) -> bool:
    try:
        inspect.signature(kind).bind(**arguments)
    except TypeError:
        return False
    return True
