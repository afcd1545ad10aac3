"""Rings whose file is overwritten or cut short under a reader: one line, no frame but whole ones, and frames again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from matstudio.bus import ring
from matstudio.bus.ring import RingError, RingReader, RingWriter
from matstudio.domain.frame import Axis, Frame, Kind

SLOTS = 4


def frame(seq: int, n: int = 8) -> Frame:
    axes = (Axis("y", "Å", 0.1, 0.0, n), Axis("x", "Å", 0.1, 0.0, n))
    return Frame("image", Kind.IMAGE, seq, np.full((n, n), seq % 60000, np.uint16), axes, 0.0, 0.1, "c", {"a": 1})


@pytest.fixture
def attached(tmp_path, monkeypatch):
    monkeypatch.setattr(ring, "_AGAIN_S", 0.0)
    writer = RingWriter(tmp_path / "r.ring", 128, SLOTS)
    for seq in range(SLOTS):
        writer.write(frame(seq))
    reader = RingReader(writer.path)
    yield writer, reader
    reader.close()
    writer.close()


def drained(reader: RingReader) -> list[Frame]:
    """What comes of the ring now."""
    found = [reader.newest(), reader.next(), reader.next(), reader.newest()]
    return [f for f in found if f is not None]


def test_bytes_overwritten_under_a_reader(attached, long):
    writer, reader = attached
    whole = writer.path.read_bytes()
    random = np.random.default_rng(3)
    used = np.concatenate([np.arange(128), *(4096 + i * writer._slot + np.arange(700) for i in range(SLOTS))])
    lines = set()
    for _ in range(3000 if long else 300):
        with open(writer.path, "r+b") as file:
            for _ in range(int(random.integers(1, 5))):
                file.seek(int(random.choice(used)))
                file.write(random.bytes(int(random.choice((1, 4, 8)))))
        reader.position = 0
        begun = time.monotonic()
        for found in drained(reader):
            assert isinstance(found, Frame)
            assert found.data.shape == tuple(a.size for a in found.axes)
        assert time.monotonic() - begun < 5
        if reader.damaged:
            assert "\n" not in reader.damaged
            lines.add(reader.damaged)
        with contextlib.suppress(RingError):
            RingReader(writer.path).close()
        with open(writer.path, "r+b") as file:
            file.write(whole)
        reader.position = 0
        newest = reader.newest()
        assert newest is not None
        assert newest.seq == SLOTS - 1
    assert len(lines) > 3


def test_a_count_that_lies_is_no_endless_loop(attached):
    writer, reader = attached
    with open(writer.path, "r+b") as file:
        file.seek(64)
        file.write((10**15).to_bytes(8, "little"))
    assert drained(reader) == []
    assert "is not in its slot" in reader.damaged
    writer.write(frame(9))
    newest = reader.newest()
    assert newest is not None
    assert newest.seq == 9


@pytest.mark.parametrize("size", [0, 100, 4096, 5000])
def test_a_ring_cut_short_does_not_end_its_reader(tmp_path, size):
    """In another process: touching a page that is gone is SIGBUS."""
    writer = RingWriter(tmp_path / "r.ring", 128, SLOTS)
    writer.write(frame(1))
    program = (
        "import sys; from pathlib import Path; from matstudio.bus.ring import RingReader\n"
        "r = RingReader(Path(sys.argv[1])); print('open', flush=True); sys.stdin.readline()\n"
        "assert r.newest() is None and r.next() is None, 'a frame'; print(r.damaged)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(writer.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        whole = os.path.getsize(writer.path)
        os.truncate(writer.path, size)
        told, _ = reader.communicate("\n", timeout=20)
        os.truncate(writer.path, whole)
    assert reader.returncode == 0
    assert f"cut short: {size} of {whole} bytes" in told
    writer.close()


def test_other_files_are_no_rings(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "short").write_bytes(b"MATSRING")
    (tmp_path / "zeros").write_bytes(bytes(8192))
    (tmp_path / "none").write_bytes(b"MATSRING" + (1).to_bytes(4, "little") + bytes(12) + bytes(4096 - 24))
    for name in ("fifo", "short", "zeros", "none", "."):
        with pytest.raises(RingError, match=r"ring|director"):
            RingReader(tmp_path / name)
