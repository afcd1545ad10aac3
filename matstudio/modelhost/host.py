"""The model host: newest frame of each stream in, estimates and the fused state out."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandError, CommandServer, Publisher, Subscriber
from matstudio.bus.ring import RingError, RingReader
from matstudio.bus.rundir import DEVICE, MODELHOST, Run
from matstudio.domain.estimate import Estimate
from matstudio.domain.process import Reading, newest
from matstudio.fusion.inverse_variance import MAX_AGE_S, fuse
from matstudio.fusion.order import with_boundaries
from matstudio.instruments.base import Description, Stream
from matstudio.modalities.base import Inverse, modalities, modality
from matstudio.modelhost.choices import Choices, Doing, NoModel

log = logging.getLogger(__name__)

REST = 2.0
"""Seconds that a stream's model rests for each second that it took: no stream has more than a third of a core."""

SWITCH_S = 5e-4
"""Seconds after which a thread that loads a model lets the loop go on, which an analysis needs hundreds of times."""


class Loading:
    """A model on its way into memory, in a thread of its own: torch alone takes seconds.

    Args:
        stream: that it is for.
        name: of the model.
    """

    def __init__(self, stream: Stream, name: str) -> None:
        self.name = name
        self.model: Inverse | None = None
        self.error = ""
        self._thread = threading.Thread(target=self._load, args=(stream,), name=f"load {name}", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether `model` is there, or `error` says why not."""
        return not self._thread.is_alive()

    def _load(self, stream: Stream) -> None:
        try:
            self.model = modality(stream.kind).inverse(self.name)
        except Exception as error:  # noqa: BLE001  a model is a guest: whatever it raises is shown
            self.error = f"{self.name}: {str(error) or type(error).__name__}".splitlines()[0]
            log.warning("%s: %s", stream.name, self.error)


@dataclass
class Feed:
    """One stream on its way through a model, with its counts.

    `received` = `analysed` + `skipped` + `failed`, counted from the oldest frame that was in the ring when this host
    first saw it.

    Args:
        loading: the model that takes over from `model` when it is there.
        refused: why the model that was asked for last could not be had.
        since: of a replay, run time of its last seek, s. pace: of a replay, its speed.
    """

    stream: Stream
    model: Inverse
    ring: RingReader | None = None
    loading: Loading | None = None
    refused: str = ""
    received: int = 0
    analysed: int = 0
    skipped: int = 0
    failed: int = 0
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
        ring = self._open()
        before = ring.position if ring is not None else 0
        frame = ring.newest() if ring is not None else None
        if ring is None or frame is None:
            return None
        self.received += ring.position - before
        self.skipped += ring.position - before - 1
        self.since = float(frame.metadata.get("replay_since", self.since))
        self.pace = float(frame.metadata.get("replay_speed", self.pace))
        if frame.metadata.get("beam_blanked"):
            self.skipped += 1
            self.error = "the beam is blanked"
            return None
        start = time.perf_counter()
        try:
            estimate = self.model(frame)
        except Exception as error:  # noqa: BLE001  a model is a guest: whatever it raises is shown, and the loop goes on
            self.error = f"{frame.stream} #{frame.seq}: {error}".splitlines()[0]
            self.failed += 1
            log.warning("%s", self.error)
            return None
        finally:
            end = time.perf_counter()
            self.due = end + REST * (end - start)
        self.seconds = end - start
        self.analysed += 1
        self.error = ""
        return replace(estimate, seconds=self.seconds)

    def swap(self) -> str:
        """Put in the model that was loaded, if there is one; its name, or ""."""
        loading = self.loading
        if loading is None or not loading.done:
            return ""
        self.loading, self.refused = None, loading.error
        if loading.model is None:
            return ""
        self.model = loading.model
        return loading.name

    def _open(self) -> RingReader | None:
        if self.ring is not None and self.ring.replaced():
            left = self.ring.written - self.ring.position  # what its writer wrote last
            self.received += left
            self.skipped += left
            self.close()
        if self.ring is None:
            with contextlib.suppress(FileNotFoundError, RingError):
                self.ring = RingReader(Path(self.stream.ring))
                if not self.received:
                    self.ring.skip_to_oldest()
        return self.ring

    def close(self) -> None:
        """Let go of the ring."""
        if self.ring is not None:
            self.ring.close()
            self.ring = None


class ModelHost:
    """Runs the models of one run, one frame at a time, in the calling thread.

    Silence is its only failure that others must notice: it publishes `models` once a second of real time, from when its
    first models are loaded, and a model that hangs stops that.
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
        self._attached = False
        self._described = 0.0
        self._told = 0.0

    def step(self) -> bool:
        """Serve commands, analyse at most one frame of each stream, publish. Whether there was anything to do."""
        self._server.serve(0)
        for _, message in self._subscriber.receive():
            self._readings = newest(self._readings, message["readings"])
        now = time.monotonic()
        if now - self._described > (5.0 if self._feeds else 0.2):
            self._described = now
            self._describe()
        fresh = False
        for feed in self._feeds.values():
            name = feed.swap()
            if name:
                self._chosen.choose(feed.stream.name, name)
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
            state = fuse(self._estimates, self._readings, clock.now(), age)
            self._publisher.send("state", state)
            if "order_parameter" in state.quantities:
                order = state.quantities["order_parameter"]
                self._publisher.send("order", {"t": state.t, "value": order.value, "sigma": order.sigma})
        if self._attached and now - self._told >= 1.0:
            self._told = now
            self._publisher.send("models", self.models())
        return fresh

    def models(self) -> dict[str, Any]:
        """What runs on each stream, and how it fares."""
        return {
            name: {
                "model": feed.model.name,
                "version": feed.model.version,
                "loading": feed.loading.name if feed.loading is not None else "",
                "seconds": feed.seconds,
                "received": feed.received,
                "analysed": feed.analysed,
                "skipped": feed.skipped,
                "failed": feed.failed,
                "error": feed.refused or feed.error,
            }
            for name, feed in self._feeds.items()
        }

    def close(self) -> None:
        """Let go of rings and sockets."""
        for feed in self._feeds.values():
            feed.close()
        for end in (self._device, self._subscriber, self._publisher, self._server, self._doing):
            end.close()

    def _forget(self) -> None:
        """Drop what was said of frames from before a replay was last sought: they show another time."""
        since = max(feed.since for feed in self._feeds.values())
        self._estimates = {name: e for name, e in self._estimates.items() if e.t > since}

    def _describe(self) -> None:
        try:
            description = self._device.request("describe", timeout=0.5).get("description")
        except CommandError:
            return
        if not isinstance(description, Description):
            return
        for stream in description.streams:
            known = self._feeds.get(stream.name)
            if known is None:
                self._feeds[stream.name] = self._first(stream)
            else:
                known.stream = stream
        self._attached = True

    def _choices(self) -> Mapping[str, Any]:
        return {name: _offered(feed.stream) for name, feed in self._feeds.items()}

    def _use(self, stream: str, model: str) -> None:
        feed = self._feeds.get(stream)
        if feed is None:
            raise CommandError(f"no stream {stream!r}")
        offered = _offered(feed.stream)
        if model == NoModel.name:  # a person has switched its plugin off
            feed.model, feed.loading = NoModel("no model reads it"), None
            return
        if model not in offered:
            raise CommandError(f"{feed.stream.kind} has no model {model!r}, only {', '.join(offered)}")
        feed.loading, feed.refused = Loading(feed.stream, model), ""

    def _first(self, stream: Stream) -> Feed:
        """A stream that is new to this host, with the model that a host before it had, unless that one hung.

        Until that is loaded, and where it cannot be, the first model that the stream is offered stands in.
        """
        offered = _offered(stream)
        name, stand_in = self._chosen.model(stream.name, offered), self._chosen.model(stream.name, offered[:1])
        feed = Feed(stream, self._made(stream, stand_in))
        if name != stand_in:
            feed.loading = Loading(stream, name)
        return feed

    def _made(self, stream: Stream, name: str) -> Inverse:
        """The stream's first model; of a plugin's it is noted while it is made, as it is while it works."""
        known = modalities().get(stream.kind)
        if known is None or not known.inverses:
            return NoModel(f"no plugin that is switched on has a model for {stream.kind}")
        if not name:
            return NoModel("its models hung and were left out; choose one to try again")
        if known.plugin is None or known.plugin.own:
            return known.inverse(name)
        try:
            with self._doing.model(stream.name, name):
                return known.inverse(name)
        except Exception as error:  # noqa: BLE001  a plugin is a guest: whatever it raises is shown
            return NoModel(f"{name} of plugin {known.plugin.name}: {error}".splitlines()[0])


def _offered(stream: Stream) -> tuple[str, ...]:
    known = modalities().get(stream.kind)
    return known.offered() if known is not None else ()


def main(run: Run, stop: threading.Event) -> None:
    """Body of the process: runs until `stop` is set, at low priority."""
    if hasattr(os, "nice"):
        os.nice(5)
    sys.setswitchinterval(SWITCH_S)
    processes.limit_files()
    host = ModelHost(run)
    try:
        while not stop.is_set():
            if not host.step():
                stop.wait(0.01)
    finally:
        host.close()
