"""Datasets that grow: rows are gathered in memory and written at the next flush."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matstudio.domain.estimate import Quantity
from matstudio.domain.structure import SiteModel
from matstudio.session.layout import QUANTITIES, TEXT_WIDTH, to_json


class Column:
    """A dataset that grows by rows. A write that failed may be tried again: it goes to the same place."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.n = int(dataset.shape[0])

    def append(self, rows: np.ndarray) -> None:
        """Write rows (m, ...) behind those that are there."""
        end = self.n + len(rows)
        self.dataset.resize(end, axis=0)
        self.dataset[self.n : end] = rows
        self.n = end


class Columns:
    """Some datasets of a group that grow together, a value each a row."""

    def __init__(self, group: Any, *names: str) -> None:
        self._columns = {name: Column(group[name]) for name in names}
        self._rows: dict[str, list[Any]] = {name: [] for name in names}

    def add(self, **values: Any) -> None:
        """Gather one row; every name has a value."""
        for name, value in values.items():
            self._rows[name].append(value)

    def write(self) -> None:
        """Append what was gathered to the datasets."""
        for name, rows in self._rows.items():
            if rows:
                column = self._columns[name]
                column.append(np.array(rows, column.dataset.dtype))
                rows.clear()


class TextRows:
    """Writes rows of text of any length into a group made by `layout.text_table`."""

    def __init__(self, group: Any) -> None:
        self._columns = Columns(group, "text", "row", "left")

    def add(self, row: int, text: bytes) -> None:
        """Gather one row. Text that ends in NUL bytes would lose them, and JSON never does."""
        for at in range(0, max(1, len(text)), TEXT_WIDTH):
            part = text[at : at + TEXT_WIDTH]
            self._columns.add(text=part, row=row, left=len(text) - at - len(part))

    def write(self) -> None:
        """Append what was gathered."""
        self._columns.write()


class RecordRows:
    """Writes estimates or states into a group made by `layout.make_records`.

    Arrays are kept as float32 in one flat dataset; the record's JSON says where each begins, its shape and its dtype.
    """

    def __init__(self, group: Any) -> None:
        quantities = [k for name in QUANTITIES for k in (name, f"{name}_errors")]
        self._columns = Columns(group, "time", "seq", "values_end", *quantities)
        self._text = TextRows(group["record"])
        self._values = Column(group["values"])
        self._gathered: list[np.ndarray] = []
        self._end = 0
        self.rows = 0

    def add(
        self,
        t: float,
        seq: int,
        body: Mapping[str, Any],
        quantities: Mapping[str, Quantity],
        arrays: Mapping[str, np.ndarray],
    ) -> None:
        """Gather one record; `body` are the facts that are neither quantities nor arrays."""
        where = {}
        for name, array in arrays.items():
            where[name] = {"start": self._end, "shape": array.shape, "dtype": array.dtype.str}
            self._gathered.append(np.asarray(array, "f4").reshape(-1))
            self._end += array.size
        record = {**body, "quantities": {k: (q.value, q.sigma, q.unit) for k, q in quantities.items()}, "arrays": where}
        self._text.add(self.rows, to_json(record).encode())
        known = {}
        for name in QUANTITIES:
            q = quantities.get(name)
            known[name], known[f"{name}_errors"] = (q.value, q.sigma) if q else (np.nan, np.nan)
        self._columns.add(time=t, seq=seq, values_end=self._end, **known)
        self.rows += 1

    def write(self) -> None:
        """Append what was gathered."""
        if self._gathered:
            self._values.append(np.concatenate(self._gathered))
            self._gathered.clear()
        self._text.write()
        self._columns.write()


def structure_arrays(structure: SiteModel | None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A structure as facts and arrays of a record."""
    if structure is None:
        return {}, {}
    arrays = {f"structure.{k}": getattr(structure, k) for k in ("cell", "positions", "occupancy", "sigma")}
    return {"species": structure.species}, arrays
