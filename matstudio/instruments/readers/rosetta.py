"""The field's files through RosettaSciIO. Runs in the guarded child process only (`child.py`)."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis
from matstudio.instruments.readers import pdcif
from matstudio.instruments.readers.signal import ReaderError, Signal, axis, coordinates, find_fact, kind_of
from matstudio.instruments.readers.text import read_text

# By ending, where the content does not tell; netCDF evaluates text of the file, so it is not among them.
BY_ENDING = {
    "dm3": "digitalmicrograph",
    "dm4": "digitalmicrograph",
    "ser": "tia",
    "emi": "tia",
    "mrc": "mrc",
    "map": "mrc",
    "ali": "mrc",
    "rec": "mrc",
    "st": "mrc",
    "mrcz": "mrcz",
    "blo": "blockfile",
    "msa": "msa",
    "emsa": "msa",
    "ems": "msa",
    "mas": "msa",
    "spc": "edax",
    "spd": "edax",
    "bcf": "bruker",
    "spx": "bruker",
    "mib": "quantumdetector",
    "tvips": "tvips",
    "dens": "dens",
    "sur": "digitalsurf",
    "pro": "digitalsurf",
    "unf": "semper",
    "rpl": "ripple",
    "wdf": "renishaw",
    "tvf": "trivista",
    "pts": "jeol",
    "asw": "jeol",
    "eds": "jeol",
    "elid": "phenom",
    "img": "hamamatsu",
    "sac": "quadstar",
    "sbc": "quadstar",
    "app5": "topspin",
    "prz": "pantarhei",
}
_LIMIT_KEYS = 150
_LAZY_BYTES = 64 * 2**20


def plain(value: Any, depth: int = 6) -> Any:
    """The value as plain JSON: what is no number or text is left out, what is long is cut."""
    if isinstance(value, Mapping) or hasattr(value, "as_dictionary"):
        items = value if isinstance(value, Mapping) else value.as_dictionary()
        if depth == 0:
            return None
        kept = ((str(k), plain(v, depth - 1)) for k, v in list(items.items())[:_LIMIT_KEYS])
        return {k: v for k, v in kept if v is not None and v != {}}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.size <= 8 else None
    if isinstance(value, bytes):
        value = value[:200].decode("latin-1")
    if isinstance(value, str):
        return value[:300]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple) and len(value) <= 8:
        return [plain(v, depth - 1) for v in value] if depth else None
    return None


def read(path: Path, module: str) -> list[Signal]:
    """The signals that the reader `rsciio.<module>` finds; those of a large file are not loaded yet."""
    if module == "mrc":
        _check_mrc(path)
    reader = import_module(f"rsciio.{module}").file_reader
    try:
        found = reader(str(path), lazy=path.stat().st_size > _LAZY_BYTES)
    except NotImplementedError:
        found = reader(str(path))
    if not found:
        raise ReaderError(path, "holds no signal")
    signals = [_signal(path, module, i, entry) for i, entry in enumerate(found)]
    unique: list[Signal] = []
    for signal in signals:  # a Velox file names the summed spectrum once for each of its detectors
        if not any(signal.title == u.title and _same(signal, u) for u in unique):
            unique.append(signal)
    return unique


def _check_mrc(path: Path) -> None:
    """Refuse a header that claims more than the file holds (dask would plan millions of chunks first).

    MRC2014 (Cheng et al., J. Struct. Biol. 192 (2015) 146): words 1-4 are nx, ny, nz and the type of the values.
    """
    with open(path, "rb") as file:
        head = file.read(16)
    nx, ny, nz, mode = struct.unpack("<4i", head) if len(head) == 16 else (0, 0, 0, -1)
    size = {0: 1, 1: 2, 2: 4, 4: 8, 6: 2, 12: 2, 101: 0.5}.get(mode)
    if size is None or min(nx, ny, nz) <= 0:
        raise ReaderError(path, f"an MRC header of {nx} x {ny} x {nz} values of type {mode}")
    if nx * ny * nz * size > path.stat().st_size:
        raise ReaderError(
            path, f"the header claims {nx} x {ny} x {nz} values, the file has {path.stat().st_size} bytes"
        )


def _same(a: Signal, b: Signal) -> bool:
    small = np.prod(a.data.shape, dtype=float) <= 1e6
    return a.axes == b.axes and small and np.array_equal(np.asarray(a.data), np.asarray(b.data))


def _signal(path: Path, module: str, number: int, entry: dict[str, Any]) -> Signal:
    data, described = entry["data"], list(entry["axes"])
    by_index = [d for d in described if d.get("index_in_array") is not None]
    ordered = sorted(by_index, key=lambda d: d["index_in_array"]) if len(by_index) == len(described) else described
    if len(ordered) != data.ndim:
        raise ReaderError(path, f"data of {data.ndim} dimensions and {len(ordered)} axes")
    order = sorted(range(data.ndim), key=lambda i: not ordered[i].get("navigate", False))
    data = data.transpose(order) if order != list(range(data.ndim)) else data
    ordered = [ordered[i] for i in order]
    dims = sum(not d.get("navigate", False) for d in ordered)
    if dims == 0:  # everything navigates: points of a line or a map; show it as it lies
        dims = min(2, len(ordered))
    dims = min(dims, 2)
    facts = plain(entry.get("metadata", {}))
    mode = _mode(facts)
    axes, points = [], None
    for i, (d, size) in enumerate(zip(ordered, data.shape, strict=True)):
        name = d.get("name") or ""
        name = name if isinstance(name, str) and name and "<" not in name else f"axis {i}"
        name = {"height": "y", "width": "x"}.get(name, name)
        units = d.get("units") if isinstance(d.get("units"), str) else ""
        if not units and module == "tiff":  # ImageJ keeps the unit among its notes
            noted = re.search(r"^unit=(\S+)$", str(entry["original_metadata"].get("ImageDescription", "")), re.M)
            units = noted[1].replace("\\u00B5", "µ") if noted else ""
        units = re.sub(r"^Energy \((.*)\)$", r"\1", units or "")  # as some msa files write it
        values = d.get("axis")
        if values is not None and size > 1:
            one, where, _ = coordinates(name, units, np.asarray(values, float))
            points = where if i == len(ordered) - 1 else points
            axes.append(one)
        else:
            axes.append(axis(name, units, float(d.get("scale", 1.0)), float(d.get("offset", 0.0)), int(size)))
    in_file = [
        [a.name, str(d.get("units")), d.get("scale"), d.get("offset")] for a, d in zip(axes, ordered, strict=True)
    ]
    quantity, unit = _quantity(facts, data.dtype)
    more: dict[str, Any] = {"axes_in_file": plain(in_file, 3)}
    if mode:
        more["mode"] = mode
    energy = find_fact(facts, "beam_energy")
    if isinstance(energy, int | float):
        more["beam_energy_keV"] = energy
    general = facts.get("General", {}) if isinstance(facts.get("General"), dict) else {}
    more |= {k: general[k] for k in ("date", "time") if k in general}
    more["original"] = plain(entry.get("original_metadata", {}))
    title = str(general.get("title") or "") or path.stem
    return Signal(
        title,
        kind_of(tuple(axes), dims, mode),
        data,
        tuple(axes),
        quantity,
        unit,
        f"rsciio.{module}",
        signal_dims=dims,
        metadata=more,
        points=points,
    )


def _mode(facts: dict[str, Any]) -> str:
    signal = facts.get("Signal")
    kind = str(signal.get("signal_type", "")) if isinstance(signal, dict) else ""
    return {"EDS_TEM": "EDS", "EDS_SEM": "EDS"}.get(kind, kind)


def _quantity(facts: dict[str, Any], dtype: np.dtype) -> tuple[str, str]:
    signal = facts.get("Signal")
    text = str(signal.get("quantity", "")) if isinstance(signal, dict) else ""
    match = re.fullmatch(r"(.*?)\s*\((.*)\)", text)
    if match:
        return match[1] or "intensity", match[2].lower() if match[2].lower() == "counts" else match[2]
    return text or "intensity", "counts" if dtype.kind in "ui" else "1"


def read_structure(path: Path) -> list[Signal]:
    """The structure of a CIF or VASP file (pymatgen); `data` are the Cartesian positions in Å. A CIF may hold powder
    patterns as well, or nothing else."""
    from pymatgen.core import Structure

    curves: list[Signal] = []
    if path.suffix.lower() in (".cif", ".mcif"):
        from pymatgen.io.cif import CifFile, CifParser

        text = pdcif.old_names(read_text(path))
        blocks = {name: block.data for name, block in CifFile.from_str(text).data.items()}
        curves = pdcif.patterns(path, blocks)
        if curves and not any("_atom_site_fract_x" in block for block in blocks.values()):
            return curves
        try:
            found = CifParser.from_str(text, occupancy_tolerance=1.05).parse_structures(primitive=False)
        except ValueError as error:
            if not curves:
                raise
            note = {"warnings": [f"its structure cannot be read: {error}"]}
            return [replace(c, metadata=dict(c.metadata) | note) for c in curves]
    else:
        from pymatgen.io.vasp import Poscar

        found = [Poscar.from_file(str(path), check_for_potcar=False).structure]
    signals = []
    for structure in found:
        assert isinstance(structure, Structure)
        n = len(structure)
        axes = (Axis("site", "px", 1.0, 0.0, n), Axis("xyz", "px", 1.0, 0.0, 3))
        parameters = structure.lattice.parameters
        if not (np.isfinite(parameters).all() and np.isfinite(structure.cart_coords).all()):
            raise ReaderError(path, "a cell or a position that is not a finite number")
        a, b, c, alpha, beta, gamma = (round(float(v), 5) for v in parameters)
        facts = {
            "formula": structure.composition.reduced_formula,
            "sites": n,
            "cell_A": [a, b, c],
            "cell_deg": [alpha, beta, gamma],
            "ordered": bool(structure.is_ordered),
        }
        signals.append(
            Signal(
                str(facts["formula"]),
                None,
                structure.cart_coords,
                axes,
                "position",
                "Å",
                "pymatgen",
                "structure",
                2,
                facts,
                structure=structure,
            )
        )
    if not signals:
        raise ReaderError(path, "holds no structure")
    return signals + curves
