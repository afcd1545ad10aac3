"""The recorder: a process that writes what the others publish to session files."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from matstudio.bus.messages import CommandClient, CommandError, CommandServer, Handler, Publisher, Subscriber
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, Run
from matstudio.domain.device import Description
from matstudio.domain.estimate import Estimate, MaterialState
from matstudio.domain.process import Reading, newest
from matstudio.recording.recording import Left, Recording, left_behind
from matstudio.recording.sources import NEWEST, OLDEST
from matstudio.recording.tally import WORDS

log = logging.getLogger(__name__)
NEED_FREE = 2_000_000_000  # bytes; REC refuses under it
STOP_FREE = 500_000_000  # bytes; a recording ends under it, while there is room to close the file
USUAL_RATE = 8_000_000  # bytes/s of the default streams, uncompressed; until a rate has been measured
CLOSE_S = 25.0  # a file that is not closed by then is still being written to a slow disk
ASK_S = 0.5  # between two questions to a device that does not answer
ALONE_S = 30.0  # the recorder ends so long after station and device have


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written in a folder."""
    return shutil.disk_usage(folder).free


class Recorder:
    """Records the run on command. One thread calls everything; files are written by threads of their own.

    Args:
        run: whose frames and messages are recorded.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.state, self.error = "idle", ""
        self.recording: Recording | None = None  # the present one, or the last
        self._device = CommandClient(run.socket(DEVICE, "cmd"))
        self._subscriber = Subscriber(*(run.socket(p, "pub") for p in (DEVICE, MODELHOST)))
        self._asked: set[int] = set()
        self._ask_at = 0.0
        self._readings: dict[str, Reading] = {}
        self._sizes: list[tuple[float, int]] = []

    def record(self, path: str, begin: str = NEWEST, left: Left | None = None) -> dict[str, Any]:
        """Begin a recording; answers with the path of its first file.

        Args:
            path: wanted.
            begin, left: see `Recording`.

        Raises:
            CommandError: there is one already, or the folder cannot take it.
        """
        if self.state == "recording" and self.recording:
            raise CommandError(f"already recording to {self.recording.path}")
        try:
            wanted = Path(path).expanduser().absolute()
        except RuntimeError as error:
            raise CommandError(f"{path}: {error}") from None
        if wanted.is_dir():
            raise CommandError(f"{wanted}: a folder, not a file")
        wanted = wanted if wanted.suffix else wanted.with_suffix(".nxs")
        folder = wanted.parent
        if not folder.is_dir():
            raise CommandError(f"{folder}: no such folder")
        if not os.access(folder, os.W_OK):
            raise CommandError(f"{folder}: no right to write")
        free = free_bytes(folder)
        if free < NEED_FREE:
            raise CommandError(f"{folder}: {free / 1e9:.1f} GB free, recording needs {NEED_FREE / 1e9:g} GB")
        self.recording = Recording(self.run, wanted, self._describe, self._readings, begin, left)
        self.state, self.error, self._sizes = "recording", "", []
        log.info("recording to %s", self.recording.path)
        return {"path": str(self.recording.path)}

    def start(self) -> None:
        """Begin what the run asks to record from its start, or go on with what a recorder that died was recording."""
        left = left_behind(self.run)
        for note in left.notes if left else ():
            log.warning("%s", note)
        wanted = left.wanted if left else self.run.options.get("record")
        if wanted:
            try:
                self.record(str(wanted), OLDEST, left)
            except (CommandError, ValueError, OSError) as error:
                self.state, self.error = "failed", str(error)
                log.error("%s", error)

    def stop_recording(self) -> dict[str, Any]:
        """End the recording; answers, when its files are closed, with their paths.

        Raises:
            CommandError: there is none, or the disk has not taken all of it yet.
        """
        if self.state != "recording" or self.recording is None:
            raise CommandError("not recording")
        self._end("recording stopped")
        if not self.recording.join(CLOSE_S):
            raise CommandError(f"{self.recording.path}: the disk has not taken all of it yet")
        self._watch(self.recording)
        return {"paths": [str(p) for p in self.recording.paths]}

    def status(self) -> dict[str, Any]:
        """The map that is published as "recording"."""
        recording, now = self.recording, time.monotonic()
        size = recording.bytes if recording else 0
        self._sizes = [s for s in self._sizes if s[0] > now - 10.0] + [(now, size)]
        t0, size0 = self._sizes[0]
        rate = (size - size0) / (now - t0) if self.state == "recording" and now > t0 else 0.0
        counts = recording.counts() if recording else {}
        folder = recording.path.parent if recording else Path.cwd()
        free = free_bytes(folder) if folder.is_dir() else 0
        return {
            "t": self.run.clock.now(),
            "state": self.state,
            "path": str(recording.path) if recording else None,
            "paths": [str(p) for p in recording.paths] if recording else [],
            "since": recording.since if recording and self.state == "recording" else None,
            "bytes": size,
            "rate": rate,
            "free": free,
            "hours_left": max(0, free - STOP_FREE) / (rate if rate > 0 else USUAL_RATE) / 3600,
            **{word: {stream: n[word] for stream, n in counts.items()} for word in WORDS},
            "error": self.error or None,
        }

    def step(self) -> None:
        """Take in what has come; waits for nothing."""
        messages = self._subscriber.receive()
        recording = self.recording if self.state == "recording" else None
        if recording:
            recording.step()
        for topic, value in messages:
            if topic == "readings":
                self._readings.update(newest(self._readings, value["readings"]))
                if recording:
                    recording.add_readings(tuple(r for r in value["readings"] if r.name in self._readings))
            elif recording and isinstance(value, Estimate):
                recording.add_estimate(value)
            elif recording and isinstance(value, MaterialState):
                recording.add_state(value)

    def check(self) -> None:
        """End the recording where the disk is full or a file failed; called once a second."""
        recording = self.recording
        if recording is None:
            return
        if self.state == "recording":
            folder = recording.path.parent
            try:
                free = free_bytes(folder)
            except OSError as error:
                self._fail(f"{folder}: {error.strerror}")
                return
            if recording.removed:
                self._fail(f"{recording.removed}: removed or renamed while it was recorded")
            elif free < STOP_FREE:
                self._fail(f"{folder}: disk full ({free / 1e6:.0f} MB free), recording stopped")
            else:
                recording.check_device()
        self._watch(recording)

    def close(self) -> None:
        """End the recording, wait for its files and let go of everything."""
        if self.state == "recording":
            self._end("recorder ended", stopped=False)
        if self.recording is not None:
            self.recording.join()
        self._device.close()
        self._subscriber.close()

    def _describe(self) -> Description | None:
        for number, answer in self._device.answers().items():
            found = answer.get("description") if isinstance(answer, dict) and number in self._asked else None
            if isinstance(found, Description):
                self._asked.clear()
                return found
        if time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + ASK_S
            with contextlib.suppress(CommandError):
                self._asked.add(self._device.ask("describe"))
        return None

    def _end(self, why: str, *, stopped: bool = True) -> None:
        self.step()
        self.state = "idle"
        if self.recording is not None:
            self.recording.finish(why, stopped=stopped)

    def _fail(self, text: str) -> None:
        log.error("%s", text)
        self._end(text)
        self.state, self.error = "failed", text

    def _watch(self, recording: Recording) -> None:
        if recording.error and not self.error:
            self._fail(f"{recording.path}: {recording.error}")


def body(run: Run, stop: threading.Event) -> None:
    """Record on command until `stop` is set, or `ALONE_S` after station and device have ended."""
    import h5py  # noqa: F401  (now, so that the first file is there at once)
    import hdf5plugin  # noqa: F401

    recorder = Recorder(run)
    publisher = Publisher(run.socket(RECORDER, "pub"))
    handlers: dict[str, Handler] = {
        "record": recorder.record,
        "stop_recording": recorder.stop_recording,
        "status": recorder.status,
    }
    server = CommandServer(run.socket(RECORDER, "cmd"), RECORDER, handlers)
    try:
        recorder.start()
        published = checked = company = time.monotonic()
        while not stop.is_set():
            answered = server.serve(0.02)
            recorder.step()
            now = time.monotonic()
            if answered or now - published >= 1.0:
                publisher.send("recording", recorder.status())
                published = now
            if now - checked >= 1.0:
                checked = now
                recorder.check()
                if run.process(STATION) or run.process(DEVICE):
                    company = now
                elif now - company > ALONE_S:
                    log.info("station and device have ended")
                    break
    finally:
        recorder.close()
        publisher.send("recording", recorder.status())
        publisher.close()
        server.close()
