"""Limits and settings of the control: a TOML file in the user's configuration, over built-in defaults.

version = 1                     # of this format; may be left out

[limits.temperature]            # also heater, pressure, composition
low = 250.0                     # K
high = 860.0
rate = 10.0                     # K/s; the setpoint moves no faster

[interlocks.over_temperature]
reading = "temperature"
above = 880.0                   # trips
release = 860.0                 # lets go
actuator = "heater"

[dose]                          # of the specimen; left out: no limit
budget = 1e6                    # e/Å^2 in all; the beam is blanked above it
rate = 1e4                      # e/Å^2/s

[pid]                           # left out: tuned from what the device says of its furnace
gain = 0.0158                   # per K
ti = 61.5                       # s
td = 1.5                        # s
tracking = 9.5                  # s
b = 1.0                         # setpoint weight
n = 10.0                        # derivative filter

[[pid.band]]                    # another tuning from a measured temperature on; any number, by rising border
above = 600.0                   # K
gain = 0.012                    # and so on, as in [pid]
ti = 70.0

A file that cannot be used stops nothing but the driving: see `settings_or_fault`.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from matstudio.bus.textfile import config_folder, read_small
from matstudio.control.dose import DoseLimits
from matstudio.control.gate import Interlock
from matstudio.control.pid import Tuning
from matstudio.control.schedule import Band, ordered
from matstudio.domain.process import Limits
from matstudio.domain.toml import line_of

VERSION = 1
Keys = tuple[str | int, ...]
DEFAULT_LIMITS: Mapping[str, Limits] = {
    "temperature": Limits(250.0, 860.0, 10.0),
    "heater": Limits(0.0, 1.0, 0.5),
    "pressure": Limits(0.0, 2.0, 0.05),
    "composition": Limits(0.2, 0.3, 0.005),
}
DEFAULT_INTERLOCKS = (Interlock("over_temperature", "temperature", 880.0, 860.0, "heater"),)


class SettingsError(ValueError):
    """A settings file that cannot be used; the text is one line and names file, line and key."""


@dataclass(frozen=True)
class Settings:
    """What the control is allowed and how it is tuned.

    Args:
        limits: of each actuator and controlled value; the gate uses what satisfies these and the device's own.
        interlocks: see `Interlock`.
        pid: tuning of the temperature loop, or None: lambda tuning from the device's furnace.
        bands: gain schedule, `pid` first; () where there is one tuning for all temperatures.
        source: the file they came from, or "built in".
        dose: that the specimen bears; its interlocks are among `interlocks`.
        fault: why the file could not be used, one line; while it is not "", nothing is driven.
    """

    limits: Mapping[str, Limits]
    interlocks: tuple[Interlock, ...] = DEFAULT_INTERLOCKS
    pid: Tuning | None = None
    source: str = "built in"
    fault: str = ""
    dose: DoseLimits = field(default_factory=DoseLimits)
    bands: tuple[Band, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of limits, interlocks and tuning; it stands in the audit log."""
        body = {
            "limits": {k: [v.low, v.high, str(v.rate)] for k, v in self.limits.items()},
            "interlocks": [asdict(i) for i in self.interlocks],
            "pid": asdict(self.pid) if self.pid else None,
            "bands": [asdict(b) for b in self.bands],
        }
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


DEFAULTS = Settings(DEFAULT_LIMITS)


def limits_path() -> Path:
    """Where the file lies: limits.toml in the configuration."""
    return config_folder() / "limits.toml"


def load_settings(path: Path | None = None) -> Settings:
    """The settings in a file (default: `limits_path()`), or the built-in ones where there is no file.

    Raises:
        SettingsError: empty, not TOML, of another version, an unknown key, a wrong type or a wrong value.
    """
    path = path or limits_path()
    try:
        text = read_small(path)
    except FileNotFoundError:
        return DEFAULTS
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if not text.strip():
        raise SettingsError(f"{path}: empty")
    try:
        body = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from None
    return _File(path, text).settings(body)


def settings_or_fault(path: Path | None = None) -> Settings:
    """As `load_settings`; where the file cannot be used: the built-in ones with its `fault`, under which nothing is
    driven. The file may have held narrower limits, of a holder for instance, so the built-in ones must not stand in."""
    try:
        return load_settings(path)
    except SettingsError as error:
        return Settings(DEFAULT_LIMITS, fault=str(error))


