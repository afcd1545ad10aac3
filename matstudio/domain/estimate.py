"""What an inverse model says of one frame, and what fusion makes of several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from matstudio.domain.structure import SiteModel


@dataclass(frozen=True)
class Quantity:
    """A number with its unit and one standard deviation, both in `unit`; "1" for a pure number."""

    value: float
    sigma: float
    unit: str


@dataclass(frozen=True)
class Model:
    """Which inverse model spoke: its name, version and the checksum of its weights (or of its source)."""

    name: str
    version: str
    checksum: str


@dataclass(frozen=True)
class Estimate:
    """What one inverse model says of one frame.

    Args:
        stream: the frame's stream.
        seq: the frame's number.
        t: middle of the frame's exposure, run time in seconds.
        model: who says so.
        quantities: by name; "order_parameter" (unit "1", Bragg-Williams S = Au fraction on the alpha minus on the
            beta sublattice), "lattice_a" ("Å"), "composition" (Au fraction, "1") where the model gives them.
            "order_square" ("1", S^2 where that is what was measured; may be negative), "antiphase" ("1", how probable
            more than one domain is) and "boundary_density" ("1/Å", length of domain boundaries per area).
        arrays: for overlays and for fusion, by name. Image: "columns" (N, 2) x, y in pixels, "columns_sigma" (N, 2)
            pixels, "columns_intensity" and "columns_intensity_sigma" (N,) counts, "columns_au" (N,) Au fraction,
            "lattice" (2, 2) vectors x, y in pixels, "columns_strain" and "columns_strain_sigma" (N, 4) e_xx, e_yy,
            e_xy and rotation in radians, "columns_order" (N,) share of the columns around that repeat themselves,
            "vacancies" (M, 2) x, y in pixels where the lattice has a column and the image none.
            Diffraction: "spots" (N, 2) x, y in pixels, "spots_sigma", "spots_hkl" (N, 3),
            "spots_intensity" (N,) counts. Spectrum: "background" (M,) counts on the frame's axis, "edges_eV" (K,),
            "edges_p" (K,) probability.
        labels: text beside an array, by name: "edges" ("Cu L3", ...).
        notes: one line each, for the operator ("no superlattice spot above noise").
        structure: the atoms, where the model reconstructs them.
        seconds: time that the model took.
        sources: frames of other streams that were taken into account too (see `fusion.order.with_boundaries`).
    """

    stream: str
    seq: int
    t: float
    model: Model
    quantities: Mapping[str, Quantity]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    structure: SiteModel | None = None
    seconds: float = 0.0
    sources: tuple[FrameRef, ...] = ()


@dataclass(frozen=True)
class FrameRef:
    """The frame that a number came from."""

    stream: str
    seq: int


@dataclass(frozen=True)
class MaterialState:
    """The fused state of the material.

    Args:
        t: run time of the newest frame used, seconds.
        quantities: "order_parameter" ("1"), "composition" ("1"), "lattice_a" ("Å"), "temperature" ("K"), "pressure"
            ("GPa"), "free_energy" ("meV/atom", relative to the disordered alloy at the same temperature).
        sources: for each quantity, the frames it came from (empty: from the process readings).
        structure: reconstructed atoms, or None.
        notes: one line each, for the operator ("image, diffraction disagree on order parameter: ...").
    """

    t: float
    quantities: Mapping[str, Quantity]
    sources: Mapping[str, tuple[FrameRef, ...]]
    structure: SiteModel | None = None
    notes: tuple[str, ...] = ()
