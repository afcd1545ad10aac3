"""Whether a value is of the type that an annotation states, down to the last element: for what comes from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

Check = Callable[[Any], str]


class Time(float):
    """In an annotation: a number of seconds that a clock can show, finite and within 1e11 (3,000 years)."""


def wrong(value: Any, kind: Any) -> str:
    """What keeps `value` from being of type `kind`, in a few words; "" where nothing does.

    An int counts as a float, a bool as neither. Of a class only the instance is looked at; other keys than a
    TypedDict's may be there. Known: classes, Any, unions, `tuple[X, ...]`, `tuple[X, Y]`, `Mapping[str, X]`.

    >>> wrong((1.0, "a"), tuple[float, ...])
    '[1] is str'
    """
    return _check(kind)(value)


@cache
def field_types(cls: type) -> Mapping[str, Any]:
    """The annotations of a dataclass's fields, as types."""
    return get_type_hints(cls)


@cache
def _check(kind: Any) -> Check:
    origin, args = get_origin(kind), get_args(kind)
    if kind in (Any, object):
        return lambda value: ""
    if origin in (Union, UnionType):
        return _any_of(tuple(_check(a) for a in args))
    if origin is tuple:
        return _each(_check(args[0])) if args[-1] is Ellipsis else _sequence(tuple(_check(a) for a in args))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_check(args[0]), _check(args[1]))
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        return _keys({key: _check(hint) for key, hint in hints.items()}, kind.__required_keys__)
    if kind is float:
        return lambda value: _name(value) if isinstance(value, bool) or not isinstance(value, int | float) else ""
    if kind is Time:
        return lambda value: (
            _name(value) if isinstance(value, bool) or not isinstance(value, int | float) else _far(value)
        )
    if kind is int:
        return lambda value: _name(value) if isinstance(value, bool) or not isinstance(value, int) else ""
    return lambda value: "" if isinstance(value, NoneType if kind is None else kind) else _name(value)


def _name(value: Any) -> str:
    return f" is {type(value).__name__}"


def _far(value: float) -> str:
    return "" if abs(value) <= 1e11 else f" is {value:g}"


def _any_of(checks: tuple[Check, ...]) -> Check:
    def check(value: Any) -> str:
        found = [c(value) for c in checks]
        return "" if "" in found else found[0]

    return check


def _each(one: Check) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, tuple):
            return _name(value)
        return next((f"[{i}]{w}" for i, v in enumerate(value) if (w := one(v))), "")

    return check


def _sequence(checks: tuple[Check, ...]) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, tuple) or len(value) != len(checks):
            return _name(value)
        return next((f"[{i}]{w}" for i, (c, v) in enumerate(zip(checks, value, strict=True)) if (w := c(v))), "")

    return check


def _mapping(of_key: Check, of_value: Check) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, Mapping):
            return _name(value)
        for key, held in value.items():
            found = of_key(key) or of_value(held)
            if found:
                return f"[{str(key)[:40]!r}]{found}"
        return ""

    return check


def _keys(checks: Mapping[str, Check], required: frozenset[str]) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, Mapping):
            return _name(value)
        for key, one in checks.items():
            found = one(value[key]) if key in value else " is missing" if key in required else ""
            if found:
                return f"[{key!r}]{found}"
        return ""

    return check