@dataclass(frozen=True)
class _File:
    path: Path
    text: str

    def error(self, keys: Keys, problem: str) -> SettingsError:
        name = ".".join(str(key + 1) if isinstance(key, int) else key for key in keys)
        line = f"{self.path}: line {line_of(self.text, keys)}: {name}: {problem}"
        return SettingsError(" ".join(line.split()))

    def table(self, value: Any, keys: Keys, known: tuple[str, ...] | None = None) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error(keys, "must be a table")
        for key in value:
            if known is not None and key not in known:
                raise self.error((*keys, key), f"unknown key; known: {', '.join(known)}")
        return value

    def number(self, table: dict[str, Any], key: str, keys: Keys, default: float) -> float:
        value = table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error((*keys, key), f"must be a number, not {value!r}")
        if value != value:
            raise self.error((*keys, key), "must be a number, not nan")
        if abs(value) > 1e300 and abs(value) != math.inf:
            raise self.error((*keys, key), "too large")
        return float(value)

    def settings(self, body: dict[str, Any]) -> Settings:
        version = body.pop("version", VERSION)
        if version != VERSION or isinstance(version, bool):
            raise self.error(("version",), f"{version!r}, this program reads {VERSION}")
        for key in body:
            if key not in ("limits", "interlocks", "pid", "dose"):
                raise self.error((key,), "unknown table; known: limits, interlocks, pid, dose")
        limits = dict(DEFAULT_LIMITS)
        for name, value in self.table(body.get("limits", {}), ("limits",)).items():
            limits[name] = self._limits(value, ("limits", name), limits.get(name))
        interlocks = {i.name: i for i in DEFAULT_INTERLOCKS}
        for name, value in self.table(body.get("interlocks", {}), ("interlocks",)).items():
            interlocks[name] = self._interlock(value, name, interlocks.get(name))
        pid, bands = self._pid(body["pid"]) if "pid" in body else (None, ())
        dose = self._dose(body["dose"]) if "dose" in body else DoseLimits()
        held = (*interlocks.values(), *dose.interlocks())
        return Settings(limits, held, pid, str(self.path), dose=dose, bands=bands)

    def _dose(self, value: Any) -> DoseLimits:
        keys = ("dose",)
        table = self.table(value, keys, ("budget", "rate"))
        budget, rate = (self.number(table, key, keys, math.inf) for key in ("budget", "rate"))
        try:
            return DoseLimits(budget, rate)
        except ValueError as error:
            raise self.error((*keys, "rate" if budget > 0 else "budget"), str(error)) from None

    def _limits(self, value: Any, keys: tuple[str, ...], old: Limits | None) -> Limits:
        table = self.table(value, keys, ("low", "high", "rate"))
        if old is None and not {"low", "high"} <= set(table):
            raise self.error(keys, "low and high must be given")
        old = old or Limits(0.0, 0.0)
        low, high, rate = (self.number(table, k, keys, getattr(old, k)) for k in ("low", "high", "rate"))
        try:
            return Limits(low, high, rate)
        except ValueError:
            at = "rate" if not rate > 0 else "low" if "low" in table else "high"
            raise self.error((*keys, at), f"low {low:g} <= high {high:g} and rate {rate:g} > 0 must hold") from None

    def _interlock(self, value: Any, name: str, old: Interlock | None) -> Interlock:
        keys = ("interlocks", name)
        table = self.table(value, keys, ("reading", "above", "release", "actuator"))
        given = {**(asdict(old) if old else {}), **table}
        for key in ("reading", "above", "release", "actuator"):
            if key not in given:
                raise self.error(keys, f"{key} is missing")
        for key in ("reading", "actuator"):
            if not isinstance(given[key], str):
                raise self.error((*keys, key), f"must be text, not {given[key]!r}")
        above, release = (self.number(given, k, keys, 0.0) for k in ("above", "release"))
        try:
            return Interlock(name, given["reading"], above, release, given["actuator"])
        except ValueError as error:
            raise self.error((*keys, "release" if "release" in table else "above"), str(error)) from None

    def _pid(self, value: Any) -> tuple[Tuning, tuple[Band, ...]]:
        base = self._tuning(value, ("pid",), ("band",))
        given = value.get("band", [])
        if not isinstance(given, list):
            raise self.error(("pid", "band"), "must be [[pid.band]] tables")
        bands = [Band(0.0, base)]
        for i, table in enumerate(given):
            keys = ("pid", "band", i)
            tuning = self._tuning(table, keys, ("above",))
            if "above" not in table:
                raise self.error(keys, "above is missing")
            try:
                bands.append(Band(self.number(table, "above", keys, 0.0), tuning))
                problem = ordered(bands)
            except ValueError as error:
                problem = str(error)
            if problem:
                raise self.error((*keys, "above"), problem)
        return base, tuple(bands) if given else ()

    def _tuning(self, value: Any, keys: Keys, more: tuple[str, ...]) -> Tuning:
        table = self.table(value, keys, ("gain", "ti", "td", "tracking", "b", "n", *more))
        for key in ("gain", "ti"):
            if key not in table:
                raise self.error(keys, f"{key} is missing")
        gain, ti, td, b, n = (
            self.number(table, k, keys, d)
            for k, d in (("gain", 0.0), ("ti", 0.0), ("td", 0.0), ("b", 1.0), ("n", 10.0))
        )
        tracking = self.number(table, "tracking", keys, (ti * td) ** 0.5 if ti * td > 0 else abs(ti) / 2)
        try:
            return Tuning(gain, ti, td, tracking, b, n)
        except ValueError as error:
            raise self.error(keys, str(error)) from None
