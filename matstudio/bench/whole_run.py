"""A whole run for benches: every process, a recording, and as much load as there are cores."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matstudio.bench.probe import MODULE, stamps_path
from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandError
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, STUDIO, Run

MODULES = {
    DEVICE: "matstudio.instruments.serve",
    STATION: "matstudio.station",
    MODELHOST: "matstudio.modelhost",
    RECORDER: "matstudio.recording",
}
SCREEN = "matstudio.bench.screen"
START_S = 60.0


class WholeRun:
    """A run on the twin, recorded into a folder that goes with it. Device and station note what reaches them."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="matstudio-bench-")
        session = Path(self._folder.name) / "s.nxs"
        self.run = Run.create("twin", {"seed": 0, "record": str(session), **(options or {})})
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start processes (default: all but the studio) and wait until the station hears its device."""
        for name in names or MODULES:
            probed = name in (DEVICE, STATION)
            module = "matstudio.bench.probe" if probed else MODULES[name]
            self._children[name] = processes.spawn(self.run, name, module, {MODULE: MODULES[name]} if probed else None)
        client = CommandClient(self.run.socket(STATION, "cmd"))

        def good() -> bool:
            try:
                return bool(client.request("status", timeout=1.0)["device"]["state"] == "good")
            except CommandError:
                return False

        try:
            if not processes.wait_for(good, START_S, 0.2):
                raise RuntimeError(f"the run did not start: {self.run.log_path(STATION).read_text()[-500:]}")
        finally:
            client.close()

    def screen(self, env: Mapping[str, str], module: str = SCREEN) -> None:
        """Start the window that `bench.screen`, or another module, makes, with `env` on top."""
        self._children[STUDIO] = processes.spawn(self.run, STUDIO, module, dict(env))

    def end(self, name: str) -> None:
        """End one process in order."""
        child = self._children.pop(name)
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def pid(self, name: str) -> int:
        """Of a process; RuntimeError where it has ended."""
        child = self._children[name]
        if child.poll() is not None:
            raise RuntimeError(f"{name} ended: {self.run.log_path(name).read_text()[-500:]}")
        return child.pid

    def stamps(self, process: str) -> list[tuple[str, str, float, float]]:
        """What a probed process noted, after it has ended."""
        return [tuple(s) for s in json.loads(stamps_path(self.run, process).read_text())]  # type: ignore[misc]

    def stop(self) -> None:
        """End every process; the run directory stays until `close`."""
        processes.stop(self.run)
        for child in self._children.values():
            child.wait()
        self._children.clear()

    def close(self) -> None:
        """End everything and delete it."""
        self.stop()
        self.run.remove()
        self._folder.cleanup()


@contextlib.contextmanager
def busy() -> Iterator[int]:
    """As many processes as cores that do nothing but count, at normal priority; how many."""
    count = os.cpu_count() or 1
    command = [sys.executable, "-c", "n = 0\nwhile True: n += 1"]
    hogs = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        time.sleep(0.5)
        yield count
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
