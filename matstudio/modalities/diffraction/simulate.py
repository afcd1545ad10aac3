"""A pattern of any crystal structure."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities.diffraction.forward import STRENGTH, SaedForward
from matstudio.modalities.diffraction.kinematic import CU_KA, Motion, powder_pattern, zone_spots

if TYPE_CHECKING:
    from pymatgen.core import Structure


def simulate(
    structure: Structure | str | Path,
    *,
    mode: str = "SAED",
    zone: tuple[int, int, int] = (0, 0, 1),
    shape: tuple[int, int] = (512, 512),
    scale: float = 0.0045,
    dose: float = 4e6,
    spot_px: float = 1.5,
    u_iso: Motion = 0.006,
    wavelength: float = CU_KA,
    two_theta: tuple[float, float] = (10.0, 120.0),
    step: float = 0.02,
    fwhm: float = 0.1,
) -> Frame:
    """The expected pattern of a crystal, without counting noise.

    Args:
        structure: pymatgen structure, or a file that pymatgen reads (CIF, POSCAR, ...); may be disordered.
        mode: "SAED", kinematic spots of one zone without excitation error, on the background of `SaedForward`; or
            "XRD", an X-ray powder pattern.
        zone: direction [uvw] of the beam. Only for SAED, as are:
        shape: rows and columns.
        scale: 1/Å per pixel.
        dose: electrons.
        spot_px: standard deviation of a spot, pixels.
        u_iso: mean square displacement along one axis, Å^2, of every atom or by element; for both modes.
        wavelength: Å. Only for XRD, as are:
        two_theta: first and last angle, °.
        step: °.
        fwhm: full width of a line, °.

    Raises:
        ValueError: unknown mode, or a zone of 0 0 0.
    """
    if isinstance(structure, str | Path):
        from pymatgen.core import Structure

        structure = Structure.from_file(str(structure))
    if mode.upper() == "XRD":
        size = round((two_theta[1] - two_theta[0]) / step) + 1
        axis = Axis("2theta", "°", step, two_theta[0], size)
        lines = powder_pattern(structure, axis.values, wavelength, fwhm, u_iso)
        facts = {"mode": "XRD", "quantity": "intensity", "unit": "1", "wavelength_A": wavelength}
        return _frame(structure, lines.astype(np.float32), (axis,), facts)
    if mode.upper() != "SAED":
        raise ValueError(f"mode {mode!r}: SAED or XRD")
    if not any(zone):
        raise ValueError("zone 0 0 0 is no direction")
    forward = SaedForward(shape, scale=scale, dose=dose, spot_px=spot_px)
    image = forward.background().astype(float)
    reach = scale * math.hypot(*shape) / 2
    spots = zone_spots(structure, zone, reach, u_iso)
    ky, kx = (a.values for a in forward.axes())
    fraction = STRENGTH * spots.intensity / len(structure) ** 2
    counts = dose * fraction * min(1.0, 0.6 / max(1e-12, float(fraction.sum())))
    sigma = spot_px * scale
    y = np.exp(-0.5 * ((ky[:, None] - spots.xy[None, :, 1]) / sigma) ** 2)
    x = np.exp(-0.5 * ((kx[:, None] - spots.xy[None, :, 0]) / sigma) ** 2)
    image += (y * (counts * scale**2 / (2 * math.pi * sigma**2))) @ x.T
    facts = dict(forward.metadata()) | {"zone_axis": list(zone)}
    return _frame(structure, image.astype(np.float32), forward.axes(), facts)


def _frame(structure: Structure, data: np.ndarray, axes: tuple[Axis, ...], facts: dict[str, object]) -> Frame:
    facts = facts | {"instrument": "simulation", "formula": structure.composition.reduced_formula}
    return Frame("diffraction", Kind.DIFFRACTION, 0, data, axes, 0.0, 0.0, "simulated", facts)
