"""How exactly the 3D view draws, so that turning stays smooth: fewer pixels and flat discs while it moves."""

from __future__ import annotations

from dataclasses import dataclass

BUDGET_S, EASY_S = 0.090, 0.030
SMOOTH_S = 0.150
FEW, SMALL = 20_000, 500_000


@dataclass(frozen=True)
class Detail:
    """How a picture is drawn.

    Args:
        pixels: drawn pixels a pixel of the screen, along each side; 2 is smoothed down.
        every: of the sites, each so-many-eth, larger accordingly.
        exact: true depth of spheres where they meet; without, discs one behind the other.
    """

    pixels: float
    every: int
    exact: bool


STILL, SMOOTH = Detail(1.0, 1, True), Detail(2.0, 1, True)
LADDER = (
    Detail(1.0, 1, False),
    Detail(0.5, 1, False),
    Detail(0.35, 1, False),
    Detail(0.35, 3, False),
    Detail(0.25, 8, False),
)
"""What is drawn while the view moves, from the finest to the fastest."""


class Chooser:
    """Which rung of the ladder moving pictures are drawn at: begins by the number of sites, then goes by the time
    that the last one took."""

    def __init__(self) -> None:
        self._rung = 0
        self._sites = -1

    def moving(self, sites: int) -> Detail:
        """For the next picture of so many drawn sites."""
        if not 0.7 < sites / max(self._sites, 1) < 1.4:
            self._rung = 0 if sites <= FEW else 1 if sites <= 400_000 else 3
        self._sites = sites
        return LADDER[self._rung]

    def took(self, seconds: float) -> None:
        """How long the last moving picture took."""
        if seconds > BUDGET_S:
            self._rung = min(self._rung + 1, len(LADDER) - 1)
        elif seconds < EASY_S and self._rung:
            here, finer = LADDER[self._rung], LADDER[self._rung - 1]
            more = max((finer.pixels / here.pixels) ** 2, here.every / finer.every)
            if seconds * more < 0.8 * BUDGET_S:
                self._rung -= 1

    @staticmethod
    def still(sites: int, size: tuple[int, int]) -> Detail:
        """For a picture at rest: smooth at once where that is always quick, whoever else loads the machine now."""
        return SMOOTH if sites <= FEW and size[0] * size[1] <= SMALL else STILL

    @staticmethod
    def worth_smoothing(seconds: float) -> bool:
        """Whether a still picture that took so long is drawn again at twice the pixels, and smoothed."""
        return seconds < SMOOTH_S
