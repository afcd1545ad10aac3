"""The station's commands that touch neither mode nor loop: remarks, the beam, and a person's word on the device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from matstudio.bus.messages import CommandError
from matstudio.control import modes
from matstudio.control.alarms import Priority
from matstudio.control.modes import Facts
from matstudio.domain.clock import Clock
from matstudio.domain.process import Mode
from matstudio.station.clients import Clients
from matstudio.station.field import BEAM, Field
from matstudio.station.outputs import Outputs


class Commands(ABC):
    """A part of `Station`, which makes its attributes."""

    clock: Clock
    mode: Mode
    note: Callable[..., None]
    field: Field
    _clients: Clients
    _out: Outputs
    _targets: dict[str, float]

    @abstractmethod
    def _facts(self) -> Facts: ...

    @abstractmethod
    def _drive(self, now: float) -> None: ...

    @abstractmethod
    def _tell(self, name: str, text: str, priority: Priority) -> None: ...

    def handle_note(self, who: str, text: str, t: float | None = None, bookmark: bool = False) -> None:
        """A person's remark for the log, about run time `t` (now where none is given)."""
        self._clients.heard(who)
        now = self.clock.now()
        if t is not None and not 0 <= t <= now:
            raise CommandError(f"note: {t:g} s is not within the run's 0 to {now:g} s")
        about = {"t": now if t is None else float(t), "bookmark": bookmark}
        self.note("note", f"operator:{who}", text, **about)

    def handle_event(self, who: str, text: str, alarm: str = "") -> None:
        """A process of the run has something for the log; `alarm` names the process of which people must know."""
        self.note("process", who, text)
        if alarm:
            self._tell(f"process.{alarm}", text, Priority.MEDIUM)

    def handle_beam(self, who: str, on: bool) -> None:
        """Put the beam on the specimen, or blank it; leaves the mode as it is."""
        self._clients.heard(who)
        refused = modes.LATCHED if self.mode is Mode.SAFE and on else self.field.beam(self._out, self._facts(), on)
        if refused:
            self.note("refused", f"operator:{who}", f"beam: {refused}")
            raise CommandError(refused)
        self._targets[BEAM] = float(on)
        self.note("beam", f"operator:{who}", "beam on" if on else "beam blanked", name=BEAM, value=float(on))
        self._drive(self.clock.now())

    def handle_confirm(self, who: str, digest: str) -> None:
        """A person has confirmed limits and holder of the real device that is there."""
        self._clients.heard(who)
        self.field.confirm(who, digest)

    def handle_remote(self, who: str, allow: bool) -> None:
        """Let clients on other computers drive, or no longer; taken from this computer alone."""
        self._clients.heard(who)
        self.field.allow(who, allow)

    def _blank(self) -> None:
        """Blank a beam that an interlock holds; it stays blanked until a person puts it on again."""
        safe = self._out.actuators[BEAM].safe if BEAM in self._out.actuators else None
        if safe is not None and self._out.held(BEAM):
            self._targets[BEAM] = safe
