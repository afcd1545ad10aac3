"""The plugins as a table: what each one is, what it brings, and how it fares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matstudio.plugins import Plugin

HEADS = ("plugin", "version", "brings", "from", "state")


@dataclass(frozen=True)
class Row:
    """One plugin.

    Args:
        name: of the plugin.
        cells: as `HEADS` names them.
        level: "caution" where it was found but cannot be used, or has failed.
        can_off, can_on: what can be done with it.
    """

    name: str
    cells: tuple[str, ...]
    level: str
    can_off: bool
    can_on: bool


def rows(found: Sequence[Plugin], state: Callable[[Plugin], str]) -> list[Row]:
    """A row for each plugin; `state` says in a line how one fares ("on", "on: runs", "off: why", or what is wrong)."""
    made = []
    for p in found:
        told = state(p)
        off = told.startswith("off")
        version = p.manifest.version if p.manifest is not None else ""
        brings = ", ".join(p.manifest.claims()) if p.manifest is not None else ""
        level = "caution" if p.problem or "left out" in told else ""
        cells = (p.name, version, brings, p.source, told)
        made.append(Row(p.name, cells, level, can_off=not off and not p.problem, can_on=off))
    return made
