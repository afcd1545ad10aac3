"""`matstudio bench safety`: what the gate lets through, what faults do, healthy hours, killed processes, HALT."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from matstudio.bench import safety_faults, safety_halt, safety_hours, safety_kills, safety_sequences
from matstudio.bench.rows import Row
from matstudio.bench.safety_faults import FAULTS, LIMIT_K, OFF_S, OVER_K, TOLD_S, Fault, Must, Outcome
from matstudio.bench.safety_rig import MODES, PHASES

PROCESSES = 2
SEQUENCES, FULL_SEQUENCES = 5000, 100_000
SEEDS, FULL_SEEDS = (1,), (1, 2, 3)
HOURS, FULL_HOURS = 8.0, 1000.0
HALTS, FULL_HALTS = 200, 1000
HALT_LIMIT_S, FULL_HALT_LIMIT_S = 40.0, 300.0


def bench(full: bool = False) -> list[Row]:
    """Every part of the table; the first three on the simulated clock, in two processes."""
    seeds = FULL_SEEDS if full else SEEDS
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=_quiet) as pool:
        made = _sequences(pool, FULL_SEQUENCES if full else SEQUENCES)
        made += _faults(pool, seeds)
        made += _hours(pool, FULL_HOURS if full else HOURS)
    made += safety_kills.rows()
    return made + safety_halt.measure(FULL_HALTS if full else HALTS, FULL_HALT_LIMIT_S if full else HALT_LIMIT_S)


def _quiet() -> None:
    logging.disable(logging.CRITICAL)


def _map(pool: ProcessPoolExecutor, do: Callable[[Any], Any], jobs: list[Any]) -> list[Any]:
    return list(pool.map(do, jobs))


def _sequences(pool: ProcessPoolExecutor, count: int) -> list[Row]:
    parts = 10
    done = _map(pool, safety_sequences.many, [(count // parts, seed) for seed in range(parts)])
    wrong = [line for _, _, lines in done for line in lines]
    sent = sum(writes for _, writes, _ in done)
    what = f"random sequences of commands and faults, {sent} values sent: sequences in which one was wrong"
    if wrong:
        what += f"; {wrong[0]}"
    played = float(sum(n for n, _, _ in done))
    return [
        Row("sequences", "random sequences of commands and faults", played, "", "", 0.0, None),
        Row("sequences-wrong", what, float(len(wrong)), "", "none", float(len(wrong)), ("<=", 0)),
    ]


def _faults(pool: ProcessPoolExecutor, seeds: tuple[int, ...]) -> list[Row]:
    jobs = [(mode, phase, seed) for seed in seeds for mode in MODES for phase in PHASES]
    outcomes = [o for part in _map(pool, safety_faults.all_of, jobs) for o in part]
    return [row for fault in FAULTS for row in fault_rows(fault, [o for o in outcomes if o.fault == fault.name])]


def fault_rows(fault: Fault, outcomes: list[Outcome]) -> list[Row]:
    """The worst of a fault, then each phase and mode as details that the table for people leaves out."""
    worst = max(outcomes, key=lambda o: figure(fault, o))
    trips = sum(o.tripped for o in outcomes)
    where = f"{worst.phase}, {worst.mode}" if math.isfinite(figure(fault, worst)) and figure(fault, worst) else "all"
    own = f"{fault.name} ({trips} of {len(outcomes)} SAFE, at most {max(o.over_K for o in outcomes):.1f} K over)"
    slug = re.sub(r"\W+", "-", fault.name.replace("+", "plus ").replace("°", "")).strip("-").lower()
    rows = [_fault_row(fault, worst, slug, f"{own}: {_WHAT[fault.must][0]}, worst in {where}")]
    return rows + [_fault_row(fault, o, f"{slug}/{o.phase}/{o.mode}", _details(o), detail=True) for o in outcomes]


_WHAT = {
    Must.OFF: ("heater off after", "s", OFF_S),
    Must.BOUNDED: ("specimen over", "K", OVER_K),
    Must.UNDISTURBED: ("SAFE", "", 0.0),
    Must.LIMITED: ("hottest", "K", LIMIT_K),
    Must.TOLD: ("urgent alarm after", "s", TOLD_S),
}


def figure(fault: Fault, o: Outcome) -> float:
    """What the fault is judged by, in the unit of its row; an undisturbed one that gets too hot counts as tripped."""
    match fault.must:
        case Must.OFF:
            return round(o.off_s, 6)
        case Must.BOUNDED:
            return o.over_K
        case Must.UNDISTURBED:
            return float(o.tripped or o.over_K > OVER_K)
        case Must.LIMITED:
            return o.peak_K
        case _:
            return o.alarm_s


def _details(o: Outcome) -> str:
    return (
        f"off {o.off_s:.2f} s, {o.over_K:.1f} K over, hottest {o.peak_K:.1f} K, alarm {o.alarm_s:.2f} s, {o.mode_after}"
    )


def _fault_row(fault: Fault, o: Outcome, name: str, what: str, *, detail: bool = False) -> Row:
    _, unit, limit = _WHAT[fault.must]
    value = figure(fault, o)
    ratio = value / limit if limit else value
    against = f"{limit:g} {unit}" if limit else "never"
    return Row(name, what, value, unit, against, ratio, ("<=", 1.0 if limit else 0), detail=detail)


def _hours(pool: ProcessPoolExecutor, hours: float) -> list[Row]:
    parts = max(2, round(hours / 20.0))
    done = _map(pool, safety_hours.run, [(hours / parts, seed) for seed in range(parts)])
    trips = [line for one in done for line in one.trips]
    hottest = max(one.hottest_K for one in done)
    what = f"trips in {sum(one.hours for one in done):g} healthy hours of simulated time (hottest {hottest:.0f} K)"
    return [Row("nuisance", what + (f"; {trips[0]}" if trips else ""), len(trips), "", "none", len(trips), ("<=", 0))]
