"""A run whose device, station, model host and recorder are played by one thread, as docs/messages.md has them."""

from __future__ import annotations

import json
import math
import threading
import time
from typing import Any

import numpy as np

from matstudio.bus.messages import CommandError, CommandServer, Publisher
from matstudio.bus.ring import RingWriter
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, Run
from matstudio.domain.device import Actuator, Description, Stream
from matstudio.domain.estimate import Estimate, FrameRef, MaterialState, Model, Quantity
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.material import PROTOTYPES
from matstudio.domain.process import Limits, Reading
from matstudio.domain.structure import SiteModel

FURNACE = {"gain_K": 650.0, "tau_s": 60.0, "delay_s": 2.0, "sensor_lag_s": 1.5, "ambient_K": 300.0, "noise_K": 0.3}
RANGES = {"temperature": ("K", 200.0, 1500.0), "pressure": ("GPa", 0.0, 3.0), "composition": ("1", 0.0, 1.0)}
LIMITS = {
    "temperature": Limits(300, 900, 20),
    "heater": Limits(0, 1),
    "pressure": Limits(0, 2, 0.1),
    "composition": Limits(0.15, 0.35, 0.01),
}


def site_model(cells: int, order: float = 0.6) -> SiteModel:
    """cells^3 fcc cells of Cu3Au."""
    p = PROTOTYPES["Cu3Au"]
    grid = np.stack(np.meshgrid(*3 * [np.arange(cells)], indexing="ij"), -1).reshape(-1, 1, 3)
    positions = ((grid + p.sites[None]) * p.a_300_A).reshape(-1, 3)
    au = np.tile([0.25 + 0.75 * order] + 3 * [0.25 - 0.25 * order], cells**3)
    cell = np.eye(3) * cells * p.a_300_A
    return SiteModel(cell, positions, ("Au", "Cu"), np.column_stack([au, 1 - au]), np.full(len(au), 0.05))


def recorded(t: float, kind: str, who: str, text: str, **data: Any) -> dict[str, Any]:
    """An event of the session that is replayed."""
    return {"n": 0, "t": t, "wall": 1e9 + t, "kind": kind, "who": who, "text": text, "data": data}


