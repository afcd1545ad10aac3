"""Rows of the safety bench; HALTs are matched with what the device noted; a run has one process of each kind."""

import math
import subprocess
import sys

import pytest

from matstudio.bench import safety, safety_halt, safety_hours
from matstudio.bench.rows import Row, report, table
from matstudio.bench.safety_faults import BY_NAME, Outcome
from matstudio.bus.processes import wait_for
from matstudio.bus.rundir import STATION, Run
from matstudio.domain.process import Mode
from matstudio.station.core import Station


def outcome(fault, off=0.2, over=1.0, tripped=True, mode="PID", alarm=0.2):
    return Outcome(fault, "holding", mode, off, over, 641.0, tripped, alarm, "SAFE")


@pytest.mark.parametrize(
    ("fault", "good", "bad"),
    [
        ("NaN", {}, {"off": 0.65}),
        ("NaN", {}, {"off": math.inf}),
        ("drift -1 K/s", {"over": 19.9}, {"over": 20.1}),
        ("wall clock + 1 h", {"tripped": False}, {"tripped": True}),
        ("wall clock + 1 h", {"tripped": False}, {"tripped": False, "over": 30.0}),
        ("heater's switch welded, HALT", {"alarm": 3.0}, {"alarm": math.inf}),
    ],
)
def test_the_worst_of_a_fault_decides_and_the_others_are_details(fault, good, bad):
    fine = safety.fault_rows(BY_NAME[fault], [outcome(fault, **good), outcome(fault, **good, mode="POLICY")])
    assert [r.passed for r in fine] == [True] * 3
    missed = safety.fault_rows(BY_NAME[fault], [outcome(fault, **good), outcome(fault, **bad, mode="POLICY")])
    assert [r.passed for r in missed] == [False, True, False]
    assert table("safety", missed).count("\n") == 1
    assert len(report("safety", missed)["rows"]) == 3
    assert all(r.id.split("/")[0] == missed[0].id for r in missed)
    assert len({r.id for r in missed}) == 3


def test_each_fault_has_an_id_of_its_own():
    ids = [safety.fault_rows(f, [outcome(f.name)])[0].id for f in BY_NAME.values()]
    assert len(set(ids)) == len(ids)


def test_halts_are_matched():
    sent = [("halt-a", 1.0), ("halt-b", 2.0), ("halt-c", 3.0)]
    station = [("halt", "halt-a", 1.001, 1.002), ("mode", "halt-b", 1.9, 1.91), ("halt", "halt-b", 2.001, 2.002)]
    device = [("safe", "", 0.9, 0.91), ("safe", "", 1.004, 1.005), ("set", "pid", 2.0, 2.0), ("safe", "", 2.006, 2.007)]
    assert safety_halt.matched(sent, station, device) == pytest.approx([0.004, 0.006, math.inf])


def test_healthy_minutes_do_not_trip_and_a_trip_is_counted(monkeypatch):
    assert safety_hours.run((0.1, 4)).trips == ()
    cycle = Station.cycle

    def trips(self):
        cycle(self)
        if self._cycle == 300:
            self._enter(Mode.SAFE, "test", "a nuisance")

    monkeypatch.setattr(Station, "cycle", trips)
    assert [t.endswith("a nuisance") for t in safety_hours.run((0.05, 4)).trips] == [True]


def test_a_second_station_is_refused(runtime):
    run = Run.create("twin")
    command = [sys.executable, "-m", "matstudio.station", str(run.path)]
    first = subprocess.Popen(command)
    try:
        assert wait_for(lambda: run.process(STATION) is not None, 20)
        second = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert second.returncode == 2
        assert second.stderr.strip().endswith("its station runs already")
        assert run.process(STATION).pid == first.pid
    finally:
        first.terminate()
        first.wait(10)
        run.remove()


def test_a_row_that_is_a_detail_is_left_out_for_people():
    rows = [Row("a", "one", 1.0, "s", "", 1.0, None), Row("a/b", "two", 1.0, "s", "", 1.0, None, detail=True)]
    assert "two" not in table("x", rows)
