"""Rows of the PID: five usual processes under tuned settings and under those of a relay experiment, and the station's
loop on the twin: bumpless changes, long saturation, a ramp."""

from __future__ import annotations

from dataclasses import replace

from matstudio.bench.control_twin import twin_rows
from matstudio.bench.rows import Row
from matstudio.control import pid
from matstudio.control.identify import model
from matstudio.control.pid import Tuning
from matstudio.control.plants import Plant, peak
from matstudio.control.relay import Experiment, Phase, Plan
from matstudio.control.responses import Sampled
from matstudio.control.tuning import ROBUST, load_optimal, robust, simc

PLANTS: dict[str, tuple[Plant, float]] = {
    "e^-0.1s/(s+1)": (Plant(1.0, (1.0,), 0.1), 0.056),
    "e^-s/(s+1)": (Plant(1.0, (1.0,), 1.0), 1.485),
    "e^-8s/(s+1)": (Plant(1.0, (1.0,), 8.0), 14.15),
    "1/(s+1)^4": (Plant(1.0, (1.0, 1.0, 1.0, 1.0), 0.0), 1.881),
    "e^-s/s": (Plant(1.0, (), 1.0, integrating=True), 6.92),
}
"""Plants, and the integral of |error| after a unit step of load that theirs is compared with."""
IDS = ("lag", "balanced", "delay", "fourth", "integrating")
_SHARE, _MS, _RELAY_MS, _OVERSHOOT = 1.03, ROBUST, 1.7, 0.05
_STEPS, _SATURATED_S = 8000, 600.0


def pid_rows(full: bool = False) -> list[Row]:
    """All rows; the long form follows the plants in finer steps."""
    rows = []
    for id, (name, (plant, against)) in zip(IDS, PLANTS.items(), strict=True):
        rows += _plant_rows(id, name, plant, against, _STEPS * (4 if full else 1))
    return rows + twin_rows()


def _plant_rows(id: str, name: str, plant: Plant, against: float, steps: int) -> list[Row]:
    best = load_optimal(plant)
    relay = relay_tuned(plant)
    own, theirs = iae(plant, best, steps), iae(plant, relay, steps)
    ms, relay_ms = peak(plant, best), peak(plant, relay)
    return [
        Row(f"{id}-iae", f"{name}, tuned: IAE after a unit load", own, "s", "its bound", own / against, ("<=", _SHARE)),
        Row(f"{id}-ms", f"{name}, tuned: Ms", ms, "1", f"{_MS:g}", ms / _MS, ("<=", 1.0)),
        Row(f"{id}-relay-ms", f"{name}, relay: Ms", relay_ms, "1", f"{_RELAY_MS:g}", relay_ms / _RELAY_MS, ("<=", 1.0)),
        Row(f"{id}-relay-iae", f"{name}, relay: IAE", theirs, "s", "the tuned one's", theirs / own, None),
        _windup_row(f"{id}-windup", f"{name}, tuned", plant, best),
        _overshoot_row(f"{id}-relay-windup", f"{name}, relay", plant, relay),
    ]


def _windup_row(id: str, who: str, plant: Plant, tuning: Tuning) -> Row:
    weighted = replace(tuning, b=0.0)
    with_it, plain = overshoot(plant, weighted, saturated=True), overshoot(plant, weighted, saturated=False)
    added = max(0.0, with_it - plain)
    what = f"{who}: overshoot that ten minutes of saturation add ({100 * with_it:.1f} %, without {100 * plain:.1f} %)"
    return Row(id, what, 100 * added, "%", f"{100 * _OVERSHOOT:g} %", added / _OVERSHOOT, ("<=", 1.0))


def _overshoot_row(id: str, who: str, plant: Plant, tuning: Tuning) -> Row:
    share = overshoot(plant, replace(tuning, b=0.0), saturated=True)
    what = f"{who}: overshoot after ten minutes of saturation"
    return Row(id, what, 100 * share, "%", f"{100 * _OVERSHOOT:g} %", share / _OVERSHOOT, ("<=", 1.0))


def iae(plant: Plant, tuning: Tuning, steps: int = _STEPS) -> float:
    """Integral of |error| over 20 dominant times after a unit step of load at the plant's input, ideal actuator, by
    `pid.step` itself in small steps."""
    horizon = 20 * plant.dominant
    h = _step(plant, horizon / steps)
    plant_now, state, y, total = Sampled(plant, h), pid.bumpless(tuning, 0.0, 0.0, 0.0), 0.0, 0.0
    for _ in range(round(horizon / h)):
        state = pid.step(tuning, state, 0.0, y, h)
        y = plant_now.step(state.v + 1.0)
        total += abs(y) * h
    return total


def overshoot(plant: Plant, tuning: Tuning, *, saturated: bool) -> float:
    """How far the measurement goes beyond a step of its setpoint, a share of the step, after the actuator (0 to 1) was
    at its end for ten minutes, held there by a setpoint that it cannot reach; or not `saturated`, only just there.

    The stable plants go from 1 to 0.5; the integrating one, with a load of -1, from where it is by 0.5 on.
    """
    h = _step(plant, 0.01 * max(1.0, plant.dominant))
    load = -1.0 if plant.integrating else 0.0
    far = (2.0 if saturated else 1.0) - (1.0 if plant.integrating else 0.0)
    target = 0.5
    plant_now, state, y = Sampled(plant, h), pid.bumpless(tuning, 0.0, 0.0, -load), 0.0
    n = round((_SATURATED_S if saturated else 60 * plant.dominant) / h)
    start, worst = 0.0, 0.0
    for i in range(n + round(60 * plant.dominant / h)):
        if i == n:
            start = y
            target = y + 0.5 if plant.integrating else target
        r = target if i >= n else y + far if plant.integrating else far
        state = pid.step(tuning, state, r, y, h)
        u = min(max(state.v, 0.0), 1.0 if not plant.integrating or i < n else 2.0)
        state = pid.settle(tuning, state, u, h)
        y = plant_now.step(u + load)
        if i >= n:
            beyond = (y - target) / (target - start)
            worst = max(worst, beyond)
    return worst


def relay_tuned(plant: Plant) -> Tuning:
    """SIMC on the model of a relay experiment on the plant, as quick as Ms <= 1.6 on that model allows."""
    h = _step(plant, 0.02 * min((*plant.lags, plant.delay) if plant.delay > 0 else plant.lags))
    experiment = Experiment(Plan(0.1, 0.06, 1.0, listen_s=10 * h, limit_s=1e6), 0.0, 0.0)
    plant_now, y, u, t = Sampled(plant, h), 0.0, 0.0, 0.0
    while not experiment.over:
        u = experiment.sample(t, u, y)
        y, t = plant_now.step(u), t + h
    if experiment.status.phase is not Phase.DONE:
        raise RuntimeError(f"relay experiment: {experiment.status.why}")
    found = model(experiment)
    return robust(found, lambda closed: simc(found, closed))


def _step(plant: Plant, wanted: float) -> float:
    """About the wanted step; the dead time is a whole number of them."""
    return plant.delay / max(1, round(plant.delay / wanted)) if plant.delay > 0 else wanted