class FakeRun:
    """Publishes and answers until `stop`; `asked` keeps the commands, `refuse` what they are refused with."""

    def __init__(self, run: Run, *, kind: str = "twin", size: int = 128, cells: int = 4) -> None:
        self.run, self.kind, self.size = run, kind, size
        self.mode, self.why, self.setpoint, self.heater = "PID", "asked for by operator", 626.0, 0.51
        self.alarms: tuple[dict[str, Any], ...] = ()
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.refuse: dict[str, str] = {}
        self.recording_since: float | None = None
        self.silent = False
        self.model, self.loading, self.model_error = "baseline", "", ""
        self.above: dict[str, Any] = {}
        """Further keys of the station's status: "program", "autotune"."""
        self.failed = ""
        self.flood = 0
        """Further status messages and events in each 0.1 s."""
        self.playing, self.position = True, 3.0
        self.recorded = [
            recorded(0.0, "start", "station", "station 0.1.0"),
            recorded(40.0, "mode", "operator:ann", "OFF -> PID", old="OFF", new="PID"),
            recorded(90.0, "alarm", "station", "sensor: stuck", id="sensor", state="UNACK", priority="high"),
        ]
        self._model = site_model(cells)
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._body, name="fake run")

    def start(self) -> FakeRun:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def names(self) -> list[str]:
        return [name for _, name, _ in self.asked]

    def _body(self) -> None:
        run = self.run
        streams = [
            Stream("image", Kind.IMAGE, str(run.ring("image")), 10, f"HAADF {self.size} × {self.size}"),
            Stream("diffraction", Kind.DIFFRACTION, str(run.ring("diffraction")), 5, f"SAED {self.size} × {self.size}"),
            Stream("spectrum", Kind.SPECTRUM, str(run.ring("spectrum")), 5, "EELS core loss"),
        ]
        if self.kind == "replay":
            streams = streams[:1]
        self.description = Description(
            "Twin Cu3Au" if self.kind == "twin" else "Replay",
            self.kind,
            tuple(streams),
            RANGES if self.kind == "twin" else {"temperature": RANGES["temperature"]},
            tuple(Actuator(n, "1", LIMITS[n], 0.0) for n in ("heater", "pressure", "composition"))
            if self.kind == "twin"
            else (),
            {"duration": 120.0} if self.kind == "replay" else {"furnace": FURNACE},
        )
        rings = {s.name: RingWriter(run.ring(s.name), self.size * self.size * 4 + 8192, 8) for s in streams}
        pubs = {p: Publisher(run.socket(p, "pub")) for p in (DEVICE, STATION, MODELHOST, RECORDER)}
        servers = [
            CommandServer(run.socket(DEVICE, "cmd"), DEVICE, self._handlers(DEVICE)),
            CommandServer(run.socket(STATION, "cmd"), STATION, self._handlers(STATION)),
            CommandServer(run.socket(RECORDER, "cmd"), RECORDER, self._handlers(RECORDER)),
            CommandServer(run.socket(MODELHOST, "cmd"), MODELHOST, self._handlers(MODELHOST)),
        ]
        self._ready.set()
        tick = 0
        try:
            while not self._stop.is_set():
                end = time.monotonic() + 0.1
                tick += 1
                if not self.silent:
                    self._publish(tick, pubs)
                for i, stream in enumerate(streams):
                    if i == 0 or tick % 2 == 0:
                        rings[stream.name].write(self._frame(stream, tick // (1 if i == 0 else 2)))
                while (left := end - time.monotonic()) > 0 and not self._stop.is_set():
                    for server in servers:
                        server.serve(min(left, 0.005))
        finally:
            for thing in (*rings.values(), *pubs.values(), *servers):
                thing.close()

    def _handlers(self, process: str) -> dict[str, Any]:
        def handler(name: str) -> Any:
            def handle(**fields: Any) -> dict[str, Any] | None:
                if name == "describe":
                    return {"description": self.description}
                if name == "models":
                    return {"image": ("baseline", "unet"), "spectrum": ("baseline",)}
                if name == "hello" and self.silent:
                    raise CommandError("silent")
                self.asked.append((process, name, fields))
                if name in self.refuse:
                    raise CommandError(self.refuse[name])
                self._act(name, fields)
                return self._page(fields["start"]) if name == "timeline" else None

            return handle

        names = {
            DEVICE: ("describe", "play", "pause", "seek", "speed", "step", "note", "timeline", "safe"),
            STATION: (
                "hello",
                "mode",
                "setpoint",
                "output",
                "take_over",
                "halt",
                "reset",
                "program",
                "autotune",
                "tune",
                "acknowledge",
                "note",
                "event",
            ),
            RECORDER: ("record", "stop_recording"),
            MODELHOST: ("models", "use"),
        }
        return {name: handler(name) for name in names[process]}

    def _act(self, name: str, fields: dict[str, Any]) -> None:
        if name == "mode":
            self.mode = fields["mode"]
        elif name == "take_over":
            self.mode = "MANUAL"
        elif name == "halt":
            self.mode, self.why = "SAFE", fields.get("why", "")
        elif name == "reset":
            self.mode, self.why = "OFF", "reset"
        elif name == "setpoint":
            self.setpoint = fields["value"]
        elif name == "output":
            self.heater, self.mode = fields["value"], "MANUAL"
        elif name == "record":
            self.recording_since = self.run.clock.now()
        elif name == "use":
            self.loading = fields["model"]
        elif name == "stop_recording":
            self.recording_since = None
        elif name in ("play", "pause"):
            self.playing = name == "play"
        elif name == "seek":
            self.position = fields["t"]
        elif name == "note" and self.kind == "replay":
            self.recorded.append(
                recorded(fields["t"], "note", "operator:ann", fields["text"], bookmark=True, later=True)
            )

    def _page(self, start: int) -> dict[str, Any]:
        """Two events a page, so that it takes several."""
        parts = ({"name": "insitu.nxs", "start": 0.0, "end": 120.0, "ending": "broken off"},)
        facts = {"start": 0.0, "end": 120.0, "epoch": 1e9, "speed": 1.0, "parts": parts, "lost": (), "curves": {}}
        facts["frames"] = {"image": np.ones(20, "u4")}
        page = {"events": tuple(self.recorded[start : start + 2]), "total": len(self.recorded)}
        return page | {"facts": facts} if start == 0 else page

    def _publish(self, tick: int, pubs: dict[str, Publisher]) -> None:
        t = self.run.clock.now()
        value = {"temperature": 625.4 + 8 * math.sin(t / 5), "pressure": 0.1013, "composition": 0.25}
        readings = tuple(Reading(n, value[n], self.description.readings[n][0], t) for n in self.description.readings)
        state = {"position": self.position, "duration": 120.0, "playing": self.playing, "speed": 1.0}
        state |= {"recorded_start": 0.0, "events": len(self.recorded), "boot": "a"}
        pubs[DEVICE].send("readings", {"t": t, "readings": readings, "state": state if self.kind == "replay" else {}})
        if tick % 2 == 0:
            pubs[STATION].send("status", self.status(t, tick, {r.name: r for r in readings}))
        for i in range(self.flood):
            pubs[STATION].send("status", self.status(t, tick, {r.name: r for r in readings}))
            event = {"n": 1000 * tick + i, "t": t, "wall": time.time(), "kind": "note", "who": "ann", "data": {}}
            pubs[STATION].send("event", event | {"text": f"flood {i}", "hash": "0" * 64})
        if tick == 3:
            for n, text in enumerate(
                ("station started: OFF", "mode PID asked for", "setpoint 640 K limited to 631 K"), 1
            ):
                entry = {
                    "n": n,
                    "t": t,
                    "wall": time.time(),
                    "kind": "mode",
                    "who": "operator:ann",
                    "text": text,
                    "data": {},
                    "hash": "0" * 64,
                }
                pubs[STATION].send("event", entry)
                with open(self.run.audit_path, "a") as file:
                    file.write(json.dumps(entry) + "\n")
        s = 0.31 + 0.05 * math.sin(t / 7)
        quantities = {
            "order_parameter": Quantity(s, 0.021, "1"),
            "free_energy": Quantity(-3.42 + s, 0.15, "meV/atom"),
            "composition": Quantity(0.25, 0.01, "1"),
            "lattice_a": Quantity(3.769, 0.004, "Å"),
        }
        if self.kind == "twin":
            sources = {"order_parameter": (FrameRef("image", tick), FrameRef("diffraction", tick // 2))}
            pubs[MODELHOST].send("state", MaterialState(t, quantities, sources, self._model))
            model = Model("columns", "1", "abc")
            columns = self._columns()
            arrays = {
                "columns": columns,
                "columns_sigma": np.full_like(columns, 0.1),
                "columns_intensity": np.ones(len(columns)),
                "columns_au": np.full(len(columns), 0.3),
            }
            pubs[MODELHOST].send("estimate", Estimate("image", tick, t, model, quantities, arrays))
        if tick % 10 == 0:
            pubs[MODELHOST].send(
                "models",
                {
                    "image": {
                        "model": self.model,
                        "version": "1",
                        "loading": self.loading,
                        "seconds": 0.1,
                        "analysed": tick // 2,
                        "received": tick // 2 + 4,
                        "skipped": 3,
                        "failed": 1,
                        "error": self.model_error,
                    }
                },
            )
            since = self.recording_since
            pubs[RECORDER].send(
                "recording",
                {
                    "t": t,
                    "state": "failed" if self.failed else "idle" if since is None else "recording",
                    "path": "",
                    "since": since,
                    "bytes": 0,
                    "rate": 11.8e6,
                    "free": 812_000_000_000,
                    "hours_left": 19.0,
                    "received": {"image": 5},
                    "recorded": {"image": 3},
                    "dropped": {"image": 0},
                    "waiting": {"image": 2},
                    "error": self.failed,
                },
            )

    def status(self, t: float, cycle: int, readings: dict[str, Reading]) -> dict[str, Any]:
        twin = self.kind == "twin"
        return {
            "t": t,
            "cycle": cycle,
            "mode": self.mode,
            "master": "pid" if self.mode == "PID" else "operator",
            "why": self.why,
            "readings": readings,
            "limits": LIMITS if twin else {},
            "setpoints": {"temperature": self.setpoint, "pressure": 0.1013, "composition": 0.25} if twin else {},
            "outputs": {"heater": self.heater, "pressure": 0.1013, "composition": 0.25} if twin else {},
            "pid": {
                "setpoint": 626.0,
                "measured": 625.4,
                "p": 0.02,
                "i": 0.49,
                "d": 0.0,
                "output": 0.51,
                "saturated": 0,
            },
            "alarms": self.alarms,
            "interlocks": (),
            "device": {"name": self.description.name, "kind": self.kind, "state": "good", "age": 0.05},
            "clients": {"studio": 0.1},
            "audit": {"n": 3, "hash": "0123456789abcdef" * 4},
            **self.above,
        }

    def _columns(self) -> np.ndarray:
        ys, xs = np.meshgrid(np.arange(8, self.size, 16.0), np.arange(8, self.size, 16.0), indexing="ij")
        return np.column_stack([xs.ravel(), ys.ravel()])

    def _frame(self, stream: Stream, seq: int) -> Frame:
        rng = np.random.default_rng(seq)
        t = self.run.clock.now()
        n = self.size
        meta = {"instrument": "twin", "quantity": "intensity", "unit": "counts", "beam_energy_keV": 200.0}
        if stream.kind is Kind.SPECTRUM:
            axis = Axis("Energy loss", "eV", 0.2, 880.0, 2048)
            e = axis.values
            expected = 4000 * (e / 880) ** -3 + np.where(e > 931, 600 * (e / 931.0) ** -2, 0)
            data = rng.poisson(expected).astype(np.uint32)
            return Frame(stream.name, stream.kind, seq, data, (axis,), t - 0.2, t, "monotonic", meta | {"mode": "EELS"})
        y, x = np.mgrid[0:n, 0:n]
        if stream.kind is Kind.IMAGE:
            axes = (Axis("y", "Å", 0.115, 0.0, n), Axis("x", "Å", 0.115, 0.0, n))
            data = 200 + 500 * (np.cos(2 * np.pi * (x - 8) / 16) + np.cos(2 * np.pi * (y - 8) / 16)).clip(0)
            meta["mode"] = "HAADF"
        else:
            axes = (Axis("ky", "1/Å", 0.006, -0.006 * n / 2, n), Axis("kx", "1/Å", 0.006, -0.006 * n / 2, n))
            spot = np.exp(-(((x - n / 2 + 12) % 24 - 12) ** 2 + ((y - n / 2 + 12) % 24 - 12) ** 2) / 4)
            data = 5 + 2000 * spot * np.exp(-((x - n / 2) ** 2 + (y - n / 2) ** 2) / (n * 6))
            meta["mode"] = "SAED"
        counts = rng.poisson(data).clip(0, 65535).astype(np.uint16)
        return Frame(stream.name, stream.kind, seq, counts, axes, t - 0.1, t, "monotonic", meta)


if __name__ == "__main__":
    import sys

    made = Run.create(sys.argv[1] if len(sys.argv) > 1 else "twin")
    print(made.path, flush=True)
    fake = FakeRun(made, kind=made.instrument.partition(":")[0], size=512, cells=16).start()
    try:
        sys.stdin.read()
    finally:
        fake.stop()
        made.remove()
