"""What the shipped network makes of images: of the twin's alloy, of simulated crystals, of nothing."""

import math
from functools import cache

import numpy as np
import pytest

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.material import COPPER, GOLD, PROTOTYPES
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.base import Inverse, modality
from matstudio.modalities.image.forward import HaadfForward
from matstudio.modalities.image.reconstruct import Baseline
from matstudio.modalities.noise import poisson
from matstudio.modalities.weights import MODELS

CUBE = PROTOTYPES["Cu3Au"]


@cache
def unet() -> Inverse:
    return modality(Kind.IMAGE).inverse("unet")


def frame(data: np.ndarray, pixel: float | None, **metadata: object) -> Frame:
    unit, scale = ("Å", pixel) if pixel else ("px", 1.0)
    axes = tuple(Axis(n, unit, scale, 0.0, size) for n, size in zip("yx", data.shape, strict=True))
    return Frame("image", Kind.IMAGE, 3, data, axes, 0.0, 0.1, "simulated", {"quantity": "counts", **metadata})


def lattice(pixel: float, counts: float, level: float, sign: int = 1, size_A: float = 24.0) -> tuple[Frame, np.ndarray]:
    """A rectangular crystal with a strong and a weak column a cell, with counting noise; and its columns in pixels."""
    n = round(size_A / pixel)
    cells = np.stack(np.meshgrid(np.arange(-1, 10), np.arange(-1, 8)), -1).reshape(-1, 2) * [2.7, 3.6]
    turn = np.array([[math.cos(0.3), math.sin(0.3)], [-math.sin(0.3), math.cos(0.3)]])
    strong, weak = (cells @ turn - [0, 3], (cells + np.array([1.35, 1.8])) @ turn - [0, 3])
    at = (np.arange(n) + 0.5) * pixel
    drawn = np.zeros((n, n))
    for xy, strength in ((strong, 1.0), (weak, 0.4)):
        gx, gy = (np.exp(-0.5 * ((at[None] - c[:, None]) / 0.42) ** 2) for c in xy.T)
        drawn += strength * gy.T @ gx
    expected = (level + sign * counts * drawn / (2 * math.pi * 0.42**2)) * pixel**2
    data = poisson(expected.astype(np.float32), np.random.default_rng(1))
    true = np.concatenate([strong, weak]) / pixel - 0.5
    inside = np.all((true > 1.5 / pixel) & (true < n - 1.5 / pixel), axis=1)
    return frame(data, pixel, polarity=sign), true[inside]


def f1(found: np.ndarray, true: np.ndarray, pixel: float, n: int) -> float:
    near = np.linalg.norm(found[:, None] - true[None], axis=2) < 0.5 / pixel if len(found) else np.zeros((0, len(true)))
    inside = np.all((found > 2 / pixel) & (found < n - 2 / pixel), axis=1) if len(found) else np.zeros(0, bool)
    hits = near.any(0).sum()
    return float(2 * hits / (len(true) + hits + (inside & ~near.any(1)).sum()))


@pytest.mark.parametrize("s", [0.0, 0.6])
def test_the_order_of_the_twins_alloy_with_an_honest_error(s):
    rng = np.random.default_rng(4)
    corners = np.stack(np.meshgrid(*[np.arange(16)] * 3, indexing="ij"), -1).reshape(-1, 3)
    alpha = np.tile(np.arange(4) == 0, len(corners))
    gold = np.zeros(len(alpha), bool)
    many = round((0.25 + 0.75 * s) * alpha.sum())
    gold[rng.permutation(np.flatnonzero(alpha))[:many]] = True
    gold[rng.permutation(np.flatnonzero(~alpha))[: len(corners) - many]] = True
    a = CUBE.a(500.0)
    atoms = AtomicModel(
        (corners[:, None] + CUBE.sites).reshape(-1, 3) * a,
        np.where(gold, 79, 29),
        np.eye(3) * 16 * a,
        np.where(gold, GOLD.u_iso(500.0), COPPER.u_iso(500.0)),
    )
    forward = HaadfForward()
    facts = {"material": "Cu3Au", "stage_temperature_K": 500.0, "thickness_cells": 16, "composition": 0.25}
    data = poisson(forward.expected(atoms), rng)
    seen = Frame("image", Kind.IMAGE, 1, data, forward.axes(), 0, 0.1, "simulated", dict(forward.metadata()) | facts)
    ours, theirs = unet()(seen), Baseline()(seen)
    order = ours.quantities["order_parameter"]
    truth = float(gold[alpha].mean() - gold[~alpha].mean())
    assert abs(order.value - truth) < 3 * order.sigma
    assert order.sigma < 0.03
    assert order.value == pytest.approx(theirs.quantities["order_parameter"].value, abs=order.sigma)
    assert ours.structure is not None
    assert not any("unlike" in note for note in ours.notes)


@pytest.mark.parametrize("pixel", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("sign", [1, -1])
def test_all_columns_at_any_pixel_size_bright_or_dark(pixel, sign):
    seen, true = lattice(pixel, 1500.0, 200.0 if sign > 0 else 3500.0, sign)
    assert f1(unet()(seen).arrays["columns"], true, pixel, len(seen.data)) > 0.99


def test_columns_below_the_noise_are_seen_where_the_crystal_vouches_for_them():
    seen, true = lattice(0.09, 14.0, 6.0)
    found = unet()(seen).arrays["columns"]
    assert f1(found, true, 0.09, len(seen.data)) > max(0.8, f1(Baseline()(seen).arrays["columns"], true, 0.09, 267))


@pytest.mark.parametrize("level", [0.02, 1.0, 40.0])
def test_noise_holds_no_columns(level):
    data = np.random.default_rng(8).poisson(level, (256, 256)).astype(np.float32)
    assert len(unet()(frame(data, 0.1)).arrays["columns"]) <= 1


def test_the_weights_have_their_card():
    card = (MODELS / "unet.md").read_text(encoding="utf-8")
    assert unet().version in card
