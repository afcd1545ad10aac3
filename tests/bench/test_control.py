"""The bench of the control: a bad loop fails it."""

import math

from matstudio.bench import control_pid, control_twin
from matstudio.bench.rows import Row
from matstudio.cli.bench import BENCHES
from matstudio.control.pid import Tuning


def test_it_is_there():
    assert BENCHES["control"] == "matstudio.bench.control:bench"
    assert len(control_pid.IDS) == len(control_pid.PLANTS)


def test_a_poor_tuning_is_seen():
    plant, bound = control_pid.PLANTS["e^-s/(s+1)"]
    slow, loud = Tuning(0.2, 1.0, 0.0, 0.5), Tuning(1.4, 1.0, 0.0, 0.5)
    assert control_pid.iae(plant, slow, 1500) > 2 * bound
    assert control_pid.overshoot(plant, loud, saturated=False) > 0.2


def test_rows_of_the_twin():
    rows = [*control_twin._ramp(), *control_twin._cascade_bumps()]
    assert all(isinstance(r, Row) and math.isfinite(r.value) for r in rows)
    lag, over = (r.value for r in rows[:2])
    assert 10 < lag < 17
    assert over < 2
    assert all(r.passed for r in rows)


def test_a_bump_is_seen():
    run = control_twin.TwinRun(noise=False)
    run.settle(400.0, 5.0)
    assert run.bump(lambda: run.do["output"](who="x", name="heater", value=run.heater + 0.05)) > 0.01
