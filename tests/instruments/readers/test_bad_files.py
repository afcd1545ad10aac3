"""Bad files: each gives one line that names it; nothing hangs, nothing is unpickled, no file takes gigabytes."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from sample_files import OWN, npy, png, xrdml, zipped

from matstudio.instruments.readers import ReaderError, guard, open_file
from matstudio.instruments.readers.arrays import picture
from matstudio.instruments.readers.info import describe


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return (open, (self.mark, "w"))


def refused(path, *words):
    """The file is refused, soon, with one line that names it and says each word."""
    begun = time.monotonic()
    with pytest.raises(ReaderError) as caught:
        open_file(path)
    line = str(caught.value)
    assert time.monotonic() - begun < 20
    assert "\n" not in line
    assert len(line) < 600
    assert str(path) in line
    for word in words:
        assert word in line


def test_empty_missing_and_folder(tmp_path):
    (tmp_path / "a.dm3").write_bytes(b"")
    refused(tmp_path / "a.dm3", "empty")
    refused(tmp_path / "none.dm3", "no such file")
    refused(tmp_path, "folder")
    os.mkfifo(tmp_path / "pipe.dm3")
    refused(tmp_path / "pipe.dm3", "no regular file")


def test_other_programs_are_not_called_for_a_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")
    refused(tmp_path / "a.png")
    with pytest.raises(ReaderError, match="not a picture"):
        picture(tmp_path / "a.png")


@pytest.mark.parametrize(
    "body",
    [
        "# Athena project file\n$old_group = 'a';\n@x = (" + "'\\" * 400_000 + ");\n",
        "[" * 400_000 + " x\n1 2\n2 3\n3 4\n",
        "x" * 400_000 + " " + "y[" * 200_000 + "\n1 2\n2 3\n3 4\n",
        "# XDI/1.0\n# " + "a" * 400_000 + "\n1 2\n",
        "$DATA:\n" + "$" * 400_000,
        "1 " * 400_000,
        "'" * 400_000,
    ],
)
def test_text_that_is_made_to_take_long(tmp_path, body):
    (tmp_path / "a.txt").write_text(body)
    begun = time.monotonic()
    with contextlib.suppress(ReaderError):
        open_file(tmp_path / "a.txt")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("name", ["a.dm3", "a.mrc", "a.tif", "a.nxs", "a.unheard", "a.emd", "a.blo"])
def test_noise_under_a_known_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(np.random.default_rng(1).integers(0, 256, 5000, np.uint8).tobytes())
    refused(path)


@pytest.mark.parametrize("name", ["a.dm3", "a.png", "a.npy", "a.nxs", "a.xy", "a.xdi", "a.xrdml", "a.cif"])
def test_prose_under_a_known_name(tmp_path, name):
    path = tmp_path / name
    path.write_text("It was a dark and stormy night.\n" * 20)
    refused(path)


@pytest.mark.parametrize(
    "name", [n for n in OWN if n not in ("a.xy", "a.xye", "a.csv", "log.csv", "a.xmu", "heater.txt", "a.dat")]
)
def test_half_a_file(tmp_path, name):
    path = tmp_path / name
    whole = OWN[name]
    path.write_bytes(whole[: len(whole) // 2])
    if name == "a.chi":  # half a table is a table
        assert len(open_file(path)[0].data) > 2
    else:
        refused(path)


def test_a_value_that_is_missing_in_a_table(tmp_path):
    path = tmp_path / "a.xy"
    lines = OWN["a.xy"].decode().splitlines()
    lines[50] = "25.0"
    path.write_text("\n".join(lines))
    refused(path, "line 51")
    lines[50], lines[20] = lines[51], "22.0"
    path.write_text("\n".join(lines))
    refused(path, "line 21")  # before the longest run of whole ones, too
    lines[20] = lines[21]
    lines[50] = "25.0 what"
    path.write_text("\n".join(lines))
    refused(path, "line 51", "what")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_nothing_but_nan(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.full((8, 8), np.nan, dtype))
    refused(tmp_path / "a.npy", "none of its", "finite")
    (tmp_path / "a.xy").write_text("\n".join(f"{x} nan" for x in range(30)))
    refused(tmp_path / "a.xy", "finite")
    (tmp_path / "b.xy").write_text("\n".join(f"nan {x}" for x in range(30)))
    refused(tmp_path / "b.xy", "finite")


def test_some_nan_is_counted(tmp_path):
    data = np.zeros((8, 8))
    data[1, 2] = np.inf
    np.save(tmp_path / "a.npy", data)
    assert open_file(tmp_path / "a.npy")[0].metadata["not_finite"] == 1


def gigantic_npy():
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(100)


def gigantic_png():
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", 1_000_000, 1_000_000, 8, 0, 0, 0, 0)
    return (
        png(np.zeros((2, 2), np.uint8))[:8]
        + struct.pack(">I", 13)
        + ihdr
        + struct.pack(">I", zlib.crc32(ihdr))
        + bytes(50)
    )


def gigantic_mrc():
    head = bytearray(1024)
    head[0:16] = struct.pack("<4i", 1_000_000, 1_000_000, 1, 2)
    head[208:212] = b"MAP "
    head[212:216] = b"\x44\x44\0\0"
    return bytes(head) + bytes(1000)


def gigantic_hdf5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("image", (10**6, 10**6), "f4", chunks=(64, 64))


def gigantic_tiff():
    from tifffile import TIFF, imwrite

    assert TIFF
    out = io.BytesIO()
    imwrite(out, np.zeros((16, 16), np.uint8))
    raw = bytearray(out.getvalue())
    for tag in (256, 257, 278):  # width, length, rows per strip
        at = (
            raw.find(struct.pack("<H", tag) + b"\x03\0")
            if raw.find(struct.pack("<H", tag) + b"\x03\0") >= 0
            else raw.find(struct.pack("<H", tag) + b"\x04\0")
        )
        raw[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 1_000_000)
    return bytes(raw)


@pytest.mark.parametrize(
    ("name", "make"),
    [("a.npy", gigantic_npy), ("a.png", gigantic_png), ("a.mrc", gigantic_mrc), ("a.tif", gigantic_tiff)],
)
def test_a_header_that_claims_terabytes(tmp_path, name, make):
    path = tmp_path / name
    path.write_bytes(make())
    refused(path)


def test_an_hdf5_file_that_claims_terabytes(tmp_path):
    gigantic_hdf5(tmp_path / "a.h5")
    refused(tmp_path / "a.h5", "claims", "4000000000000 bytes")
    with pytest.raises(ReaderError, match="claims"):
        describe(tmp_path / "a.h5")


def test_a_member_that_claims_gigabytes(tmp_path):
    raw = bytearray(OWN["a.npz"])
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 24 : at + 28] = struct.pack("<I", 0xF0000000)
    (tmp_path / "a.npz").write_bytes(raw)
    refused(tmp_path / "a.npz")


def test_entities_are_not_expanded(tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    (tmp_path / "a.xrdml").write_text(xrdml().replace("<xrdMeasurements", bomb + "<xrdMeasurements"))
    refused(tmp_path / "a.xrdml", "entities")


def test_pickles_are_never_opened(tmp_path):
    mark = tmp_path / "mark"
    body = pickle.dumps(Bomb(mark))
    for name in ("a.pkl", "a.npy", "a.dm3", "model.pt", "a.hspy"):
        (tmp_path / name).write_bytes(body)
        refused(tmp_path / name, "pickle")
    (tmp_path / "old.pkl").write_bytes(pickle.dumps(Bomb(mark), 0))
    refused(tmp_path / "old.pkl")
    (tmp_path / "o.npy").write_bytes(npy(np.array([Bomb(mark)], object)))
    refused(tmp_path / "o.npy", "pickled Python objects")
    (tmp_path / "o.npz").write_bytes(zipped({"a.npy": npy(np.array([Bomb(mark)], object))}))
    refused(tmp_path / "o.npz", "pickled Python objects")
    (tmp_path / "t.pt").write_bytes(zipped({"archive/data.pkl": body, "archive/version": "3"}))
    refused(tmp_path / "t.pt", "torch")
    assert not mark.exists()


def test_pickles_inside_hdf5_stay_bytes(tmp_path):
    import h5py

    mark = tmp_path / "mark"
    with h5py.File(tmp_path / "a.nxs", "w") as file:
        group = file.create_group("entry/data")
        group.attrs["NX_class"] = "NXdata"
        group.attrs["signal"] = "image"
        group.attrs["model"] = np.void(pickle.dumps(Bomb(mark)))
        group["image"] = np.ones((4, 5), "f4")
        file["pickled"] = np.frombuffer(pickle.dumps(Bomb(mark)), np.uint8)
    (signal,) = open_file(tmp_path / "a.nxs")
    assert signal.data.shape == (4, 5)
    assert not mark.exists()


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """Make `rsciio.NAME.file_reader(path)` of a body of code, in the child processes that the test starts."""

    def make(name, body):
        code = (
            f"import sys, types\nm = types.ModuleType('rsciio.{name}')\nexec({body!r}, m.__dict__)\n"
            f"sys.modules['rsciio.{name}'] = m\n"
        )
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site" / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
        path = tmp_path / "victim.bin"
        path.write_bytes(b"victim")
        return path

    return make


def test_a_reader_that_never_ends_is_ended(foreign, monkeypatch):
    monkeypatch.setattr(guard, "CPU_S", 1)
    path = foreign("hang", "def file_reader(path, lazy=False):\n    while True: pass\n")
    begun = time.monotonic()
    with pytest.raises(ReaderError, match="took more than 1 s"):
        guard.read_guarded(path, "hang", load=True)
    assert time.monotonic() - begun < 20


def test_a_reader_that_sleeps_is_ended(foreign, monkeypatch):
    monkeypatch.setattr(guard, "WALL_S", 2)
    path = foreign("sleep", "import time\ndef file_reader(path, lazy=False):\n    time.sleep(60)\n")
    with pytest.raises(ReaderError, match="no answer within 2 s"):
        guard.read_guarded(path, "sleep", load=True)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            "import pickle\ndef file_reader(path, lazy=False):\n    return pickle.loads(b'cposix\\nsystem\\n.')\n",
            "unpickled",
        ),
        (
            "import _pickle\ndef file_reader(path, lazy=False):\n    return _pickle.loads(b'cposix\\nsystem\\n.')\n",
            "unpickled",
        ),
        ("import os\ndef file_reader(path, lazy=False):\n    os.system('true')\n", "os.system"),
        ("def file_reader(path, lazy=False):\n    x = bytearray(2**40)\n", "memory"),
        ("import numpy\ndef file_reader(path, lazy=False):\n    numpy.ones((2**20, 2**20))\n", "memory"),
        ("import ctypes\ndef file_reader(path, lazy=False):\n    ctypes.string_at(0)\n", "crashed (SIGSEGV)"),
        ("def file_reader(path, lazy=False):\n    raise KeyError('a\\nb')\n", "damaged (KeyError"),
        ("def file_reader(path, lazy=False):\n    return []\n", "holds no signal"),
    ],
)
def test_what_a_reader_does_stays_in_its_process(foreign, body, says):
    path = foreign("foreign", body)
    with pytest.raises(ReaderError) as caught:
        guard.read_guarded(path, "foreign", load=True)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_zip(tmp_path):
    out = io.BytesIO(OWN["a.rasx"])
    with zipfile.ZipFile(out) as archive:
        offset = archive.infolist()[0].header_offset
    raw = bytearray(OWN["a.rasx"])
    raw[offset + 60 : offset + 80] = bytes(20)
    (tmp_path / "a.rasx").write_bytes(raw)
    refused(tmp_path / "a.rasx", "zip")


def test_in_the_background_a_reader_has_more_time_by_the_clock(tmp_path, monkeypatch):
    """At low priority a machine that is busy gives it next to none; its CPU time is limited all the same."""
    given = []
    monkeypatch.setattr(guard, "_in_child", lambda arguments, seconds: (given.append(seconds), (1, b"no"))[1])
    path = tmp_path / "x.dm4"
    path.write_bytes(b"x")
    for background in (False, True):
        monkeypatch.setattr(guard, "_in_background", lambda b=background: b)
        with pytest.raises(ReaderError):
            guard.read_guarded(path, "digitalmicrograph", load=False)
    assert given == [guard.WALL_S, guard.WALL_S * guard.BACKGROUND]
