"""The configuration of a real device: a TOML file that says where each reading and actuator is found, and within which
limits. docs/instruments.md has a complete one for each kind.

Every number has the unit that its `unit` key states; times are in seconds. A message names file, line and key.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.bus.textfile import config_folder, read_small
from matstudio.domain.frame import KIND
from matstudio.domain.process import Limits
from matstudio.domain.toml import line_of

VERSION = 1
KINDS = ("epics", "modbus", "scpi", "bridge")
MAX_AGE_S, OLDEST_S = 0.35, 10.0
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_MOST_PIXELS = 2**26


class ConfigError(ValueError):
    """A configuration that cannot be used; the text is one line and names file, line and key."""


@dataclass(frozen=True)
class ReadingConfig:
    """A process value.

    Args:
        address: where it is found: a PV, a register, a query, a name; its form is the kind's own.
        unit: that it has there; a source that states another one is refused.
        low, high: range in which it can be true at all.
        max_age: oldest source time that counts, s.
        on_change: the source tells it only when it changes; it then counts as current while the others are.
    """

    address: str
    unit: str
    low: float
    high: float
    max_age: float = MAX_AGE_S
    on_change: bool = False


@dataclass(frozen=True)
class ActuatorConfig:
    """Something that takes setpoints.

    Args:
        address: as that of a reading.
        unit: of its value.
        limits: what may be asked of it, unit and unit/s.
        safe: the value that it takes in SAFE, or None: it stays as it is.
    """

    address: str
    unit: str
    limits: Limits
    safe: float | None = None


@dataclass(frozen=True)
class StreamConfig:
    """A stream of frames.

    Args:
        address: as that of a reading.
        kind: what it shows.
        shape: (rows, columns), or (channels,).
        dtype: of its data.
        rate: frames per second that come at most.
        queue: frames that may wait on their way; more are lost, counted and shown.
        scale, units: of its axes, per pixel or channel.
        facts: for each frame's metadata ("beam_energy_keV", "mode", ...).
    """

    address: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    rate: float
    queue: int = 64
    scale: float = 1.0
    units: str = "px"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def frame_bytes(self) -> int:
        """Data bytes of a frame."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Holder:
    """The specimen's holder and its furnace.

    Args:
        name, serial: of the very piece that is in the column.
        max_temperature: that it bears, K.
        max_rate: of its heating, K/s.
        furnace: "gain_K", "tau_s", "delay_s", "sensor_lag_s", "ambient_K", "noise_K" as `control.observer.Furnace` has
            them, or {}: not known, then neither the loop is tuned from it nor is a drift of the sensor seen.
    """

    name: str
    serial: str
    max_temperature: float
    max_rate: float
    furnace: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """A real device.

    Args:
        kind: one of `KINDS`.
        name: for people.
        connection: the kind's own keys.
        holder: what heats the specimen, or None: nothing does.
        readings, actuators, streams: by name.
        heartbeat: address that is written twice a second while the station lives, or "": the device has no watchdog.
        path: of the file. text: of it.
    """

    kind: str
    name: str
    connection: Mapping[str, Any]
    holder: Holder | None
    readings: Mapping[str, ReadingConfig]
    actuators: Mapping[str, ActuatorConfig]
    streams: Mapping[str, StreamConfig]
    heartbeat: str = ""
    path: Path = Path("configuration")
    text: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says; comments and order of the file do not count."""
        body = {k: v for k, v in asdict(self).items() if k not in ("path", "text")}
        return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()

    def error(self, keys: tuple[str, ...], problem: str) -> ConfigError:
        """The message for what is wrong with a key."""
        return _error(self.path, self.text, keys, problem)


def _error(path: Path, text: str, keys: tuple[str, ...], problem: str) -> ConfigError:
    return ConfigError(" ".join(f"{path}: line {line_of(text, keys)}: {'.'.join(keys)}: {problem}".split()))


def instruments_folder() -> Path:
    """Where configurations lie that are named without a folder."""
    return config_folder() / "instruments"


def find(name: str) -> Path:
    """The file of a configuration: as given, or NAME.toml in `instruments_folder`.

    Raises:
        ConfigError: there is none.
    """
    for path in (Path(name), instruments_folder() / name, instruments_folder() / f"{name}.toml"):
        if path.is_file():
            return path.resolve()
    raise ConfigError(f"{name}: no such configuration, neither here nor in {instruments_folder()}")


def load(path: Path, kind: str = "") -> Configuration:
    """Read a configuration.

    Args:
        path: of the file.
        kind: that it must have; "" for any.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong.
    """
    try:
        text = read_small(path)
    except (ValueError, OSError) as error:
        raise ConfigError(str(error)) from None
    return parse(text, path, kind)


def parse(text: str, path: Path, kind: str = "") -> Configuration:
    """A configuration from its text; `path` is for the messages. Raises as `load` does."""
    try:
        body = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    return _Reader(path, text).configuration(body, kind)


_TOP = ("version", "kind", "name", "connection", "holder", "readings", "actuators", "heartbeat", "streams")
_FURNACE = {
    "gain": "gain_K",
    "tau": "tau_s",
    "delay": "delay_s",
    "sensor_lag": "sensor_lag_s",
    "ambient": "ambient_K",
    "noise": "noise_K",
}


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text

    def _fail(self, keys: tuple[str, ...], problem: str) -> ConfigError:
        return _error(self._path, self._text, keys, problem)

    def configuration(self, body: dict[str, Any], wanted: str) -> Configuration:
        self._known(body, (), _TOP)
        if body.get("version", VERSION) != VERSION:
            raise self._fail(("version",), f"{body['version']!r}, this program reads {VERSION}")
        kind = self._text_of(body, "kind", ())
        if kind not in KINDS or (wanted and kind != wanted):
            raise self._fail(("kind",), f"{kind!r}, not {wanted or ', '.join(KINDS)}")
        readings = self._each(body, "readings", self._reading)
        actuators = self._each(body, "actuators", self._actuator)
        streams = self._each(body, "streams", self._stream)
        if not readings and not streams:
            raise self._fail(("readings",), "there must be a reading or a stream")
        heartbeat = body.get("heartbeat", {})
        self._known(self._table(heartbeat, ("heartbeat",)), ("heartbeat",), ("address",))
        holder = self._holder(body["holder"]) if "holder" in body else None
        if "heater" in actuators:
            self._heated(readings, actuators["heater"], holder)
        return Configuration(
            kind,
            self._text_of(body, "name", ()),
            dict(self._table(body.get("connection", {}), ("connection",))),
            holder,
            readings,
            actuators,
            streams,
            self._text_of(heartbeat, "address", ("heartbeat",)) if heartbeat else "",
            self._path,
            self._text,
        )

    def _heated(self, readings: Mapping[str, ReadingConfig], heater: ActuatorConfig, holder: Holder | None) -> None:
        """What drives heat must say how hot it may get, and show it in K."""
        if holder is None:
            raise self._fail(("actuators", "heater"), "a heater needs a [holder]")
        if heater.safe is None:
            raise self._fail(("actuators", "heater"), "safe is missing")
        if "temperature" not in readings:
            raise self._fail(("readings",), "a heater needs a reading 'temperature'")
        if readings["temperature"].unit != "K":
            raise self._fail(("readings", "temperature", "unit"), "must be 'K'")
        if readings["temperature"].on_change:
            raise self._fail(("readings", "temperature", "on_change"), "a temperature that is controlled must be told")

    def _each(self, body: dict[str, Any], name: str, one: Callable[[Any, tuple[str, ...]], Any]) -> dict[str, Any]:
        table = self._table(body.get(name, {}), (name,))
        if len(table) > 100:
            raise self._fail((name,), f"{len(table)} of them, more than 100")
        return {key: one(self._table(value, (name, key)), (name, key)) for key, value in table.items()}

    def _reading(self, table: dict[str, Any], keys: tuple[str, ...]) -> ReadingConfig:
        self._known(table, keys, ("address", "unit", "low", "high", "max_age", "on_change"))
        low, high = self._range(table, keys)
        age = self._number(table, "max_age", keys, MAX_AGE_S)
        if not 0 < age <= OLDEST_S:
            raise self._fail((*keys, "max_age"), f"{age:g} s, not within 0 to {OLDEST_S:g} s")
        on_change = table.get("on_change", False)
        if not isinstance(on_change, bool):
            raise self._fail((*keys, "on_change"), "must be true or false")
        return ReadingConfig(
            self._text_of(table, "address", keys), self._text_of(table, "unit", keys), low, high, age, on_change
        )

    def _actuator(self, table: dict[str, Any], keys: tuple[str, ...]) -> ActuatorConfig:
        self._known(table, keys, ("address", "unit", "low", "high", "rate", "safe"))
        low, high = self._range(table, keys)
        rate = self._number(table, "rate", keys, math.inf)
        if not rate > 0:
            raise self._fail((*keys, "rate"), f"{rate:g}, not more than 0")
        safe = self._number(table, "safe", keys, math.nan) if "safe" in table else None
        if safe is not None and not low <= safe <= high:
            raise self._fail((*keys, "safe"), f"{safe:g} is not within {low:g} to {high:g}")
        return ActuatorConfig(
            self._text_of(table, "address", keys), self._text_of(table, "unit", keys), Limits(low, high, rate), safe
        )

    def _stream(self, table: dict[str, Any], keys: tuple[str, ...]) -> StreamConfig:
        known = ("address", "kind", "shape", "dtype", "rate", "queue", "scale", "units", "facts")
        self._known(table, keys, known)
        shape, dtype, queue = table.get("shape"), table.get("dtype", "uint16"), table.get("queue", 64)
        whole = isinstance(shape, list) and all(isinstance(n, int) and n > 0 for n in shape)
        if not whole or len(shape or ()) not in (1, 2) or math.prod(shape or ()) > _MOST_PIXELS:
            raise self._fail((*keys, "shape"), f"{shape!r}, not [rows, columns] or [channels]")
        if dtype not in DTYPES:
            raise self._fail((*keys, "dtype"), f"{dtype!r}, not {', '.join(DTYPES)}")
        if isinstance(queue, bool) or not isinstance(queue, int) or not 1 <= queue <= 10_000:
            raise self._fail((*keys, "queue"), f"{queue!r}, not 1 to 10000 frames")
        kind, rate = self._text_of(table, "kind", keys), self._number(table, "rate", keys)
        if not KIND.fullmatch(kind):
            raise self._fail((*keys, "kind"), f"{kind!r} is no kind of stream")
        if not 0 < rate <= 1000:
            raise self._fail((*keys, "rate"), f"{rate:g} Hz, not within 0 to 1000 Hz")
        scale = self._number(table, "scale", keys, 1.0)
        if not (math.isfinite(scale) and scale > 0):
            raise self._fail((*keys, "scale"), f"{scale:g}, not more than 0")
        facts = self._table(table.get("facts", {}), (*keys, "facts"))
        units = self._text_of(table, "units", keys) if "units" in table else "px"
        address = self._text_of(table, "address", keys)
        return StreamConfig(address, kind, tuple(shape or ()), dtype, rate, queue, scale, units, facts)

    def _holder(self, value: Any) -> Holder:
        keys = ("holder",)
        table = self._table(value, keys)
        self._known(table, keys, ("name", "serial", "max_temperature", "max_rate", *_FURNACE))
        hottest, rate = (self._number(table, key, keys) for key in ("max_temperature", "max_rate"))
        if not 0 < hottest < 5000:
            raise self._fail((*keys, "max_temperature"), f"{hottest:g} K, not within 0 to 5000 K")
        if not (rate > 0 and math.isfinite(rate)):
            raise self._fail((*keys, "max_rate"), f"{rate:g} K/s, not more than 0")
        given = {key for key in _FURNACE if key in table}
        if given and not given >= _FURNACE.keys() - {"noise"}:
            raise self._fail(keys, f"{', '.join(sorted(_FURNACE.keys() - {'noise'} - given))} missing")
        furnace = {_FURNACE[key]: self._number(table, key, keys, 0.0) for key in _FURNACE} if given else {}
        for key in given:
            most = furnace[_FURNACE[key]]
            if not (math.isfinite(most) and (most > 0 if key in ("gain", "tau", "ambient") else most >= 0)):
                raise self._fail((*keys, key), f"{most:g} cannot be")
        return Holder(self._text_of(table, "name", keys), self._text_of(table, "serial", keys), hottest, rate, furnace)

    def _range(self, table: dict[str, Any], keys: tuple[str, ...]) -> tuple[float, float]:
        low, high = (self._number(table, key, keys) for key in ("low", "high"))
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise self._fail((*keys, "low"), f"low {low:g} < high {high:g} must hold")
        return low, high

    def _table(self, value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._fail(keys, "must be a table")
        return value

    def _known(self, table: dict[str, Any], keys: tuple[str, ...], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                raise self._fail((*keys, key), f"unknown key; known: {', '.join(known)}")

    def _text_of(self, table: dict[str, Any], key: str, keys: tuple[str, ...]) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= 200:
            raise self._fail((*keys, key), "is missing" if value is None else f"must be text, not {value!r}")
        return value

    def _number(self, table: dict[str, Any], key: str, keys: tuple[str, ...], default: float | None = None) -> float:
        value = table.get(key, default)
        if value is None:
            raise self._fail((*keys, key), "is missing")
        if isinstance(value, bool) or not isinstance(value, int | float) or (value != value and key in table):
            raise self._fail((*keys, key), f"must be a number, not {value!r}")
        return float(value)
