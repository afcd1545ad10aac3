"""What the run takes of the computer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from matstudio.bus.rundir import DEVICE, Run
from matstudio.workers.machine import Watch, family, spent


def test_only_what_was_seen_twice_counts():
    before = {(1, 0.0): 5.0, (2, 0.0): 3.0}
    assert spent(before, {(1, 0.0): 6.5, (3, 0.0): 100.0}) == 1.5
    assert spent(before, {(1, 9.0): 6.5}) == 0.0, "another process with the same number"
    assert spent({}, before) == 0.0


def test_a_family_is_everyone_that_descends():
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 20: 1, 21: 20}
    assert family([10], parents) == {10, 11, 12}
    assert family([10, 21], parents) == {10, 11, 12, 21}
    assert family([3], {3: 3}) == {3}


def test_processes_of_the_run_and_their_children_are_counted(tmp_path: Path):
    run = Run.create("twin")
    code = "import subprocess, sys, time; x = bytearray(50_000_000); x[::4096] = bytes(len(x[::4096])); "
    code += (
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(1, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    try:
        child.stdout.readline()
        run.register(DEVICE, child.pid)
        watch = Watch(run, tmp_path)
        first = watch.look(0.0)
        assert first.run_cpu is None
        assert len(watch._processes) == 2
        machine = watch.look(1.0)
        assert machine.run_cpu is not None
        assert 0 <= machine.run_cpu < 100
        assert machine.alive == (DEVICE,)
        assert 50e6 < machine.memory < machine.memory_total
        assert machine.cores == os.cpu_count()
    finally:
        os.killpg(child.pid, 9)
        child.wait()
        child.stdout.close()
        run.remove()
