"""The trained policy: which temperature to ask for, from what is measured. Runs on numpy alone.

A small network of tanh layers, trained by reinforcement learning (`training/policy.py`). It sees the measured process
values and what the filter believes of the order (`control/belief.py`), never the truth of a simulation, and asks for
setpoints every 5 s, within a window of its own that is narrower than the gate's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from matstudio.control.belief import PRIOR_KINETICS, Belief
from matstudio.domain.process import Limits
from matstudio.modalities.weights import MODELS, load_arrays

Array: TypeAlias = np.ndarray

ARCHITECTURE = "policy-mlp-1"
PERIOD_S = 5.0
WINDOW: Mapping[str, Limits] = {
    "temperature": Limits(500.0, 700.0),
    "pressure": Limits(0.0, 1.0),
    "composition": Limits(0.24, 0.28),
}
"""Of the policy's setpoints; K, GPa, Au fraction."""
NAMES = (
    "the temperature",
    "the distance to the setpoint",
    "the warming",
    "the order",
    "the order",
    "the order's sigma",
    "the speed of ordering",
    "the sigma of that speed",
)
"""Of the features that every policy sees."""
ALONE = ("temperature",)
ALL = ("temperature", "pressure", "composition")
POLICIES = {"policy": ALONE, "policy3": ALL}
"""What each of the policies sets that come with the program."""
_BEYOND = 0.25  # a feature may lie outside what was seen in training by this part of that range
_SURPRISE = 4.0
_STRANGE = 3.0  # standard deviations of the prior
_FIXED = {"pressure": (0.0, 0.1), "composition": (0.25, 0.005)}


@dataclass(frozen=True)
class Seen:
    """What a policy knows at a decision, for n alloys; arrays of (n,).

    Args:
        belief: after the newest reading of S.
        measured: process value now, by name. before: the same one period ago.
        setpoint: asked for last.
    """

    belief: Belief
    measured: Mapping[str, Array]
    before: Mapping[str, Array]
    setpoint: Mapping[str, Array]


def features(seen: Seen, controls: tuple[str, ...]) -> Array:
    """What the network of a policy over `controls` sees, (n, 8 or 12), each of order one."""
    b, T = seen.belief, seen.measured["temperature"]
    columns = [
        (T - 600) / 100,
        np.clip((seen.setpoint["temperature"] - T) / 25, -4, 4),
        (T - seen.before["temperature"]) / 25,
        np.log(b.S) / 2 + 1,
        2 * b.S - 1,
        np.log(np.minimum(b.sigma_S, 1.0)) / 2 + 2,
        b.kinetics / PRIOR_KINETICS,
        np.sqrt(b.var_k) / PRIOR_KINETICS,
    ]
    for name in controls[1:]:
        window = WINDOW[name]
        width = window.high - window.low
        columns.append(2 * (seen.measured[name] - window.low) / width - 1)
        columns.append(4 * (seen.setpoint[name] - seen.measured[name]) / width)
    return np.stack(columns, axis=1).astype(np.float32)


def setpoints(action: Array, controls: tuple[str, ...]) -> dict[str, Array]:
    """The setpoints that an action, (n, len(controls)) within -1 .. 1, stands for."""
    action = np.clip(action, -1.0, 1.0)
    found = {}
    for i, name in enumerate(controls):
        window = WINDOW[name]
        found[name] = (window.low + window.high) / 2 + (window.high - window.low) / 2 * action[:, i].astype(float)
    return found


class Policy:
    """A trained network.

    Args:
        layers: weights (inputs, outputs) and biases (outputs,), first to last; tanh between them.
        low, high: of each feature in training.
        controls: what it sets; the first is the temperature.
        version: of the weights.
    """

    def __init__(
        self, layers: list[tuple[Array, Array]], low: Array, high: Array, controls: tuple[str, ...], version: str = ""
    ) -> None:
        self.layers, self.low, self.high = layers, low, high
        self.controls, self.version = controls, version

    @classmethod
    def load(cls, name: str = "policy", folder: Path = MODELS) -> Policy:
        """The policy that came with the program ("policy": the temperature; "policy3": pressure and composition too).

        Raises:
            ValueError: its weights are absent or damaged; one line.
        """
        arrays, facts = load_arrays(folder / f"{name}.safetensors", ARCHITECTURE)
        try:
            controls = tuple(json.loads(facts["controls"]))
            count = len([key for key in arrays if key.startswith("weight")])
            layers = [(arrays[f"weight{i}"], arrays[f"bias{i}"]) for i in range(count)]
            made = cls(layers, arrays["low"], arrays["high"], controls, facts["version"])
            made.act(np.zeros((1, len(made.low)), np.float32))
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(f"{folder / name}.safetensors: weights do not fit: {error}") from None
        return made

    def act(self, features: Array) -> Array:
        """The action, (n, len(controls)), for features (n, k)."""
        x = features
        for i, (weight, bias) in enumerate(self.layers):
            x = x @ weight + bias
            if i < len(self.layers) - 1:
                x = np.tanh(x)
        return x

    def decide(self, seen: Seen) -> dict[str, Array]:
        """The setpoints to ask for now, by name, (n,)."""
        return setpoints(self.act(features(seen, self.controls)), self.controls)

    def strange(self, seen: Seen) -> str:
        """Why the (single) state lies outside what the policy was trained on, in one line, or ""."""
        b = seen.belief
        x = features(seen, self.controls)[0]
        if not np.isfinite(x).all():
            return "order or temperature are not known"
        if b.surprise[0] > _SURPRISE:
            return f"the order does not go as the model says: readings are {np.sqrt(b.surprise[0]):.1f} sigma off"
        if abs(b.kinetics[0]) > _STRANGE * PRIOR_KINETICS:
            return f"it orders {np.exp(b.kinetics[0]):.2g} times as fast as the alloy it was trained on"
        margin = _BEYOND * (self.high - self.low)
        out = (x < self.low - margin) | (x > self.high + margin)
        names = NAMES + tuple(f"{name}{more}" for name in self.controls[1:] for more in ("", "'s setpoint"))
        if out.any():
            return f"{names[int(np.argmax(out))]} was never so in training"
        for name, (usual, near) in _FIXED.items():
            value = float(seen.measured[name][0])
            if name not in self.controls and abs(value - usual) > near:
                return f"{name} {value:.4g}: it was trained at {usual:g} only"
        return ""
