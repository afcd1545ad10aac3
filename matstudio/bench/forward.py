"""The differentiable forward model: how like another program's images, how fast; part of `matstudio bench image`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from matstudio.bench.rows import Row
from matstudio.modalities.image.imaging import abf, adf, hrtem
from matstudio.modalities.image.optics import Columns, Grid, Optics, columns

LIKE, CPU_MS = 0.99, 15.0
_MAKE = {"HAADF": adf, "MAADF": adf, "ABF": abf, "HRTEM": hrtem}
_MUST = ("HAADF", "MAADF")
_TURNS = 9


def forward(path: Path) -> list[Row]:
    """Correlation with the clean scenes of a set, from the true columns and the stated optics; and time of an image."""
    rows = []
    for name, mode, found, slope in correlations(path):
        must = (">=", 1.0) if mode in _MUST else None
        what = f"forward model, {name}: correlation with the clean scene (its contrast over ours {slope:.2f})"
        rows.append(Row(f"forward-{name}", what, found, "1", f"{LIKE:g}", found / LIKE, must))
    for name, kinds, free in ceilings(path):
        what = f"forward model, {name}: the same if strengths were fitted to the scene, one"
        rows.append(Row(f"forward-{name}-kinds", f"{what} for each kind of column", kinds, "1", "", 0.0, None))
        rows.append(Row(f"forward-{name}-free", f"{what} for each column", free, "1", "", 0.0, None))
    return rows + speed()


def correlations(path: Path) -> Iterator[tuple[str, str, float, float]]:
    """Scene, mode, correlation, and slope of the scene over our image."""
    import h5py

    with h5py.File(path) as file:
        for name in file["scenes"]:
            mode = str(file["scenes"][name].attrs["mode"])
            atoms, optics, grid, clean = scene(file, name)
            image = _MAKE[mode](atoms, optics, grid).numpy()
            slope = float(np.polyfit(image.ravel(), clean.ravel(), 1)[0])
            yield name, mode, float(np.corrcoef(image.ravel(), clean.ravel())[0, 1]), slope


def ceilings(path: Path) -> Iterator[tuple[str, float, float]]:
    """Dark field scene, and the correlations that no better strengths could exceed: with one strength fitted for each
    kind of column (what a model that knows its atoms can reach), and one for each column (what their shape reaches)."""
    import h5py

    with h5py.File(path) as file:
        for name in file["scenes"]:
            if file["scenes"][name].attrs["mode"] not in _MUST:
                continue
            atoms, optics, grid, clean = scene(file, name)
            place, strength = atoms.place.numpy(), atoms.strength.numpy()
            columns_: dict[tuple[tuple[int, float], ...], list[np.ndarray]] = {}
            for k in np.unique(place):
                rows = np.flatnonzero(place == k)
                kind = tuple((atoms.numbers[i], float(strength[i])) for i in rows)
                columns_.setdefault(kind, []).append(adf(_some(atoms, rows), optics, grid).numpy().ravel())
            yield (
                name,
                _fitted([np.sum(c, axis=0) for c in columns_.values()], clean.ravel()),
                _fitted([i for c in columns_.values() for i in c], clean.ravel()),
            )


def _some(atoms: Columns, rows: np.ndarray) -> Columns:
    numbers = [atoms.numbers[i] for i in rows]
    return columns(
        atoms.x_A[rows], atoms.y_A[rows], numbers, atoms.strength[rows], atoms.u_iso_A2[rows], atoms.place[rows]
    )


def _fitted(parts: list[np.ndarray], image: np.ndarray) -> float:
    """Correlation of an image with the sum of parts, each as strong as fits it best."""
    design = np.stack([*parts, np.ones_like(image)], axis=1)
    best = design @ np.linalg.lstsq(design, image, rcond=None)[0]
    return float(np.corrcoef(best, image)[0, 1])


def speed() -> list[Row]:
    """CPU time of an image of 256 x 256 pixels with 441 columns, the tables of its elements made before."""
    at = np.arange(21) + 0.5
    x, y = (a.ravel() * 0.95 for a in np.meshgrid(at, at))
    grid = Grid((256, 256), 0.08)
    probe = Optics(200.0, aperture_mrad=22.0, source_fwhm_A=0.7, detector_mrad=(70.0, 200.0))
    lens = Optics(80.0, -90.0, -150000.0, aperture_mrad=math.inf, focal_spread_A=20.0, convergence_mrad=0.2)
    alone = columns(x, y, [29, 79, 29] * 147, 8.0, 0.006)
    spaced = columns(x, y, [29, 79, 29] * 147, 8.0, 0.006, spacing_A=3.75)
    rows = []
    for id_, what, make, atoms, optics in (
        ("adf", "annular dark field", adf, alone, probe),
        ("adf-channelling", "annular dark field with channelling", adf, spaced, probe),
        ("hrtem", "HRTEM", hrtem, alone, lens),
    ):
        make(atoms, optics, grid)
        times = []
        for _ in range(_TURNS):
            start = time.process_time()
            make(atoms, optics, grid)
            times.append(1e3 * (time.process_time() - start))
        value = median(times)
        text = f"forward model, {what}, 256 x 256 pixels, 441 columns"
        rows.append(Row(f"forward-{id_}-ms", text, value, "CPU-ms", f"{CPU_MS:g}", value / CPU_MS, ("<=", 1.0)))
    return rows


def mixture(number: int, mean: float, count: int, elements: list[int]) -> list[tuple[int, int]]:
    """(atomic number, atoms) of a column of `number` and at most one other element, from the mean atomic number."""
    if abs(mean - number) < 0.01:
        return [(number, count)]
    shares = [((mean - other) / (number - other) * count, other) for other in elements if other != number]
    inside = [(abs(share - round(share)), round(share), other) for share, other in shares if 0 <= share <= count]
    _, most, other = min(inside)
    return [(number, most), (other, count - most)]


def scene(file: Any, name: str) -> tuple[Columns, Optics, Grid, np.ndarray]:
    """Columns, stated optics, grid and clean image of a scene of `img_public.h5`; nothing in them is adjusted."""
    image = file["images"][f"{name}_d1e5"]
    table, at = image["columns"], image.attrs
    pixel = float(at["pixel_size_A"])
    elements = sorted({int(z) for z in table["Z"][:]})
    rows = [
        (place, x, y, z, n)
        for place, ((x, y), number, mean, count) in enumerate(
            zip(table["xy_px"][:] * pixel, table["Z"][:], table["zmean"][:], table["n_atoms"][:], strict=True)
        )
        for z, n in mixture(int(number), float(mean), int(count), elements)
    ]
    place, x, y, number, n = zip(*rows, strict=True)
    optics = Optics(
        float(at["energy_eV"]) / 1e3,
        float(at["defocus_A"]),
        float(at["Cs_A"]),
        float(at["astig_A"]),
        aperture_mrad=math.inf if at["mode"] == "HRTEM" else float(at["semiangle_mrad"]),
        source_fwhm_A=float(at["source_fwhm_A"]),
        detector_mrad=(float(at["det_inner_mrad"]), float(at["det_outer_mrad"])),
    )
    atoms = columns(x, y, number, n, float(at["u_rms_A"]) ** 2, place)
    return atoms, optics, Grid((256, 256), pixel), file["scenes"][name]["clean"][:]
