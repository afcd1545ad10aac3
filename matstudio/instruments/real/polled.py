"""Links that ask for every value, one after the other."""

from __future__ import annotations

import math
from abc import abstractmethod

from matstudio.instruments.real.link import Link, Sample


class PolledLink(Link):
    """Asks for each reading ten times a second. A value has the time at which it was asked for.

    Where `connection` has `alive`, the address of a number that the device changes all the time, a value counts as new
    only when that has changed meanwhile: a controller whose network part still answers after its program has hung is
    seen by the age of its readings.
    """

    _alive = math.nan
    _alive_at = -math.inf

    def read(self) -> None:
        """Ask for every reading."""
        asked = self.clock.now()
        alive = self.config.connection.get("alive")
        if alive:
            number = self.ask(alive)[0]
            if number != self._alive:
                self._alive, self._alive_at = number, asked
            asked = self._alive_at
        for name, reading in self.config.readings.items():
            t = asked if alive else self.clock.now()
            value, unit = self.ask(reading.address)
            self.told(name, Sample(value, t, unit))

    @abstractmethod
    def ask(self, address: str) -> tuple[float, str]:
        """A value, and the unit that comes with it or ""; raises where there is none."""
