"""Process control: values, setpoints, outputs and limits of each controlled value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from matstudio.control import gate
from matstudio.domain.process import Limits, Mode
from matstudio.ui.live import CLOSED, Live, Value
from matstudio.ui.present import dose, sequence
from matstudio.ui.present.sequence import Sequence
from matstudio.widgets.text import number


@dataclass(frozen=True)
class Row:
    """One controlled value.

    Args:
        name: of reading and setpoint. title, unit, digits: as shown.
        actuator: whose output the bar shows. percent: whether that output is a fraction shown in %.
        fine: decimals more in setpoint and output than in the value, whose last ones would be the sensor's noise.
    """

    name: str
    title: str
    unit: str
    digits: int
    actuator: str
    percent: bool = False
    fine: int = 0


ROWS = (
    Row("temperature", "Temperature", "K", 1, "heater", percent=True),
    Row("pressure", "Pressure", "GPa", 2, "pressure", fine=1),
    Row("composition", "Composition (Au fraction)", "1", 3, "composition"),
)


@dataclass(frozen=True)
class RowState:
    """What one row shows; `fraction` (0..1) fills the bar, NaN leaves it empty. `locked`: why nothing can be set."""

    value: Value
    limits: str
    output: str
    fraction: float
    locked: str


@dataclass(frozen=True)
class Process:
    """What the dock shows: the master, rows by name, the PID's terms, what holds back, what runs above, the dose."""

    master: str
    rows: Mapping[str, RowState]
    pid: str
    interlocks: str
    sequence: Sequence
    dose: dose.Dose | None = None


def present(live: Live) -> Process:
    """The dock now."""
    mode = live.mode
    master = f"{live.status.get('master', '–')} is master, mode {mode.value}" if mode else "no station"
    interlocks = "; ".join(str(i.get("reason", i)) for i in live.status.get("interlocks") or ())
    rows = {row.name: _row(live, row) for row in ROWS if live.has(row.name)}
    return Process(master, rows, pid(live), interlocks, sequence.present(live), dose.present(live))


def _row(live: Live, row: Row) -> RowState:
    output = live.number("outputs", row.actuator)
    limits = live.limits(row.actuator)
    fraction = math.nan
    if output is not None and limits is not None and limits.high > limits.low and math.isfinite(output):
        fraction = min(max((output - limits.low) / (limits.high - limits.low), 0.0), 1.0)
    if output is None:
        text = "–"
    elif row.percent:
        text = f"{number(100 * output, 1)} %"
    else:
        text = with_unit(output, row.unit, row.digits + row.fine)
    return RowState(
        live.reading(row.name, row.name), limits_text(live.limits(row.name), row.unit), text, fraction, locked(live)
    )


def locked(live: Live) -> str:
    """Why nothing can be set now, or ""."""
    if not live.attached:
        return "the station is silent"
    if not live.settable:
        return "this device takes no setpoints"
    if live.mode is Mode.SAFE:
        return "SAFE is latched: reset it first"
    return ""


def limits_text(limits: Limits | None, unit: str) -> str:
    """ "limits 300 to 900 K, 20 K/s"."""
    if limits is None:
        return ""
    tail = "" if unit == "1" else f" {unit}"
    rate = f", {limits.rate:g}{tail or ' '}/s" if math.isfinite(limits.rate) else ""
    return f"limits {limits.low:g} to {limits.high:g}{tail}{rate}".replace("-", "−")


def pid(live: Live) -> str:
    """The terms of the PID and its feed-forward (FF), in % of full output; "" while its loop is open."""
    if not live.settable or live.mode not in CLOSED:
        return ""
    terms = live.status.get("pid") or {}
    parts = []
    for key, name in (("p", "P"), ("i", "I"), ("d", "D"), ("feed", "FF")):
        value = terms.get(key)
        if isinstance(value, (int, float)) and math.isfinite(value):
            parts.append(f"{name} {number(100 * value, 1)}")
    if not parts:
        return ""
    saturated = ", saturated" if terms.get("saturated") else ""
    return f"PID  {'   '.join(parts)}  % of full output{saturated}"


def with_unit(value: float, unit: str, digits: int) -> str:
    """A number with its unit; "1" is left out."""
    return number(value, digits) if unit == "1" else f"{number(value, digits)} {unit}"


def parse(text: str, name: str, unit: str, limits: Limits | None, scale: float = 1.0) -> float:
    """The number that an operator typed, checked against the gate's limits.

    Args:
        text: "626", "626.0 K", "1e3"; a decimal comma is refused, because it may stand for thousands.
        name, unit: of the value.
        limits: in `unit`, or None: not known.
        scale: what the typed number is multiplied by ("%" is 0.01).

    Raises:
        ValueError: it is no number, or outside the limits; one line.
    """
    shown = unit if scale == 1.0 else "%"
    plain = text.strip().replace("−", "-")
    if shown != "1":
        plain = plain.removesuffix(shown).strip()
    if "," in plain:
        raise ValueError(f"{name}: write {text.strip()!r} with a decimal point")
    try:
        value = float(plain) * scale
    except ValueError:
        raise ValueError(f"{name}: {text.strip()!r} is not a number") from None
    problem = gate.wrong(name, value, unit, limits) if limits is not None else ""
    if not math.isfinite(value):
        problem = f"{name}: {text.strip()!r} is not a number that can be set"
    if problem:
        raise ValueError(problem)
    return value
