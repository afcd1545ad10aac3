"""Domain values as msgpack and back. Never pickle.

A dataclass of the domain travels as a map with its name under "!", a numpy array as extension type 1 (dtype, shape,
bytes). Decoding builds nothing but what stands in `VALUES`, with fields of the types that it states, and sequences come
back as tuples. A message that announces more than it holds is refused before anything is made room for.
"""

from __future__ import annotations

import itertools
import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import msgpack
import numpy as np

from matstudio.domain.device import Actuator, Description, Stream
from matstudio.domain.estimate import Estimate, FrameRef, MaterialState, Model, Quantity
from matstudio.domain.frame import Axis, Frame, kind_named
from matstudio.domain.process import Limits, Quality, Reading, Setpoint
from matstudio.domain.structure import SiteModel
from matstudio.domain.typed import field_types, wrong

VALUES: dict[str, type] = {
    c.__name__: c
    for c in (
        Actuator,
        Description,
        Stream,
        Axis,
        Estimate,
        Frame,
        FrameRef,
        Limits,
        MaterialState,
        Model,
        Quantity,
        Reading,
        Setpoint,
        SiteModel,
    )
}
_NAMED: dict[tuple[str, str], Callable[[str], str]] = {
    ("Frame", "kind"): kind_named,
    ("Stream", "kind"): kind_named,
    ("Reading", "quality"): Quality,
}
_ARRAY = 1
_DTYPE = re.compile(r"[<>|=]?[biufc][0-9]{1,2}")
MAX_BYTES = 32 * 1024 * 1024
_MOST_MAPS = 100_000


class WireError(ValueError):
    """Bytes that are no message of ours; the text is one line."""


def _default(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        head = msgpack.packb((value.dtype.str, value.shape))
        return msgpack.ExtType(_ARRAY, head + np.ascontiguousarray(value).tobytes())
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and type(value).__name__ in VALUES:
        return {"!": type(value).__name__} | {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"cannot be sent: {type(value).__name__}")


def plain_dtype(text: str) -> bool:
    """Whether a dtype is a plain number's: numpy evaluates parts of others."""
    return _DTYPE.fullmatch(text) is not None


def _ext(code: int, data: bytes) -> np.ndarray:
    if code != _ARRAY:
        raise WireError(f"unknown extension {code}")
    unpacker = msgpack.Unpacker(use_list=False, max_array_len=64)
    unpacker.feed(data)
    dtype_text, shape = unpacker.unpack()
    if len(shape) > 8 or not plain_dtype(dtype_text) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise WireError(f"array of dtype {reprlib.repr(dtype_text)} and shape {reprlib.repr(shape)}")
    dtype = np.dtype(dtype_text)
    at = unpacker.tell()
    if len(data) - at != math.prod(shape) * dtype.itemsize:
        raise WireError(f"array of shape {shape} and dtype {dtype} has {len(data) - at} bytes")
    return np.frombuffer(data, dtype, offset=at).reshape(shape)


def _object(pairs: dict[Any, Any]) -> Any:
    name = pairs.pop("!", None)
    if name is None:
        return pairs
    cls = VALUES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise WireError(f"unknown value {reprlib.repr(name)}")
    for (owner, key), named in _NAMED.items():
        if owner == name and key in pairs:
            pairs[key] = named(pairs[key])
    types = field_types(cls)
    for key, value in pairs.items():
        found = wrong(value, types[key]) if key in types else ""
        if found:
            raise WireError(f"{name}: {key}{found}")
    try:
        return cls(**pairs)
    except TypeError as error:
        raise WireError(f"{name}: {error}") from None


def pack(value: Any) -> bytes:
    """Bytes of a value made of domain dataclasses, maps, sequences, arrays, numbers, text and None.

    Raises:
        TypeError: for anything else.
    """
    return msgpack.packb(value, default=_default, strict_types=False)  # type: ignore[no-any-return]


def unpack(data: bytes) -> Any:
    """The value of bytes made by `pack`.

    Raises:
        WireError: for bytes that are damaged, too long (32 MiB) or name something unknown.
    """
    if len(data) > MAX_BYTES:
        raise WireError(f"a message of {len(data)} bytes")
    maps = itertools.count(1)

    def build(pairs: dict[Any, Any]) -> Any:
        if next(maps) > _MOST_MAPS:
            raise WireError(f"more than {_MOST_MAPS} maps")
        return _object(pairs)

    try:
        look = msgpack.Unpacker(max_buffer_size=MAX_BYTES)  # walks through without making anything
        look.feed(data)
        look.skip()
        return msgpack.unpackb(data, ext_hook=_ext, object_hook=build, use_list=False, strict_map_key=True)
    except WireError:
        raise
    except Exception as error:  # noqa: BLE001  border: bytes of another process; the values check themselves
        line = " ".join(str(error).split())[:200] or type(error).__name__
        raise WireError(f"not a message: {line}") from None
