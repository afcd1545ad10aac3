"""Estimates and states held against those that a session has recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from matstudio.domain.estimate import Estimate, MaterialState, Model, Quantity
from matstudio.recording.columns import structure_arrays
from matstudio.session.layout import to_json


@dataclass
class Differences:
    """One quantity as it was recorded and as it is now."""

    unit: str
    only_recorded: int = 0
    only_now: int = 0
    _rows: list[tuple[float, float, int, float]] = field(default_factory=list)

    def add(self, recorded: Quantity | None, now: Quantity | None, seq: int, t: float) -> None:
        """Take in one pair of which at least one is there."""
        if recorded is None or now is None:
            self.only_now += recorded is None
            self.only_recorded += now is None
            return
        self._rows.append((now.value - recorded.value, math.hypot(now.sigma, recorded.sigma), seq, t))

    def summary(self) -> dict[str, Any]:
        """Number of pairs, mean and RMS of now minus recorded, RMS in units of both standard deviations together, and
        the largest difference with its frame. Pairs that are not finite do not count; None where nothing is left."""
        rows = np.array(self._rows, "f8").reshape(-1, 4)
        rows = rows[np.isfinite(rows[:, 0])]
        body: dict[str, Any] = {"unit": self.unit, "n": len(rows)}
        body |= {"only_recorded": self.only_recorded, "only_now": self.only_now}
        if not len(rows):
            return body | dict.fromkeys(("mean", "rms", "rms_sigma", "largest", "largest_seq", "largest_t"))
        d, sigma = rows[:, 0], rows[:, 1]
        known = np.isfinite(sigma) & (sigma > 0)
        worst = int(np.argmax(np.abs(d)))
        return body | {
            "mean": float(d.mean()),
            "rms": float(np.sqrt(np.mean(d**2))),
            "rms_sigma": float(np.sqrt(np.mean((d[known] / sigma[known]) ** 2))) if known.any() else None,
            "largest": float(d[worst]),
            "largest_seq": int(rows[worst, 2]),
            "largest_t": float(rows[worst, 3]),
        }


@dataclass
class Comparison:
    """The estimates of one stream, or the states (`stream` "state"), held against the recorded ones.

    Args:
        stream: which.
        compared: pairs so far.
        identical: of those, equal bit for bit in everything that a session keeps, but for the time that it took.
        same_model: pairs made by the same model: name, version and checksum.
        parts: how many pairs differ in what ("quantities", "arrays", "structure", ...).
        models: the models that were recorded, and those now, as text.
    """

    stream: str
    compared: int = 0
    identical: int = 0
    same_model: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    models: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
    quantities: dict[str, Differences] = field(default_factory=dict)

    def add(self, recorded: Estimate | MaterialState, now: Estimate | MaterialState) -> None:
        """Take in one pair."""
        self.compared += 1
        found = different(recorded, now)
        self.identical += not found
        for part in found:
            self.parts[part] = self.parts.get(part, 0) + 1
        seq = recorded.seq if isinstance(recorded, Estimate) else -1
        if isinstance(recorded, Estimate) and isinstance(now, Estimate):
            for names, model in zip(self.models, (recorded.model, now.model), strict=True):
                names.add(title(model))
            self.same_model += recorded.model == now.model
        for name in {**recorded.quantities, **now.quantities}:
            pair = recorded.quantities.get(name), now.quantities.get(name)
            unit = next(q.unit for q in pair if q is not None)
            self.quantities.setdefault(name, Differences(unit)).add(*pair, seq, recorded.t)

    def as_dict(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        recorded, now = (sorted(names) for names in self.models)
        return {
            "compared": self.compared,
            "identical": self.identical,
            "same_model": self.same_model,
            "differ_in": self.parts,
            "recorded_models": recorded,
            "models": now,
            "quantities": {name: d.summary() for name, d in self.quantities.items()},
        }

    def text(self) -> list[str]:
        """The same for people: one line, and a table where something differs."""
        if not self.compared:
            return [f"{self.stream}: nothing recorded to compare with"]
        recorded, now = (", ".join(sorted(names)) for names in self.models)
        who = f" ({recorded})" if recorded == now and recorded else f": {recorded} recorded, {now} now" if now else ""
        lines = [f"{self.stream}: {self.identical} of {self.compared} identical bit for bit{who}"]
        if self.identical == self.compared:
            return lines
        lines[0] += "; different: " + ", ".join(f"{part} of {n}" for part, n in self.parts.items())
        lines.append(f"  {'now - recorded':<20}{'n':>6}{'mean':>12}{'RMS':>12}{'RMS/sigma':>11}{'largest':>12}  at")
        for name, differences in self.quantities.items():
            s = differences.summary()
            row = f"  {name:<20}{s['n']:>6}"
            if s["n"]:
                rms_sigma = "-" if s["rms_sigma"] is None else f"{s['rms_sigma']:.3g}"
                frame = f"#{s['largest_seq']}, " if s["largest_seq"] >= 0 else ""
                row += f"{s['mean']:>12.4g}{s['rms']:>12.4g}{rms_sigma:>11}{s['largest']:>12.4g}"
                row += f"  {frame}{s['largest_t']:.2f} s"
            row += f"  [{s['unit']}]"
            row += f"  {s['only_recorded']} only recorded" if s["only_recorded"] else ""
            row += f"  {s['only_now']} only now" if s["only_now"] else ""
            lines.append(row)
        return lines


def title(model: Model) -> str:
    """A model's name, version and checksum on one line."""
    return f"{model.name} {model.version} {model.checksum}"


def different(recorded: Estimate | MaterialState, now: Estimate | MaterialState) -> list[str]:
    """In what two estimates, or states, differ as a session keeps them: arrays as float32, a structure only where one
    was recorded. The time that the model took does not count."""
    a, b = asdict(_bare(recorded)), asdict(_bare(now))
    found = [name for name in a if to_json(a[name]) != to_json(b[name])]
    if not _same_arrays(getattr(recorded, "arrays", {}), getattr(now, "arrays", {})):
        found.append("arrays")
    if recorded.structure is not None and (now.structure is None or not _same_structure(recorded, now)):
        found.append("structure")
    return found


def _bare(of: Estimate | MaterialState) -> Estimate | MaterialState:
    if isinstance(of, Estimate):
        return replace(of, arrays={}, structure=None, seconds=0.0)
    return replace(of, structure=None)


def _same_structure(recorded: Estimate | MaterialState, now: Estimate | MaterialState) -> bool:
    (facts, arrays), (facts_now, arrays_now) = (structure_arrays(x.structure) for x in (recorded, now))
    return to_json(facts) == to_json(facts_now) and _same_arrays(arrays, arrays_now)


def _same_arrays(recorded: Mapping[str, np.ndarray], now: Mapping[str, np.ndarray]) -> bool:
    return list(recorded) == list(now) and all(_same_array(array, now[name]) for name, array in recorded.items())


def _same_array(recorded: np.ndarray, now: np.ndarray) -> bool:
    kept = np.asarray(now, "f4").astype(now.dtype)
    same_form = recorded.dtype == now.dtype and recorded.shape == now.shape
    return same_form and np.asarray(recorded, "f4").tobytes() == np.asarray(kept, "f4").tobytes()
