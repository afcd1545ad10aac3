"""The model problem: how fast its particles move, and with `--full` what 1e6 of them and the learned score say."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from matstudio.bench.rows import Row
from matstudio.dynamics.langevin import BLOCK, Langevin, euler_mean_energy, generator, normals
from matstudio.dynamics.selfassembly import Problem, run
from matstudio.dynamics.wells import DIFFUSION, DOUBLE_WELL, Boltzmann

LOOP_RATIO, NORMAL_RATIO, NORMAL_AIM = 5.0, 0.70, 0.85
_DT, _N, _MANY = 1e-3, 1024, 1_000_000
_TURNS = 7


def bench(full: bool) -> list[Row]:
    """Speed against a plain torch loop and against the machine's normal numbers; `full`: the honest checks as well."""
    rows = speed()
    if full:
        rows += checks() + learned()
    return rows


def speed() -> list[Row]:
    """Best of seven turns each, taken in turn, CPU time of one thread."""
    import torch

    torch.set_num_threads(1)
    motion, rng = Langevin(DOUBLE_WELL, DIFFUSION, _DT), generator(0)
    few = rng.standard_normal(_N).astype(np.float32)
    many = rng.standard_normal(_MANY).astype(np.float32)
    numbers, ours = np.empty(2 * BLOCK, np.float32), np.empty(2 * BLOCK, np.float32)

    def ensemble() -> None:
        for at in range(0, _MANY, BLOCK):
            motion.advance(many[at : at + BLOCK], 20, rng)

    best = fastest(
        {
            "ours": (lambda: motion.advance(few, 1000, rng), 1000 * _N),
            "loop": (lambda: plain(1000), 1000 * _N),
            "ensemble": (ensemble, 20 * _MANY),
            "ziggurat": (lambda: rng.standard_normal(dtype=np.float32, out=numbers), numbers.size),
            "normals": (lambda: normals(rng, ours), ours.size),
        }
    )
    rate = {name: 1 / seconds for name, seconds in best.items()}
    steps, unit = "particle-steps", "1/s"
    return [
        Row(
            "steps-1024",
            f"{_N} particles, {steps}",
            rate["ours"],
            unit,
            "a plain torch loop that takes the mean energy's .item() at every step",
            rate["ours"] / rate["loop"],
            (">=", LOOP_RATIO),
        ),
        Row(
            "steps-1e6",
            f"1e6 particles, {steps}",
            rate["ensemble"],
            unit,
            "numpy's float32 standard_normal from SFC64",
            rate["ensemble"] / rate["ziggurat"],
            (">=", NORMAL_RATIO),
            (">=", NORMAL_AIM),
        ),
        Row(
            "steps-1e6-own",
            f"1e6 particles, {steps}",
            rate["ensemble"],
            unit,
            "the faster normal numbers that they are moved with",
            rate["ensemble"] / rate["normals"],
            (">=", NORMAL_RATIO),
            (">=", NORMAL_AIM),
        ),
    ]


def fastest(work: dict[str, tuple[Callable[[], object], int]]) -> dict[str, float]:
    """Least CPU seconds per item of each piece of work (function, items)."""
    best = dict.fromkeys(work, math.inf)
    for _ in range(_TURNS):
        for name, (do, items) in work.items():
            turns = max(1, 1_000_000 // items)
            began = time.process_time()
            for _ in range(turns):
                do()
            best[name] = min(best[name], (time.process_time() - began) / (turns * items))
    return best


def plain(steps: int) -> float:
    """The loop as it is usually written; the mean energy at last."""
    import torch

    x, energy = torch.randn(_N), 0.0
    for _ in range(steps):
        x = x - (4 * x**3 - 2 * x) * _DT + math.sqrt(2 * DIFFUSION * _DT) * torch.randn(_N)
        energy = (x**4 - x**2).mean().item()
    return energy


def checks() -> list[Row]:
    """1e6 particles, 5,000 steps: averages in standard errors, the law, the populations."""
    from matstudio.dynamics.ensemble import law_p_value, populations
    from matstudio.dynamics.fokker_planck import evolve

    law = Boltzmann(DOUBLE_WELL, DIFFUSION)
    bias = euler_mean_energy(law, _DT) - law.mean_energy
    made = run(Problem(_MANY, 5000, _DT, every=250), time.process_time)
    energy, free = made.mean_energy[-1], made.free_energy[-1]
    off = max(0.0, abs(energy.value - law.mean_energy) - bias) / energy.error
    p = law_p_value(made.x[-1], law)
    left = run(Problem(_MANY, 5000, _DT, seed=1, start="left", every=2500), time.process_time)
    expected = float(evolve(law, "left", left.t).part(0.0, 20.0)[-1])
    found = float(populations(left.x[-1], law)[1])
    hops = abs(found - expected) / math.sqrt(expected * (1 - expected) / _MANY)
    kramers = (1 - math.exp(-2 * law.hops_per_time() * 5)) / 2
    fit = abs(free.value - law.free_energy) / free.error
    errors = "standard errors"
    return [
        Row("energy", f"<E> {energy.value:.6f}, less the step's {bias:.1e}", off, errors, "4", off / 4, ("<=", 1.0)),
        Row("free", f"F[p] {free.value:.6f} from {law.free_energy:.6f}", fit, errors, "4", fit / 4, ("<=", 1.0)),
        Row(
            "falls",
            "F[p] falls at every kept time",
            float(made.decreases),
            "1",
            "1",
            float(made.decreases),
            (">=", 1.0),
        ),
        Row("law", "law within each well, Kolmogorov-Smirnov p", p, "1", "0.001", p / 1e-3, (">=", 1.0)),
        Row(
            "hops",
            f"part that has hopped at t = 5, {found:.5f} (Fokker-Planck {expected:.5f}, Kramers {kramers:.5f})",
            hops,
            errors,
            "4",
            hops / 4,
            ("<=", 1.0),
        ),
    ]


def learned() -> list[Row]:
    """The score from 65,536 particles."""
    from matstudio.dynamics.score import learn

    made = learn(run(Problem(65_536, 5000, _DT, every=25), time.process_time))
    error, kl = float(made.error[-1]), float(made.kl.max())
    barrier = float(abs(made.barriers[0] / made.barriers_exact[0] - 1))
    late = float(made.error[made.score.t >= 0.5].max())
    return [
        Row(
            "score",
            f"error of the score at t = 5 (at most {late:.3f} from t = 0.5 on)",
            error,
            "1",
            "0.05",
            error / 0.05,
            ("<=", 1.0),
        ),
        Row("flow", "divergence of the flow from the trajectory, largest", kl, "1", "0.02", kl / 0.02, ("<=", 1.0)),
        Row("barrier", f"barrier {made.barriers[0]:.4f}, off by", barrier, "1", "0.05", barrier / 0.05, ("<=", 1.0)),
    ]
