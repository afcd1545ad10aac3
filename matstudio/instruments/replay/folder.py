"""A folder of pictures as a track: which files, in which order, and when each was taken."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis, Kind
from matstudio.instruments.readers import ReaderError, open_file
from matstudio.instruments.readers.arrays import FORMATS, picture
from matstudio.instruments.replay.notes import SUFFIX
from matstudio.instruments.replay.tracks import Shot, Track, facts

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
OTHERS = (".npy", ".dm3", ".dm4", ".mrc", ".ser", ".emd", ".hspy")
MOST_FILES = 50
FRAME_S = 1.0  # between two frames of which nobody knows the time


@dataclass(frozen=True)
class Times:
    """When the numbered frames of a run were taken.

    Args:
        frames: (n,) numbers, rising. seconds: (n,) of each. kelvin: (n,) of each, or None.
    """

    path: Path
    frames: np.ndarray
    seconds: np.ndarray
    kelvin: np.ndarray | None

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """Seconds of frame numbers: between two rows of the table in proportion, outside at the table's mean pace."""
        pace = (self.seconds[-1] - self.seconds[0]) / (self.frames[-1] - self.frames[0])
        out = np.interp(numbers, self.frames, self.seconds)
        out = np.where(numbers < self.frames[0], self.seconds[0] + pace * (numbers - self.frames[0]), out)
        return np.where(numbers > self.frames[-1], self.seconds[-1] + pace * (numbers - self.frames[-1]), out)


def read_times(path: Path) -> Times | None:
    """The table of a csv file with a column "frame" and one "seconds" (or "time", "t"), perhaps one "celsius" or
    "kelvin"; None where it is no such table.

    Raises:
        ReaderError: it is one, but a cell is no number, or the frames or times do not rise together.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(c.strip() for c in row)][:1_000_000]
    except (UnicodeDecodeError, csv.Error, OSError):
        return None
    names = [c.strip().lower() for c in rows[0]] if rows else []
    clock = next((names.index(k) for k in ("seconds", "time", "t", "time_s") if k in names), None)
    if "frame" not in names or clock is None or len(rows) < 3:
        return None
    heat = next(((names.index(k), zero) for k, zero in (("celsius", 273.15), ("kelvin", 0.0)) if k in names), None)
    table = []
    for n, row in enumerate(rows[1:], 2):
        try:
            cells = [float(row[names.index("frame")]), float(row[clock])]
            table.append([*cells, float(row[heat[0]]) + heat[1] if heat else 0.0])
        except (ValueError, IndexError):
            raise ReaderError(path, f"row {n}: {','.join(row)[:60]!r} is no frame with its time") from None
    values = np.array(sorted(table))
    if not np.isfinite(values).all() or (np.diff(values[:, 0]) <= 0).any() or (np.diff(values[:, 1]) < 0).any():
        raise ReaderError(path, "frames and times do not rise together")
    return Times(path, values[:, 0], values[:, 1], values[:, 2] if heat else None)


def number_of(path: Path) -> int | None:
    """The frame's number: the last group of digits in the file's name."""
    found = re.findall(r"\d+", path.stem)
    return int(found[-1]) if found else None


def files_in(folder: Path) -> list[Path]:
    """The files that are read one by one where a folder holds no picture: all but hidden ones and lists of contents.

    Raises:
        ReaderError: there are none, or very many, or it may not be looked into.
    """
    try:
        found = sorted(p for p in folder.iterdir() if p.is_file() and is_listed(p))
    except OSError as error:
        raise ReaderError(folder, error.strerror or str(error)) from None
    if not 0 < len(found) <= MOST_FILES:
        raise ReaderError(folder, f"a folder without a picture, and with {len(found)} other files")
    return found


def is_listed(path: Path) -> bool:
    """Whether a file of a folder may hold data: neither hidden nor a list of contents nor a person's notes."""
    return not path.name.startswith((".", "MANIFEST", "README")) and not path.name.endswith(SUFFIX)


