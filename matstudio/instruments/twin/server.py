"""The twin as a device server: the device's core, and what its frames depend on."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from matstudio.bus.messages import Handler
from matstudio.bus.rundir import Run
from matstudio.domain.clock import Clock
from matstudio.domain.device import Description, Stream
from matstudio.domain.frame import Kind
from matstudio.domain.process import Reading
from matstudio.instruments.frames import Order
from matstudio.instruments.server import Output, serve_source
from matstudio.instruments.twin.detectors import TwinDetector
from matstudio.instruments.twin.device import TwinDevice
from matstudio.instruments.twin.frames import Shot
from matstudio.instruments.twin.options import Options
from matstudio.modalities.base import modalities

BACKLASH = 0.003


class TwinSource:
    """The twin, ready to be served; see `instruments.server.Source`. Its frames are made by `TwinFrames`.

    The specimen follows the order parameter with a backlash of 0.003, so that its thermal noise does not make the
    atoms at the threshold change to and fro. Every frame depends only on the options, on what was sent to the device
    and when, and on its own number and time.
    """

    frames_module = "matstudio.instruments.twin.frames"

    def __init__(self, clock: Clock, options: Options) -> None:
        self._clock = clock
        self.device = TwinDevice(clock, seed=options.seed, noise=options.noise)
        self.device.plant.domain_atoms = options.domain_atoms
        self._options = options
        self._streams = streams()
        self._image_dose = TwinDetector(Kind.IMAGE).dose_e_per_A2 if Kind.IMAGE in self._streams else 0.0
        self._shown_order = self.device.plant.S
        self._dose_rate()

    def outputs(self) -> tuple[Output, ...]:
        return tuple(replace(o, rate=self._options.rate(name)) for name, o in self._streams.items())

    def describe(self, streams: tuple[Stream, ...]) -> Description:
        return replace(self.device.describe(streams), state=self.state())

    def handlers(self) -> Mapping[str, Handler]:
        return {**self.device.commands(), "configure": self.configure}

    def step(self, t: float) -> None:
        self.device.follow()

    def readings(self) -> tuple[Reading, ...]:
        return self.device.readings()

    def state(self) -> dict[str, Any]:
        o = self._options
        return self.device.state() | {
            "antiphase": o.antiphase,
            "dose_factor": o.dose_factor,
            "rates": {name: o.rate(name) for name in self._streams},
            "stress": o.stress,
        }

    def silent(self) -> bool:
        return self.device.frozen

    def gone(self) -> bool:
        return self.device.gone

    def configure(self, options: Mapping[str, Any]) -> None:
        """Change options while running.

        Raises:
            ValueError: an option is unknown or has a wrong value.
        """
        new, old = self._options.changed(options), self._options
        self._options = new
        if (new.seed, new.noise) != (old.seed, old.noise):
            self.device.plant.reseed(new.seed, new.noise)
        self.device.plant.domain_atoms = new.domain_atoms
        self._dose_rate()

    def expose(self, stream: str, seq: int, t_start: float, t_end: float) -> Order:
        """A `Shot`, as a map."""
        plant, options = self.device.plant, self._options
        self._shown_order = min(max(self._shown_order, plant.S - BACKLASH), plant.S + BACKLASH)
        facts = {"pressure_GPa": plant.measured_P, "composition": plant.measured_c, "beam_blanked": plant.beam < 0.5}
        measured = next(r.value for r in self.device.readings() if r.name == "temperature")
        if math.isfinite(measured):
            facts["stage_temperature_K"] = measured
        shot = Shot(
            stream,
            seq,
            t_start,
            t_end,
            self._clock.id,
            order=self._shown_order,
            composition=plant.c,
            temperature_K=plant.T,
            drift_A=plant.drift_A,
            seed=options.seed,
            noise=options.noise,
            antiphase=options.antiphase,
            dose_factor=options.dose_factor,
            stress=options.stress,
            facts=facts,
        )
        return vars(shot)

    def _dose_rate(self) -> None:
        """The image's beam counts: its dose at its rate, per second of run time."""
        rate = self._options.rate(Kind.IMAGE) if Kind.IMAGE in self._streams else 0.0
        self.device.plant.dose_rate = self._image_dose * self._options.dose_factor * rate / self.device.speed


def streams() -> dict[str, Output]:
    """What the twin's detectors give, one for each modality that has a forward model and says so in its manifest."""
    found = {}
    for m in modalities().values():
        if m.stream is not None:
            size = math.prod(m.stream.shape) * np.dtype(m.stream.dtype).itemsize
            plugin = m.plugin.name if m.plugin is not None and not m.plugin.own else ""
            found[m.kind] = Output(m.kind, m.kind, m.stream.rate, m.stream.title, size, plugin)
    return found


def serve(run: Run, stop: threading.Event) -> None:
    """Body of the twin's process.

    Raises:
        ValueError: the run's options for the twin are wrong.
    """
    serve_source(run, TwinSource(run.clock, Options.of_run(run.options)), stop)
