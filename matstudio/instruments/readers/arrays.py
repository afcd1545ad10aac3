"""NumPy files and pictures, and the sidecar that gives them a scale."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis, Kind
from matstudio.instruments.readers.signal import ReaderError, Signal, find_fact, kind_of, pixels
from matstudio.instruments.readers.units import normalise

MAX_BYTES = 2**30
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM")  # Pillow hands other kinds to other programs


def grey(data: np.ndarray) -> np.ndarray:
    """A picture (..., rows, columns, 3 or 4 channels) in grey, the same integer type; alpha is left out.

    Luma of ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B.
    """
    rgb = data[..., :3]
    if (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all():
        return np.ascontiguousarray(rgb[..., 0])
    out = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.rint(out).astype(data.dtype) if data.dtype.kind in "ui" else out


def _check_header(path: Path, file: Any, available: int, what: str = "") -> None:
    """Refuse an npy header that asks for unpickling, is damaged, or claims more than there is."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, EOFError, SyntaxError, TypeError, MemoryError, OverflowError) as error:
        raise ReaderError(path, f"{what}damaged npy header: {error}") from None
    if dtype.hasobject:
        raise ReaderError(path, f"{what}holds pickled Python objects; nothing is ever unpickled")
    if dtype.kind not in "buif":
        raise ReaderError(path, f"{what}values of type {dtype}; numbers are expected")
    claimed = dtype.itemsize
    for n in shape:
        claimed *= n
    if min(shape, default=0) < 0 or claimed > available:
        raise ReaderError(path, f"{what}the header claims {shape} {dtype} = {claimed} bytes, the file has {available}")
    if claimed == 0:
        raise ReaderError(path, f"{what}an array of shape {shape}")


def _signal(path: Path, title: str, data: np.ndarray, reader: str, facts: dict[str, Any] | None = None) -> Signal:
    if data.dtype == bool:
        data = data.astype(np.uint8)
    if data.dtype == np.float16:
        data = data.astype(np.float32)
    if data.ndim >= 3 and data.shape[-1] in (3, 4) and data.dtype == np.uint8:
        data = grey(data)
    if not 1 <= data.ndim <= 5:
        raise ReaderError(path, f"an array of {data.ndim} dimensions")
    dims = min(data.ndim, 2)
    axes = pixels(data.shape)
    return Signal(title, kind_of(axes, dims), data, axes, reader=reader, signal_dims=dims, metadata=facts or {})


def read_npy(path: Path) -> list[Signal]:
    """The array of an `.npy` file: (channels,), (rows, columns) or (frames, rows, columns); mapped, not loaded.

    Raises:
        ReaderError: Python objects, a header that claims more than the file holds, another kind of values.
    """
    with open(path, "rb") as file:
        _check_header(path, file, path.stat().st_size)
    try:
        data = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ReaderError(path, str(error)) from None
    return [_signal(path, path.stem, data, "npy")]


def read_npz(path: Path) -> list[Signal]:
    """The arrays of an `.npz` file, each a signal.

    Raises:
        ReaderError: as `read_npy`; more than 1 GiB unpacked.
    """
    signals = []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                continue
            if info.file_size > MAX_BYTES:
                raise ReaderError(path, f"{info.filename}: claims {info.file_size} bytes")
            with archive.open(info) as file:
                _check_header(path, file, info.file_size, f"{info.filename}: ")
            data = np.load(io.BytesIO(archive.read(info)), allow_pickle=False)
            signals.append(_signal(path, f"{path.stem}: {info.filename.removesuffix('.npy')}", data, "npz"))
    if not signals:
        raise ReaderError(path, "a zip file without an array")
    return signals


def picture(path: Path) -> np.ndarray:
    """The picture of a png, jpg, bmp, gif or pnm file in grey, (rows, columns).

    Raises:
        ReaderError: damaged, truncated, or of more than 1 GiB.
    """
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height * 8 > MAX_BYTES:
                raise ReaderError(path, f"claims {image.width} x {image.height} pixels")
            if image.mode in ("P", "CMYK", "YCbCr", "HSV", "LAB", "PA"):
                image = image.convert("RGB")
            data = np.asarray(image)
    except UnidentifiedImageError:
        raise ReaderError(path, "not a picture that can be read") from None
    except ReaderError:
        raise
    except Exception as error:  # noqa: BLE001 -- PIL raises what it likes on damaged files
        raise ReaderError(path, f"damaged picture: {error}") from None
    if data.dtype == bool:
        data = data.astype(np.uint8) * 255
    if data.ndim == 3:
        data = grey(data) if data.shape[2] >= 3 else np.ascontiguousarray(data[..., 0])
    if data.ndim != 2 or data.dtype.kind not in "uif":
        raise ReaderError(path, f"a picture of shape {data.shape} and type {data.dtype}")
    return data


def read_picture(path: Path) -> list[Signal]:
    """A picture in grey, in pixels."""
    data = picture(path)
    return [_signal(path, path.stem, data, "picture", {"kind_of_file": "picture"})]


def with_sidecar(path: Path, signal: Signal) -> Signal:
    """The same image with the scale and facts of the JSON file beside it, if there is one.

    Understood, at any depth: "field_of_view_x", "field_of_view_y" and "field_of_view_units" of the whole image, or
    "pixel_size" and "pixel_size_units"; "experiment_type" (the mode) and "voltage" ("60 kV").

    Raises:
        ReaderError: the sidecar is no JSON, or its numbers are none.
    """
    beside = path.with_suffix(".json")
    if signal.signal_dims != 2 or signal.kind is not Kind.IMAGE or not beside.is_file() or beside == path:
        return signal
    if beside.stat().st_size > 2**20:
        return signal
    try:
        facts = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ReaderError(beside, f"not JSON: {error}") from None
    y, x = signal.axes[-2:]
    scales: list[Any] = [find_fact(facts, "pixel_size")] * 2
    units = find_fact(facts, "pixel_size_units")
    if scales[0] is None:
        fields = [find_fact(facts, "field_of_view_y"), find_fact(facts, "field_of_view_x")]
        units = find_fact(facts, "field_of_view_units")
        if all(isinstance(f, int | float) for f in fields):
            scales = [fields[0] / y.size, fields[1] / x.size]
    axes = signal.axes
    if all(isinstance(s, int | float) and 0 < s < float("inf") for s in scales) and isinstance(units, str):
        shown, factor = normalise(units)
        axes = (
            *axes[:-2],
            Axis("y", shown, scales[0] * factor, 0.0, y.size),
            Axis("x", shown, scales[1] * factor, 0.0, x.size),
        )
    more: dict[str, Any] = {"sidecar": beside.name}
    mode, voltage = find_fact(facts, "experiment_type"), find_fact(facts, "voltage")
    if isinstance(mode, str):
        more["mode"] = mode
    kilovolts = re.fullmatch(r"([\d.]+) ?kV", voltage) if isinstance(voltage, str) else None
    if kilovolts:
        more["beam_energy_keV"] = float(kilovolts[1])
    return replace(signal, axes=axes, metadata=dict(signal.metadata) | more)
