"""A real device as a `Source` of the device server, whatever control system it has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from matstudio.bus.messages import Handler
from matstudio.domain.clock import RealClock
from matstudio.domain.device import Actuator, Description, Stream
from matstudio.domain.frame import Axis, Frame
from matstudio.domain.process import Quality, Reading, Setpoint
from matstudio.instruments.base import DeviceError
from matstudio.instruments.frames import Job
from matstudio.instruments.real.config import Configuration, ReadingConfig, StreamConfig
from matstudio.instruments.real.link import Link, Picture, Sample, Severity
from matstudio.instruments.server import Output

WATCHDOG_S = 1.5
BEAT_S = 0.5
_PACE = 1.5  # of the stream's rate: so fast its queue is emptied
_AXES: Mapping[int, tuple[str, ...]] = {1: ("Energy loss",), 2: ("y", "x")}
_SAME = {"": "1", "degC": "°C", "deg C": "°C", "C": "°C", "Kelvin": "K", "kelvin": "K"}


class RealSource:
    """Serves a configuration over its link; see `instruments.server.Source`.

    It is a watchdog of its own: when the station's heartbeats have stopped for 1.5 s it writes every safe value and
    stops the device's heartbeat, so that the device's watchdog acts as well. No value is written before a heartbeat.

    Args:
        config: of the device.
        link: to it; started here, closed by `close`.
        clock: run time.
    """

    frames_module = ""

    def __init__(self, config: Configuration, link: Link, clock: RealClock) -> None:
        self._config, self._link, self._clock = config, link, clock
        self._beat_at, self._passed_at, self._beats = -math.inf, -math.inf, 0
        self.locked = "no heartbeat from the station yet"
        self._dose, self._dose_at = 0.0, math.nan
        self._numbers: dict[str, int] = {}
        self._lost = dict.fromkeys(config.streams, 0)
        self._readings: dict[str, Reading] = {}
        self._severities: dict[str, str] = {}
        link.start()

    def outputs(self) -> tuple[Output, ...]:
        return tuple(
            Output(name, s.kind, _PACE * s.rate, f"{self._config.name} {name}", s.frame_bytes)
            for name, s in self._config.streams.items()
        )

    def describe(self, streams: tuple[Stream, ...]) -> Description:
        rates = {name: s.rate for name, s in self._config.streams.items()}
        streams = tuple(replace(s, rate=rates[s.name]) for s in streams)
        return replace(described(self._config), streams=streams, state=self.state())

    def handlers(self) -> Mapping[str, Handler]:
        return {"set": self._set, "safe": self._link.safe, "heartbeat": self._heartbeat}

    def step(self, t: float) -> None:
        if t - self._beat_at > WATCHDOG_S * max(1.0, self._clock.speed):
            if not self.locked:
                self.locked = "no heartbeat from the station"
                self._link.safe()
        elif t - self._passed_at >= BEAT_S * self._clock.speed:
            self._passed_at, self._beats = t, self._beats % 30000 + 1
            self._link.beat(self._beats)
        self._take(t)

    def readings(self) -> tuple[Reading, ...]:
        return tuple(self._readings.values())

    def state(self) -> dict[str, Any]:
        return dict(described(self._config).state) | {
            "severities": dict(self._severities),
            "link": self._link.trouble,
            "locked": self.locked,
            "lost": {name: n + self._link.overrun(name) for name, n in self._lost.items()},
        }

    def silent(self) -> bool:
        return False

    def gone(self) -> bool:
        return False

    def expose(self, stream: str, seq: int, t_start: float, t_end: float) -> Job | None:
        """The oldest frame that waits; its number is the source's, so that a lost one shows as a gap."""
        picture = self._link.picture(stream)
        if picture is None:
            return None
        before = self._numbers.get(stream)
        if before is not None and picture.number > before + 1:
            self._lost[stream] += picture.number - before - 1
        self._numbers[stream] = picture.number
        facts: dict[str, Any] = {"instrument": self._config.name}
        temperature, beam = self._readings.get("temperature"), self._readings.get("beam")
        if temperature is not None and temperature.quality is Quality.GOOD:
            facts["stage_temperature_K"] = temperature.value
        if beam is not None and beam.quality is Quality.GOOD:
            facts["beam_blanked"] = beam.value < 0.5
        return lambda: _frame(stream, self._config.streams[stream], picture, facts, self._clock.id)

    def close(self) -> None:
        """Let go of the device."""
        self._link.close()

    def _take(self, t: float) -> None:
        samples = self._link.samples()
        told = [s.t for name, s in samples.items() if not self._config.readings[name].on_change]
        latest = -math.inf if self._link.trouble else max(told, default=t)
        self._severities = {}
        for name, config in self._config.readings.items():
            if name in samples:
                sample = samples[name]
                if config.on_change:
                    sample = replace(sample, t=max(sample.t, latest))
                self._readings[name] = self._reading(name, config, sample, t)
        if _totals(self._config) and "dose_rate" in self._readings:
            rate = self._readings["dose_rate"]
            if rate.quality is not Quality.BAD and rate.t > self._dose_at:
                self._dose += max(rate.value, 0.0) * (rate.t - self._dose_at)
            self._dose_at = rate.t
            self._readings["dose"] = Reading("dose", self._dose, "e/Å²", rate.t, rate.quality)

    def _reading(self, name: str, config: ReadingConfig, sample: Sample, t: float) -> Reading:
        unit = _SAME.get(sample.unit, sample.unit)
        quality = Quality.GOOD
        if sample.unit and unit != _SAME.get(config.unit, config.unit):
            self._severities[name] = f"INVALID: the source states {sample.unit}, the configuration {config.unit}"
            return Reading(name, math.nan, config.unit, sample.t, Quality.BAD)
        if sample.severity is not Severity.NONE:
            self._severities[name] = sample.severity.name + (f": {sample.text}" if sample.text else "")
        if sample.severity is Severity.INVALID or not config.low <= sample.value <= config.high:
            quality = Quality.BAD
        elif not abs(t - sample.t) <= config.max_age * max(1.0, self._clock.speed):
            quality = Quality.STALE
        return Reading(name, sample.value, config.unit, sample.t, quality)

    def _heartbeat(self, t: float) -> None:
        if math.isfinite(t):
            self._beat_at = max(self._beat_at, min(t, self._clock.now()))
            if self._clock.now() - self._beat_at <= WATCHDOG_S * max(1.0, self._clock.speed):
                self.locked = ""

    def _set(self, setpoint: object) -> None:
        if not isinstance(setpoint, Setpoint):
            raise ValueError(f"set: {type(setpoint).__name__} is no setpoint")
        name, value = setpoint.name, setpoint.value
        actuator = self._config.actuators.get(name)
        if actuator is None:
            raise ValueError(f"{self._config.name} has no actuator {name!r}")
        if self.locked:
            raise ValueError(f"{name} {value:g}: {self.locked}")
        if setpoint.unit != actuator.unit:
            raise ValueError(f"{name}: {setpoint.unit}, not {actuator.unit}")
        if not actuator.limits.low <= value <= actuator.limits.high:
            raise ValueError(f"{name} {value:g} is outside {actuator.limits.low:g} to {actuator.limits.high:g}")
        try:
            self._link.write(name, value)
        except DeviceError as error:
            raise ValueError(str(error)) from None


