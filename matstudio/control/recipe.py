"""Programs as TOML text: what an operator keeps, edits and sends to the station.

version = 1
name = "Order Cu3Au"
holdback = 15.0        # K; left out: nothing waits
end = "hold"           # at the last setpoint; or "off"

[[segment]]
kind = "ramp"
to = 700.0             # K
rate = 2.0             # K/s

[[segment]]
kind = "soak"
time = 60.0            # s

[[segment]]
kind = "step"
to = 620.0             # K

[[segment]]
kind = "loop"
back_to = 1            # number of a segment, from 1 on
times = 3              # in all
"""

from __future__ import annotations

import math
import tomllib
from typing import Any

from matstudio.control.program import (
    MOST_SEGMENTS,
    MOST_STEPS,
    NEEDS,
    End,
    Kind,
    Program,
    Segment,
    beyond,
    fault,
    too_long,
)
from matstudio.domain.process import Limits
from matstudio.domain.toml import line_of

VERSION = 1
LONGEST = 4096
"""Characters of a recipe."""
_KNOWN = ("version", "name", "holdback", "end", "segment")


class RecipeError(ValueError):
    """A recipe that cannot be used; the text is one line and names its source, line and key."""


def parse(text: str, source: str = "recipe", limits: Limits | None = None) -> Program:
    """The program in a recipe.

    Args:
        text: TOML.
        source: file or name that messages begin with.
        limits: of the setpoint, checked too where they are given.

    Raises:
        RecipeError: not TOML, an unknown key, a wrong type or value, or a segment outside `limits`.
    """
    if len(text) > LONGEST:
        raise RecipeError(f"{source}: {len(text)} characters, more than {LONGEST}")
    try:
        body = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{source}: {' '.join(str(error).split())}") from None
    return _Text(source, text).program(body, limits)


def dump(program: Program) -> str:
    """The recipe of a program; `parse` gives it back."""
    name = program.name.replace("\\", "\\\\").replace('"', '\\"')
    lines = [f"version = {VERSION}", f'name = "{name}"']
    if math.isfinite(program.holdback):
        lines.append(f"holdback = {program.holdback!r}")
    lines.append(f'end = "{program.end}"')
    for s in program.segments:
        lines += ["", "[[segment]]", f'kind = "{s.kind}"', *(f"{k} = {getattr(s, k)!r}" for k in NEEDS[s.kind])]
    return "\n".join(lines) + "\n"


class _Text:
    def __init__(self, source: str, text: str) -> None:
        self._source, self._text = source, text

    def error(self, keys: tuple[str | int, ...], problem: str) -> RecipeError:
        shown = ".".join(str(k + 1) if isinstance(k, int) else k for k in keys)
        line = f"{self._source}: line {line_of(self._text, keys)}: {shown}: {problem}"
        return RecipeError(" ".join(line.split()))

    def program(self, body: dict[str, Any], limits: Limits | None) -> Program:
        for key in body:
            if key not in _KNOWN:
                raise self.error((key,), f"unknown key; known: {', '.join(_KNOWN)}")
        version = body.get("version", VERSION)
        if version != VERSION or isinstance(version, bool):
            raise self.error(("version",), f"{version!r}, this program reads {VERSION}")
        name = body.get("name", "program")
        if not isinstance(name, str) or not 0 < len(name) <= 60 or not name.isprintable():
            raise self.error(("name",), "must be text of 1 to 60 characters")
        holdback = self._number(body, "holdback", ("holdback",)) if "holdback" in body else math.inf
        if not holdback > 0:
            raise self.error(("holdback",), f"{holdback:g} must be > 0 K")
        end = body.get("end", End.HOLD)
        if end not in list(End):
            raise self.error(("end",), f"{end!r}: {', '.join(End)}")
        given = body.get("segment")
        if not isinstance(given, list) or not 1 <= len(given) <= MOST_SEGMENTS:
            raise self.error(("segment",), f"1 to {MOST_SEGMENTS} [[segment]] tables must be there")
        segments = tuple(self._segment(table, i) for i, table in enumerate(given))
        for i in range(len(segments)):
            field, problem = fault(i, segments)
            if problem:
                raise self.error(("segment", i, field), problem)
        if too_long(segments):
            raise self.error(("segment",), f"more than {MOST_STEPS} segments with all passes of the loops")
        program = Program(name, segments, holdback, End(end))
        outside = beyond(program, limits) if limits is not None else None
        if outside is not None:
            raise self.error(("segment", outside[0], outside[1]), outside[2])
        return program

    def _segment(self, table: Any, i: int) -> Segment:
        if not isinstance(table, dict):
            raise self.error(("segment", i), "must be a table")
        kind = table.get("kind")
        if kind not in list(Kind):
            raise self.error(("segment", i, "kind"), f"{kind!r}: {', '.join(Kind)}")
        needs = NEEDS[Kind(kind)]
        for key in table:
            if key not in ("kind", *needs):
                raise self.error(("segment", i, key), f"unknown key of a {kind}; known: {', '.join(needs)}")
        values: dict[str, Any] = {}
        for key in needs:
            if key not in table:
                raise self.error(("segment", i), f"{key} is missing")
            number = self._number(table, key, ("segment", i, key))
            if key in ("back_to", "times"):
                if number != int(number):
                    raise self.error(("segment", i, key), "must be a whole number")
                values[key] = int(number)
            else:
                values[key] = number
        return Segment(Kind(kind), **values)

    def _number(self, table: dict[str, Any], key: str, keys: tuple[str | int, ...]) -> float:
        value = table[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(keys, f"must be a number, not {value!r}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not abs(number) <= 1e9:
            raise self.error(keys, "must be a finite number")
        return number
