"""`matstudio bench reconstruction`: whether what the baselines say of the twin's atoms is true, errors too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from matstudio.bench.rows import Row
from matstudio.domain.estimate import Estimate, MaterialState, Quantity
from matstudio.domain.frame import Kind
from matstudio.domain.process import Quality, Reading
from matstudio.dynamics.ordering import OrderingModel, greatest_order
from matstudio.fusion.inverse_variance import fuse
from matstudio.fusion.order import with_boundaries
from matstudio.instruments.twin.detectors import Exposure, TwinDetector
from matstudio.instruments.twin.plant import (
    COMPOSITION_NOISE,
    DRIFT_MOST_A,
    PRESSURE_NOISE_GPA,
    SENSOR_NOISE_K,
)
from matstudio.instruments.twin.specimen import Specimen
from matstudio.modalities.base import modality

GRID = tuple(round(0.1 * i, 1) for i in range(11))
SEEDS, SEEDS_ANTIPHASE = 10, 4
LARGEST_SIGMA = {"image": 0.03, "diffraction": 0.03, "spectrum": 0.06, "fused": 0.03}
DEVIATION = (0.8, 1.25)


@dataclass(frozen=True)
class Case:
    """A specimen in a state.

    Args:
        seed: of the specimen, of its drift, of the counting noise and of the readings' noise.
        order: Bragg-Williams S asked for.
        temperature_K: of the specimen.
        composition: Au fraction.
        pressure_GPa: on it.
        antiphase: whether it holds an antiphase boundary.
    """

    seed: int
    order: float
    temperature_K: float = 300.0
    composition: float = 0.25
    pressure_GPa: float = 0.0
    antiphase: bool = False


@dataclass(frozen=True)
class Sample:
    """A case, its atoms' own order parameter and composition, and what the models and the fusion made of its frames."""

    case: Case
    order: float
    composition: float
    estimates: dict[str, Estimate]
    state: MaterialState


def cases(seeds: int, orders: Iterable[float], antiphase: bool = False) -> Iterator[Case]:
    """Each order with each seed, at temperatures of 300 to 900 K, compositions of 0.23 to 0.27, pressures up to 2 GPa.

    An ordered film is not seen hot: the highest temperature falls from 900 K at S = 0 to 700 K at S = 1.
    """
    for number, order in enumerate(orders):
        for seed in range(seeds):
            rng = np.random.default_rng([seed, number, antiphase])
            c = 0.25 if seed % 3 else float(rng.uniform(0.23, 0.27))
            s = min(order, 0.9999 * greatest_order(c))
            yield Case(seed, s, float(rng.uniform(300, 900 - 200 * s)), c, float(rng.uniform(0, 2)), antiphase)


class Microscope:
    """The twin's three detectors and the baseline of each, on one specimen after the other."""

    def __init__(self, kinds: Iterable[Kind] = tuple(Kind)) -> None:
        self._parts = [(TwinDetector(k), modality(k).inverse("baseline")) for k in kinds]

    def sample(self, case: Case) -> Sample:
        """Look at a case with each detector once."""
        specimen = Specimen(seed=case.seed, antiphase=case.antiphase)
        specimen.set_state(case.order, case.composition)
        rng = np.random.default_rng([case.seed, 7, int(1e4 * case.order), case.antiphase])
        temperature = case.temperature_K + SENSOR_NOISE_K * float(rng.standard_normal())
        pressure = case.pressure_GPa + PRESSURE_NOISE_GPA * float(rng.standard_normal())
        composition = case.composition + COMPOSITION_NOISE * float(rng.standard_normal())
        drift = tuple(rng.uniform(-DRIFT_MOST_A, DRIFT_MOST_A, 2).tolist())
        atoms = specimen.atoms(case.temperature_K, drift)
        facts = {
            "instrument": "twin",
            "material": specimen.material.name,
            "thickness_cells": int(specimen.cells[2]),
            "truth": {"antiphase": case.antiphase},
        }
        estimates = {}
        for detector, model in self._parts:
            measured = {
                "stage_temperature_K": temperature,
                "composition": case.composition + COMPOSITION_NOISE * float(rng.standard_normal()),
            }
            noise = (case.seed, int(1e4 * case.order), case.antiphase, list(Kind).index(detector.kind))
            frame = detector.frame(Exposure(0, 0.0, 0.1, "simulated", atoms, 1.0, noise, facts | measured))
            estimates[str(detector.kind)] = model(frame)
        readings = {
            name: Reading(name, value, unit, 0.1, Quality.GOOD)
            for name, value, unit in (
                ("temperature", temperature, "K"),
                ("pressure", pressure, "GPa"),
                ("composition", composition, "1"),
            )
        }
        state = fuse(estimates, readings, 0.1)
        return Sample(case, specimen.order_parameter(), specimen.composition(), estimates, state)


