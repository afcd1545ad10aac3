"""A frame in a file of its own, and the same frame read from it."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.instruments.readers.files import open_file
from matstudio.recording.exports import suffixes, write

RNG = np.random.default_rng(11)
FACTS = MappingProxyType({"unit": "counts", "quantity": "intensity", "mode": "HAADF", "instrument": "twin"})


def image(dtype: str, units: str, shape: tuple[int, int] = (30, 40)) -> Frame:
    axes = (Axis("y", units, 0.115, -1.5, shape[0]), Axis("x", units, 0.23, 2.0, shape[1]))
    data = RNG.integers(0, 2 if dtype == "?" else 200, shape).astype(dtype)
    return Frame("haadf", Kind.IMAGE, 7, data, axes, 0.0, 1.0, "c", FACTS)


@pytest.mark.parametrize(
    ("suffix", "dtype", "units"),
    [(".nxs", "?", "Å"), (".nxs", ">u2", "1/Å"), (".tif", "?", "Å"), (".tif", "u2", "1/Å"), (".tif", "f8", "px")],
)
def test_an_image_comes_back_with_its_axes(dtype: str, suffix: str, units: str, tmp_path: Path) -> None:
    frame = image(dtype, units)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"something older")
    write(path, frame)
    (signal,) = open_file(path)
    assert np.asarray(signal.data).tolist() == frame.data.astype("u1" if dtype == "?" else dtype).tolist()
    assert [a.units for a in signal.axes] == [units] * 2
    for got, wanted in zip(signal.axes, frame.axes, strict=True):
        assert (got.scale, got.offset) == pytest.approx((wanted.scale, wanted.offset), rel=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_values_alone_and_one_row(tmp_path: Path) -> None:
    for suffix in suffixes(2):
        frame = image("u2", "Å", (1, 40))
        write(tmp_path / f"a{suffix}", frame)
        assert np.asarray(open_file(tmp_path / f"a{suffix}")[0].data).ravel().tolist() == frame.data.ravel().tolist()


@pytest.mark.parametrize(
    ("name", "units", "kind", "dtype", "suffix"),
    [
        ("Energy loss", "eV", Kind.SPECTRUM, "f4", ".csv"),
        ("Energy loss", "eV", Kind.SPECTRUM, "u4", ".nxs"),
        ("2theta", "°", Kind.DIFFRACTION, "u4", ".csv"),
    ],
)
def test_a_curve_comes_back_with_its_axis(
    name: str, units: str, kind: Kind, dtype: str, suffix: str, tmp_path: Path
) -> None:
    axis = Axis(name, units, 0.15, 20.0, 300)
    frame = Frame("s", kind, 7, RNG.poisson(100, 300).astype(dtype), (axis,), 0.0, 1.0, "c", FACTS)
    write(tmp_path / f"a{suffix}", frame)
    (signal,) = open_file(tmp_path / f"a{suffix}")
    assert np.asarray(signal.data).tolist() == frame.data.tolist()
    assert (signal.kind, signal.unit, signal.axes[0].units) == (kind, "counts", units)
    assert (signal.axes[0].scale, signal.axes[0].offset) == pytest.approx((0.15, 20.0))
    if suffix == ".csv":
        assert '# instrument: "twin"' in (tmp_path / "a.csv").read_text()


def test_values_that_are_not_finite_are_kept(tmp_path: Path) -> None:
    frame = image("f4", "Å")
    frame.data[3, 4] = np.nan
    for suffix in (".nxs", ".tif"):
        write(tmp_path / f"a{suffix}", frame)
        assert np.isnan(np.asarray(open_file(tmp_path / f"a{suffix}")[0].data)[3, 4])


def test_what_cannot_be_written_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a.csv: written as .nxs, .tif, .npy"):
        write(tmp_path / "a.csv", image("u1", "Å"))
    for suffix in suffixes(2):
        with pytest.raises(OSError) as told:
            write(tmp_path / "no" / f"a{suffix}", image("u1", "Å"))
        assert told.value.strerror == "No such file or directory"
        folder = tmp_path / f"d{suffix}"
        folder.mkdir()
        with pytest.raises(OSError) as told:
            write(folder, image("u1", "Å"))
        assert told.value.strerror == "Is a directory"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.npy", "d.nxs", "d.tif"]
