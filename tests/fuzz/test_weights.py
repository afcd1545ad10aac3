"""Mutated weights: the network is made of the true ones, or refused with one line; nothing is unpickled."""

from __future__ import annotations

import json
from pathlib import Path

import mutate
import numpy as np
import pytest

from matstudio.modalities.weights import MODELS


@pytest.mark.skipif(not (MODELS / "unet.safetensors").is_file(), reason="no weights of the network here")
def test_mutated_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matstudio.modalities.image.unet import UNet

    mark = tmp_path / "mark"
    monkeypatch.setenv(mutate.MARK, str(mark))
    whole = (MODELS / "unet.safetensors").read_bytes()
    random = np.random.default_rng(8)
    path = tmp_path / "unet.safetensors"
    lines = 0
    for i in range(50):
        kind = mutate.BINARY[int(random.integers(len(mutate.BINARY)))]
        if i % 2:  # in the header
            size = int.from_bytes(whole[:8], "little")
            head = kind(whole[8 : 8 + size], random, whole[:2000])
            body = len(head).to_bytes(8, "little") + head + whole[8 + size :]
        else:
            body = kind(whole, random, whole[:2000])
        if i > 46:
            body = (mutate.planted(), (2**62).to_bytes(8, "little") + b"{}", b"[" * 200_000)[i - 47]
        path.write_bytes(body)
        if body == whole:
            continue
        with pytest.raises(ValueError) as caught:
            UNet(path)
        line = str(caught.value)
        assert "\n" not in line
        assert str(path) in line
        assert len(line) < 700
        lines += 1
    assert lines > 40
    assert not mark.exists()
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    assert "__metadata__" in header
