"""Sees every frame that a device writes to its rings, and holds the files of a recording against them."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the filter)
import numpy as np

from matstudio.bus.processes import stop
from matstudio.bus.ring import RingError, RingReader
from matstudio.bus.rundir import Run
from matstudio.session.reader import Session

STREAMS = ("image", "diffraction", "spectrum")


@dataclass
class Life:
    """One life of the device: number -> end of the exposure (run time) of each frame, by stream."""

    frames: dict[str, dict[int, float]] = field(default_factory=lambda: {s: {} for s in STREAMS})

    def newest(self, stream: str, t: float = np.inf) -> float:
        """The end of the newest exposure that had ended at `t`; -inf: none had."""
        return max((end for end in self.frames[stream].values() if end <= t), default=-np.inf)


class Witness:
    """Reads all rings of a run in a thread of its own until `close`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lives: dict[str, list[dict[int, float]]] = {s: [] for s in STREAMS}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        readers: dict[str, RingReader] = {}
        while not self._stop.wait(0.03):
            for stream in STREAMS:
                reader = readers.get(stream)
                if reader is None:
                    try:
                        reader = readers[stream] = RingReader(self.run.ring(stream))
                    except (OSError, RingError):
                        continue
                    self._lives[stream].append({})
                replaced = reader.replaced()
                while (frame := reader.next()) is not None:
                    self._lives[stream][-1][frame.seq] = frame.t_end
                assert not reader.missed, f"the witness slept: {stream}"
                if replaced:
                    readers.pop(stream).close()
        for reader in readers.values():
            reader.close()

    @property
    def lives(self) -> list[Life]:
        """What was seen, a `Life` for each start of the device."""
        n = max(map(len, self._lives.values()))
        return [
            Life({s: dict(self._lives[s][i]) if i < len(self._lives[s]) else {} for s in STREAMS}) for i in range(n)
        ]

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


def opens_plainly(path: Path) -> None:
    """Without SWMR and without MatStudio: the last frame of each stream can be read."""
    with h5py.File(path, "r") as file:
        for stream in STREAMS:
            if stream in file["entry"]:
                n = int((file[f"entry/{stream}/seq"][()] >= 0).sum())
                assert n > 0
                assert file[f"entry/{stream}/data"][: min(n, len(file[f"entry/{stream}/data"]))][-1].size


def life_of(session: Session, witness: Witness) -> Life | None:
    """The device's life that a file shows; None: the witness saw none of its frames."""
    for life in witness.lives:
        for name, s in session.streams.items():
            if s.n and life.frames[name].get(int(s.seq[-1])) == s.t_end[-1]:
                return life
    return None


def lost(files: list[Path], witness: Witness, at: float) -> float:
    """Seconds by which the newest recorded frame lies before the newest that the device had made at run time `at`, in
    the life of the device and the stream that lost most."""
    newest: dict[tuple[str, str], float] = {}
    made: dict[tuple[str, str], float] = {}
    for path in files:
        with Session.open(path) as session:
            boot, life = session.description.state["boot"], life_of(session, witness)
            assert life is not None, f"{path.name}: none of its frames was seen in a ring"
            for name, s in session.streams.items():
                newest[boot, name] = max(newest.get((boot, name), -np.inf), float(s.t_end[-1]))
                made[boot, name] = life.newest(name, at)
    return max(made[key] - newest[key] for key in made)


def unexplained(files: list[Path], witness: Witness) -> tuple[list[str], int]:
    """What is missing between the first and the last frame of a recording.

    Args:
        files: of one recording, in the order in which they were begun.

    Returns:
        one line for each gap that no counter owns up to, and how many frames the counters own up to.
    """
    recorded: dict[tuple[str, str], dict[int, int]] = {}  # number -> lost just before it
    seen: dict[tuple[str, str], dict[int, float]] = {}
    for path in files:
        with Session.open(path) as session:
            boot, life = session.description.state["boot"], life_of(session, witness)
            for name, s in session.streams.items():
                into = recorded.setdefault((boot, name), {})
                seen[boot, name] = life.frames[name] if life else {}
                for seq, n in zip(s.seq.tolist(), np.diff(s.missed, prepend=0).tolist(), strict=True):
                    assert seq not in into, f"{path.name}: {name} #{seq} is recorded twice"
                    into[seq] = n
    told, problems = 0, []
    for key, there in recorded.items():
        missing = 0
        for seq in sorted(n for n in seen[key] if min(there) <= n <= max(there)):
            if seq not in there:
                missing += 1
            elif missing:
                told += there[seq]
                if there[seq] < missing:
                    problems.append(f"{key}: {missing} frames before #{seq} are missing, {there[seq]} told")
                missing = 0
        strange = sorted(set(there) - set(seen[key]))
        if strange:
            problems.append(f"{key}: #{strange[:3]} were never written")
    return problems, told


def end(launcher: subprocess.Popen, witness: Witness | None, studio: subprocess.Popen | None) -> None:
    """End all that is left of a run, in whatever state it is."""
    launcher.kill()
    launcher.wait()
    if witness is not None:
        stop(witness.run)
        witness.close()
        witness.run.remove()
    if studio is not None:
        studio.kill()
        studio.wait()
