"""Formats that other people's code reads, in the guarded child: files written here, read back."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from sample_files import CIF, POSCAR

from matstudio.domain.clock import RealClock
from matstudio.domain.frame import Kind
from matstudio.instruments.readers import open_file
from matstudio.instruments.readers.info import describe

sys.path.insert(0, str(Path(__file__).parents[2] / "recording"))


def test_hyperspy(tmp_path):
    from rsciio.hspy import file_writer

    axes = [
        {
            "name": "x",
            "units": "nm",
            "scale": 0.5,
            "offset": 0.0,
            "size": 3,
            "index_in_array": 0,
            "navigate": True,
            "_type": "UniformDataAxis",
            "is_binned": False,
        },
        {
            "name": "Energy loss",
            "units": "keV",
            "scale": 0.001,
            "offset": 0.3,
            "size": 20,
            "index_in_array": 1,
            "navigate": False,
            "_type": "UniformDataAxis",
            "is_binned": True,
        },
    ]
    data = np.arange(60, dtype="f4").reshape(3, 20)
    metadata = {
        "General": {"title": "line"},
        "Signal": {"signal_type": "EELS", "quantity": "Counts (counts)"},
        "Acquisition_instrument": {"TEM": {"beam_energy": 300.0}},
    }
    signal = {
        "data": data,
        "axes": axes,
        "metadata": metadata,
        "original_metadata": {},
        "attributes": {"_lazy": False},
        "package_info": {"package": "x", "package_version": "1"},
        "learning_results": {},
        "models": {},
        "tmp_parameters": {},
    }
    file_writer(str(tmp_path / "a.hspy"), signal)
    (found,) = open_file(tmp_path / "a.hspy")
    assert (found.title, found.kind, found.n_frames, found.unit) == ("line", Kind.SPECTRUM, 3, "counts")
    assert [(a.units, a.scale, a.offset) for a in found.axes] == [
        ("Å", 5.0, 0.0),
        ("eV", pytest.approx(1.0), pytest.approx(300.0)),
    ]
    assert found.metadata["beam_energy_keV"] == 300
    assert found.metadata["axes_in_file"][0][1] == "nm"
    np.testing.assert_array_equal(found.array(2), data[2])


def test_tiff_with_imagej_scale(tmp_path):
    from tifffile import imwrite

    data = np.arange(24, dtype=np.uint16).reshape(4, 6)
    imwrite(tmp_path / "a.tif", data, imagej=True, resolution=(20.0, 20.0), metadata={"unit": "nm"})
    (signal,) = open_file(tmp_path / "a.tif")
    assert [(a.name, a.units) for a in signal.axes] == [("y", "Å"), ("x", "Å")]
    assert signal.axes[0].scale == pytest.approx(0.5)
    np.testing.assert_array_equal(signal.data, data)


def test_mrc(tmp_path):
    head = bytearray(1024)
    head[0:16] = struct.pack("<4i", 5, 4, 1, 2)
    head[28:40] = struct.pack("<3i", 5, 4, 1)
    head[40:52] = struct.pack("<3f", 10.0, 8.0, 1.0)
    head[64:76] = struct.pack("<3i", 1, 2, 3)
    head[208:212] = b"MAP "
    head[212:216] = b"\x44\x44\0\0"
    data = np.arange(20, dtype="<f4").reshape(4, 5)
    (tmp_path / "a.mrc").write_bytes(bytes(head) + data.tobytes())
    (signal,) = open_file(tmp_path / "a.mrc")
    assert signal.axes[-1].scale == pytest.approx(2.0)
    np.testing.assert_array_equal(np.asarray(signal.data).reshape(4, 5), data)
    (tmp_path / "a.mrc").write_bytes(bytes(head) + data.tobytes()[:40])
    from matstudio.instruments.readers import ReaderError

    with pytest.raises(ReaderError, match="mrc"):
        open_file(tmp_path / "a.mrc")


def test_nexus_default_signal_axes_and_series(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.nxs", "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["two_theta"]})
        group["counts"] = np.arange(50)
        group["two_theta"] = np.linspace(10, 59, 50)
        group["two_theta"].attrs["units"] = "degree"
        file["again"] = h5py.SoftLink("/entry/data")
        log = file.create_group("entry/log")
        log.attrs.update({"NX_class": "NXdata", "signal": "temperature", "axes": "time"})
        log["temperature"] = np.array([300.0, 301.0, 305.0])
        log["temperature"].attrs["units"] = "K"
        log["time"] = np.array([0.0, 1.0, 2.0])
        log["time"].attrs["units"] = "s"
    pattern, series = open_file(tmp_path / "a.nxs")
    assert (pattern.kind, pattern.axes[0].units, pattern.axes[0].offset) == (Kind.DIFFRACTION, "°", 10)
    assert (series.form, series.unit) == ("series", "K")
    np.testing.assert_allclose(series.times, [0, 1, 2])


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.cif", CIF), ("POSCAR", POSCAR)],
)
def test_structures(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (signal,) = open_file(tmp_path / name)
    assert (signal.form, signal.kind, signal.metadata["formula"]) == ("structure", None, "CuAu")
    assert signal.structure is not None
    np.testing.assert_allclose(signal.data, [[0, 0, 0], [1.8, 1.8, 0]], atol=1e-6)


def test_a_session_of_ours_closed_and_live(tmp_path):
    from sample_session import DESCRIPTION, image, spectrum

    from matstudio.domain.process import Reading
    from matstudio.recording.single import write_frame
    from matstudio.recording.writer import SessionWriter

    writer = SessionWriter(tmp_path / "s.nxs", DESCRIPTION, RealClock.start(), [image(0), spectrum(0)], run={"id": "x"})
    for i in range(1, 5):
        writer.add_frame(image(i))
        writer.add_readings([Reading("temperature", 300.0 + i, "K", 0.1 * i)])
    writer.flush()
    live = describe(tmp_path / "s.nxs")
    writer.close()
    told = describe(tmp_path / "s.nxs")
    for answer in (live, told):
        assert [s["form"] for s in answer["signals"]][:2] == ["frames", "frames"]
        first = answer["signals"][0]
        assert (first["kind"], first["shape"], first["n_frames"]) == ("image", [5, 32, 24], 5)
        assert [a["units"] for a in first["axes"]] == ["s", "Å", "Å"]
    assert any(s["title"] == "temperature" and s["unit"] == "K" for s in told["signals"])
    write_frame(tmp_path / "one.nxs", image(0))
    (signal,) = open_file(tmp_path / "one.nxs")
    assert (signal.kind, signal.metadata["mode"]) == (Kind.IMAGE, "HAADF")
    np.testing.assert_array_equal(signal.array(), image(0).data)
