"""What every modality's room offers, and the register of them, which the plugins fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Literal, Protocol

import numpy as np

from matstudio import plugins
from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.structure import AtomicModel
from matstudio.modalities import weights as files
from matstudio.plugins import Plugin, StreamEntry


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
    """One modality as a plugin brings it: where its parts are, as "module:attribute", imported only when used.

    Args:
        kind: of the frames.
        title: for people.
        forward: class, `Forward`; "": it has none.
        inverses: by name, factories without arguments of an `Inverse`; the first is the default. A factory raises a
            ValueError of one line where its weights cannot be used.
        viewer: class, a QWidget with `show_frame(Frame)` and `show_estimate(Estimate)`; "": it has none.
        weights: by name of an inverse that needs one, its file, in the plugin's folder or in resources/models.
        simulate: function, `Path` of a structure -> `Frame`; "": it has none.
        stream: what the twin's detector for it gives, or None.
        plugin: whose it is.
    """

    kind: str
    title: str
    forward: str
    inverses: Mapping[str, str]
    viewer: str
    weights: Mapping[str, str] = field(default_factory=dict)
    simulate: str = ""
    stream: StreamEntry | None = None
    plugin: Plugin | None = None

    def offered(self) -> tuple[str, ...]:
        """The inverses whose weights are there. Looks at the disk, imports nothing."""
        return tuple(n for n in self.inverses if n not in self.weights or self._weights_there(self.weights[n]))

    def inverse(self, name: str) -> Inverse:
        """A new inverse of that name; what it needs is imported now.

        Raises:
            ValueError: there is no such model, or its weights cannot be used; one line.
        """
        if name not in self.offered():
            missing = f": its weights are not in {files.MODELS}" if name in self.inverses else ""
            raise ValueError(f"{self.kind} has no model {name!r}{missing or ', only ' + ', '.join(self.offered())}")
        made: Inverse = self.load(self.inverses[name])()
        return made

    def make(self, part: Literal["forward", "viewer"]) -> Any:
        """A new forward model, or a new viewer; what it needs is imported now.

        Raises:
            ValueError: it has none; one line.
        """
        path = str(getattr(self, part))
        if not path:
            raise ValueError(f"{self.kind} has no {part}")
        return self.load(path)()

    def load(self, path: str) -> Any:
        """The object at "module:attribute" of this modality."""
        return load(path) if self.plugin is None else plugins.load(self.plugin, path)

    def _weights_there(self, name: str) -> bool:
        folders = [files.MODELS] if self.plugin is None else [files.MODELS, self.plugin.folder]
        return any((folder / name).is_file() for folder in folders)


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


@cache
def modalities() -> dict[str, Modality]:
    """By kind, the modalities of every plugin that is used: image, diffraction, spectrum, then the others."""
    found = [
        Modality(m.kind, m.title, m.forward, m.inverses, m.viewer, m.weights, m.simulate, m.stream, plugin)
        for plugin in plugins.active()
        for m in (plugin.manifest.modality if plugin.manifest is not None else ())
    ]
    order = list(map(str, Kind))
    found.sort(key=lambda m: (order.index(m.kind) if m.kind in order else len(order), m.kind))
    return {m.kind: m for m in found}


def modality(kind: str) -> Modality:
    """The modality of a kind.

    Raises:
        ValueError: no plugin that is used brings it; one line.
    """
    if kind not in modalities():
        raise ValueError(f"no plugin for {kind!r}, only for {', '.join(modalities())}")
    return modalities()[kind]
