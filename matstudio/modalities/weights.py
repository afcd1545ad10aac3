"""Weights of a network as a file: safetensors with a header that says what they are. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from matstudio.bus.textfile import config_folder

if TYPE_CHECKING:
    import numpy as np
    import torch

Tensors = TypeVar("Tensors")

MODELS = Path(__file__).resolve().parents[2] / "resources" / "models"
"""Where the weights lie, each beside a card of the same name."""
_LARGEST = 256 << 20


def denoiser() -> Path | None:
    """The denoiser's weights: those adapted to the user's own frames, else those that came with the program."""
    return next((p for p in (adapted(), MODELS / "denoise.safetensors") if p.is_file()), None)


def adapted() -> Path:
    """Where the denoiser's weights lie that were adapted to the user's own frames."""
    return config_folder() / "models" / "denoise.safetensors"


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, str]) -> str:
    """Write weights, whole or not at all.

    The checksum of the tensors' bytes ("sha256") is added to the facts, and returned, and so is one of the header
    ("header"), so that a changed byte is found wherever it is.

    Args:
        path: a file that may stand there already.
        tensors: by name, contiguous.
        facts: "model", "architecture", "version", and what else the model needs.
    """
    from safetensors.torch import save

    header, body = _split(save(dict(tensors)), path)
    checksum = hashlib.sha256(body).hexdigest()
    header["__metadata__"] = facts = dict(facts) | {"sha256": checksum}
    part = path.with_name(path.name + ".part")
    part.write_bytes(save(dict(tensors), metadata=facts | {"header": _digest(header)}))
    part.replace(path)
    return checksum


def load_weights(path: Path, architecture: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Weights and facts of a file.

    Raises:
        ValueError: the file is absent, damaged, or of another architecture or version; one line.
    """
    from safetensors.torch import load

    data, facts = _checked(path, architecture)
    return _parsed(load, data, path), facts


def load_arrays(path: Path, architecture: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The same as numpy arrays, without torch.

    Raises:
        ValueError: as `load_weights`.
    """
    from safetensors.numpy import load

    data, facts = _checked(path, architecture)
    return _parsed(load, data, path), facts


def _checked(path: Path, architecture: str) -> tuple[bytes, dict[str, str]]:
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"{path}: {path.stat().st_size >> 20} MiB are no weights of ours")
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    header, body = _split(data, path)
    facts: dict[str, str] = header["__metadata__"]
    if facts.pop("header", None) != _digest(header) or hashlib.sha256(body).hexdigest() != facts.get("sha256"):
        raise ValueError(f"{path}: damaged: its bytes do not give the checksums in its header")
    if facts.get("architecture") != architecture:
        raise ValueError(f"{path}: weights of {facts.get('architecture', 'an unknown network')}, not of {architecture}")
    return data, facts


def _parsed(load: Callable[[bytes], dict[str, Tensors]], data: bytes, path: Path) -> dict[str, Tensors]:
    from safetensors import SafetensorError

    try:
        return load(data)
    except SafetensorError as error:
        raise ValueError(f"{path}: damaged: {error}") from None


def fill(net: torch.nn.Module, path: Path, architecture: str) -> dict[str, str]:
    """Put the weights of a file into a network; the facts of the file.

    Raises:
        ValueError: as `load_weights`, or they do not fit; one line.
    """
    tensors, facts = load_weights(path, architecture)
    try:
        net.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path}: weights do not fit: {str(error).splitlines()[-1].strip()}") from None
    return facts


def _split(data: bytes, path: Path) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, with the facts as "__metadata__", and the bytes behind it."""
    size = int.from_bytes(data[:8], "little")
    try:
        if len(data) < 8 + size:
            raise ValueError("cut short")
        header: dict[str, Any] = dict(json.loads(data[8 : 8 + size]))
        header["__metadata__"] = {str(k): str(v) for k, v in header.get("__metadata__", {}).items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: no safetensors file: {error}") from None
    return header, data[8 + size :]


def _digest(header: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()
