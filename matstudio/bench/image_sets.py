"""The sets that `matstudio bench image` scores on, read from where they lie; none of them is part of the project."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matstudio.bench.columns import Truth
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities.image.predict import frame_of

_SHARED = Path(__file__).resolve().parents[3] / "shared"
_A_OF = {"nm": 10.0, "A": 1.0, "Å": 1.0, "pm": 0.01, "um": 1e4}


def eval_folder() -> Path:
    """Of the evaluation sets: MATSTUDIO_EVAL, or beside the checkout."""
    return Path(os.environ.get("MATSTUDIO_EVAL", _SHARED / "eval"))


def data_folder() -> Path:
    """Of the real recordings: MATSTUDIO_DATA, or beside the checkout."""
    return Path(os.environ.get("MATSTUDIO_DATA", _SHARED / "data"))


@dataclass(frozen=True)
class Simulated:
    """An image whose columns are known.

    Args:
        frame: what a model is given.
        truth: its columns.
        mode: "HAADF", "MAADF", "ABF" or "HRTEM".
        dose: electrons per Å^2.
        clean: (H, W) its expected counts, where the set has them.
    """

    frame: Frame
    truth: Truth
    mode: str
    dose: float
    clean: np.ndarray | None = None


@dataclass(frozen=True)
class Marked:
    """An image of atoms that people marked: `xy` (N, 2) x, y in pixels. Its pixel size is not known."""

    frame: Frame
    xy: np.ndarray


def simulated(path: Path) -> Iterator[Simulated]:
    """Every image of a set with true columns (layout of `img_public.h5`).

    Raises:
        ValueError: the file is no such set; one line.
    """
    import h5py

    with h5py.File(path) as file:
        if "images" not in file:
            raise ValueError(f"{path}: no group /images")
        for number, (name, group) in enumerate(file["images"].items()):
            frame = frame_of(group, name, number, str(path))
            try:
                columns, about = group["columns"], group.attrs
                truth = Truth(
                    columns["xy_px"][()],
                    columns["status"][()] == 1,
                    columns["crlb_pm"][()],
                    columns["snr"][()],
                    float(about["pixel_size_A"]),
                    frame.data.shape,
                    float(about["jitter_A"]) != 0,
                    float(about["truth_floor_pm"]),
                )
                scene = file.get(f"scenes/{about.get('scene')}/clean")
                clean = None if scene is None else scene[()] * float(about["counts_per_fraction"])
                yield Simulated(frame, truth, str(about["mode"]), float(about["dose_e_per_A2"]), clean)
            except KeyError as error:
                raise ValueError(f"{path}: /images/{name}: {error.args[0]}") from None


def marked(folder: Path) -> Iterator[Marked]:
    """Every image of a folder for which `label_coordinates` holds marks: a csv of the same name with X, Y in pixels.

    X is the column. The order was checked: with x and y exchanged the marks lie on nothing.
    """
    import tifffile

    for path in sorted((folder / "label_coordinates").glob("*.csv")):
        image = folder / f"{path.stem}.tif"
        if not image.is_file():
            continue
        with path.open(newline="") as file:
            xy = np.array([(float(row["X"]), float(row["Y"])) for row in csv.DictReader(file)]).reshape(-1, 2)
        yield Marked(real_frame(tifffile.imread(image), None), xy)


def lattices(folder: Path) -> Iterator[tuple[str, Frame]]:
    """Every HAADF image (npy) of a folder whose json tells its field of view, and its name."""
    for path in sorted(folder.glob("*.npy")):
        about = json.loads(path.with_suffix(".json").read_text())["experimental_details"]["spatial_info"]
        data = np.load(path, allow_pickle=False)
        field = float(about["field_of_view_x"]) * _A_OF[about["field_of_view_units"]]
        yield path.stem, real_frame(data, field / data.shape[1])


def real_frame(data: np.ndarray, pixel_A: float | None) -> Frame:
    """A HAADF image of which only the pixel size is known, or not even that."""
    unit, scale = ("px", 1.0) if pixel_A is None else ("Å", pixel_A)
    axes = tuple(Axis(n, unit, scale, 0.0, size) for n, size in zip("yx", data.shape, strict=True))
    return Frame("image", Kind.IMAGE, 0, data, axes, 0.0, 0.0, "file", {"mode": "HAADF"})
