"""What every modality's room offers, and the register of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.structure import AtomicModel
from matstudio.modalities import weights as files


class Forward(Protocol):
    """Atoms to signal. Called in the twin's process; must not import torch or Qt."""

    def expected(self, atoms: AtomicModel) -> np.ndarray:
        """The expected counts of one exposure, float32, before Poisson noise."""
        ...

    def axes(self) -> tuple[Axis, ...]:
        """The calibrated axes of `expected`."""
        ...

    def metadata(self) -> Mapping[str, Any]:
        """The facts that a `Frame` of this signal carries (mode, beam energy, dose, ...)."""
        ...


class Inverse(Protocol):
    """Frame to estimate. Called in the model host, one frame at a time; keeps no state that changes the answer.

    A frame whose metadata names a known material (`metadata["material"]`, for example "Cu3Au") is read against that
    prototype and gives an order parameter; any other frame gives what can be said without one.
    """

    name: str
    version: str

    def __call__(self, frame: Frame) -> Estimate:
        """What the frame says.

        Raises:
            ValueError: the frame cannot be read (NaN-filled, wrong dimensions, no axis); one line.
        """
        ...


@dataclass(frozen=True)
class Modality:
    """One modality: where its parts are, as "module:attribute", imported only when used.

    Args:
        kind: of the frames.
        title: for people.
        forward: class, `Forward`.
        inverses: by name, factories without arguments of an `Inverse`; the first is the default. A factory raises a
            ValueError of one line where its weights cannot be used.
        viewer: class, a QWidget with `show_frame(Frame)` and `show_estimate(Estimate)`.
        weights: by name of an inverse that needs one, its file in resources/models.
    """

    kind: Kind
    title: str
    forward: str
    inverses: Mapping[str, str]
    viewer: str
    weights: Mapping[str, str] = field(default_factory=dict)

    def offered(self) -> tuple[str, ...]:
        """The inverses whose weights are there. Looks at the disk, imports nothing."""
        return tuple(n for n in self.inverses if n not in self.weights or (files.MODELS / self.weights[n]).is_file())

    def inverse(self, name: str) -> Inverse:
        """A new inverse of that name; what it needs is imported now.

        Raises:
            ValueError: there is no such model, or its weights cannot be used; one line.
        """
        if name not in self.offered():
            missing = f": its weights are not in {files.MODELS}" if name in self.inverses else ""
            raise ValueError(f"{self.kind} has no model {name!r}{missing or ', only ' + ', '.join(self.offered())}")
        made: Inverse = load(self.inverses[name])()
        return made


def check_numbers(data: np.ndarray, where: str) -> None:
    """Raise a ValueError of one line where a frame's values are no numbers, not finite, or all the same."""
    if data.dtype.kind not in "uif":
        raise ValueError(f"{where}: values are {data.dtype}, not numbers")
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise ValueError(f"{where}: holds values that are not finite")
    if data.min() == data.max():
        raise ValueError(f"{where}: every value is {data.flat[0]}")


def load(path: str) -> Any:
    """The object at "module:attribute"."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


MODALITIES: dict[Kind, Modality] = {
    kind: Modality(
        kind,
        title,
        f"matstudio.modalities.{kind}.forward:{forward}",
        {"baseline": f"matstudio.modalities.{kind}.reconstruct:Baseline"}
        | {name: f"matstudio.modalities.{kind}.{path}" for name, path in networks.items()},
        f"matstudio.modalities.{kind}.viewer:Viewer",
        {name: f"{name}.safetensors" for name in networks},
    )
    for kind, title, forward, networks in (
        (Kind.IMAGE, "Image", "HaadfForward", {"unet": "unet:UNet"}),
        (Kind.DIFFRACTION, "Diffraction", "SaedForward", {}),
        (Kind.SPECTRUM, "Spectrum", "EelsForward", {}),
    )
}
