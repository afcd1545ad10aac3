"""The benches of safety latency and of the streams, at sizes at which their figures say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matstudio.bench import safety_latency, stream
from matstudio.bench.rows import Row, report, table
from matstudio.bench.safety_latency import Sent


def ids(rows: list[Row]) -> list[str]:
    for row in rows:
        assert math.isfinite(row.value)
        assert row.value > 0
        assert row.ratio > 0
    printed = report("x", rows)["rows"]
    assert [set(r) for r in printed] == [
        {"id", "what", "value", "unit", "against", "ratio", "must", "aim", "pass"} for _ in rows
    ]
    assert table("x", rows).count("\n") == len(rows)
    return [row.id for row in rows]


def test_commands_reach_the_device_of_a_real_run():
    rows = safety_latency.measure(3, 0, 20.0)
    names = [f"{n}{s}-p999" for n in ("halt", "output", "take_over") for s in ("", "-sent")]
    assert ids(rows) == [*names, "samples"]
    assert rows[-1].value == 3
    assert all(row.value < 5000 for row in rows)  # ms; none was lost


def test_stamps_are_matched_in_the_order_of_the_device():
    sent = [Sent("output", 1.0), Sent("take_over", 1.1), Sent("halt", 1.2), Sent("output", 2.0), Sent("halt", 2.2)]
    station = [
        ("output", "bench", 1.001, 1.002),
        ("take_over", "bench", 1.101, 1.103),
        ("halt", "ana", 1.2005, 1.2006),
        ("halt", "bench", 1.201, 1.202),
        ("output", "bench", 2.001, 2.002),
        ("halt", "bench", 2.201, 2.202),
    ]
    device = [
        ("set", "pid", 1.0015, 1.0016),
        ("set", "operator", 1.004, 1.005),
        ("safe", "", 1.211, 1.212),
        ("safe", "", 2.0005, 2.0006),  # of the HALT before
        ("set", "operator", 2.003, 2.004),
        ("safe", "", 2.203, 2.204),
    ]
    rows = {r.id: r for r in safety_latency.command_rows(sent, station, device)}
    assert rows["halt-p999"].value == pytest.approx(10.0)
    assert rows["halt-sent-p999"].value == pytest.approx(11.0)
    assert rows["output-p999"].value == pytest.approx(3.0)
    assert rows["take_over-p999"].value == pytest.approx(2.0)
    assert rows["halt-p999"].passed
    lost = safety_latency.command_rows(sent, station, device[:-1])
    assert not next(r for r in lost if r.id == "halt-p999").passed


def test_ring_and_recorder():
    assert ids(stream.ring(128, 0.2, 1)) == ["ring-write", "ring-read"]
    assert ids(stream.recorder(64, 20, 1)) == ["recorder-64"]


def test_rows_of_the_screen():
    rows = [
        stream._latency("screen", "x", np.array([10.0, 20.0, 200.0]), 100.0),
        stream._against("screen-bare", "x", np.array([30.0]), np.array([20.0])),
    ]
    assert ids(rows) == ["screen", "screen-bare"]
    assert [r.passed for r in rows] == [False, True]
