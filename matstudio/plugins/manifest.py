"""The manifest of a plugin, `plugin.toml`: what it is and what it brings, said without running any of it.

name = "matstudio-eds"          # lower-case letters, digits and dashes
version = "0.1.0"
api = 1                         # of this format and of what a contribution must offer
text = "Energy-dispersive X-ray spectra"

[[modality]]                    # a kind of stream
kind = "eds"
title = "EDS"
forward = "matstudio_eds.forward:EdsForward"        # `modalities.base.Forward`
inverses = { baseline = "matstudio_eds.reconstruct:Baseline" }   # `modalities.base.Inverse`; the first is the default
weights = { }                   # by inverse: a file beside this one; one whose file is absent is not offered
viewer = "matstudio_eds.viewer:Viewer"              # a QWidget with `show_frame` and `show_estimate`
simulate = "matstudio_eds.simulate:simulate"        # structure file -> Frame, for `matstudio simulate`
modes = ["EDS", "EDX"]          # files of such a mode (in capitals) hold this kind
stream = { title = "EDS 2,048", shape = [2048], dtype = "uint32", rate = 2.0 }   # what the twin's detector gives

[[instrument]]                  # `matstudio run --instrument NAME[:ARGUMENT]`
name = "shelf"
title = "Frames from a shelf"
source = "shelf.source:make"    # (argument, clock, options) -> `instruments.server.Source`

[[dock]]                        # a QWidget; it is shown what it has `show_frame`, `show_estimate`, `show_state` for
key = "trend"
title = "Trend"
widget = "shelf.dock:Trend"

[[reader]]                      # a file format
name = "shelf"
endings = ["shf"]
magic = "53484c46"              # bytes that such a file begins with, hexadecimal; may be left out
read = "shelf.reader:read"      # Path -> list of `instruments.readers.signal.Signal`
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from matstudio.domain.frame import KIND
from matstudio.domain.toml import line_of
from matstudio.domain.typed import field_types, wrong

API = 1
FILE = "plugin.toml"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_OBJECT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_DTYPES = ("uint8", "uint16", "uint32")
_MOST_HZ, _MOST_VALUES = 60.0, 1 << 24


class ManifestError(ValueError):
    """A manifest that cannot be used; the text is one line that names file, line and key."""


@dataclass(frozen=True)
class StreamEntry:
    """What the twin's detector for a modality gives.

    Args:
        title: for people.
        shape: of a frame; one or two dimensions.
        dtype: of its values; counts saturate where the type ends.
        rate: frames per second of real time.
    """

    title: str
    shape: tuple[int, ...]
    dtype: str
    rate: float


@dataclass(frozen=True)
class ModalityEntry:
    """A kind of stream. Objects are named "module:attribute"; "": there is none."""

    kind: str
    title: str
    viewer: str = ""
    forward: str = ""
    simulate: str = ""
    inverses: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    modes: tuple[str, ...] = ()
    stream: StreamEntry | None = None


@dataclass(frozen=True)
class InstrumentEntry:
    """A device that can be run."""

    name: str
    title: str
    source: str


@dataclass(frozen=True)
class DockEntry:
    """A widget for a dock of its own."""

    key: str
    title: str
    widget: str


@dataclass(frozen=True)
class ReaderEntry:
    """A file format: its endings in lower case, without the dot, and the bytes that it begins with (hexadecimal)."""

    name: str
    endings: tuple[str, ...]
    read: str
    magic: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a plugin says of itself."""

    name: str
    version: str
    text: str = ""
    modality: tuple[ModalityEntry, ...] = ()
    instrument: tuple[InstrumentEntry, ...] = ()
    dock: tuple[DockEntry, ...] = ()
    reader: tuple[ReaderEntry, ...] = ()

    def claims(self) -> list[str]:
        """What no two plugins may bring: "modality eds", "reader shelf", ..."""
        named = [("modality", m.kind) for m in self.modality] + [("instrument", i.name) for i in self.instrument]
        named += [("dock", d.key) for d in self.dock] + [("reader", r.name) for r in self.reader]
        return [f"{what} {name}" for what, name in named]


_TABLES: Mapping[str, type] = {
    "modality": ModalityEntry,
    "instrument": InstrumentEntry,
    "dock": DockEntry,
    "reader": ReaderEntry,
}


