"""The files that are mutated: those that tests make, and real ones where they are."""

from __future__ import annotations

import json
import os
import struct
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
from sample_files import CIF, OWN, POSCAR
from sample_session import DESCRIPTION, image, spectrum

LARGEST = 1_600_000  # bytes of a real file
_TEXTS_ASIDE = ("md", "yaml", "json")


def dm3() -> bytes:
    """A DigitalMicrograph 3 file of one image, 6 x 5 float32, 0.2 nm a pixel (tags as in the format's descriptions)."""

    def tag(name: str, body: bytes, group: bool = False) -> bytes:
        return bytes([20 if group else 21]) + struct.pack(">H", len(name)) + name.encode() + body

    def group(*tags: bytes) -> bytes:
        return b"\1\0" + struct.pack(">I", len(tags)) + b"".join(tags)

    def value(*info: int, data: bytes) -> bytes:
        return b"%%%%" + struct.pack(f">I{len(info)}I", len(info), *info) + data

    def number(n: int) -> bytes:
        return value(5, data=struct.pack("<I", n))

    def real(v: float) -> bytes:
        return value(6, data=struct.pack("<f", v))

    def text(t: str) -> bytes:
        return value(20, 4, len(t), data=t.encode("utf-16-le"))

    def axis() -> bytes:
        return tag("", group(tag("Origin", real(0.0)), tag("Scale", real(0.2)), tag("Units", text("nm"))), True)

    data = np.arange(30, dtype="<f4")
    calibrations = group(tag("Dimension", group(axis(), axis()), True))
    image_data = group(
        tag("Calibrations", calibrations, True),
        tag("Data", value(20, 6, 30, data=data.tobytes())),
        tag("DataType", number(2)),
        tag("Dimensions", group(tag("", number(6)), tag("", number(5))), True),
        tag("PixelDepth", number(4)),
    )
    tags = group(tag("Microscope Info", group(tag("Voltage", real(200e3))), True))
    entry = group(tag("ImageData", image_data, True), tag("ImageTags", tags, True), tag("Name", text("one")))
    thumbnail = group(tag("ImageData", image_data, True), tag("ImageTags", tags, True), tag("Name", text("small")))
    shown = tag("DocumentObjectList", group(tag("", group(tag("ImageSource", number(0))), True)), True)
    root = group(tag("ImageList", group(tag("", thumbnail, True), tag("", entry, True)), True), shown)
    return struct.pack(">III", 3, len(root) + 8, 1) + root + bytes(8)


def mrc() -> bytes:
    """An MRC2014 file, 5 x 4 float32, 2 Å a pixel."""
    head = bytearray(1024)
    head[0:16] = struct.pack("<4i", 5, 4, 1, 2)
    head[28:40] = struct.pack("<3i", 5, 4, 1)
    head[40:52] = struct.pack("<3f", 10.0, 8.0, 1.0)
    head[64:76] = struct.pack("<3i", 1, 2, 3)
    head[208:216] = b"MAP \x44\x44\0\0"
    return bytes(head) + np.arange(20, dtype="<f4").tobytes()


MSA = (
    "#FORMAT      : EMSA/MAS Spectral Data File\n#VERSION     : 1.0\n#TITLE       : NIO\n#NPOINTS     : 20.\n"
    "#NCOLUMNS    : 1.\n#XUNITS      : eV\n#YUNITS      : Intensity\n#DATATYPE    : Y\n#XPERCHAN    : 3.1\n"
    "#OFFSET      : 520.13\n#SIGNALTYPE  : ELS\n#BEAMKV   -kV: 120.0\n#SPECTRUM    : Spectral Data Starts Here\n"
    + "\n".join(f"{4066.0 - i * i}," for i in range(20))
    + "\n#ENDOFDATA   :\n"
)
RPL = (
    "key\tvalue\nwidth\t6\nheight\t5\ndepth\t1\noffset\t0\ndata-length\t2\ndata-type\tunsigned\n"
    "byte-order\tlittle-endian\nrecord-by\tdont-care\n"
)


def session(path: Path, *, closed: bool) -> None:
    """A small session with everything in it, closed or as a crash leaves it."""
    from matstudio.domain.clock import RealClock
    from matstudio.domain.estimate import Estimate, FrameRef, MaterialState, Model, Quantity
    from matstudio.domain.process import Reading
    from matstudio.domain.structure import SiteModel
    from matstudio.recording.writer import SessionWriter

    sites = SiteModel(np.eye(3) * 3.75, np.zeros((4, 3)), ("Cu", "Au"), np.full((4, 2), 0.5), np.full(4, 0.1))
    order = {"order_parameter": Quantity(0.5, 0.03, "1")}
    writer = SessionWriter(path, DESCRIPTION, RealClock(0.0, 1.7e9), [image(0), spectrum(0)], run={"id": "x"})
    for i in range(1, 6):
        writer.add_frame(image(i, note="n" * (2000 if i == 3 else 3)))
        writer.add_readings([Reading("temperature", 300.0 + i, "K", 0.1 * i), Reading("heater", 0.1, "1", 0.1 * i)])
        model = Model("baseline", "1", "abc")
        arrays, labels = {"columns": np.arange(2.0 * i).reshape(i, 2)}, {"edges": ("Cu L3",)}
        writer.add_estimate(Estimate("image", i, 0.1 * i, model, order, arrays, labels, ("a note",), sites, 0.02))
        writer.add_state(MaterialState(0.1 * i, order, {"order_parameter": (FrameRef("image", i),)}, sites, ("n",)))
        entry = {"n": i, "t": 0.1 * i, "wall": 1.7e9, "kind": "note", "who": "x", "text": "t", "data": {}, "hash": "0"}
        writer.add_event(json.dumps(entry).encode())
    writer.add_frame(spectrum(1))
    writer.flush()
    if closed:
        writer.close()
        return
    whole = path.read_bytes()
    writer.close()
    path.write_bytes(whole)


