"""`matstudio bench stream`: the ring against memcpy, the recorder against h5py, frames to the screen, and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil

from matstudio.bench.probe import FRAMES
from matstudio.bench.ring_feed import frames, median_s
from matstudio.bench.rows import Row
from matstudio.bench.screen import BARE, paints_path
from matstudio.bench.whole_run import WholeRun
from matstudio.bus.messages import CommandClient
from matstudio.bus.processes import wait_for
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, STUDIO
from matstudio.domain.clock import RealClock
from matstudio.domain.device import Description
from matstudio.domain.frame import Frame
from matstudio.recording.filethread import BACKLOG_BYTES, FileThread
from matstudio.recording.tally import Tally
from matstudio.recording.writer import SessionWriter

LARGE, SMALL = 2048, 512
RING_S, TURNS = 2.0, 3
RING_LEAST, RECORDER_LEAST = 0.3, 0.8
SCREEN_S, SCREEN_MS, PEER = 20.0, 100.0, 2.0
FEW, MANY, GROWTH, GROWTH_MB = 1000, 10_000, 1.05, 20.0
_START_S = 10.0


def bench(full: bool = False) -> list[Row]:
    """Ring, recorder and screen; in the long form also the memory of each process after 10,000 images."""
    rows = ring(LARGE, RING_S, TURNS)
    rows += [*recorder(LARGE, 60, TURNS), *recorder(SMALL, 600, TURNS)]
    rows += screen(SCREEN_S)
    return rows + memory(FEW, MANY) if full else rows


# ---- ring


def ring(size: int, seconds: float, turns: int) -> list[Row]:
    """Frames a second into and out of a ring between two processes that never wait, against copying the same frames
    within one: one over the median processor time of a frame, best of some turns of each."""
    copied, read, written = 0.0, 0.0, 0.0
    for _ in range(turns):
        copied = max(copied, _memcpy(size, seconds / 2))
        one_read, one_written = _through(size, seconds)
        read, written = max(read, one_read), max(written, one_written)
    against = f"memcpy of the same frames ({copied:.0f} frames/s)"
    return [
        Row(f"ring-{name}", f"{size}² uint16 {what}", rate, "frames/s", against, rate / copied, (">=", RING_LEAST))
        for name, what, rate in (
            ("write", "into a ring that is read meanwhile", written),
            ("read", "out of a ring that is written meanwhile", read),
        )
    ]


def _memcpy(size: int, seconds: float) -> float:
    given = [f.data for f in frames(size)]
    target = np.zeros_like(given[0])
    return 1 / median_s(lambda n: np.copyto(target, given[n % len(given)]), seconds)


def _through(size: int, seconds: float) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="matstudio-bench-", dir=_shm()) as folder:
        path = Path(folder) / "x.ring"
        command = [sys.executable, "-m", "matstudio.bench.ring_feed", str(path), str(size), str(seconds)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as feed:
            assert feed.stdin is not None
            assert feed.stdout is not None
            feed.stdout.readline()
            reader = RingReader(path)
            print(file=feed.stdin, flush=True)
            read = median_s(lambda _: reader.newest() is not None, seconds)
            written = float(feed.stdout.readline())
            reader.close()
            print(file=feed.stdin, flush=True)
    return 1 / read, 1 / written


def _shm() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


# ---- recorder


def recorder(size: int, count: int, turns: int) -> list[Row]:
    """Frames a second through the recorder's file thread, against h5py with the same chunks and filter and nothing
    else: from when the file is there until it is closed, best of some turns of each."""
    given = frames(size)
    ours, plain = 0.0, 0.0
    for _ in range(turns):
        with tempfile.TemporaryDirectory(prefix="matstudio-bench-") as folder:
            plain = max(plain, _h5py(Path(folder) / "plain.h5", given, count))
            ours = max(ours, _recorded(Path(folder) / "s.nxs", given, count))
    mb = given[0].data.nbytes / 1e6
    what = f"{size}² uint16 recorded ({ours * mb:.0f} MB/s)"
    against = f"plain h5py, same filter ({plain:.0f} frames/s)"
    return [Row(f"recorder-{size}", what, ours, "frames/s", against, ours / plain, (">=", RECORDER_LEAST))]


def _h5py(path: Path, given: list[Frame], count: int) -> float:
    import h5py
    import hdf5plugin

    shape = given[0].data.shape
    with h5py.File(path, "x", libver=("v110", "v110")) as file:
        data = file.create_dataset(
            "data", (0, *shape), "u2", maxshape=(None, *shape), chunks=(1, *shape), **hdf5plugin.Bitshuffle(cname="lz4")
        )
        begun = time.perf_counter()
        for i in range(count):
            data.resize(i + 1, axis=0)
            data[i] = given[i % len(given)].data
    return count / (time.perf_counter() - begun)


def _recorded(path: Path, given: list[Frame], count: int) -> float:
    description = Description("bench", "twin", (), {}, (), {})
    stream, most = given[0].stream, BACKLOG_BYTES // (2 * given[0].data.nbytes)
    tally = Tally()
    tally.came(stream)
    thread = FileThread(path, lambda: SessionWriter(path, description, RealClock.start(), [given[0]]), tally)
    wait_for(lambda: bool(thread.inode or thread.error), 30.0, 0.002)
    begun = time.perf_counter()
    for i in range(1, count):
        while tally.counts()[stream]["waiting"] > most:
            time.sleep(0.002)
        tally.came(stream)
        thread.put_frame(given[i % len(given)], 0)
    thread.finish()
    thread.join()
    seconds = time.perf_counter() - begun
    if tally.counts()[stream]["recorded"] != count:
        raise OSError(f"{path}: {tally.counts()[stream]} of {count} frames: {thread.error}")
    return count / seconds


# ---- screen


def screen(seconds: float) -> list[Row]:
    """From the end of an exposure, and from the frame's being in the ring, to the image on the screen, in the studio
    and, after it, in a bare window that shows nothing else; the whole run goes on meanwhile."""
    whole = WholeRun()
    try:
        whole.start()
        paints = [_paints(whole, env, seconds) for env in ({}, BARE)]
        whole.stop()
        origin = whole.run.clock.origin
        ready = {int(seq): end - origin for name, seq, _, end in whole.stamps(FRAMES) if name == "image"}
    finally:
        whole.close()
    exposed, bare_exposed = (np.array([1e3 * (shown - t_end) for _, t_end, shown in p]) for p in paints)
    ringed, bare_ringed = (np.array([1e3 * (shown - ready[int(seq)]) for seq, _, shown in p]) for p in paints)
    rate = len(exposed) / seconds
    return [
        _latency("screen", "image on the screen, from the exposure's end", exposed, SCREEN_MS),
        _latency("screen-ring", "image on the screen, from its being in the ring", ringed, SCREEN_MS),
        _against("screen-bare", "from the exposure's end", exposed, bare_exposed),
        _against("screen-ring-bare", "from its being in the ring", ringed, bare_ringed),
        Row("screen-rate", "images shown", rate, "Hz", "10 Hz", rate / 10, (">=", 0.9)),
    ]


def _latency(name: str, what: str, ms: np.ndarray, limit: float) -> Row:
    spread = ", ".join(f"p{p} {np.percentile(ms, p):.0f} ms" for p in (50, 95, 99))
    p95 = float(np.percentile(ms, 95))
    return Row(name, f"{what}, p95 of {len(ms)} ({spread})", p95, "ms", f"{limit:g} ms", p95 / limit, ("<=", 1.0))


def _against(name: str, what: str, ms: np.ndarray, peer: np.ndarray) -> Row:
    ours, theirs = float(np.median(ms)), float(np.median(peer))
    against = f"a bare pyqtgraph window ({theirs:.0f} ms)"
    return Row(name, f"image on the screen, {what}, median", ours, "ms", against, ours / theirs, ("<=", PEER))


def _paints(whole: WholeRun, env: Mapping[str, str], seconds: float) -> np.ndarray:
    """The images painted within `seconds`, after the window has settled: (n, 3) number, end of the exposure and time
    on the screen, run time in seconds."""
    whole.screen(env)
    time.sleep(_START_S + seconds)
    whole.pid(STUDIO)
    until = whole.run.clock.now()
    whole.end(STUDIO)
    rows = np.array(json.loads(paints_path(whole.run).read_text())).reshape(-1, 3)
    paints_path(whole.run).unlink()
    return np.asarray(rows[(rows[:, 2] > until - seconds) & (rows[:, 2] < until)])


# ---- memory


def memory(few: int, many: int) -> list[Row]:
    """Memory of each process after `many` images against `few`, at 30 images, patterns and spectra a second."""
    whole = WholeRun({"stress": True})
    names = (STUDIO, STATION, RECORDER, MODELHOST, DEVICE)
    try:
        whole.start()
        whole.screen({})
        client = CommandClient(whole.run.socket(DEVICE, "cmd"))
        description = client.request("describe", timeout=20.0)["description"]
        client.close()
        image = RingReader(Path(next(s.ring for s in description.streams if s.name == "image")))
        used = []
        for frames_ in (few, many):
            wait_for(lambda n=frames_: image.written >= n, 3 * frames_ / 30 + 60, 0.2)  # type: ignore[misc]
            reached = image.written
            used.append({name: _private(whole.pid(name)) for name in names})
        image.close()
    finally:
        whole.close()
    rows = [Row("memory-images", "images made", reached, "", f"{many} wanted", reached / many, (">=", 1.0))]
    for name in names:
        before, after = (u[name] / 1e6 for u in used)
        allowed = max(before * GROWTH, before + GROWTH_MB)
        what = f"memory of the {name} after {many} images"
        rows.append(
            Row(f"memory-{name}", what, after, "MB", f"{before:.0f} MB after {few}", after / allowed, ("<=", 1.0))
        )
    return rows


def _private(pid: int) -> int:
    """Bytes that the process and its children have for themselves; rings, which they share, do not count."""
    who = psutil.Process(pid)
    return sum(int(p.memory_full_info().uss) for p in (who, *who.children()))