def parse(text: str, path: Path) -> Manifest:
    """The manifest that a text holds.

    Args:
        text: TOML.
        path: for the messages.

    Raises:
        ManifestError: it is no TOML, a key is unknown, missing or of a wrong type, or it is of another API.
    """
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{path}: no TOML: {error}") from None

    def refuse(keys: tuple[str, ...], what: str) -> ManifestError:
        return ManifestError(f"{path}:{line_of(text, keys)}: {'.'.join(keys)}{what}")

    api = body.pop("api", None)
    if api != API:
        raise refuse(("api",), f": made for plugin API {api}, this is API {API}")
    try:
        for table, made in _TABLES.items():
            entries = body.get(table, [])
            if not isinstance(entries, list):
                raise _Wrong((table,), f" is no list: write [[{table}]]")
            body[table] = tuple(_entry(made, e, (table,)) for e in entries)
        manifest: Manifest = _entry(Manifest, body, ())
        _check(manifest)
    except _Wrong as error:
        raise refuse(error.keys, error.what) from None
    return manifest


class _Wrong(ValueError):
    def __init__(self, keys: tuple[str, ...], what: str) -> None:
        super().__init__(what)
        self.keys, self.what = keys, what


def _entry(made: type, body: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(body, dict):
        raise _Wrong(keys, " is no table")
    body = {k: tuple(v) if isinstance(v, list) else v for k, v in body.items()}
    if made is ModalityEntry and "stream" in body:
        body["stream"] = _entry(StreamEntry, body["stream"], (*keys, "stream"))
    types = field_types(made)
    for key, value in body.items():
        if key not in types:
            raise _Wrong((*keys, key), f": not known; {', '.join(types)} are")
        found = wrong(value, types[key])
        if found:
            raise _Wrong((*keys, key), found)
    missing = [f.name for f in fields(made) if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in missing if name not in body]
    if missing:
        raise _Wrong((*keys, missing[0]), " is missing")
    return made(**body)


def _check(manifest: Manifest) -> None:
    if not _NAME.fullmatch(manifest.name):
        raise _Wrong(("name",), f" {manifest.name!r}: lower-case letters, digits and dashes")
    for m in manifest.modality:
        if not KIND.fullmatch(m.kind):
            raise _Wrong(("modality", "kind"), f" {m.kind!r}: lower-case letters, digits and underscores")
        for key, name in (("viewer", m.viewer), ("forward", m.forward), ("simulate", m.simulate)):
            if name:
                _object(("modality", key), name)
        for inverse, name in m.inverses.items():
            _object(("modality", "inverses", inverse), name)
        for inverse in m.weights:
            if inverse not in m.inverses:
                raise _Wrong(("modality", "weights", inverse), ": no inverse of that name")
        if m.stream is not None:
            _check_stream(m)
    for i in manifest.instrument:
        if not _NAME.fullmatch(i.name) or i.name in ("twin", "replay"):
            raise _Wrong(
                ("instrument", "name"), f" {i.name!r}: lower-case letters, digits and dashes, not twin or replay"
            )
        _object(("instrument", "source"), i.source)
    for d in manifest.dock:
        if not _NAME.fullmatch(d.key):
            raise _Wrong(("dock", "key"), f" {d.key!r}: lower-case letters, digits and dashes")
        _object(("dock", "widget"), d.widget)
    for r in manifest.reader:
        if not _NAME.fullmatch(r.name):
            raise _Wrong(("reader", "name"), f" {r.name!r}: lower-case letters, digits and dashes")
        if not re.fullmatch(r"([0-9a-fA-F]{2}){0,64}", r.magic):
            raise _Wrong(("reader", "magic"), f" {r.magic!r}: hexadecimal digits, two for each byte")
        if not (r.endings or r.magic):
            raise _Wrong(("reader", "endings"), ": neither an ending nor a magic")
        _object(("reader", "read"), r.read)
    claims = manifest.claims()
    for claim in claims:
        if claims.count(claim) > 1:
            raise _Wrong((claim.partition(" ")[0],), f": {claim} twice")


def _check_stream(m: ModalityEntry) -> None:
    s = m.stream
    assert s is not None
    if not m.forward:
        raise _Wrong(("modality", "stream"), " without a forward")
    values = 1
    for n in s.shape:
        values *= n
    if len(s.shape) not in (1, 2) or min(s.shape, default=0) < 1 or values > _MOST_VALUES:
        raise _Wrong(("modality", "stream", "shape"), f" {list(s.shape)}: one or two dimensions, 2^24 values at most")
    if s.dtype not in _DTYPES:
        raise _Wrong(("modality", "stream", "dtype"), f" {s.dtype!r}: one of {', '.join(_DTYPES)}")
    if not 0 < s.rate <= _MOST_HZ:
        raise _Wrong(("modality", "stream", "rate"), f" {s.rate!r}: more than 0, at most {_MOST_HZ:g} per second")


def _object(keys: tuple[str, ...], name: str) -> None:
    if not _OBJECT.fullmatch(name):
        raise _Wrong(keys, f' {name!r}: "module:attribute"')
