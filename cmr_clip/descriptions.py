"""What files say of a model's parts: plain values, and whether the class that they name takes them."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

__all__ = ["is_plain", "misfit"]

_LEAVES: dict[object, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (int, float),
    str: (str,),
    type(None): (type(None),),
}


def is_plain(value: object) -> bool:
    """Whether a value is one that any reader of JSON and of safe checkpoints understands, all the way down."""
    match value:
        case None | bool() | int() | str():
            return type(value) in (type(None), bool, int, str)
        case float():
            return type(value) is float and math.isfinite(value)
        case list() | tuple():
            return all(is_plain(item) for item in value)
        case dict():
            return all(isinstance(name, str) and is_plain(item) for name, item in value.items())
        case _:
            return False


def misfit(kind: Callable[..., object], arguments: Mapping[str, Any]) -> str:
    """Why a class or function does not take arguments: a name, or the type of a value; empty where it takes them.

    Args:
        kind: what is called; parameters without annotation take anything.
        arguments: plain values by name.
    """
    try:
        inspect.signature(kind).bind(**arguments)
    except TypeError as error:
        return str(error)
    try:
        hints = get_type_hints(kind.__init__ if inspect.isclass(kind) else kind)
    except NameError:  # annotated with what only a type checker sees
        return ""
    wrong = [f"{name} is {value!r}" for name, value in arguments.items() if not _fits(value, hints.get(name, Any))]
    return ", ".join(wrong)


def _fits(value: object, hint: Any) -> bool:
    """Whether a plain value is of an annotated type; types that no file holds take anything."""
    if hint in _LEAVES:
        return type(value) in _LEAVES[hint] and is_plain(value)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, choice) for choice in inner)
    if origin is Literal:
        return value in inner
    if origin in (list, tuple, Sequence, Iterable):
        return isinstance(value, list | tuple) and _fit_each(value, inner, has_length=origin is tuple)
    return origin not in (dict, Mapping) or isinstance(value, Mapping)


def _fit_each(values: Sequence[object], hints: Sequence[Any], *, has_length: bool) -> bool:
    if has_length and Ellipsis not in hints:
        return len(values) == len(hints) and all(map(_fits, values, hints))
    return all(_fits(value, hints[0]) for value in values)
