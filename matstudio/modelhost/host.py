"""The model host: newest frame of each stream in, estimates and the fused state out."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matstudio.bus.messages import CommandClient, CommandError, CommandServer, Publisher, Subscriber
from matstudio.bus.ring import RingError, RingReader
from matstudio.bus.rundir import DEVICE, MODELHOST, Run
from matstudio.domain.estimate import Estimate
from matstudio.domain.process import Reading
from matstudio.fusion.inverse_variance import MAX_AGE_S, fuse
from matstudio.fusion.order import with_boundaries
from matstudio.instruments.base import Description, Stream
from matstudio.modalities.base import MODALITIES, Inverse, load
from matstudio.modelhost.choices import Choices, Doing, NoModel

log = logging.getLogger(__name__)

REST = 2.0
"""Seconds that a stream's model rests for each second that it took: no stream has more than a third of a core."""


@dataclass
class Feed:
    """One stream on its way through a model, with its counts.

    Args:
        since: of a replay, run time of its last seek, s. pace: of a replay, its speed.
    """

    stream: Stream
    model: Inverse
    ring: RingReader | None = None
    analysed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    error: str = ""
    due: float = 0.0
    since: float = -math.inf
    pace: float = 1.0

    def take(self) -> Estimate | None:
        """Analyse the newest frame, if there is one and the model has rested. An unreadable frame leaves its line in
        `error`."""
        if time.perf_counter() < self.due:
            return None
        if self.ring is not None and self.ring.replaced():
            self.ring.close()
            self.ring = None
        if self.ring is None:
            with contextlib.suppress(FileNotFoundError, RingError):
                self.ring = RingReader(Path(self.stream.ring))
            if self.ring is None:
                return None
        missed = self.ring.missed
        frame = self.ring.newest()
        if frame is None:
            return None
        self.since = float(frame.metadata.get("replay_since", self.since))
        self.pace = float(frame.metadata.get("replay_speed", self.pace))
        self.skipped += self.ring.missed - missed
        start = time.perf_counter()
        try:
            estimate = self.model(frame)
        except Exception as error:  # noqa: BLE001  a model is a guest: whatever it raises is shown, and the loop goes on
            self.error = f"{frame.stream} #{frame.seq}: {error}".splitlines()[0]
            log.warning("%s", self.error)
            return None
        finally:
            end = time.perf_counter()
            self.due = end + REST * (end - start)
        self.seconds = end - start
        self.analysed += 1
        self.error = ""
        return replace(estimate, seconds=self.seconds)


class ModelHost:
    """Runs the models of one run, one frame at a time, in the calling thread.

    Silence is its only failure that others must notice: it publishes `models` once a second of real time, and a model
    that hangs stops that.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._feeds: dict[str, Feed] = {}
        self._estimates: dict[str, Estimate] = {}
        self._readings: dict[str, Reading] = {}
        self._device = CommandClient(run.socket(DEVICE, "cmd"))
        self._subscriber = Subscriber(run.socket(DEVICE, "pub"), topics=("readings",))
        self._publisher = Publisher(run.socket(MODELHOST, "pub"))
        self._server = CommandServer(
            run.socket(MODELHOST, "cmd"),
            MODELHOST,
            {"status": self.models, "models": self._choices, "use": self._use},
        )
        self._chosen, self._doing = Choices(run), Doing(run)
        self._described = 0.0
        self._told = 0.0

    def step(self) -> bool:
        """Serve commands, analyse at most one frame of each stream, publish. Whether there was anything to do."""
        self._server.serve(0)
        for _, message in self._subscriber.receive():
            self._readings |= {r.name: r for r in message["readings"]}
        now = time.monotonic()
        if now - self._described > (5.0 if self._feeds else 0.2):
            self._described = now
            self._describe()
        fresh = False
        for feed in self._feeds.values():
            with self._doing.model(feed.stream.name, feed.model.name):
                estimate = feed.take()
            if estimate is not None:
                fresh = True
                self._estimates[feed.stream.name] = estimate
                self._forget()
                self._publisher.send("estimate", with_boundaries(estimate, self._estimates.values()))
        if fresh:
            clock = self._run.clock
            # frames come at their rate of real time: with --speed they lie farther apart in run time
            age = MAX_AGE_S * max(1.0, clock.speed) / max(1.0, *(feed.pace for feed in self._feeds.values()))
            self._publisher.send("state", fuse(self._estimates, self._readings, clock.now(), age))
        if now - self._told >= 1.0:
            self._told = now
            self._publisher.send("models", self.models())
        return fresh

    def models(self) -> dict[str, Any]:
        """What runs on each stream, and how it fares."""
        return {
            name: {
                "model": feed.model.name,
                "version": feed.model.version,
                "seconds": feed.seconds,
                "analysed": feed.analysed,
                "skipped": feed.skipped,
                "error": feed.error,
            }
            for name, feed in self._feeds.items()
        }

    def close(self) -> None:
        """Let go of rings and sockets."""
        for feed in self._feeds.values():
            if feed.ring is not None:
                feed.ring.close()
        for end in (self._device, self._subscriber, self._publisher, self._server, self._doing):
            end.close()

    def _forget(self) -> None:
        """Drop what was said of frames from before a replay was last sought: they show another time."""
        since = max(feed.since for feed in self._feeds.values())
        self._estimates = {name: e for name, e in self._estimates.items() if e.t > since}

    def _describe(self) -> None:
        try:
            description: Description = self._device.request("describe", timeout=0.5)["description"]
        except CommandError:
            return
        for stream in description.streams:
            known = self._feeds.get(stream.name)
            if known is None:
                self._feeds[stream.name] = Feed(stream, self._first(stream))
            else:
                known.stream = stream

    def _choices(self) -> Mapping[str, Any]:
        return {name: tuple(MODALITIES[feed.stream.kind].inverses) for name, feed in self._feeds.items()}

    def _use(self, stream: str, model: str) -> None:
        feed = self._feeds.get(stream)
        if feed is None:
            raise CommandError(f"no stream {stream!r}")
        with self._doing.model(stream, model):
            feed.model = _make(feed.stream, model)
        self._chosen.choose(stream, model)

    def _first(self, stream: Stream) -> Inverse:
        """The model of a stream that is new to this host: as a host before it had it, unless that model hung."""
        offered = tuple(MODALITIES[stream.kind].inverses)
        name = self._chosen.model(stream.name, offered)
        if not name:
            return NoModel()
        with self._doing.model(stream.name, name):
            try:
                return _make(stream, name)
            except (CommandError, ValueError, OSError) as error:  # its weights are gone, say
                if name == offered[0]:
                    raise
                log.warning("%s: %s", stream.name, error)
                return _make(stream, offered[0])


def _make(stream: Stream, name: str) -> Inverse:
    inverses = MODALITIES[stream.kind].inverses
    if name not in inverses:
        raise CommandError(f"{stream.kind} has no model {name!r}, only {', '.join(inverses)}")
    inverse: Inverse = load(inverses[name])()
    return inverse


def main(run: Run, stop: threading.Event) -> None:
    """Body of the process: runs until `stop` is set, at low priority."""
    if hasattr(os, "nice"):
        os.nice(5)
    host = ModelHost(run)
    try:
        while not stop.is_set():
            if not host.step():
                stop.wait(0.01)
    finally:
        host.close()
