"""A real device drives nothing until a person has confirmed its limits and its holder.

What is confirmed is a digest of all that the device says of itself: another limit, another holder, another address, and
it must be confirmed again. The digests lie in `confirmed.json` in the user's configuration, each with who and when.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from matstudio.bus.textfile import config_folder, read_small, write_small
from matstudio.control.gate import Interlock
from matstudio.control.limits import Settings
from matstudio.domain.device import Description
from matstudio.domain.process import Limits

HOLDER = "holder_temperature"
MARGIN_K = 20.0
_MOST = 1000


def digest(description: Description) -> str:
    """SHA-256 of a device's name, actuators, ranges, holder, furnace and configuration."""
    state = description.state
    body = {
        "name": description.name,
        "actuators": [asdict(a) for a in description.actuators],
        "readings": {name: list(r) for name, r in description.readings.items()},
        "facts": {key: state[key] for key in ("holder", "furnace", "max_age") if key in state},
        "configuration": _mapping(state, "configuration").get("digest", ""),
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def confirmed_path() -> Path:
    """Where the confirmations lie."""
    return config_folder() / "confirmed.json"


def confirmed(path: Path | None = None) -> dict[str, str]:
    """Digest -> who confirmed it and when; {} where there is no file, or one that cannot be read: then nothing is."""
    try:
        found = json.loads(read_small(path or confirmed_path()))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {k: v for k, v in found.items() if isinstance(k, str) and isinstance(v, str)}


def confirm(key: str, line: str, path: Path | None = None) -> None:
    """Add a confirmation.

    Raises:
        OSError: it cannot be written.
    """
    path = path or confirmed_path()
    kept = list(confirmed(path).items())[-_MOST:]
    write_small(path, json.dumps(dict(kept) | {key: line}, indent=1, ensure_ascii=False) + "\n")


def narrowed(settings: Settings, description: Description) -> Settings:
    """The settings within what the device's holder bears: its greatest temperature and rate, and an interlock that
    takes the heater off 20 K above that."""
    holder = _mapping(description.state, "holder")
    hottest, rate = (_number(holder.get(key)) for key in ("max_temperature", "max_rate"))
    limits = settings.limits.get("temperature")
    if hottest is None or rate is None or limits is None:
        return settings
    own = Limits(min(limits.low, hottest), min(limits.high, hottest), min(limits.rate, rate))
    interlock = Interlock(HOLDER, "temperature", hottest + MARGIN_K, hottest, "heater")
    others = tuple(i for i in settings.interlocks if i.name != HOLDER)
    return replace(settings, limits={**settings.limits, "temperature": own}, interlocks=(*others, interlock))


def _mapping(state: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = state.get(key)
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e4
    return float(value) if good else None  # type: ignore[arg-type]
