"""The X-ray spectrum of any structure."""

from __future__ import annotations

from pathlib import Path

from matstudio.domain.frame import Frame
from matstudio_eds.forward import EdsForward


def simulate(structure: Path) -> Frame:
    """The expected spectrum of a thin film, without counting noise; only the composition counts.

    Args:
        structure: a file that pymatgen reads (CIF, POSCAR, ...); may be disordered.
    """
    from pymatgen.core import Structure

    composition = Structure.from_file(str(structure)).composition
    total = sum(composition.values())
    forward = EdsForward()
    data = forward.of_shares({element.Z: amount / total for element, amount in composition.items()})
    facts = {**forward.metadata(), "instrument": "simulated", "formula": composition.reduced_formula}
    return Frame("eds", "eds", 0, data, forward.axes(), 0.0, 0.0, "simulated", facts)