def make(folder: Path) -> list[Path]:
    """Write the files that tests make; returns their paths."""
    import h5py
    from tifffile import imwrite

    folder.mkdir(parents=True, exist_ok=True)
    bodies = OWN | {
        "a.dm3": dm3(), "a.mrc": mrc(), "a.msa": MSA.encode(), "a.cif": CIF.encode(), "POSCAR": POSCAR.encode(),
        "a.rpl": RPL.encode(), "a.raw": np.arange(30, dtype="<u2").tobytes(),
    }  # fmt: skip
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    imwrite(folder / "a.tif", np.arange(24, dtype=np.uint16).reshape(4, 6), imagej=True, resolution=(20.0, 20.0))
    with h5py.File(folder / "a.nxs", "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["two_theta"], "title": "x"})
        group["counts"], group["two_theta"] = np.arange(50), np.linspace(10, 59, 50)
        group["two_theta"].attrs["units"] = "degree"
        log = file.create_group("entry/log")
        log.attrs.update({"NX_class": "NXdata", "signal": "temperature", "axes": "time"})
        log["temperature"], log["time"] = np.array([300.0, 301.0, 305.0]), np.arange(3.0)
        log["time"].attrs["units"] = "s"
    _hspy(folder / "a.hspy")
    session(folder / "session.nxs", closed=True)
    session(folder / "crashed.nxs", closed=False)
    return sorted(p for p in folder.iterdir() if p.name != "a.raw")


def _hspy(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["file_format"], file.attrs["file_format_version"] = "HyperSpy", "3.1"
        group = file.create_group("Experiments/line")
        group.create_dataset("data", data=np.arange(60, dtype="f4").reshape(3, 20), chunks=(3, 20), compression="gzip")
        for i, (name, units, size, navigate) in enumerate((("x", "nm", 3, True), ("Energy loss", "eV", 20, False))):
            axis = group.create_group(f"axis-{i}")
            axis.attrs.update({"name": name, "units": units, "scale": 0.5, "offset": 0.0, "size": size})
            axis.attrs.update({"navigate": navigate, "is_binned": False, "_type": "UniformDataAxis"})
        group.create_group("metadata/General").attrs["title"] = "line"
        group.create_group("metadata/Signal").attrs["signal_type"] = "EELS"
        group.create_group("original_metadata")
        group.create_group("learning_results")


def real() -> list[Path]:
    """Real instrument files of `MATSTUDIO_DATA` or ../shared/data up to 1.6 MB; [] where there are none."""
    root = Path(os.environ.get("MATSTUDIO_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    return (
        sorted(p for p in root.rglob("*") if p.is_file() and 0 < p.stat().st_size <= LARGEST) if root.is_dir() else []
    )


class Corpus:
    """Files by kind (their ending, or name where there is none)."""

    def __init__(self, paths: list[Path]) -> None:
        self.by_kind: dict[str, list[Path]] = defaultdict(list)
        for path in paths:
            self.by_kind[kind_of(path)].append(path)
        self.kinds = sorted(self.by_kind)
        self.weights = np.array(
            [0.2 if k in _TEXTS_ASIDE else min(3.0, len(self.by_kind[k]) ** 0.5) for k in self.kinds]
        )
        self.weights /= self.weights.sum()

    def pick(self, random: np.random.Generator) -> tuple[Path, Path]:
        """A file, and another to splice it with: of the same kind as a rule."""
        kind = self.kinds[int(random.choice(len(self.kinds), p=self.weights))]
        other = kind if random.random() < 0.7 else self.kinds[int(random.integers(len(self.kinds)))]
        mine, theirs = self.by_kind[kind], self.by_kind[other]
        return mine[int(random.integers(len(mine)))], theirs[int(random.integers(len(theirs)))]


def kind_of(path: Path) -> str:
    """What the file counts as."""
    if path.name in ("session.nxs", "crashed.nxs"):
        return "session"
    ending = path.suffix.lower().lstrip(".")
    return "poscar" if "poscar" in path.name.lower() else ending if len(ending) < 6 else "text"


@cache
def content(path: Path) -> bytes:
    """The bytes of a file."""
    return path.read_bytes()
