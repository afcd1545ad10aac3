"""The set-up of a real device: what is wrong with a configuration, what it says, what its device says, and whether it
may be armed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matstudio.control import arming
from matstudio.domain.clock import RealClock
from matstudio.instruments.real import serve
from matstudio.instruments.real.config import KINDS, ConfigError, Configuration, instruments_folder, parse
from matstudio.instruments.real.source import described
from matstudio.ui.live import Live
from matstudio.widgets.text import number

EXAMPLES = Path(__file__).resolve().parents[3] / "resources" / "instruments"
HEADS = ("reading", "value", "unit", "quality", "age", "what the device says")
TITLES: Mapping[str, str] = {"epics": "EPICS", "modbus": "Modbus TCP", "scpi": "SCPI (VISA)", "bridge": "Socket bridge"}


def files() -> list[Path]:
    """The configurations that are there, by name."""
    return sorted(instruments_folder().glob("*.toml"))


def example(kind: str) -> str:
    """A complete configuration of a kind, to begin with."""
    assert kind in KINDS
    return (EXAMPLES / f"{kind}.toml").read_text(encoding="utf-8")


def check(text: str, path: Path) -> tuple[Configuration | None, str]:
    """The configuration that a text is, or None and what is wrong with it, in one line without the file's folder."""
    try:
        config = parse(text, path)
        serve.link(config, RealClock(0.0, 0.0))
    except ConfigError as error:
        return None, str(error).removeprefix(f"{path}: ")
    return config, ""


def profile(config: Configuration) -> list[tuple[str, str]]:
    """What a person confirms: the holder and the limits, a title and a value with its unit each."""
    rows = []
    holder = config.holder
    if holder is not None:
        rows += [
            ("Holder", f"{holder.name}, serial {holder.serial}"),
            ("Greatest temperature", f"{holder.max_temperature:g} K"),
            ("Greatest rate", f"{holder.max_rate:g} K/s"),
        ]
        f = holder.furnace
        if f:
            rows.append(
                (
                    "Furnace",
                    f"{f['gain_K']:g} K above {f['ambient_K']:g} K at full power, time constant {f['tau_s']:g} s, "
                    f"delay {f['delay_s']:g} s, sensor {f['sensor_lag_s']:g} s, noise {f['noise_K']:g} K",
                )
            )
        else:
            rows.append(("Furnace", "not described: a drift of the sensor is not seen"))
    for name, a in config.actuators.items():
        unit = "" if a.unit == "1" else f" {a.unit}"
        rate = f", {a.limits.rate:g}{unit or ''}/s at most" if math.isfinite(a.limits.rate) else ""
        safe = "stays as it is in SAFE" if a.safe is None else f"safe value {a.safe:g}{unit}"
        rows.append((name, f"{a.limits.low:g} to {a.limits.high:g}{unit}{rate}; {safe}"))
    rows.append(("Watchdog", f"heartbeat to {config.heartbeat}" if config.heartbeat else "none in the device"))
    return rows


def row(told: Mapping[str, Any]) -> tuple[str, ...]:
    """One reading of the test as the table shows it."""
    value, age = told.get("value"), told.get("age")
    unit = str(told.get("unit", ""))
    return (
        str(told.get("name", "")),
        f"{value:.5g}".replace("-", "−") if isinstance(value, (int, float)) else "–",
        "" if unit == "1" else unit,
        str(told.get("quality", "")),
        f"{number(age, 2)} s" if isinstance(age, (int, float)) else "–",
        str(told.get("severity", "")),
    )


@dataclass
class Test:
    """What a test of a device has shown.

    Args:
        digest: of the configuration that was tested.
        link: why there is no connection, "".
        readings: as the probe tells them.
        frames: of each stream.
        missing: readings that have not come.
    """

    __test__ = False

    digest: str = ""
    link: str = "connecting"
    readings: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def take(self, told: Mapping[str, Any], config: Configuration) -> None:
        """A line of the probe."""
        self.link = str(told.get("link", ""))
        self.readings = [r for r in told.get("readings", ()) if isinstance(r, dict)]
        self.frames = dict(told.get("frames", {}))
        there = {r.get("name") for r in self.readings}
        self.missing = tuple(name for name in config.readings if name not in there)

    @property
    def passed(self) -> bool:
        """Whether every reading is there and good."""
        good = all(r.get("quality") == "good" for r in self.readings)
        return bool(self.readings) and not self.link and not self.missing and good

    def line(self) -> str:
        """How it goes, in one line."""
        if self.link:
            return self.link
        bad = [str(r.get("name")) for r in self.readings if r.get("quality") != "good"]
        parts = [f"{len(self.readings) - len(bad)} of {len(self.readings) + len(self.missing)} readings good"]
        parts += [f"not yet: {', '.join(self.missing)}"] if self.missing else []
        parts += [f"{name}: {n} frames" for name, n in self.frames.items()]
        return "; ".join(parts)


def refusal(config: Configuration | None, saved: bool, test: Test) -> str:
    """Why it cannot be confirmed now, or ""."""
    if config is None:
        return "the configuration is not right yet"
    if not saved:
        return "save it first"
    if test.digest != config.digest or not test.passed:
        return "test it first: every reading must be good"
    return ""


def digest(config: Configuration) -> str:
    """What is confirmed, as the station counts it."""
    return arming.digest(described(config))


def runs_now(live: Live, config: Configuration) -> bool:
    """Whether this very device is the run's."""
    return bool(config) and (live.status.get("device") or {}).get("digest") == digest(config)
