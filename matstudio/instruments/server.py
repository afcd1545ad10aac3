"""What every device server does: frames into rings, readings out, commands in.

One loop serves commands and steps the device. A frame takes tens of milliseconds (or a slow disk's seconds, in a
replay); a command, the heater's model and the watchdog must not wait for it. So the loop takes the exposure's facts
when the frame is due, and has the frame made elsewhere (`instruments.frames`).
"""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from matstudio.bus import processes
from matstudio.bus.messages import CommandServer, Handler, Publisher, Silence
from matstudio.bus.ring import RingWriter
from matstudio.bus.rundir import DEVICE, Run
from matstudio.domain.process import Reading
from matstudio.instruments.base import Description, Stream
from matstudio.instruments.frames import FrameProcess, Frames, FrameThread, Job, Order

NICE = -5
SWITCH_S = 0.001  # so long a frame thread may keep the interpreter from the loop
READINGS_RUN_S, READINGS_REAL_S = 0.1, 0.02
_IDLE_S = 0.02


@dataclass(frozen=True)
class Output:
    """A stream before it has a ring.

    Args:
        name: unique in the run.
        kind: what it shows.
        rate: frames per second of real time.
        title: for people.
        frame_bytes: data bytes of its largest frame.
        plugin: whose code makes its frames, in a process apart from the others; "": the device's own.
    """

    name: str
    kind: str
    rate: float
    title: str
    frame_bytes: int
    plugin: str = ""

    @property
    def slots(self) -> int:
        """Frames that the ring holds: three seconds of them, at least 8 and, above that, at most 32 MiB."""
        return max(8, min(round(3 * self.rate) + 2, 2**25 // max(1, self.frame_bytes)))


class Source(Protocol):
    """A device as its server sees it. All but jobs is called by the loop's thread and takes a few ms at most.

    `frames_module` names the module of the process that makes its frames; "" where a thread makes them.
    """

    frames_module: str

    def outputs(self) -> tuple[Output, ...]:
        """The streams; names and sizes stay as they are, `rate` may change while the device runs (0: no frames)."""
        ...

    def describe(self, streams: tuple[Stream, ...]) -> Description:
        """The description, with the streams as the server has opened them."""
        ...

    def handlers(self) -> Mapping[str, Handler]:
        """Commands that the device takes ("set", "safe", "heartbeat", "configure", "play", ...)."""
        ...

    def step(self, t: float) -> None:
        """Bring the device to run time `t`; called every 20 ms of real time or oftener."""
        ...

    def readings(self) -> tuple[Reading, ...]:
        """Every process value, as now."""
        ...

    def state(self) -> Mapping[str, Any]:
        """Device-specific facts, JSON-able; published with the readings."""
        ...

    def expose(self, stream: str, seq: int, t_start: float, t_end: float) -> Job | Order | None:
        """What makes frame `seq` of a stream, exposed between two run times, or None: there is none this time.

        It is a job for a thread, which must touch nothing that the loop changes, or an order for the process. One that
        gives no frame or raises loses it, which shows as a gap in `seq`.
        """
        ...

    def silent(self) -> bool:
        """Whether the device hangs (a fault): nothing is published, no frame is made, only `fault` is answered."""
        ...

    def gone(self) -> bool:
        """Whether the device ends now (a fault)."""
        ...


@dataclass
class _Camera:
    """One stream's ring and its pace."""

    stream: Stream
    ring: RingWriter
    due: float
    seq: int = 0
    late: int = 0
    exposed: float = 0.0


class DeviceServer:
    """Serves one `Source` on the sockets and rings of a run, in the thread that calls `serve`.

    Frames come at their rate in real time, also when run time goes faster. A frame waits until the stream's last one is
    made; one that has to wait for a whole period is left out and, after the first, counted in the state under "late".
    """

    def __init__(self, run: Run, source: Source) -> None:
        self._run, self._source = run, source
        self._boot = secrets.token_hex(4)
        self._cameras: dict[str, _Camera] = {}
        outputs = source.outputs()
        start = time.monotonic()
        for i, output in enumerate(outputs):
            ring = RingWriter(run.ring(output.name), output.frame_bytes, output.slots)
            stream = Stream(output.name, output.kind, str(ring.path), output.rate, output.title)
            phase = i / len(outputs) / output.rate if output.rate > 0 else 0.0
            self._cameras[output.name] = _Camera(stream, ring, start + phase)
        self._frames: dict[str, Frames] = {}  # by plugin
        self._maker = {output.name: output.plugin for output in outputs}
        for plugin in dict.fromkeys(("", *self._maker.values())):
            rings = {name: camera.ring for name, camera in self._cameras.items() if self._maker[name] == plugin}
            module, name = source.frames_module, f"frames of plugin {plugin}" if plugin else "frames"
            self._frames[plugin] = FrameProcess(module, run, rings, name) if module else FrameThread(rings)
        handlers: dict[str, Handler] = {"heartbeat": lambda t: None, "safe": lambda: None}
        handlers |= source.handlers()
        handlers |= {"describe": self._describe, "ping": lambda: None}
        self._commands = CommandServer(
            run.socket(DEVICE, "cmd"), DEVICE, {name: self._unless_silent(name, h) for name, h in handlers.items()}
        )
        self._publisher = Publisher(run.socket(DEVICE, "pub"))
        self._told = 0.0

    def serve(self, stop: threading.Event) -> None:
        """Serve until `stop` is set or the device is gone."""
        while not stop.is_set() and not self._source.gone():
            self._commands.serve(self.step())

    def step(self) -> float:
        """One turn: bring the device to now, publish, start the frames that are due.

        Returns:
            seconds of real time until the next turn is due, at most 20 ms.
        """
        t, real = self._run.clock.now(), time.monotonic()
        self._source.step(t)
        if self._source.silent():
            return _IDLE_S
        interval = max(READINGS_RUN_S / self._run.clock.speed, READINGS_REAL_S)
        next_reading = self._told + interval
        if real >= next_reading:
            self._told = max(next_reading, real - interval)
            self._publisher.send("readings", {"t": t, "readings": self._source.readings(), "state": self._state()})
            next_reading = self._told + interval
        rates = {output.name: output.rate for output in self._source.outputs()}
        for plugin, frames in self._frames.items():
            frames.look(not plugin or any(rates[name] > 0 for name, of in self._maker.items() if of == plugin))
        dues = [self._frame(camera, rates[name], t, real) for name, camera in self._cameras.items()]
        return max(0.0, min(_IDLE_S, next_reading - real, *(due - real for due in dues)))

    def close(self) -> None:
        """Wait for the frame that is being made, then remove the rings and close the sockets."""
        for frames in self._frames.values():
            frames.close()
        for camera in self._cameras.values():
            camera.ring.close()
        self._publisher.close()
        self._commands.close()

    def _unless_silent(self, name: str, handler: Handler) -> Handler:
        def handle(**fields: Any) -> Mapping[str, Any] | None:
            if self._source.silent() and name != "fault":
                raise Silence
            return handler(**fields)

        return handle

    def _frame(self, camera: _Camera, rate: float, t: float, real: float) -> float:
        """Start the stream's frame if it is due; returns when the next one is."""
        if rate <= 0:
            return real + _IDLE_S
        if real < camera.due:
            return camera.due
        frames = self._frames[self._maker[camera.stream.name]]
        if frames.busy(camera.stream.name):
            if real >= camera.due + 1 / rate:
                camera.due += 1 / rate
                camera.late += camera.seq > 0
            return real + _IDLE_S
        camera.due = max(camera.due + 1 / rate, real)
        what = self._source.expose(camera.stream.name, camera.seq, max(camera.exposed, t - 1 / rate), t)
        if what is not None:
            camera.seq += 1
            camera.exposed = t
            frames.begin(camera.stream.name, what)
        return camera.due

    def _state(self) -> dict[str, Any]:
        late = {name: camera.late for name, camera in self._cameras.items()}
        return dict(self._source.state()) | {
            "boot": self._boot,
            "late": late,
            "errors": sorted(line for frames in self._frames.values() for line in frames.errors)[:5],
        }

    def _describe(self) -> Mapping[str, Any]:
        rates = {output.name: output.rate for output in self._source.outputs()}
        streams = tuple(
            Stream(s.name, s.kind, s.ring, rates[s.name], s.title) for s in (c.stream for c in self._cameras.values())
        )
        description = self._source.describe(streams)
        return {
            "description": Description(
                description.name,
                description.kind,
                description.streams,
                description.readings,
                description.actuators,
                dict(description.state) | {"boot": self._boot},
            )
        }


def serve_source(run: Run, source: Source, stop: threading.Event) -> None:
    """Serve a source until `stop` is set or it is gone; the body of a device server's process."""
    processes.set_priority(NICE)
    sys.setswitchinterval(SWITCH_S)
    server = DeviceServer(run, source)
    processes.settle()
    try:
        server.serve(stop)
    finally:
        server.close()
