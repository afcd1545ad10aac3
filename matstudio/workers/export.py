"""Structures written to files by a process of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matstudio.domain.structure import SiteModel
from matstudio.session.structure_file import pack
from matstudio.workers.job import Work

LONGEST_S = 300.0
COMMAND = ("-m", "matstudio.session.structure_file")


def structure(model: SiteModel, path: Path) -> Work:
    """Write CIF or extended XYZ, by the suffix of the path; the file appears when it is whole."""

    def command(folder: Path) -> Sequence[str]:
        source = folder / "sites.npz"
        pack(model, source)
        return (*COMMAND, str(source), str(path))

    return Work(f"write {len(model.positions):,} sites to {path.name}", command, path, light=True, limit_s=LONGEST_S)
