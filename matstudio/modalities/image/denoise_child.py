"""`python -m matstudio.modalities.image.denoise_child WEIGHTS`: denoises what comes over stdin, until that ends.

A request is a line of JSON {"dtype", "shape", "pixel_A" (or null), "counts"} and the image's bytes; the answer a line
{"seconds"} and as many float32 values, or a line {"error"} alone. The first line of all is {"version"} or {"error"}.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

from matstudio.bus import processes
from matstudio.domain.frame import Axis, Frame, Kind

NICE = 3
"""Control, window and models come first."""


def main() -> None:
    """Answer until nothing comes any more."""
    processes.set_priority(NICE)
    import torch

    from matstudio.modalities.image.denoise import Denoiser

    torch.set_num_threads(1)
    out, given = sys.stdout.buffer, sys.stdin.buffer
    try:
        denoiser = Denoiser(Path(sys.argv[1]))
    except ValueError as error:
        tell(out, {"error": str(error)})
        return
    tell(out, {"version": denoiser.version})
    while line := given.readline():
        began = time.perf_counter()
        try:
            made = denoiser(asked(json.loads(line), given))
        except ValueError as error:
            tell(out, {"error": str(error)})
            continue
        tell(out, {"seconds": time.perf_counter() - began}, made.tobytes())


def request(frame: Frame, pixel_A: float | None) -> bytes:
    """What asks for a frame (rows, columns) without noise."""
    counts = frame.metadata.get("quantity") == "counts"
    facts = {"dtype": frame.data.dtype.str, "shape": frame.data.shape, "pixel_A": pixel_A, "counts": counts}
    return json.dumps(facts).encode() + b"\n" + np.ascontiguousarray(frame.data).tobytes()


def asked(facts: dict[str, object], given: BinaryIO) -> Frame:
    """The frame that a request is about; EOFError where it is cut short."""
    shape, dtype = tuple(facts["shape"]), np.dtype(str(facts["dtype"]))  # type: ignore[arg-type]
    size = int(np.prod(shape)) * dtype.itemsize
    data = given.read(size)
    if len(data) < size:
        raise EOFError
    unit, scale = ("px", 1.0) if facts["pixel_A"] is None else ("Å", float(facts["pixel_A"]))  # type: ignore[arg-type]
    axes = tuple(Axis(n, unit, scale, 0.0, s) for n, s in zip("yx", shape, strict=False))
    meta = {"quantity": "counts"} if facts["counts"] else {}
    return Frame("image", Kind.IMAGE, 0, np.frombuffer(data, dtype).reshape(shape), axes, 0.0, 0.0, "denoise", meta)


def tell(out: BinaryIO, facts: dict[str, object], data: bytes = b"") -> None:
    """Answer."""
    out.write(json.dumps(facts).encode() + b"\n" + data)
    out.flush()


if __name__ == "__main__":
    main()
