"""Checkpoints of trainings: weights and the optimiser's state with a few facts, whole or not at all, never pickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

NAME = "checkpoint.safetensors"
Tensors = dict[str, torch.Tensor]


def state(net: torch.nn.Module, optimiser: torch.optim.Optimizer) -> Tensors:
    """The weights as "net.NAME" and what Adam remembers of each as "adam.KEY.NAME"."""
    tensors = {f"net.{name}": value.contiguous() for name, value in net.state_dict().items()}
    for name, parameter in net.named_parameters():
        remembered = optimiser.state.get(parameter, {})
        tensors |= {f"adam.{key}.{name}": value.contiguous() for key, value in remembered.items()}
    return tensors


def restore(net: torch.nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put back what `state` gave."""
    net.load_state_dict({name[4:]: value for name, value in tensors.items() if name.startswith("net.")})
    for name, parameter in net.named_parameters():
        keys = ("step", "exp_avg", "exp_avg_sq")
        found = {key: tensors[f"adam.{key}.{name}"] for key in keys if f"adam.{key}.{name}" in tensors}
        if found:
            optimiser.state[parameter] = found


def save(folder: Path, tensors: Tensors, facts: Mapping[str, Any]) -> None:
    """Leave a checkpoint; one that stands there is replaced as a whole."""
    part = folder / "checkpoint.part"
    save_file(tensors, part, metadata={"training": json.dumps(facts)})
    os.replace(part, folder / NAME)


def read(folder: Path) -> tuple[Tensors, dict[str, Any]]:
    """Tensors and facts of the checkpoint in a folder.

    Raises:
        ValueError: there is none, or it is damaged; one line.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / NAME
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("training", "{}"))
        return load_file(path), facts
    except (OSError, SafetensorError, ValueError) as error:
        raise ValueError(f"{path}: no checkpoint that can be read: {error}") from None
