"""Where a key stands in a TOML text, for messages that name the line."""

from __future__ import annotations

import re


def line_of(text: str, keys: tuple[str | int, ...]) -> int:
    """The line of a key, from 1 on: where its table's header, or a part of its dotted name, is followed by it. A number
    after a table's name says which of an array of tables, from 0 on."""
    prefix: tuple[str | int, ...] = ()
    counts: dict[str, int] = {}
    counted = any(isinstance(key, int) for key in keys)
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?([^\]]+)\]", line)
        assigned = re.match(r"\s*([^=#\[]+?)\s*=", line)
        found: tuple[str | int, ...]
        if header:
            prefix = found = _split(header[1])
            if counted and line.lstrip().startswith("[["):
                counts[header[1]] = counts.get(header[1], -1) + 1
                prefix = found = (*found, counts[header[1]])
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