@dataclass(frozen=True)
class Scores:
    """How errors compare with what was said of them.

    Args:
        sigma: the largest.
        deviation, mean: of the z-scores, error / sigma.
        error: root mean square.
        worst: largest |z|.
        missing: samples without the quantity.
    """

    sigma: float
    deviation: float
    mean: float
    error: float
    worst: float
    missing: int


def told(sample: Sample, name: str) -> Quantity | None:
    """The order parameter that a stream gives, as the model host publishes it, that of the fusion ("fused"), or the
    free energy ("free energy")."""
    if name == "fused":
        return sample.state.quantities.get("order_parameter")
    if name == "free energy":
        return sample.state.quantities.get("free_energy")
    estimate = with_boundaries(sample.estimates[name], sample.estimates.values())
    return estimate.quantities.get("order_parameter")


def truth(sample: Sample, name: str) -> float:
    """S counted from the atoms, or the twin's free energy (meV/atom) of that S at the true T, P and composition."""
    if name != "free energy":
        return sample.order
    case = sample.case
    return float(OrderingModel().free_energy(sample.order, case.temperature_K, case.pressure_GPa, sample.composition))


def scores(samples: Iterable[Sample], name: str) -> Scores:
    """What `told` says against the `truth`."""
    pairs = [(told(s, name), truth(s, name)) for s in samples]
    found = np.array([(q.value - t, q.sigma) for q, t in pairs if q is not None]).reshape(-1, 2)
    error, sigma = found.T
    z = error / sigma
    return Scores(
        sigma=float(sigma.max()),
        deviation=float(z.std()),
        mean=float(z.mean()),
        error=float(np.sqrt((error**2).mean())),
        worst=float(np.abs(z).max()),
        missing=len(pairs) - len(found),
    )


def bench(_: bool = False) -> list[Row]:
    """Per stream, fused and for F: largest sigma, z-scores and error, without and with antiphase boundaries."""
    microscope = Microscope()
    plain = [microscope.sample(c) for c in cases(SEEDS, GRID)]
    domains = [microscope.sample(c) for c in cases(SEEDS_ANTIPHASE, GRID, antiphase=True)]
    rows = []
    for name in (*LARGEST_SIGMA, "free energy"):
        rows += _rows(name, scores(plain, name), len(plain))
    for name in LARGEST_SIGMA:
        found = scores(domains, name)
        rms = float(np.hypot(found.mean, found.deviation))
        what = f"{name} with antiphase boundaries, root mean square of z ({len(domains)} frames)"
        rows.append(Row(f"{name}-antiphase-z", what, rms, "1", "1.5", rms / 1.5, ("<=", 1.0)))
        what = f"{name} with antiphase boundaries, root mean square error"
        limit = LARGEST_SIGMA[name]
        rows.append(
            Row(f"{name}-antiphase-error", what, found.error, "1", f"{limit:g}", found.error / limit, ("<=", 1.0))
        )
    return rows


def _rows(name: str, found: Scores, frames: int) -> list[Row]:
    id_, unit = name.replace(" ", "-"), "meV/atom" if name == "free energy" else "1"
    low, high = DEVIATION
    rows = [
        Row(f"{id_}-z-low", f"{name}, standard deviation of z ({frames} frames)", found.deviation, "1", f"{low:g}",
            found.deviation / low, (">=", 1.0)),
        Row(f"{id_}-z-high", f"{name}, standard deviation of z", found.deviation, "1", f"{high:g}",
            found.deviation / high, ("<=", 1.0)),
        Row(f"{id_}-z-mean", f"{name}, |mean of z|", abs(found.mean), "1", "0.4", abs(found.mean) / 0.4, ("<=", 1.0)),
        Row(f"{id_}-missing", f"{name}, frames without it", found.missing, "frames", "1 frame", float(found.missing),
            ("<=", 0.0)),
    ]  # fmt: skip
    limit = LARGEST_SIGMA.get(name, 0.3)
    rows.append(
        Row(f"{id_}-sigma", f"{name}, largest sigma", found.sigma, unit, f"{limit:g}", found.sigma / limit, ("<=", 1.0))
    )
    rows.append(
        Row(f"{id_}-error", f"{name}, root mean square error", found.error, unit, f"{limit:g}", found.error / limit,
            ("<=", 1.0))
    )  # fmt: skip
    return rows
