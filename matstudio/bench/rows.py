"""The rows of a bench and how they are shown."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matstudio import __version__


@dataclass(frozen=True)
class Row:
    """One measurement.

    Args:
        id: short and stable.
        what: for people.
        value: measured, in `unit`.
        against: the peer or limit in words.
        ratio: value over that of the peer or limit.
        must: the bound that `ratio` has to keep ("<= 1"), as (sign, number), or None: only told.
        aim: the bound wished for, or None.
        detail: left out of the table for people.
    """

    id: str
    what: str
    value: float
    unit: str
    against: str
    ratio: float
    must: tuple[str, float] | None
    aim: tuple[str, float] | None = None
    detail: bool = False

    @property
    def passed(self) -> bool:
        """Whether `must` holds."""
        if self.must is None:
            return True
        sign, bound = self.must
        return self.ratio <= bound if sign == "<=" else self.ratio >= bound

    def as_dict(self) -> dict[str, Any]:
        """The row as `bench --json` prints it; None where a number is not finite, which JSON cannot say."""
        bounds = {n: " ".join(map(str, b)) if b else None for n, b in (("must", self.must), ("aim", self.aim))}
        own = {k: getattr(self, k) for k in ("id", "what", "value", "unit", "against", "ratio")}
        own |= {k: None for k in ("value", "ratio") if not math.isfinite(own[k])}
        return own | bounds | {"pass": self.passed}


Bench = Callable[[bool], list[Row]]
"""A bench; called with whether it is to be the long form."""


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def report(name: str, rows: list[Row]) -> dict[str, Any]:
    """What `bench --json` prints."""
    return {"bench": name, "version": __version__, "machine": machine(), "rows": [r.as_dict() for r in rows]}


def table(name: str, rows: list[Row]) -> str:
    """The same for people."""
    lines = [f"bench {name}"]
    for r in (r for r in rows if not r.detail):
        verdict = f" (must {r.must[0]} {r.must[1]:g}: {'ok' if r.passed else 'MISSED'})" if r.must else ""
        against = f", {r.ratio:.2f} of {r.against}" if r.against else ""
        unit = "" if r.unit == "1" else f" {r.unit}"
        lines.append(f"  {r.what}: {r.value:.4g}{unit}{against}{verdict}")
    return "\n".join(lines)