def described(config: Configuration) -> Description:
    """What a configuration says of its device; this is what a person confirms."""
    ranges = {name: (r.unit, r.low, r.high) for name, r in config.readings.items()}
    if _totals(config):
        ranges["dose"] = ("e/Å²", 0.0, 1e15)
    state: dict[str, Any] = {
        "configuration": {"file": str(config.path), "kind": config.kind, "digest": config.digest},
        "max_age": {name: r.max_age for name, r in config.readings.items()},
    }
    if config.holder is not None:
        h = config.holder
        facts = {"name": h.name, "serial": h.serial}
        state["holder"] = facts | {"max_temperature": h.max_temperature, "max_rate": h.max_rate}
        if h.furnace:
            state["furnace"] = dict(h.furnace)
    actuators = tuple(Actuator(name, a.unit, a.limits, a.safe) for name, a in config.actuators.items())
    return Description(config.name, "real", (), ranges, actuators, state)


def _totals(config: Configuration) -> bool:
    """Whether the dose is counted here, because the device tells its rate alone."""
    return "dose_rate" in config.readings and "dose" not in config.readings


def _frame(stream: str, config: StreamConfig, picture: Picture, facts: Mapping[str, Any], clock: str) -> Frame:
    """A picture as a frame.

    Raises:
        DeviceError: it has another shape or type than configured.
    """
    data = picture.data
    if data.shape != config.shape or data.dtype.itemsize * data.size > config.frame_bytes:
        raise DeviceError(f"{data.shape} {data.dtype}, configured are {config.shape} {config.dtype}")
    axes = tuple(
        Axis(name, config.units, config.scale, 0.0, n)
        for name, n in zip(_AXES[len(config.shape)], config.shape, strict=True)
    )
    t_start = picture.t - 1.0 / config.rate
    return Frame(stream, config.kind, picture.number, data, axes, t_start, picture.t, clock, {**config.facts, **facts})
