"""The auto-tune of a station: a relay experiment in the place of the PID, and what tunings it proposes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from matstudio.bus.messages import CommandError
from matstudio.control import pid, tuning
from matstudio.control.identify import NoModel, model
from matstudio.control.plants import Plant, peak
from matstudio.control.relay import Experiment, Phase, Plan
from matstudio.domain.process import Limits
from matstudio.station.loop import Loop

MOST_K, LIMIT_S = 30.0, 900.0
_LEAST, _SHARE, _LEAST_SWING_K = 0.02, 0.6, 3.0  # of the output's span; down of up
_ON_SETPOINT_K = 5.0


class Autotune:
    """At most one experiment; its proposals stay until the next.

    Args:
        note: `Station.note`.
        period: of the control cycle, s: half of it counts as dead time of the PID to be.
    """

    def __init__(self, note: Callable[..., None], period: float) -> None:
        self._note, self._period = note, period
        self._experiment: Experiment | None = None
        self._last = 0.0
        self._output = 0.0
        self._why = ""
        self._result: dict[str, Any] = {}

    @property
    def running(self) -> bool:
        """Whether it has the output now."""
        return self._experiment is not None and not self._experiment.over

    @property
    def output(self) -> float:
        """What it wants of the heater."""
        return self._output

    def start(self, source: str, loop: Loop, amplitude: float, limits: Mapping[str, Limits]) -> None:
        """Begin about the loop's present setpoint and output.

        Args:
            source: who wants it.
            loop: closed, and steady.
            amplitude: how far the output goes up, as a share of its span; down it goes 0.6 of that.
            limits: of heater and temperature.

        Raises:
            CommandError: one runs, or there is no room.
        """
        heater, temperature = limits["heater"], limits["temperature"]
        span, output, setpoint = heater.high - heater.low, loop.steady, loop.setpoint
        if self.running:
            raise self._refuse(source, "an auto-tune runs already")
        if setpoint is None or not 0 < amplitude <= 0.5:
            raise self._refuse(source, f"amplitude {amplitude:g} must be above 0 and at most 0.5 of the output's span")
        if abs(loop.reference - setpoint) > _ON_SETPOINT_K:
            raise self._refuse(source, "the setpoint still moves: wait until the temperature has settled")
        up = min(amplitude * span, heater.high - output)
        down = min(_SHARE * amplitude * span, output - heater.low)
        most = min(MOST_K, temperature.high - setpoint, setpoint - temperature.low)
        if min(up, down) < _LEAST * span:
            raise self._refuse(source, f"no room to swing: the heater is at {100 * output / span:.0f} % of its span")
        if most < _LEAST_SWING_K:
            raise self._refuse(source, f"no room to swing: the setpoint is within {most:.3g} K of its limits")
        self._experiment = Experiment(Plan(up, down, most, LIMIT_S), setpoint, output)
        self._output, self._why, self._result = output, "", {}
        text = (
            f"started about {setpoint:g} K: heater {output - down:.3f} to {output + up:.3f}, at most {most:.3g} K away"
        )
        self._note("autotune", source, text, state=Phase.LISTEN, setpoint=setpoint, low=output - down, high=output + up)

    def sample(self, loop: Loop, t: float, actual: float, measured: float) -> None:
        """Take a good sample in the PID's place; at the end the loop goes on as it was."""
        e = self._experiment
        if e is None or e.over or t <= self._last:
            return
        self._last = t
        phase = e.status.phase
        self._output = e.sample(t, actual, measured)
        if e.status.phase is phase:
            return
        if e.over:
            loop.resume(measured, t, e.output)
            self._finish(loop.tuning)
        else:
            self._note("autotune", "station", f"swings, hysteresis {e.hysteresis:.2g} K", state=e.status.phase)

    def abort(self, loop: Loop, why: str, t: float, measured: float, source: str = "station") -> None:
        """Give it up, with the loop as it was; nothing where none runs."""
        e = self._experiment
        if e is None or e.over:
            return
        e.abort(why)
        if loop.setpoint is not None and math.isfinite(measured):
            loop.resume(measured, t, e.output)
        self._why = why
        self._note("autotune", source, f"aborted: {why}", state=Phase.ABORTED)

    def status(self) -> dict[str, Any]:
        """The map `autotune` of the status; {} before the first."""
        e = self._experiment
        if e is None:
            return {}
        s = e.status
        state = Phase.ABORTED if s.phase is Phase.DONE and not self._result else s.phase
        facts = {
            "setpoint": e.setpoint,
            "most": e.plan.most,
            "low": e.output - e.plan.down,
            "high": e.output + e.plan.up,
        }
        period = s.period_s if math.isfinite(s.period_s) else 0.0
        return {
            "state": state,
            "why": self._why or s.why,
            "periods": s.periods,
            "period": period,
            **facts,
        } | self._result

    def _finish(self, old: pid.Tuning) -> None:
        e = self._experiment
        assert e is not None
        if e.status.phase is Phase.ABORTED:
            self._note("autotune", "station", f"aborted: {e.status.why}", state=Phase.ABORTED)
            return
        try:
            found = model(e)
            proposals = _proposals(replace(found, delay=found.delay + self._period / 2))
        except (NoModel, ValueError) as error:
            self._why = str(error)
            self._note("autotune", "station", f"aborted: {error}", state=Phase.ABORTED)
            return
        seen = replace(found, delay=found.delay + self._period / 2)
        self._result = {
            "model": {"gain": seen.gain, "lags": seen.lags, "delay": seen.delay, "integrating": seen.integrating},
            "now": _map("now", old, seen),
            "proposals": tuple(_map(name, new, seen) for name, new in proposals.items()),
        }
        text = f"done: dead time {found.delay:.3g} s, lags " + ", ".join(f"{lag:.3g}" for lag in found.lags) + " s"
        self._note("autotune", "station", text, state=Phase.DONE, **self._result)

    def _refuse(self, source: str, text: str) -> CommandError:
        self._note("refused", source, f"auto-tune: {text}")
        return CommandError(text)


def _proposals(plant: Plant) -> dict[str, pid.Tuning]:
    """Tunings by their rules' names, each with Ms <= 1.6 on the plant."""
    made = {"SIMC": tuning.robust(plant, lambda closed: tuning.simc(plant, closed))}
    if not plant.integrating and plant.lags:
        lags = sorted((*plant.lags, 0.0), reverse=True)

        def slow(closed: float) -> pid.Tuning:
            return pid.lambda_tuning(plant.gain, lags[0], lags[1], plant.delay, closed=closed)

        made["lambda"] = tuning.robust(plant, slow)
    return made


def _map(rule: str, t: pid.Tuning, plant: Plant) -> dict[str, Any]:
    ms = peak(plant, t)
    return {"rule": rule, "gain": t.gain, "ti": t.ti, "td": t.td, "ms": ms if math.isfinite(ms) else 0.0}
