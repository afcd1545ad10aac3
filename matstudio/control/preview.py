"""What a program will do: its setpoint, and the temperature of the furnace as described, led as far as it can be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matstudio.control.feedforward import Led
from matstudio.control.observer import Furnace
from matstudio.control.plants import Array
from matstudio.control.program import Program, State, advance, begin, duration
from matstudio.domain.process import Limits

_STEPS, _LONGER = 1200, 3.0
_BEHIND_K = 5.0


@dataclass(frozen=True)
class Preview:
    """A program over time, each (n,).

    Args:
        t: s from its start.
        setpoint: K, with the gate's rate.
        temperature: as a sensor would show it, K.
        heater: output, 0..1.
        notes: one line each where the furnace cannot do what the program wants.
    """

    t: Array
    setpoint: Array
    temperature: Array
    heater: Array
    notes: tuple[str, ...] = ()


def preview(program: Program, start: float, furnace: Furnace, setpoint: Limits, heater: Limits) -> Preview:
    """The program from a steady temperature `start`, K.

    Args:
        program: within the limits, see `program.beyond`.
        furnace: as described.
        setpoint, heater: the gate's limits.
    """
    total = duration(program, start)
    dt = max(0.2, total / _STEPS)
    led, p = Led(furnace, heater, setpoint), begin(program, start)
    led.start(0.0, start)
    rows = [(0.0, start, start, led.feed)]
    behind: dict[int, float] = {}
    while p.state is State.RUNNING and rows[-1][0] < _LONGER * total + 60.0:
        t = rows[-1][0] + dt
        at = p.segment
        p = advance(program, p, dt, led.reference)
        step = setpoint.rate * dt
        r = min(max(p.setpoint, rows[-1][1] - step), rows[-1][1] + step)
        led.move(t, r)
        if led.feed in (heater.low, heater.high):
            behind[at] = max(behind.get(at, 0.0), abs(r - led.reference))
        rows.append((t, r, led.reference, led.feed))
    for _ in range(1 + math.ceil((furnace.delay_s + 4 * furnace.lag_s) / dt)):  # what the sensor has still to show
        led.move(rows[-1][0] + dt, rows[-1][1])
        rows.append((rows[-1][0] + dt, rows[-1][1], led.reference, led.feed))
    notes = [
        f"segment {i + 1}: the heater is at its limit, the temperature falls behind by {lag:.0f} K"
        for i, lag in sorted(behind.items())
        if lag > max(_BEHIND_K + 2 * setpoint.rate * dt, behind.get(i - 1, 0.0))
    ]
    if p.state is State.RUNNING:
        notes.append(f"segment {p.segment + 1}: holdback of {program.holdback:g} K never lets go")
    t, r, y, u = np.array(rows).T
    return Preview(t, r, y, u, tuple(notes))
