"""Known materials: the prototypes that specimens are built from and that inverse models read frames against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_DEBYE_A2_K_U = 145.55  # 3 hbar^2 / (k_B u), Å^2 K u


@dataclass(frozen=True)
class Element:
    """What the models need of an element.

    Args:
        symbol: "Cu".
        number: atomic number.
        mass: u.
        debye_K: Debye temperature (Kittel, Introduction to Solid State Physics, 8th ed., chapter 5, table 1).
    """

    symbol: str
    number: int
    mass: float
    debye_K: float

    def u_iso(self, temperature_K: float) -> float:
        """Mean square displacement along one axis, Å^2: 3 hbar^2 T / (M k_B Theta^2), the Debye model at high T."""
        return _DEBYE_A2_K_U * temperature_K / (self.mass * self.debye_K**2)


@dataclass(frozen=True)
class Prototype:
    """An L1_2 alloy A3B on an fcc lattice: the alpha sublattice is the cube's corners, beta its three face centres.

    With Bragg-Williams order parameter S and minority fraction c the minority's site fractions are c + 0.75 S on alpha
    and c - 0.25 S on beta, so that S is their difference.

    Args:
        name: "Cu3Au".
        majority: A, on beta when ordered.
        minority: B, on alpha when ordered.
        a_300_A: cubic lattice constant at 300 K, Å.
        expansion: linear, 1/K.
    """

    name: str
    majority: Element
    minority: Element
    a_300_A: float
    expansion: float

    def a(self, temperature_K: float) -> float:
        """Cubic lattice constant, Å."""
        return self.a_300_A * (1 + self.expansion * (temperature_K - 300.0))

    @property
    def sites(self) -> np.ndarray:
        """Fractional coordinates of the four sites of a cell, (4, 3); the first is alpha."""
        return np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


COPPER = Element("Cu", 29, 63.546, 343.0)
GOLD = Element("Au", 79, 196.967, 165.0)
PROTOTYPES = {"Cu3Au": Prototype("Cu3Au", COPPER, GOLD, 3.748, 1.75e-5)}
