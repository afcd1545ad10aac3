"""`matstudio bench control`, the policy's part: how long it takes to order the alloy, beside every rival.

An anneal goes from S = 0.05 at 300 K to S = 0.9, at steps of 0.25 s, with a decision every 5 s; noise, dead time and
lag are those of the process model. "Mismatch" is 20 % in the kinetics and 2 % in the heater's gain. The optimum is that
of the noise-free problem: the grid's solution rolled out at a step of 0.05 s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from matstudio.bench.anneal_rivals import OrderPID, Predictive, constant, ramp, searched
from matstudio.bench.rows import Row
from matstudio.control.policy import Policy
from matstudio.dynamics.annealing import Furnaces
from matstudio.dynamics.optimum import optimum
from matstudio.training.annealing import Controller, anneal, following

EPISODES, FEW = 1000, 300
SEED = 7
IMAGE_NOISE = 0.003
"""Standard deviation of S as the image model alone reports it on the twin, `bench reconstruction`."""
_BOXES: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "constant": ((560.0,), (640.0,)),
    "ramp": ((590.0, 560.0, 100.0), (660.0, 660.0, 500.0)),
    "PID on S": ((0.0, 20.0, 0.0, 0.2), (0.6, 3000.0, 100.0, 0.7)),
    "PID on S, cascade": ((0.0, 20.0, 0.0, 0.5), (1.0, 3000.0, 100.0, 2.0)),
}
_MAKERS: Mapping[str, Callable[..., Controller]] = {
    "constant": constant,
    "ramp": ramp,
    "PID on S": OrderPID,
    "PID on S, cascade": partial(OrderPID, cascade=True),
}
_FOUND: Mapping[str, tuple[float, ...]] = {
    "constant": (614.19,),
    "ramp": (631.87, 611.93, 352.8),
    "PID on S": (0.1395, 959.3, 0.0, 0.3774),
    "PID on S, cascade": (0.358, 1760.0, 0.0, 0.9825),
}
"""Settings that `searched` found, which `--full` searches anew."""


def policy_rows(full: bool = False) -> list[Row]:
    """A row for each controller and condition."""
    best = optimum() if full else optimum(shape=(181, 131))
    least = best.follow(0.05, 300.0, 0.05)
    rows = [
        Row("optimum", "optimum, no noise: S 0.9 after", least, "s", "302.22 s (collocation)", least / 302.22, None)
    ]
    for what, P, c in (("1 GPa", 1.0, 0.25), ("26 % gold", 0.0, 0.26)):
        value = optimum(shape=(181, 131), P=P, c=c).follow(0.05, 300.0, P=P, c=c)
        rows.append(
            Row(f"optimum-{_id(what)}", f"optimum at {what}, no noise", value, "s", "optimum", value / least, None)
        )
    policy, free = Policy.load(), Policy.load("policy3")
    rivals: dict[str, Controller] = {}
    for name, make in _MAKERS.items():
        settings: np.ndarray = np.array(_FOUND[name])
        if full:
            settings, _ = searched(make, *(np.array(x) for x in _BOXES[name]), SEED)
        rivals[f"{name} ({', '.join(f'{x:.4g}' for x in settings)})"] = make(*settings)
    rivals["model-predictive"] = Predictive(best)
    ours = f"policy {policy.version}"
    controllers = {ours: following(policy), f"policy3 {free.version}, P and c too": following(free), **rivals}
    count = EPISODES if full else FEW
    mean: dict[str, float] = {}
    for name, controller in controllers.items():
        mine = name == ours
        for condition, spread, most in (("noise", 0.0, 1.10), ("mismatch", 0.2, 1.15)):
            made = anneal(controller, count, SEED, spread=spread)
            rows += _rows(name, condition, made, least, most if mine else None)
            if condition == "noise":
                mean[name.split(" (")[0]] = rows[-3].value
        for dt in (0.25, 0.05):
            done = float(anneal(controller, 1, SEED, noise=False, dt=dt).done_s[0])
            must = (">=", 0.995) if mine else None
            what = f"{name}, no noise, step {dt:g} s"
            rows.append(Row(f"{_id(name)}-free-{dt:g}", what, done, "s", "optimum", done / least, must))
    quick, pid = mean[ours], mean["PID on S"]
    rows.append(Row("against-pid", "policy against PID on S, noise", quick, "s", "PID on S", quick / pid, ("<=", 0.75)))
    seen = anneal(following(policy), count, SEED, order_noise=IMAGE_NOISE).done_s
    value = float(np.nanmean(seen))
    rows.append(Row("image-only", "policy, S as the image alone tells it", value, "s", "optimum", value / least, None))
    return rows


def _id(name: str) -> str:
    return name.split(" (")[0].lower().replace(",", "").replace(" ", "-")


def _rows(name: str, condition: str, made: Furnaces, least: float, most: float | None) -> list[Row]:
    done = made.done_s
    failed = int(np.isnan(done).sum())
    value, late = (
        (float(x) for x in (np.nanmean(done), np.nanpercentile(done, 95))) if failed < len(done) else (np.nan,) * 2
    )
    must = ("<=", most) if most else None
    key = f"{_id(name)}-{condition}"
    return [
        Row(key, f"{name}, {condition}: mean", value, "s", "optimum", value / least, must),
        Row(f"{key}-p95", f"{name}, {condition}: 95 %", late, "s", "optimum", late / least, None),
        Row(
            f"{key}-failed",
            f"{name}, {condition}: failed",
            failed,
            "1",
            "0",
            float(failed),
            ("<=", 0.0) if most else None,
        ),
    ]
