"""The device server of a replay."""

from __future__ import annotations

import threading

from matstudio.bus.rundir import Run
from matstudio.instruments.replay.material import load
from matstudio.instruments.replay.source import ReplaySource
from matstudio.instruments.server import serve_source


def serve(run: Run, stop: threading.Event) -> None:
    """Serve the run's replay until `stop` is set.

    Raises:
        ReaderError: a file cannot be read; one line.
    """
    material = load(run.instrument)
    try:
        serve_source(run, ReplaySource(material, run.clock.id), stop)
    finally:
        material.close()
