"""What a run did: counted while it goes on, written down at its end."""

from __future__ import annotations

import argparse
import contextlib
import time
from typing import Any

from matstudio import __version__
from matstudio.bus.messages import CommandClient, CommandError, NoAnswer, Subscriber
from matstudio.bus.ring import RingError, RingReader
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, STUDIO, Run
from matstudio.cli import control
from matstudio.cli.story import Story
from matstudio.cli.supervise import Supervisor

_FROM = {"readings": DEVICE, "status": STATION, "event": STATION, "recording": RECORDER}
_FROM |= dict.fromkeys(("models", "state", "estimate"), MODELHOST)


class Produced:
    """Counts what the device wrote to its rings, over all its lives."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._rings: dict[str, RingReader] = {}
        self._before: dict[str, int] = {}
        self._looked = 0.0

    def follow(self) -> None:
        """Look, once a second, whether there are new rings."""
        now = time.monotonic()
        if now - self._looked < 1.0:
            return
        self._looked = now
        for path in self._run.rings():
            ring = self._rings.get(path.name)
            if ring is not None and ring.replaced():
                self._before[path.name] = self._before.get(path.name, 0) + ring.written
                ring.close()
                ring = None
            if ring is None:
                with contextlib.suppress(OSError, RingError):
                    self._rings[path.name] = RingReader(path)

    def frames(self, stream: str) -> int:
        """Frames of a stream; also those that came after `follow`, and after the device's end."""
        name = self._run.ring(stream).name
        return self._before.get(name, 0) + (self._rings[name].written if name in self._rings else 0)

    def close(self) -> None:
        """Let go of the rings."""
        for ring in self._rings.values():
            ring.close()


class Watcher:
    """Hears every publisher of a run; keeps the last message of each topic and counts."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._subscriber = Subscriber(*(run.socket(p, "pub") for p in (DEVICE, STATION, MODELHOST, RECORDER)))
        self._station = CommandClient(run.socket(STATION, "cmd"))
        self._window = CommandClient(run.socket(STUDIO, "cmd"))
        self._shown: dict[str, Any] = {}
        self._produced = Produced(run)
        self._streams: tuple[str, ...] = ()
        self._asked = self._greeted = 0.0
        self.last: dict[str, Any] = {}
        self.heard: dict[str, float] = {}
        self.events: list[str] = []
        self.story = Story(run)

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
            self.story.take(topic, message)
            if topic == "event":
                self.events.append(str(message.get("text", "")))
        self._produced.follow()
        self._ask_window()

    def _ask_window(self) -> None:
        """What the window, if there is one, says of its frames; asked once a second."""
        now = time.monotonic()
        if now - self._asked >= 1.0:
            self._asked = now
            with contextlib.suppress(NoAnswer):
                self._window.ask("status")
        for answer in self._window.answers().values():
            if isinstance(answer, dict):
                self._shown = dict(answer.get("streams", {}))

    def ready(self) -> bool:
        """Whether the station says that it hears its device."""
        status = self.last.get("status")
        return status is not None and status["device"]["state"] == "good"

    def complete(self) -> bool:
        """Whether every process has been heard and, where there are models, each has had a frame."""
        models = self.last.get("models")
        heard = {"status", "readings", "models", "recording"} <= set(self.last)
        return heard and bool(models) and all(m["analysed"] or m["error"] for m in models.values())

    def picture(self) -> None:
        """Keep the newest frames for the report."""
        if not self._streams:
            with contextlib.suppress(CommandError):
                description = control.ask(self._run, DEVICE, "describe")["description"]
                self._streams = tuple(s.name for s in description.streams)  # type: ignore[attr-defined]
        self.story.look(self._streams)

    def report(self, arguments: argparse.Namespace, supervisor: Supervisor, *, early: bool) -> dict[str, Any]:
        """The report; `problems` is empty for a run in which everything worked. A run that a person ended `early`,
        before it had started, has no silent parts."""
        now = self._run.clock.now()
        status, recording = self.last.get("status", {}), self.last.get("recording", {})
        self._streams = ()
        self.picture()
        streams = self._counts(now)
        problems = list(supervisor.problems)
        if not early:
            problems += [f"no {name} message" for name in ("status", "readings", "models") if name not in self.last]
        silent = [name for name, facts in streams.items() if not facts["produced"]]
        if early:
            silent = []
        if self._run.instrument == "twin" or len(silent) == len(streams):  # a track of a replay may begin later
            problems += [f"stream {name} brought no frame" for name in silent]
        if arguments.record and not recording.get("path"):
            problems.append(f"nothing was recorded: {recording.get('error') or 'the recorder did not answer'}")
        elif recording.get("state") == "failed":
            problems.append(f"recording stopped: {recording.get('error')}")
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
            "recording": dict(recording),
            "restarted": supervisor.restarted,
            "problems": problems,
        }

    def settle(self, report: dict[str, Any]) -> None:
        """Bring the counts of a report to what they were when the processes ended."""
        self.take(0.2)
        report["recording"] = dict(self.last.get("recording", {}))
        report["streams"] = self._counts(report["run_time_s"])

    def _counts(self, now: float) -> dict[str, Any]:
        """What became of each stream's frames, as each process says (since its own last start)."""
        recording, models = self.last.get("recording", {}), self.last.get("models", {})
        late = self.last.get("readings", {}).get("state", {}).get("late", {})
        out = {}
        for name in self._streams:
            recorder = {word: recording.get(word, {}).get(name, 0) for word in ("recorded", "dropped", "waiting")}
            model, shown = models.get(name, {}), self._shown.get(name, {})
            produced = self._produced.frames(name)
            out[name] = {
                "produced": produced,
                "late": late.get(name, 0),
                "rate_hz": round(produced / (now / self._run.clock.speed), 2) if now > 0 else 0.0,
                "received": {
                    "recorder": recording.get("received", {}).get(name, 0),
                    "models": model.get("received", 0),
                    "window": shown.get("received", 0),
                },
                **recorder,
                **{word: model.get(word, 0) for word in ("analysed", "skipped", "failed")},
                "analysed_s": round(model.get("seconds", 0.0), 4),
                "error": model.get("error", ""),
                "shown": shown.get("shown", 0),
                "not_shown": shown.get("skipped", 0),
            }
        return out

    @staticmethod
    def text(report: dict[str, Any]) -> str:
        """The report in a few lines."""
        lines = [f"{report['instrument']}: {report['run_time_s']:g} s of run time, mode {report['mode'] or 'unknown'}"]
        lines += [
            f"  {name}: {s['produced']} frames ({s['rate_hz']:g} Hz), {s['analysed']} analysed, "
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
        for end in (self._subscriber, self._station, self._window, self._produced):
            end.close()
