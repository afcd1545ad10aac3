"""What a run did: counted while it goes on, written down at its end."""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import Any

from matstudio import __version__
from matstudio.bus.messages import CommandClient, CommandError, NoAnswer, Subscriber
from matstudio.bus.ring import RingError, RingReader
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, Run
from matstudio.cli import control
from matstudio.cli.supervise import Supervisor

_FROM = {"readings": DEVICE, "status": STATION, "event": STATION, "recording": RECORDER}
_FROM |= dict.fromkeys(("models", "state", "estimate"), MODELHOST)


class Watcher:
    """Hears every publisher of a run; keeps the last message of each topic and counts."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._subscriber = Subscriber(*(run.socket(p, "pub") for p in (DEVICE, STATION, MODELHOST, RECORDER)))
        self._station = CommandClient(run.socket(STATION, "cmd"))
        self._greeted = 0.0
        self.last: dict[str, Any] = {}
        self.heard: dict[str, float] = {}
        self.events: list[str] = []

    def greet(self) -> None:
        """Tell the station, once a second, that somebody answers for a run without a window."""
        now = time.monotonic()
        if now - self._greeted >= 1.0:
            self._greeted = now
            with contextlib.suppress(NoAnswer):
                self._station.send("hello", who=control.operator(), role="launcher")

    def take(self, seconds: float) -> None:
        """Hear for up to `seconds` of real time."""
        for topic, message in self._subscriber.receive(seconds):
            self.last[topic] = message
            self.heard[_FROM.get(topic, topic)] = time.monotonic()
            if topic == "event":
                self.events.append(str(message.get("text", "")))

    def ready(self) -> bool:
        """Whether the station says that it hears its device."""
        status = self.last.get("status")
        return status is not None and status["device"]["state"] == "good"

    def complete(self) -> bool:
        """Whether every process has been heard and, where there are models, each has had a frame."""
        models = self.last.get("models")
        heard = {"status", "readings", "models", "recording"} <= set(self.last)
        return heard and bool(models) and all(m["analysed"] or m["error"] for m in models.values())

    def report(self, arguments: argparse.Namespace, supervisor: Supervisor, *, early: bool) -> dict[str, Any]:
        """The report; `problems` is empty for a run in which everything worked. A run that a person ended `early`,
        before it had started, has no silent parts."""
        now = self._run.clock.now()
        status, models = self.last.get("status", {}), self.last.get("models", {})
        recording = dict(self.last.get("recording", {}))
        streams = self._streams(models, recording, now)
        problems = list(supervisor.problems)
        if not early:
            problems += [f"no {name} message" for name in ("status", "readings", "models") if name not in self.last]
        silent = [name for name, facts in streams.items() if not facts["frames"]]
        if early:
            silent = []
        if self._run.instrument == "twin" or len(silent) == len(streams):  # a track of a replay may begin later
            problems += [f"stream {name} brought no frame" for name in silent]
        if arguments.record and not recording.get("path"):
            problems.append(f"nothing was recorded: {recording.get('error') or 'the recorder did not answer'}")
        state = self.last.get("state")
        truth = self.last.get("readings", {}).get("state", {}).get("truth")
        return {
            "matstudio": __version__,
            "run": self._run.id,
            "instrument": self._run.instrument,
            "run_time_s": round(now, 2),
            "speed": self._run.clock.speed,
            "mode": str(status.get("mode", "")),
            "streams": streams,
            "state": {
                name: {"value": q.value, "sigma": q.sigma, "unit": q.unit}
                for name, q in (state.quantities if state is not None else {}).items()
            },
            "twin_truth": truth,
            "alarms": [a["text"] for a in status.get("alarms", ())],
            "audit": dict(status.get("audit", {})),
            "recording": recording,
            "restarted": supervisor.restarted,
            "problems": problems,
        }

    def _streams(self, models: dict[str, Any], recording: dict[str, Any], now: float) -> dict[str, Any]:
        try:
            description = control.ask(self._run, DEVICE, "describe")["description"]
        except CommandError:
            return {}
        out = {}
        for stream in description.streams:  # type: ignore[attr-defined]
            frames = 0
            with contextlib.suppress(FileNotFoundError, RingError):
                ring = RingReader(Path(stream.ring))
                frames = ring.written
                ring.close()
            of_model = models.get(stream.name, {})
            out[stream.name] = {
                "frames": frames,
                "rate_hz": round(frames / (now / self._run.clock.speed), 2) if now > 0 else 0.0,
                "analysed": of_model.get("analysed", 0),
                "analysed_s": round(of_model.get("seconds", 0.0), 4),
                "recorded": recording.get("received", {}).get(stream.name, 0),
                "dropped": recording.get("dropped", {}).get(stream.name, 0),
                "error": of_model.get("error", ""),
            }
        return out

    @staticmethod
    def text(report: dict[str, Any]) -> str:
        """The report in a few lines."""
        lines = [f"{report['instrument']}: {report['run_time_s']:g} s of run time, mode {report['mode'] or 'unknown'}"]
        lines += [
            f"  {name}: {s['frames']} frames ({s['rate_hz']:g} Hz), {s['analysed']} analysed, "
            f"{s['recorded']} recorded, {s['dropped']} dropped"
            for name, s in report["streams"].items()
        ]
        lines += [
            f"  {name.replace('_', ' ')}: {q['value']:.4g} ± {q['sigma']:.2g} {q['unit']}"
            for name, q in report["state"].items()
        ]
        return "\n".join(lines)

    def close(self) -> None:
        """Stop hearing."""
        self._subscriber.close()
        self._station.close()
