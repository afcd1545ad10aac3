"""Atoms to an energy-dispersive X-ray spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis
from matstudio.domain.structure import AtomicModel
from matstudio_eds.lines import efficiency, lines, template


class EdsForward:
    """The X-rays of a thin film, each element for itself: no absorption, no fluorescence within it.

    expected = height x (sum over elements of their share x lines + background) in units of copper's Kα of a film all of
    copper. The background is Kramers' (E0 - E) / E, Phil. Mag. 46, 836 (1923), times the mean atomic number squared.

    Args:
        channels, dispersion: of the detector; eV per channel.
        beam_energy_keV: of the electrons.
        height: X-rays of Cu Kα that a film all of copper gives in one exposure; nominal.
        background: X-rays of the background in 10 eV at 8 keV for a mean atomic number of 29, as a share of `height`.
    """

    def __init__(
        self,
        channels: int = 2048,
        dispersion: float = 10.0,
        beam_energy_keV: float = 300.0,
        height: float = 40000.0,
        background: float = 2e-4,
    ) -> None:
        from xraydb import atomic_symbol

        self._axis = Axis("Energy", "eV", dispersion, 0.0, channels)
        self._beam, self._height = beam_energy_keV, height
        self._symbol = atomic_symbol
        energy = np.maximum(self._axis.values, dispersion)
        slope = (1000 * beam_energy_keV - energy) / energy
        at_8_keV = (1000 * beam_energy_keV - 8000.0) / 8000.0
        self._background = background * dispersion / 10.0 * slope / at_8_keV * efficiency(self._axis.values) / 29.0**2
        self._unit = sum(one.weight for one in lines("Cu", beam_energy_keV) if one.name == "Kα")
        self._templates: dict[int, np.ndarray] = {}
        self._metadata = {
            "mode": "EDS",
            "quantity": "X-rays",
            "unit": "counts",
            "beam_energy_keV": beam_energy_keV,
            "k_factor_sigma": 0.0,  # this model is what its inverse uses
        }

    def axes(self) -> tuple[Axis, ...]:
        """X-ray energy in eV."""
        return (self._axis,)

    def metadata(self) -> Mapping[str, Any]:
        """Mode, unit, beam energy (keV)."""
        return self._metadata

    def expected(self, atoms: AtomicModel) -> np.ndarray:
        """Expected counts of one exposure, float32, (channels,)."""
        numbers, counts = np.unique(atoms.numbers, return_counts=True)
        return self.of_shares({int(z): float(n) / len(atoms.numbers) for z, n in zip(numbers, counts, strict=True)})

    def of_shares(self, shares: Mapping[int, float]) -> np.ndarray:
        """The same of a film of atomic fractions by atomic number; they sum to 1."""
        out = self._background * sum(z * share for z, share in shares.items()) ** 2
        for z, share in shares.items():
            if z not in self._templates:
                found = lines(self._symbol(z), self._beam)
                self._templates[z] = template(found, self._axis.values) / self._unit
            out = out + share * self._templates[z]
        return (self._height * out).astype(np.float32)
