"""Text files of numbers: finding the table and its header."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matstudio.instruments.readers.signal import ReaderError

MAX_TEXT = 32 * 2**20
_MANY = 10  # rows like those of the table: more than a header has
_LONG_LINE = 10_000  # no line of labels is longer
_SPLIT = re.compile(r"[,;\t]\s*|\s+")
_COMMENT = "#!%*/;'\""


@dataclass(frozen=True)
class Block:
    """The table of a text file.

    Args:
        header: the lines before it, without comment marks.
        labels: names of its columns, () where the header names none.
        units: unit of each column, "" where none is named.
        values: (rows, columns).
        line: number of its first line, from 1.
        left_out: lines behind it that are no part of it.
        parted: lines whose two columns ran into each other.
    """

    header: tuple[str, ...]
    labels: tuple[str, ...]
    units: tuple[str, ...]
    values: np.ndarray
    line: int
    left_out: int
    parted: int = 0


def read_text(path: Path, raw: bytes | None = None) -> str:
    """The text of a file, UTF-8 (with or without mark), UTF-16 with mark, or Latin-1.

    Raises:
        ReaderError: longer than 32 MiB, or not text.
    """
    if raw is None:
        if path.stat().st_size > MAX_TEXT:
            raise ReaderError(path, f"a text file of {path.stat().st_size / 2**20:.0f} MiB; the limit is 32 MiB")
        raw = path.read_bytes()
    try:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return raw.decode("utf-16")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    if b"\0" in raw:
        raise ReaderError(path, f"not text: a zero byte at {raw.index(0)}")
    return raw.decode("latin-1")


def numbers(line: str) -> list[float] | None:
    """The numbers of a line that holds nothing else (nan and inf count), or None."""
    tokens = [t for t in _SPLIT.split(line.strip()) if t]
    try:
        return [float(t) for t in tokens] or None
    except ValueError:
        return None


def find_block(path: Path, text: str, *, columns: int = 1) -> Block:
    """The longest run of lines with the same number of numbers, at least `columns` of them.

    Raises:
        ReaderError: there is none, or a line within it has another number of numbers or something that is none.
    """
    numbered = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    where, lines = [n for n, _ in numbered], [line for _, line in numbered]
    rows = [numbers(line) for line in lines]
    parted = _part(rows, lines)
    best = (0, 0)
    start = 0
    for i in range(len(rows) + 1):
        here = rows[i] if i < len(rows) else None
        if i > start and (here is None or rows[start] is None or len(here) != len(rows[start] or ())):
            if rows[start] is not None and len(rows[start] or ()) >= columns and i - start > best[1] - best[0]:
                best = (start, i)
            start = i
    first, end = best
    if end - first < 2:
        raise ReaderError(path, f"holds no table of numbers ({len(lines)} lines of text)")
    width = len(rows[first] or ())
    rest = [i for i in range(end, len(lines)) if lines[i].lstrip()[:1] not in _COMMENT]
    broken = rest[:1] if any(len(rows[i] or ()) == width for i in rest[1:]) else []
    if sum(len(row or ()) == width for row in rows[:first]) >= _MANY:
        broken = [first - 1]
    for i in broken:
        got = f"{len(rows[i] or ())} numbers" if rows[i] else repr(lines[i][:40])
        raise ReaderError(path, f"line {where[i]}: {got} where {width} numbers are expected")
    labels, units = _labels(lines[max(0, first - 6) : first], width)
    return Block(
        tuple(h for h in (line.strip(_COMMENT + " \t") for line in lines[:first]) if h),
        labels,
        units,
        np.array(rows[first:end], float),
        where[first],
        len(rest),
        parted,
    )


def _part(rows: list[list[float] | None], lines: list[str]) -> int:
    """Part lines such as "28.607512067" in a table of two columns whose first number nearly always ends at the same
    place of the line, where that gives a number between those of the lines around it; how many there were."""
    whole = [i for i, row in enumerate(rows) if row is not None and len(row) == 2]
    ends = Counter(len(lines[i]) - len(lines[i].lstrip()) + len(lines[i].split()[0]) for i in whole)
    end, share = ends.most_common(1)[0] if ends else (0, 0)
    if len(whole) < 20 or share < 0.95 * len(whole):
        return 0
    x = [(rows[i] or [])[0] for i in whole]
    places, step = np.arange(len(rows)), (x[-1] - x[0]) / (whole[-1] - whole[0])
    outside = places - np.clip(places, whole[0], whole[-1])
    expected = np.interp(places, whole, x) + step * outside
    count = 0
    for i in range(len(rows)):
        if rows[i] is None or len(rows[i] or ()) != 1 or not lines[i][end - 1 : end + 1].isdigit():
            continue
        parts = numbers(lines[i][:end]), numbers(lines[i][end:])
        if all(p is not None and len(p) == 1 for p in parts):
            row = [(p or [])[0] for p in parts]
            if abs(row[0] - expected[i]) < abs(step) / 2:
                rows[i] = row
                count += 1
    return count


def _labels(header: list[str], width: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Column names and units in the last header line that has as many words as the table has columns."""
    units: tuple[str, ...] = ("",) * width
    for line in reversed(header):
        if len(line) > _LONG_LINE:
            continue
        bracketed = re.findall(r"\[([^\]]*)\]|\(([^)]*)\)", line)
        if bracketed and not re.sub(r"\[[^\]]*\]|\([^)]*\)|[\s,;]", "", line) and len(bracketed) <= width:
            found = tuple(a or b for a, b in bracketed)  # a line of units; a running number before them has none
            units = ("",) * (width - len(found)) + found
            continue
        for split in (r"[,;\t]", r"\s{2,}|\t", r"\s+"):
            words = [w.strip(" \"'") for w in re.split(split, line.strip().lstrip(_COMMENT).strip())]
            if len(words) == width and any(re.search(r"[A-Za-z]", w) for w in words) and all(words):
                break
        else:
            continue
        split_words = [split_unit(w) for w in words]
        return tuple(n for n, _ in split_words), tuple(u or v for (_, u), v in zip(split_words, units, strict=True))
    return (), units


def split_unit(label: str) -> tuple[str, str]:
    """Name and unit of a label such as "TMeas[C]", "Voltage / V" or "tof [µs]".

    >>> split_unit("TMeas[C]")
    ('TMeas', 'C')
    """
    match = re.fullmatch(r"(.+?)\s*(?:\[(.*)\]|\((.*)\)|/ (.+))", label.strip())
    if match is None:
        return label.strip(), ""
    return match[1], (match[2] or match[3] or match[4] or "").strip()
