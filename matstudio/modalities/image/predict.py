"""Column positions for a file of images: `matstudio predict image SET.h5 --out PRED.npz`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities.base import Inverse, modality


def predict_image(
    set_path: str | Path,
    out_path: str | Path,
    progress: Callable[[int, int], None] | None = None,
    inverse: Inverse | None = None,
) -> int:
    """Find the columns of every image of a set and write them with `np.savez`, image id -> (N, 2) x, y in pixels.

    The set is HDF5 with /images/ID/image (H, W) counts and attributes "pixel_size_A", "mode", "polarity",
    "dose_e_per_A2"; nothing else of it is read. An image that cannot be read gets no columns.

    Args:
        set_path: the set.
        out_path: where the answer goes, under exactly this name.
        progress: called with images done and images in all.
        inverse: model; by default the baseline.

    Returns:
        number of images.

    Raises:
        ValueError: the file is no such set; one line.
    """
    import h5py

    model = modality(Kind.IMAGE).inverse("baseline") if inverse is None else inverse
    answers: dict[str, np.ndarray] = {}
    try:
        with h5py.File(set_path) as file:
            images = images_of(file, set_path)
            for number, name in enumerate(images):
                frame = frame_of(images[name], name, number, str(set_path))
                try:
                    answers[name] = np.asarray(model(frame).arrays["columns"])
                except ValueError:
                    answers[name] = np.zeros((0, 2))
                if progress is not None:
                    progress(number + 1, len(images))
    except OSError as error:
        raise ValueError(f"{set_path}: cannot be read as HDF5: {error}") from None
    with open(out_path, "wb") as out:
        np.savez(out, **answers)  # type: ignore[arg-type]
    return len(answers)


def images_of(file: Any, path: str | Path) -> Any:
    """The group /images of an open set.

    Raises:
        ValueError: there is none with images in it; one line.
    """
    import h5py

    images = file.get("images")
    if not isinstance(images, h5py.Group) or not len(images):
        raise ValueError(f"{path}: no group /images with images")
    return images


def frame_of(group: Any, name: str, number: int, path: str) -> Frame:
    """The image of a group /images/NAME of a set, and what is known of it.

    Args:
        group: h5py group.
        name: of the image.
        number: becomes the frame's.
        path: of the set, for messages.

    Raises:
        ValueError: there is no image of two dimensions, or no pixel size; one line.
    """
    try:
        data = group["image"][()]
        pixel = float(group.attrs["pixel_size_A"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path}: /images/{name}: no image with attribute pixel_size_A") from None
    metadata: dict[str, Any] = {"quantity": "counts"}
    if "mode" in group.attrs:
        metadata["mode"] = str(group.attrs["mode"])
    if "polarity" in group.attrs:
        metadata["polarity"] = int(np.sign(group.attrs["polarity"]))
    if "dose_e_per_A2" in group.attrs:
        metadata["dose_e_per_A2"] = float(group.attrs["dose_e_per_A2"])
    axes = tuple(Axis(n, "Å", pixel, 0.0, s) for n, s in zip("yx", np.shape(data), strict=False))
    if np.ndim(data) != 2:
        raise ValueError(f"{path}: /images/{name}: {np.ndim(data)} dimensions, not 2")
    return Frame("image", Kind.IMAGE, number, data, axes, 0.0, 0.0, "file", metadata)
