"""How the computer fares, and what the run takes of it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from matstudio.bus.rundir import Run

LOOK_EVERY = 10
"""Of so many looks one asks which processes there are, and for their memory."""
Key = tuple[int, float]
"""Number of a process, and when it began."""


@dataclass(frozen=True)
class Machine:
    """The computer.

    Args:
        cpu: all programs, in percent of all cores.
        disk_free: bytes left where sessions go.
        alive: processes of the run that live.
        run_cpu: the run's processes and what they have started, in percent of all cores; None: not known yet.
        cores: number of cores.
        memory: of the run's processes, bytes; what several have in common is shared out among them. None: not known.
        memory_total, memory_free: of the computer, bytes; 0: not known.
    """

    cpu: float
    disk_free: int
    alive: tuple[str, ...]
    run_cpu: float | None = None
    cores: int = 1
    memory: int | None = None
    memory_total: int = 0
    memory_free: int = 0


class Load:
    """CPU load of the whole machine between two calls. (`psutil.cpu_percent` registers the calling thread for ever.)"""

    def __init__(self) -> None:
        self._before = self._times()

    def percent(self) -> float:
        """Percent of all cores that were busy since the last call."""
        (busy, total), before = self._times(), self._before
        self._before = (busy, total)
        return 100 * (busy - before[0]) / max(total - before[1], 1e-6)

    @staticmethod
    def _times() -> tuple[float, float]:
        times = psutil.cpu_times()
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return total - times.idle - getattr(times, "iowait", 0.0), total


def spent(before: Mapping[Key, float], now: Mapping[Key, float]) -> float:
    """CPU seconds between two looks, of the processes that both have seen."""
    return sum(max(0.0, seconds - before[key]) for key, seconds in now.items() if key in before)


def family(roots: Iterable[int], parents: Mapping[int, int]) -> set[int]:
    """Numbers of these processes and of all that they have started.

    Args:
        roots: numbers of processes. parents: number of each process there is -> that of its parent.
    """
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    left = list(roots)
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left += children.get(pid, [])
    return found


class Watch:
    """Looks at the machine and at the run's processes; belongs to one thread.

    Args:
        run: whose processes. sessions: where sessions go.
    """

    def __init__(self, run: Run, sessions: Path) -> None:
        self._run, self._sessions = run, sessions
        self._load = Load()
        self._looks = 0
        self._processes: list[psutil.Process] = []
        self._before: dict[Key, float] = {}
        self._at = 0.0
        self._memory: int | None = None

    def look(self, now: float) -> Machine:
        """The machine now; `now` in seconds. Loads are those since the last look."""
        alive = tuple(self._run.alive())
        if self._looks % LOOK_EVERY == 0:
            self._processes = self._find(alive)
            self._memory = sum(filter(None, map(_memory, self._processes))) or None
        self._looks += 1
        times = {}
        for process in self._processes:
            with contextlib.suppress(psutil.Error):
                used = process.cpu_times()
                times[process.pid, process.create_time()] = used.user + used.system
        cores = os.cpu_count() or 1
        share = 100 * spent(self._before, times) / (now - self._at) / cores if self._before and now > self._at else None
        self._before, self._at = times, now
        memory = psutil.virtual_memory()
        return Machine(
            self._load.percent(),
            disk_free(self._sessions),
            alive,
            share,
            cores,
            self._memory,
            memory.total,
            memory.available,
        )

    def _find(self, names: Iterable[str]) -> list[psutil.Process]:
        """The run's processes and what they have started."""
        roots = {found.pid for name in names if (found := self._run.process(name)) is not None}
        parents = {}
        processes = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                parents[process.pid] = process.ppid()
                processes[process.pid] = process
        return [processes[pid] for pid in sorted(family(roots, parents)) if pid in processes]


def _memory(process: psutil.Process) -> int | None:
    """Bytes of a process; its share of what it has in common with others where the system tells that."""
    try:
        told = process.memory_full_info()
        return int(getattr(told, "pss", 0) or told.rss)
    except psutil.AccessDenied:
        with contextlib.suppress(psutil.Error):
            return int(process.memory_info().rss)
    except psutil.Error:
        pass
    return None


def disk_free(path: Path) -> int:
    """Bytes left on the disk that `path` is on, or would be; 0 where that cannot be told."""
    for place in (path, *path.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return 0
