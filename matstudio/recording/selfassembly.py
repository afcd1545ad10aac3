"""A trajectory of the model problem as a NeXus file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matstudio import __version__
from matstudio.dynamics.score import Learned
from matstudio.dynamics.selfassembly import Result
from matstudio.session import layout


def nexus(result: Result, learned: Learned | None = None) -> bytes:
    """The file: positions, averages with their errors, and the score where one was learned, each an NXdata group with
    its axes; the parameters as JSON in `entry/parameters`. Everything is dimensionless (unit "1")."""
    import h5py

    with h5py.File("assembly", "w", driver="core", backing_store=False) as file:
        for key, text in (
            ("NX_class", "NXroot"),
            ("default", layout.ENTRY),
            ("creator", "MatStudio"),
            ("creator_version", __version__),
        ):
            layout.set_text(file, key, text)
        entry = layout.make_group(file, layout.ENTRY, "NXentry")
        layout.set_text(entry, "default", "trajectory")
        layout.put_text(entry, "title", f"{result.problem.n} particles in E = {result.problem.energy.text}")
        layout.put_text(entry, "parameters", layout.to_json(result.report()))
        particles = np.arange(result.x.shape[1])
        _data(entry, "trajectory", "x", result.x, {"t": result.t, "particle": particles})
        for name, values in (("mean_energy", result.mean_energy), ("free_energy", result.free_energy)):
            group = _data(entry, name, name, np.array([v.value for v in values]), {"t": result.t})
            _put(group, f"{name}_errors", np.array([v.error for v in values]))
        if learned is not None:
            s = learned.score
            _data(entry, "score", "score", s.s, {"t": s.t, "x": s.x})
            _data(entry, "probability_flow", "x", learned.flow.astype(np.float32), {"t": s.t, "particle": particles})
            group = _data(entry, "score_error", "score_error", learned.error, {"t": s.t})
            _put(group, "kl", learned.kl)
        file.flush()
        return bytes(file.id.get_file_image())


def curves(columns: Mapping[str, np.ndarray], *, nexus: bool) -> bytes:
    """A file of curves over the first of columns of equal length (n,): NeXus, or CSV in which NaN is left empty. A unit
    other than 1 is the end of a column's name ("F_kT")."""
    if nexus:
        import h5py

        with h5py.File("curves", "w", driver="core", backing_store=False) as file:
            layout.set_text(file, "NX_class", "NXroot")
            layout.set_text(file, "default", layout.ENTRY)
            entry = layout.make_group(file, layout.ENTRY, "NXentry")
            first, second, *others = columns
            layout.set_text(entry, "default", second)
            group = _data(entry, second, second, columns[second], {first: columns[first]})
            for name in others:
                _put(group, name, columns[name])
            file.flush()
            return bytes(file.id.get_file_image())
    lines = [",".join(columns)]
    lines += [",".join("" if np.isnan(v) else f"{v:.9g}" for v in row) for row in zip(*columns.values(), strict=True)]
    return ("\n".join(lines) + "\n").encode()


def _data(entry, name: str, signal: str, values: np.ndarray, axes: Mapping[str, np.ndarray]):  # type: ignore[no-untyped-def]
    group = layout.make_group(entry, name, "NXdata")
    layout.set_text(group, "signal", signal)
    group.attrs["axes"] = np.array(list(axes), dtype="S")
    _put(group, signal, values)
    for axis, at in axes.items():
        _put(group, axis, at)
    return group


def _put(group, name: str, values: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    made = group.create_dataset(name, data=values, compression="gzip", shuffle=True)
    layout.set_text(made, "units", "kT" if "kT" in name else "1")
