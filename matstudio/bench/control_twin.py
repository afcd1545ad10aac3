"""Rows of the station's loop on the twin, on a simulated clock: what changes bumplessly, a long saturation, a ramp, an
auto-tune and a program."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.bench.rows import Row
from matstudio.control import cascade, limits
from matstudio.control.cascade import Cascade
from matstudio.control.limits import DEFAULTS, Settings
from matstudio.control.pid import Tuning
from matstudio.control.plants import Plant, peak
from matstudio.domain.clock import SimClock
from matstudio.domain.process import Limits
from matstudio.instruments.twin.local import LocalTwin
from matstudio.station.core import PERIOD_S, Station

_BUMP, _OVERSHOOT, _RELAY_MS = 0.001, 0.05, 1.7
_WHO = "bench"
RECIPE = """
name = "bench"
holdback = 15.0
[[segment]]
kind = "ramp"
to = 600.0
rate = 2.0
[[segment]]
kind = "soak"
time = 60.0
[[segment]]
kind = "step"
to = 560.0
[[segment]]
kind = "loop"
back_to = 1
times = 2
"""


class TwinRun:
    """A station on the twin in this process.

    Args:
        noise: of sensor and specimen.
        settings: of the control.
    """

    def __init__(self, *, noise: bool, settings: Settings = DEFAULTS) -> None:
        self.clock = SimClock()
        self.twin = LocalTwin(self.clock, seed=1, noise=noise)
        self.events: list[dict[str, Any]] = []
        self.station = Station(self.twin, self.clock, settings, record=lambda e: self.events.append(dict(e)))
        self.do = self.station.handlers()
        self.cycle()

    def cycle(self) -> None:
        """One control cycle at the clock's time."""
        self.do["hello"](who=_WHO, role="studio")
        self.station.cycle()

    def run(self, seconds: float) -> np.ndarray:
        """Go on; true temperature (K) and heater after each cycle, (n, 2)."""
        rows = []
        for _ in range(round(seconds / PERIOD_S)):
            self.clock.advance(PERIOD_S)
            self.cycle()
            rows.append((self.twin.plant.T, self.heater))
        return np.array(rows)

    @property
    def heater(self) -> float:
        """The output that was sent last, 0..1."""
        return float(self.station.status()["outputs"]["heater"])

    def settle(self, temperature: float, seconds: float = 400.0) -> None:
        """Bring it to a temperature, K, in PID."""
        self.do["mode"](who=_WHO, mode="PID")
        self.do["setpoint"](who=_WHO, name="temperature", value=temperature)
        self.run(seconds)

    def bump(self, do: Callable[[], object]) -> float:
        """How much the heater moves with what is done and in the cycle after it, share of its span."""
        before = self.heater
        do()
        now = self.heater
        self.run(PERIOD_S)
        return max(abs(now - before), abs(self.heater - before))


def twin_rows() -> list[Row]:
    """All of them."""
    return [*_bumps(), *_saturation(), *_ramp(), *_autotune(), *_program()]


def _bump_row(id: str, what: str, share: float) -> Row:
    text = f"twin, {what}: step of the heater"
    return Row(id, text, 100 * share, "%", f"{100 * _BUMP:g} % of its span", share / _BUMP, ("<=", 1.0))


def _bumps() -> list[Row]:
    run = TwinRun(noise=False)
    run.settle(600.0)
    mode = run.do["mode"]
    rows = [
        _bump_row("bump-manual", "PID to MANUAL", run.bump(lambda: mode(who=_WHO, mode="MANUAL"))),
        _bump_row("bump-pid", "MANUAL to PID", run.bump(lambda: mode(who=_WHO, mode="PID"))),
        _bump_row("bump-hold", "PID to HOLD", run.bump(lambda: mode(who=_WHO, mode="HOLD"))),
    ]
    mode(who=_WHO, mode="PID")
    tuning = run.bump(lambda: run.do["tune"](who=_WHO, gain=0.03, ti=25.0, td=2.0))
    rows.append(_bump_row("bump-tune", "another tuning", tuning))
    return [*rows, _bump_row("bump-band", "gain band to the next", _band_bump()), *_cascade_bumps()]


