"""Limits, interlocks and tuning as they were used last on this machine, for the audit log to tell what has changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matstudio.bus.textfile import config_folder, read_small, write_small
from matstudio.control.limits import Settings

_FILE = "limits-used.json"


def flat(settings: Settings) -> dict[str, Any]:
    """Every number of the settings by its key in limits.toml; infinite ones as text."""
    found: dict[str, Any] = {}
    for name, limits in settings.limits.items():
        found |= {f"limits.{name}.{k}": v for k, v in asdict(limits).items()}
    for interlock in settings.interlocks:
        found |= {f"interlocks.{interlock.name}.{k}": v for k, v in asdict(interlock).items() if k != "name"}
    found |= {f"pid.{k}": v for k, v in (asdict(settings.pid) if settings.pid else {}).items()}
    return {k: str(v) if v == float("inf") else v for k, v in found.items()}


def changes(settings: Settings, path: Path | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs from the settings used last, which these take the place of: (old, new), by key; a key that one of
    them lacks is missing there. Nothing where there were none, or where settings at fault drive nothing.

    Raises:
        OSError: they cannot be kept for the next time.
    """
    path = path or config_folder() / _FILE
    new = flat(settings)
    if settings.fault:
        return {}, {}
    try:
        before = json.loads(read_small(path))
    except (ValueError, OSError, RecursionError):
        before = None
    if before == new:
        return {}, {}
    write_small(path, json.dumps(new, indent=1) + "\n")
    if not isinstance(before, dict):
        return {}, {}
    differ = [k for k in {**before, **new} if before.get(k) != new.get(k)]
    return {k: before[k] for k in differ if k in before}, {k: new[k] for k in differ if k in new}
