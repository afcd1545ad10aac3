"""Finding plugins, by entry points of installed packages and in a folder of the user's, without importing them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from matstudio.bus.textfile import config_folder, read_small
from matstudio.plugins.manifest import (
    FILE,
    DockEntry,
    InstrumentEntry,
    Manifest,
    ModalityEntry,
    ReaderEntry,
    parse,
)
from matstudio.plugins.switch import Switches

GROUP = "matstudio.plugins"
Entry = ModalityEntry | InstrumentEntry | DockEntry | ReaderEntry


@dataclass(frozen=True)
class Plugin:
    """A plugin that was found.

    Args:
        name: of its manifest, or of where it was found if that cannot be read.
        source: where it comes from, for people ("matstudio 0.1.0", or a folder).
        folder: of its manifest.
        manifest: None where it cannot be used, and `problem` says why in one line.
        problem: see there; "" where it can be used.
        off: why it is switched off; "" where it is on.
        own: whether it is a part of MatStudio. Only these run in the window's own process.
        local: whether its code lies in the user's folder.
    """

    name: str
    source: str
    folder: Path
    manifest: Manifest | None = None
    problem: str = ""
    off: str = ""
    own: bool = False
    local: bool = False

    @property
    def active(self) -> bool:
        """Whether it is used."""
        return self.manifest is not None and not self.problem and not self.off


def user_folder() -> Path:
    """Where a user's own plugins lie, each in a folder of its own: `plugins` in the configuration."""
    return config_folder() / "plugins"


@cache
def found() -> tuple[Plugin, ...]:
    """Every plugin there is, MatStudio's own first, then by name; looked for once, see `refresh`.

    Of two with one name, or that bring the same thing, the first counts and the other has a `problem`.
    """
    off = Switches().off()
    names: dict[str, Plugin] = {}
    claims: dict[str, str] = {}
    out = []
    for plugin in sorted((*_installed(), *_in_folder(user_folder())), key=lambda p: (not p.own, p.name, p.source)):
        problem = plugin.problem
        if plugin.name in names:
            problem = problem or f"{plugin.source}: another plugin {plugin.name} is in {names[plugin.name].source}"
        elif plugin.manifest is not None:
            taken = next((c for c in plugin.manifest.claims() if c in claims), "")
            if taken:
                problem = f"{plugin.source}: {taken} is of the plugin {claims[taken]} already"
        if not problem and plugin.manifest is not None:
            names[plugin.name] = plugin
            claims |= dict.fromkeys(plugin.manifest.claims(), plugin.name)
        out.append(replace(plugin, problem=problem, off=off.get(plugin.name, "")))
    return tuple(out)


def refresh() -> None:
    """Look again at the next `found`."""
    found.cache_clear()
    _entries.cache_clear()


def active() -> tuple[Plugin, ...]:
    """The plugins that are used."""
    return tuple(p for p in found() if p.active)


@cache
def _entries() -> dict[tuple[str, str], tuple[Plugin, Entry]]:
    out: dict[tuple[str, str], tuple[Plugin, Entry]] = {}
    for p in active():
        assert p.manifest is not None
        out |= {("modality", m.kind): (p, m) for m in p.manifest.modality}
        out |= {("instrument", i.name): (p, i) for i in p.manifest.instrument}
        out |= {("dock", d.key): (p, d) for d in p.manifest.dock}
        out |= {("reader", r.name): (p, r) for r in p.manifest.reader}
    return out


def entry(what: str, name: str) -> tuple[Plugin, Any] | None:
    """The plugin that is used and brings something ("modality", "instrument", "dock", "reader"), and its entry."""
    return _entries().get((what, name))


def names(what: str) -> list[str]:
    """The names of what plugins in use bring of a kind of contribution."""
    return [name for of, name in _entries() if of == what]


def kinds(mode: str = "", dims: int = 0) -> list[str]:
    """The kinds that plugins in use bring: all, or those to which frames of a mode and of so many dimensions belong."""
    entries = [e for _, e in _entries().values() if isinstance(e, ModalityEntry)]
    if mode:
        entries = [e for e in entries if mode.upper() in e.modes and (e.stream is None or len(e.stream.shape) == dims)]
    return [e.kind for e in entries]


def readers() -> list[tuple[str, ReaderEntry]]:
    """The readers that plugins in use bring, with their names."""
    return [(e.name, e) for _, e in _entries().values() if isinstance(e, ReaderEntry)]


def load(plugin: Plugin, path: str) -> Any:
    """The object at "module:attribute" of a plugin; imports it now, and so runs the plugin's code.

    Raises:
        whatever that raises.
    """
    folder = str(plugin.folder)
    if plugin.local and folder not in sys.path:
        sys.path.append(folder)
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def _installed() -> Iterator[Plugin]:
    for point in entry_points(group=GROUP):
        dist = point.dist
        source = f"{dist.name} {dist.version}" if dist is not None else point.value
        own = dist is not None and dist.name == "matstudio"
        folder = _folder(point)
        if folder is None:
            yield Plugin(point.name, source, Path(), problem=f"{source}: there is no package {point.value}", own=own)
        else:
            yield _read(folder, point.name, source, own=own, local=False)


def _folder(point: EntryPoint) -> Path | None:
    """The folder of the package "a.b.c" that an entry point names; asked is only where "a" lies."""
    top, *inner = point.value.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    places = spec.submodule_search_locations if spec is not None else None
    folders = [Path(place, *inner) for place in places or ()]
    return next((f for f in folders if f.is_dir()), None)


def _in_folder(folder: Path) -> Iterator[Plugin]:
    try:
        inside = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))
    except OSError:
        return
    for one in inside:
        yield _read(one, one.name, str(one), own=False, local=True)


def _read(folder: Path, name: str, source: str, *, own: bool, local: bool) -> Plugin:
    path = folder / FILE
    try:
        manifest = parse(read_small(path), path)
    except FileNotFoundError:
        return Plugin(name, source, folder, problem=f"{path}: no such file", own=own, local=local)
    except ValueError as error:
        return Plugin(name, source, folder, problem=str(error), own=own, local=local)
    return Plugin(manifest.name, source, folder, manifest, own=own, local=local)
