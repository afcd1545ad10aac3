"""Where a key stands in a TOML text, for messages that name the line."""

from __future__ import annotations

import re


def line_of(text: str, keys: tuple[str, ...]) -> int:
    """The line of a key, from 1 on: where its table's header, or a part of its dotted name, is followed by it."""
    prefix: tuple[str, ...] = ()
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?([^\]]+)\]", line)
        assigned = re.match(r"\s*([^=#\[]+?)\s*=", line)
        if header:
            prefix = found = _split(header[1])
        elif assigned:
            found = prefix + _split(assigned[1])
        else:
            continue
        same = len(found) if keys[: len(found)] == found else 0
        if same > depth:
            best, depth = number, same
    return best


def _split(dotted: str) -> tuple[str, ...]:
    parts = re.findall(r"""\s*"[^"]*"\s*|\s*'[^']*'\s*|[^.]+""", dotted)
    return tuple(part.strip().strip("\"'") for part in parts)