def has_pictures(folder: Path) -> bool:
    """Whether a folder holds a file that is a frame by its ending."""
    return any(p.suffix.lower() in PICTURES + OTHERS for p in folder.iterdir())


def read_folder(folder: Path, name: str, times: Times | None) -> tuple[Track, list[str]]:
    """The pictures of a folder as one track, and notes on what was assumed or left out.

    Frames are ordered by number. Their times come from `times`, else from the number at one frame a second.

    Raises:
        ReaderError: there is no picture that can be read.
    """
    files = sorted(
        (p for p in folder.iterdir() if p.suffix.lower() in PICTURES + OTHERS and p.is_file()),
        key=lambda p: (n if (n := number_of(p)) is not None else -1, p.name),
    )
    notes: list[str] = []
    sizes: list[int] = []
    good: list[Path] = []
    for path in files:
        try:
            sizes.append(_bytes(path))
            good.append(path)
        except ReaderError as error:
            notes.append(f"left out: {error}")
    if not good:
        raise ReaderError(folder, notes[0].removeprefix("left out: ") if notes else "a folder without a picture")
    first = open_file(good[0], load=False)[0]
    numbers = [number_of(p) for p in good]
    counted = all(n is not None for n in numbers) and len(set(numbers)) == len(numbers)
    if times is not None and counted:
        seconds = times.of(np.array(numbers, float))
        notes.append(f"times of the frames from {times.path.name}")
    else:
        place = np.array(numbers, float) if counted else np.arange(len(good), dtype=float)
        seconds = (place - place[0]) * FRAME_S
        notes.append(f"no times of the frames in {folder.name}: {FRAME_S:g} s between them assumed")
    kind = first.kind if first.kind is Kind.DIFFRACTION else Kind.IMAGE
    calibrated = first.axes[-2:] if all(a.units != "px" for a in first.axes[-2:]) else None
    known = facts(first.metadata)

    def load(index: int) -> Shot:
        path = good[index]
        data, axes, more = _frame(path, calibrated)
        return Shot(data, axes, 0.0, known | more | {"file": path.name})

    return Track(name, kind, folder.name, seconds, max(sizes), load), notes


def _bytes(path: Path) -> int:
    """Data bytes of a file's frame, from its header."""
    if path.suffix.lower() in PICTURES:
        from PIL import Image, UnidentifiedImageError

        Image.MAX_IMAGE_PIXELS = None
        try:
            with Image.open(path, formats=FORMATS) as image:
                depth = {"I": 4, "F": 4, "I;16": 2, "I;16B": 2}.get(image.mode, 1)
                if image.width * image.height * depth > 2**28:
                    raise ReaderError(path, f"claims {image.width} x {image.height} pixels")
                return image.width * image.height * depth
        except UnidentifiedImageError:
            raise ReaderError(path, "not a picture that can be read") from None
        except (OSError, ValueError, SyntaxError) as error:
            raise ReaderError(path, f"damaged picture: {error}") from None
    signal = open_file(path, load=False)[0]
    if signal.signal_dims != 2:
        raise ReaderError(path, "no image")
    return int(np.prod([a.size for a in signal.frame_axes])) * np.dtype(signal.data.dtype).itemsize


def _frame(path: Path, calibrated: tuple[Axis, ...] | None) -> tuple[np.ndarray, tuple[Axis, ...], dict[str, Any]]:
    if path.suffix.lower() in PICTURES:
        data = picture(path)
        size = zip(("y", "x"), data.shape, strict=True)
        if calibrated is not None:
            axes = tuple(Axis(n, c.units, c.scale, c.offset, s) for (n, s), c in zip(size, calibrated, strict=True))
        else:
            axes = tuple(Axis(n, "px", 1.0, 0.0, s) for n, s in size)
        return data, axes, {}
    signal = open_file(path)[0]
    return signal.array(0), signal.frame_axes, facts(signal.metadata)
