"""`matstudio bench control`: how well the loop and what stands above it do, a row a plant, controller and condition."""

from __future__ import annotations

from matstudio.bench.control_pid import pid_rows
from matstudio.bench.control_policy import policy_rows
from matstudio.bench.rows import Row


def bench(full: bool = False) -> list[Row]:
    """The rows of the PID and of the policy."""
    return pid_rows(full) + policy_rows(full)
