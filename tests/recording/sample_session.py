"""Small frames and a description for the recording tests."""

from __future__ import annotations

import numpy as np

from matstudio.domain.device import Actuator, Description, Stream
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.process import Limits

IMAGE_AXES = (Axis("y", "Å", 0.115, 1.0, 32), Axis("x", "Å", 0.115, -2.0, 24))
ENERGY = (Axis("Energy loss", "eV", 0.25, 850.0, 100),)
DESCRIPTION = Description(
    name="Twin Cu3Au",
    kind="twin",
    streams=(
        Stream("image", Kind.IMAGE, "/nowhere/image.ring", 10.0, "HAADF 32 x 24"),
        Stream("spectrum", Kind.SPECTRUM, "/nowhere/spectrum.ring", 5.0, "EELS"),
    ),
    readings={"temperature": ("K", 250.0, 1500.0), "heater": ("1", 0.0, 1.0)},
    actuators=(Actuator("heater", "1", Limits(0.0, 1.0), 0.0),),
    state={"seed": 1},
)


def image(seq: int, **facts: object) -> Frame:
    data = (np.arange(32 * 24).reshape(32, 24) + seq).astype(np.uint16)
    t = 0.1 * seq
    metadata = {"instrument": "twin", "quantity": "intensity", "unit": "counts", "mode": "HAADF", **facts}
    return Frame("image", Kind.IMAGE, seq, data, IMAGE_AXES, t, t + 0.09, "monotonic", metadata)


def spectrum(seq: int) -> Frame:
    data = np.full(100, seq, np.uint32)
    return Frame(
        "spectrum", Kind.SPECTRUM, seq, data, ENERGY, 0.2 * seq, 0.2 * seq + 0.2, "monotonic", {"mode": "EELS"}
    )