def _band_bump() -> float:
    """Greatest step of the heater in the cycle in which the band changes, on a slow ramp over its border."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "limits.toml"
        path.write_text(
            "[pid]\ngain = 0.015\nti = 60.0\ntd = 1.5\n[[pid.band]]\nabove = 560.0\ngain = 0.03\nti = 20.0\n"
        )
        settings = limits.load_settings(path)
    run = TwinRun(noise=False, settings=settings)
    run.settle(550.0)
    recipe = '[[segment]]\nkind = "ramp"\nto = 575.0\nrate = 0.2\n'
    run.do["program"](who=_WHO, action="start", recipe=recipe)
    steps = []
    for _ in range(round(140 / PERIOD_S)):
        before, gain = run.heater, run.station.status()["pid"]["gain"]
        run.run(PERIOD_S)
        if run.station.status()["pid"]["gain"] != gain:
            steps.append(abs(run.heater - before))
    return max(steps) if steps else float("nan")


def _cascade_bumps() -> list[Row]:
    """An outer loop is closed and opened around an inner one; both plants at rest."""
    both = Cascade(
        Tuning(1.2, 80.0, 0.0, 40.0), Tuning(0.02, 20.0, 0.0, 10.0), Limits(300.0, 860.0, 5.0), Limits(0.0, 1.0, 0.5)
    )
    state = cascade.begin(both, 600.0, 600.0, 0.46)
    closed = cascade.step(both, cascade.close(both, state, 590.0, 590.0), 590.0, 590.0, 600.0, PERIOD_S)
    opened = cascade.step(both, cascade.open_outer(closed), closed.setpoint, 590.0, 600.0, PERIOD_S)
    return [
        _bump_row("bump-cascade-close", "cascade closed", abs(closed.output - state.output)),
        _bump_row("bump-cascade-open", "cascade opened", abs(opened.output - closed.output)),
    ]


def _saturation() -> list[Row]:
    """Heater limited to 30 %: ten minutes below a setpoint that it cannot reach, then one that it can; and cold."""
    bounds = dict(DEFAULTS.limits) | {"heater": Limits(0.0, 0.3, 0.5)}
    run = TwinRun(noise=False, settings=replace(DEFAULTS, limits=bounds))
    run.settle(700.0, 700.0)
    start = run.twin.plant.T
    run.do["setpoint"](who=_WHO, name="temperature", value=440.0)
    down = (440.0 - run.run(200.0)[:, 0].min()) / (start - 440.0)
    cold = TwinRun(noise=False)
    cold.settle(250.0, 620.0)
    cold.do["setpoint"](who=_WHO, name="temperature", value=600.0)
    up = (cold.run(200.0)[:, 0].max() - 600.0) / (600.0 - 300.0)
    rows = []
    for id, what, share in (("saturated-high", "at its upper", down), ("saturated-low", "at its lower", up)):
        text = f"twin, ten minutes with the heater {what} end: overshoot after it"
        share = max(0.0, float(share))
        rows.append(Row(id, text, 100 * share, "%", f"{100 * _OVERSHOOT:g} %", share / _OVERSHOOT, ("<=", 1.0)))
    return rows


def _ramp() -> list[Row]:
    run = TwinRun(noise=True)
    run.do["mode"](who=_WHO, mode="PID")
    run.do["setpoint"](who=_WHO, name="temperature", value=625.0)
    seen = run.run(200.0)[:, 0]
    ideal = np.minimum(300.0 + 5.0 * PERIOD_S * np.arange(1, len(seen) + 1), 625.0)
    lag, over = float((ideal - seen).max()), float(seen.max() - 625.0)
    return [
        Row("ramp-lag", "twin, ramp of 5 K/s to 625 K: greatest lag of the specimen", lag, "K", "", lag, None),
        Row("ramp-over", "twin, ramp of 5 K/s to 625 K: overshoot of the specimen", over, "K", "", over, None),
    ]


def _autotune() -> list[Row]:
    run = TwinRun(noise=True)
    run.settle(600.0, 200.0)
    began = run.clock.now()
    run.do["autotune"](who=_WHO, action="start")
    swing = []
    while run.station.status()["autotune"]["state"] not in ("done", "aborted"):
        swing.append(run.run(PERIOD_S)[0])
    status, took = run.station.status()["autotune"], run.clock.now() - began
    if status["state"] != "done":
        raise RuntimeError(f"auto-tune: {status['why']}")
    best = status["proposals"][0]
    furnace = run.twin.plant.furnace
    plant = Plant(furnace.gain_K, (furnace.tau_s, furnace.sensor_lag_s), furnace.delay_s + PERIOD_S / 2)
    ms = peak(plant, Tuning(best["gain"], best["ti"], best["td"], 1.0))
    away = float(np.abs(np.array(swing)[:, 0] - 600.0).max())
    quiet = TwinRun(noise=False)
    quiet.settle(600.0)
    held = quiet.heater
    quiet.do["autotune"](who=_WHO, action="start")
    while quiet.station.status()["autotune"]["state"] != "done":
        quiet.run(PERIOD_S)
    end = abs(quiet.heater - held)
    return [
        Row("tune-ms", "twin, auto-tune: Ms with the true furnace", ms, "1", "1.7", ms / _RELAY_MS, ("<=", 1.0)),
        Row("tune-time", "twin, auto-tune: duration", took, "s", "", took, None),
        Row("tune-away", "twin, auto-tune: farthest from the setpoint", away, "K", "30 K", away / 30.0, ("<=", 1.0)),
        _bump_row("bump-tuned", "end of an auto-tune against the output before it", end),
    ]


def _program() -> list[Row]:
    run = TwinRun(noise=True)
    run.settle(560.0, 200.0)
    run.do["program"](who=_WHO, action="start", recipe=RECIPE)
    worst = 0.0
    while run.station.status()["program"]["state"] == "running":
        run.run(PERIOD_S)
        now = run.station.status()["program"]
        if now["doing"].startswith("soak") and not now["waiting"]:
            worst = max(worst, abs(run.twin.plant.T - 600.0))
    text = "twin, program with holdback of 15 K: farthest from the setpoint while a soak counts"
    return [Row("program-soak", text, worst, "K", "15 K", worst / 15.0, ("<=", 1.0))]
