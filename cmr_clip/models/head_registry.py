"""Kinds of heads: from the name in a file to the class.

A file never names code to import. It names a kind, and the kinds are those that come with the program and those that
the running program registered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from cmr_clip.descriptions import is_plain, misfit
from cmr_clip.errors import CmrClipError
from cmr_clip.models.heads import BinaryHead, Head, RegressionHead
from preprocess.system.extensions import EXTENSIONS_VARIABLE

__all__ = ["describe_heads", "heads_from_description", "register_head", "registered_head", "require_loadable_heads"]

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


def require_loadable_heads(heads: Sequence[Head]) -> None:
    """Refuse heads that their descriptions would not build again: what could never be loaded is not worth training.

    Raises:
        CmrClipError: as `describe_heads`; arguments that are not plain, are missing, or build another head.
    """
    for head, described in zip(heads, describe_heads(heads), strict=True):
        name, arguments = type(head).__name__, head.arguments()
        problem = ""
        if "kind" in arguments or not is_plain(arguments):
            problem = "hold an argument `kind`, or values that are no plain numbers, texts or lists"
        elif reason := misfit(type(head), arguments):
            problem = f"do not build it: {reason}"
        else:
            with torch.random.fork_rng(devices=[]):
                (again,) = heads_from_description([described], f"the head {name}")
            facts = [(part.target, part.width, part.outputs, _shapes(part)) for part in (head, again)]
            problem = "" if facts[0] == facts[1] else "build a head of another target, width, outputs or tensors"
        if problem:
            raise CmrClipError(
                f"the arguments() of the head {name} {problem}: its checkpoints could not be loaded",
                "arguments() gives the constructor's arguments, see docs/heads.md",
            )


def _shapes(head: Head) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in head.state_dict().items()}


def heads_from_description(described: Sequence[Mapping[str, Any]], origin: str) -> list[Head]:
    """The heads that a file describes, in order; what they took from labels is not part of it.

    Args:
        described: `Head.description()` of each.
        origin: what the error calls the file.

    Raises:
        CmrClipError: a kind or an argument that this version does not know.
    """
    heads = []
    if not isinstance(described, list | tuple) or not all(isinstance(entry, Mapping) for entry in described):
        raise CmrClipError(f"{origin} does not describe its heads as a list", "export or train it again")
    for entry in described:
        arguments = {name: value for name, value in entry.items() if name != "kind"}
        kind = _kinds.get(str(entry.get("kind")))
        if kind is None or misfit(kind, arguments):
            raise CmrClipError(
                f"{origin} describes a head that this version does not know: {dict(entry)}; known are "
                f"{', '.join(_kinds)}",
                f"name the module that registers it in {EXTENSIONS_VARIABLE}, or install what wrote the file",
            )
        heads.append(kind(**arguments))
    return heads
