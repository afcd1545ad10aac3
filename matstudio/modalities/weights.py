"""Weights of a network as a file: safetensors with a header that says what they are. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MODELS = Path(__file__).resolve().parents[2] / "resources" / "models"
"""Where the weights lie, each beside a card of the same name."""
_LARGEST = 256 << 20


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, str]) -> str:
    """Write weights, whole or not at all; the checksum of their bytes is added to the facts and returned.

    Args:
        path: a file that may stand there already.
        tensors: by name, contiguous.
        facts: "model", "architecture", "version", and what else the model needs.
    """
    from safetensors.torch import save

    checksum = hashlib.sha256(_split(save(dict(tensors)), path)[1]).hexdigest()
    part = path.with_name(path.name + ".part")
    part.write_bytes(save(dict(tensors), metadata=dict(facts) | {"sha256": checksum}))
    part.replace(path)
    return checksum


def load_weights(path: Path, architecture: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Weights and facts of a file.

    Raises:
        ValueError: the file is absent, damaged, or of another architecture or version; one line.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"{path}: {path.stat().st_size >> 20} MiB are no weights of ours")
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    facts, body = _split(data, path)
    if facts.get("architecture") != architecture:
        raise ValueError(f"{path}: weights of {facts.get('architecture', 'an unknown network')}, not of {architecture}")
    if hashlib.sha256(body).hexdigest() != facts.get("sha256"):
        raise ValueError(f"{path}: damaged: its bytes do not give the checksum in its header")
    try:
        return load(data), facts
    except SafetensorError as error:
        raise ValueError(f"{path}: damaged: {error}") from None


def _split(data: bytes, path: Path) -> tuple[dict[str, str], bytes]:
    """The facts in the header of a safetensors file, and the bytes behind the header."""
    size = int.from_bytes(data[:8], "little")
    try:
        if len(data) < 8 + size:
            raise ValueError("cut short")
        header = json.loads(data[8 : 8 + size])
        facts = header.get("__metadata__", {})
        return {str(k): str(v) for k, v in facts.items()}, data[8 + size :]
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: no safetensors file: {error}") from None
