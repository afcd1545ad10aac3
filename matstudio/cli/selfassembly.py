"""`matstudio selfassembly`: the model problem of particles in a double well."""

from __future__ import annotations

import argparse
import json
import sys
import time

from matstudio.cli.files import writable
from matstudio.cli.main import UsageError


def selfassembly(arguments: argparse.Namespace) -> None:
    """Compute the trajectory, print what it says of its law, and write it where that is wanted."""
    from matstudio.dynamics import selfassembly as assembly
    from matstudio.dynamics.wells import parse

    out = writable(arguments.out) if arguments.out else None
    if out is not None and out.suffix.lower() not in (".nxs", ".h5"):
        raise UsageError(f"{out}: a trajectory is written as .nxs")
    energy = {} if arguments.energy is None else {"energy": parse(arguments.energy)}
    problem = assembly.Problem(
        arguments.n,
        arguments.steps,
        arguments.dt,
        arguments.diffusion,
        arguments.seed,
        arguments.start,
        every=arguments.every,
        **energy,
    )
    machine = arguments.json

    def progress(part: str, done: int, total: int) -> None:
        if machine:
            print(json.dumps({"progress": {"input": part, "done": done, "total": total}}), file=sys.stderr, flush=True)

    result = assembly.run(problem, time.perf_counter, lambda done, total: progress("trajectory", done, total))
    report, learned = result.report(), None
    if arguments.score:
        from matstudio.dynamics.score import learn

        learned = learn(result, lambda done, total: progress("score", done, total))
        report |= learned.report()
    if out is not None:
        from matstudio.recording.selfassembly import nexus
        from matstudio.recording.single import put

        put(out, nexus(result, learned))
    print(json.dumps(report) if machine else _text(report))
    if out is not None and not machine:
        print(out)


def _text(r: dict[str, object]) -> str:
    parts = ", ".join(f"{v:.4f}" for v in r["well_fraction"])  # type: ignore[attr-defined]
    lines = [
        f"{r['n']} particles, {r['steps']} steps of {r['dt']:g}, E = {r['energy']}, D = {r['diffusion']:g}",
        f"mean energy <E>: {r['mean_energy_start']:.5f} at first, {r['mean_energy_final']:.5f} +- "
        f"{r['mean_energy_error']:.5f} at last; of Boltzmann's law {r['mean_energy_exact']:.6f}",
        f"free energy F[p]: {r['free_energy_final']:.5f} +- {r['free_energy_error']:.5f} at last; least possible "
        f"{r['free_energy_exact']:.6f}; {'it falls' if r['free_energy_decreases'] else 'IT DOES NOT FALL'} within its "
        "error at every time that was kept",
        f"law within each well: p = {r['p_value_law']:.3f} (Kolmogorov-Smirnov)",
        f"particles in each well, left to right: {parts}",
        f"{r['particle_steps_per_second']:.3g} particle-steps/s",
    ]
    if "score_error_final" in r:
        lines.append(
            f"learned score: {100 * r['score_error_final']:.1f} % off at last; probability flow: divergence of at most "  # type: ignore[operator]
            f"{r['flow_kl_largest']:.4f}; barriers "
            + ", ".join(f"{a:.4f} (exact {b:.4f})" for a, b in zip(r["barriers"], r["barriers_exact"], strict=True))  # type: ignore[call-overload]
        )
    return "\n".join(lines)
