"""Valid files with bytes changed, cut or repeated: one line, or data; soon, either way."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sample_files import OWN

from matstudio.instruments.readers import ReaderError, files
from matstudio.instruments.readers.files import open_file

TRIES = 20
CHECKED = ("a.npz", "a.prj", "a.rasx", "a.brml", "a.png", "a.xy.gz")  # with a checksum: no mutation may open


def mutated(whole: bytes, random: np.random.Generator) -> bytes:
    raw = bytearray(whole)
    kind = random.integers(4)
    for _ in range(random.integers(1, 6)):
        at = int(random.integers(len(raw)))
        if kind == 0:
            raw[at] = int(random.integers(256))
        elif kind == 1:
            raw[at] ^= 1 << int(random.integers(8))
        elif kind == 2:
            del raw[at : at + int(random.integers(1, 40))]
        else:
            raw[at:at] = raw[at : at + int(random.integers(1, 40))]
        if not raw:
            break
    return bytes(raw)


@pytest.mark.parametrize("name", OWN)
def test_mutations(tmp_path, monkeypatch, name):
    def elsewhere(path, reader, *, load):
        raise ReaderError(path, f"for the guarded reader {reader}")

    monkeypatch.setattr(files, "read_guarded", elsewhere)
    random = np.random.default_rng(sum(name.encode()))
    path = tmp_path / name
    opened, lines = 0, []
    for _ in range(TRIES):
        path.write_bytes(mutated(OWN[name], random))
        begun = time.monotonic()
        try:
            signals = open_file(path)
        except ReaderError as error:
            lines.append(str(error))
        else:
            opened += 1
            for signal in signals:
                if signal.form == "frames":
                    signal.frame(0)
        assert time.monotonic() - begun < 5
    assert all("\n" not in line and str(path) in line for line in lines)
    assert opened > 0 or name in ("a.npy", "a.xrdml", "a.jpg") or name in CHECKED
