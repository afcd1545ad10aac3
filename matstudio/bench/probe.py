"""`python -m matstudio.bench.probe RUN_DIRECTORY`: a process of the run that notes when commands reach it.

It is the process itself, module `MATSTUDIO_PROBED`, with a stamp before and after the handler of each command in
`WATCHED`, and of each image that it writes into its ring; so is the process that makes a device's frames. The stamps
(`time.monotonic()`, one clock for the whole machine) are written when the process ends.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matstudio.bus import messages, ring
from matstudio.bus.rundir import Run
from matstudio.instruments import frames

MODULE = "MATSTUDIO_PROBED"
FRAMES = "frames"
WATCHED = ("halt", "take_over", "output", "safe", "set")


def stamps_path(run: Run, process: str) -> Path:
    """Where the stamps of a process are written."""
    return run.path / f"stamps-{process}.json"


class Stamps(list[tuple[str, str, float, float]]):
    """Name of the command and who sent it, or "image" and its number; when it began, and when it was done."""

    def watch(self, name: str, handler: messages.Handler) -> messages.Handler:
        """The handler, with stamps."""

        def stamped(**fields: Any) -> Mapping[str, Any] | None:
            begun = time.monotonic()
            try:
                return handler(**fields)
            finally:
                setpoint = fields.get("setpoint")
                who = fields.get("who", "") if setpoint is None else setpoint.source
                self.append((name, who, begun, time.monotonic()))

        return stamped if name in WATCHED else handler


def main() -> None:
    """Run the probed module as the main program."""
    stamps = Stamps()
    process = FRAMES  # which takes no commands
    make = messages.CommandServer.__init__

    def watched(self: Any, endpoint: str, name: str, handlers: Mapping[str, messages.Handler]) -> None:
        nonlocal process
        process = name
        make(self, endpoint, name, {k: stamps.watch(k, h) for k, h in handlers.items()})

    write = ring.RingWriter.write

    def written(self: Any, frame: Any) -> None:
        begun = time.monotonic()
        write(self, frame)
        if frame.stream == "image":
            stamps.append(("image", str(frame.seq), begun, time.monotonic()))

    start = frames.start

    def started(module: str, run: Run) -> Any:
        os.environ[MODULE] = module
        return start("matstudio.bench.probe", run)

    frames.start = started
    messages.CommandServer.__init__ = watched  # type: ignore[method-assign]
    ring.RingWriter.write = written  # type: ignore[method-assign]
    run = Run.open(Path(sys.argv[1]))
    try:
        runpy.run_module(os.environ[MODULE], run_name="__main__", alter_sys=True)
    finally:
        stamps_path(run, process).write_text(json.dumps(stamps))


if __name__ == "__main__":
    main()
