"""What the processes of a run publish, by topic; docs/messages.md shows the same. A subscriber gets nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypedDict

from matstudio.domain.estimate import Estimate, MaterialState
from matstudio.domain.process import Limits, Reading
from matstudio.domain.typed import Time, wrong


class Readings(TypedDict):
    """The device's process values."""

    t: Time
    readings: tuple[Reading, ...]
    state: Mapping[str, Any]


class _AlarmMore(TypedDict, total=False):
    group: str
    first: bool
    until: Time
    by: str
    reason: str


class AlarmRow(_AlarmMore):
    """One alarm of the station's list."""

    id: str
    text: str
    priority: str
    state: str
    t: Time


class InterlockRow(TypedDict):
    """One interlock that holds."""

    name: str
    reason: str


class DeviceState(TypedDict):
    """How the station sees its device."""

    name: str
    kind: str
    state: str
    age: float


class Audit(TypedDict):
    """The end of the audit log."""

    n: int
    hash: str


class _Above(TypedDict, total=False):
    program: Mapping[str, Any]
    autotune: Mapping[str, Any]


class Status(_Above):
    """The station's state."""

    t: Time
    cycle: int
    mode: str
    master: str
    why: str
    readings: Mapping[str, Reading]
    limits: Mapping[str, Limits]
    setpoints: Mapping[str, float]
    outputs: Mapping[str, float]
    pid: Mapping[str, float | bool]
    alarms: tuple[AlarmRow, ...]
    interlocks: tuple[InterlockRow, ...]
    device: DeviceState
    clients: Mapping[str, float]
    audit: Audit


class _More(TypedDict, total=False):
    wall: Time
    data: Mapping[str, Any]
    hash: str


class Event(_More):
    """An entry of the audit log."""

    n: int
    t: Time
    kind: str
    who: str
    text: str


class ModelRow(TypedDict):
    """The model of one stream, and how it fares."""

    model: str
    version: str
    seconds: Time
    analysed: int
    skipped: int
    error: str


class Recording(TypedDict):
    """The recorder's state."""

    t: Time
    state: str
    path: str | None
    since: Time | None
    bytes: int
    rate: float
    free: int
    hours_left: float
    received: Mapping[str, int]
    dropped: Mapping[str, int]
    error: str | None


class Order(TypedDict):
    """The fused order parameter and its standard deviation, of frames of run time `t`."""

    t: Time
    value: float
    sigma: float


_Band: TypeAlias = tuple[tuple[float, float, float], ...]


class AdviceRow(TypedDict):
    """What the policy would do (`station.advisor.Advice`)."""

    t: Time
    setpoints: Mapping[str, float]
    why: str
    trouble: str
    order: float
    sigma: float
    kinetics: float
    rejected: str


class ForecastRow(TypedDict):
    """Where that leads (`control.outlook.Forecast`)."""

    t: tuple[Time, ...]
    S: _Band
    T: _Band
    F: _Band
    held: tuple[float, ...]
    sure: float


class Advised(TypedDict):
    """The policy in use and what it moves, what it would do, and where that leads."""

    policy: str
    controls: tuple[str, ...]
    advice: AdviceRow | None
    forecast: ForecastRow | None


PUBLISHED: dict[str, Any] = {
    "readings": Readings,
    "status": Status,
    "event": Event,
    "advice": Advised,
    "order": Order,
    "estimate": Estimate,
    "state": MaterialState,
    "models": Mapping[str, ModelRow],
    "recording": Recording,
}


def problem(topic: str, value: Any) -> str:
    """Why a message is none of `PUBLISHED`, in one line; "" where it is one."""
    if topic not in PUBLISHED:
        return f"unknown topic {topic[:40]!r}"
    found = wrong(value, PUBLISHED[topic])
    return f"{topic}{found}" if found else ""
