"""XAS data: XDI (XAS Data Interchange, version 1.0: Ravel and Newville, J. Phys.: Conf. Ser. 712 (2016) 012148)
and Athena project files."""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Kind
from matstudio.instruments.readers.signal import ReaderError, Signal, coordinates
from matstudio.instruments.readers.text import MAX_TEXT, read_text

_FIELD = re.compile(r"([A-Za-z]\w*)\.(\w+):\s*(.*)")
_EDGES = {"K", "L", "L1", "L2", "L3", "M", "M1", "M2", "M3", "M4", "M5", "N", "N1", "N2", "N3", "N4", "N5", "N6", "N7"}
_HC = 12398.419843320026  # eV Å (CODATA 2018, exact)
_MU = ("mutrans", "normtrans", "mu", "xmu", "norm", "mufluor", "normfluor", "xmutrans", "murefer")


def _symbols() -> frozenset[str]:
    from ase.data import chemical_symbols

    return frozenset(chemical_symbols[1:])


def read_xdi(path: Path) -> list[Signal]:
    """Every column of an XDI file against its first one; the absorption first, computed from the currents if need be.

    What the standard calls a warning stands in the metadata's "warnings". So does what it calls an error where the
    rest of the file is sound: no "# XDI/" in its first line, and up to one row in ten that is left out because it is
    uneven or holds something else than numbers.

    Raises:
        ReaderError: a malformed field, no table, more rows that are wrong, or a last one, where the file breaks off.
    """
    lines = read_text(path).splitlines()
    fields: dict[str, str] = {}
    comments, warnings = [], []
    in_comments = ended = False
    rows: list[tuple[int, str]] = []
    ignored = 0
    named = bool(lines and re.match(r"#\s*XDI/\d", lines[0]))
    if not named:
        warnings.append("line 1 is not '# XDI/VERSION'")
    for n, line in enumerate(lines[named:], 1 + named):
        text = line.strip()
        if not text:
            continue
        if text[0] == "#":
            body = text.lstrip("#").strip()
            if rows or ended or not body:
                continue
            if re.fullmatch(r"-{2,}", body):
                ended = True
            elif body.startswith("//"):
                in_comments = True
            elif in_comments:
                comments.append(body)
            else:
                field = _FIELD.fullmatch(body)
                if field is None or not field[3].strip():
                    raise ReaderError(path, f"line {n}: {body[:60]!r} is no 'Family.key: value'")
                fields[f"{field[1].lower()}.{field[2].lower()}"] = field[3].strip()
        elif text[0] in "!;%*" or (text[0].isalpha() and not rows and not ended):
            ignored += 1
        else:
            rows.append((n, text))
    if ignored:
        warnings.append(f"{ignored} lines that begin with an unknown comment mark")
    if not named and not any(k.startswith(("column.", "element.")) for k in fields):
        raise ReaderError(path, "line 1: not '# XDI/VERSION'")
    if not ended:
        warnings.append("no line of dashes behind the header")
    return _signals(path, fields, comments, warnings, _table(path, rows, warnings))


def _table(path: Path, rows: list[tuple[int, str]], warnings: list[str]) -> np.ndarray:
    """The rows of the data table, (rows, columns); a few that are wrong are left out, with a warning each."""
    if len(rows) < 2:
        raise ReaderError(path, "a data table of one row" if rows else "no data table")
    widths = Counter(len(_words(text)) for _, text in rows)
    width = widths.most_common(1)[0][0]
    found, wrong = [], []
    for n, text in rows:
        try:
            found.append(_row(path, n, text, width))
        except ReaderError as error:
            wrong.append(error)
            if len(wrong) > len(rows) // 10 or n == rows[-1][0]:
                raise
    warnings += [f"{str(error).removeprefix(f'{path}: ')}: left out" for error in wrong]
    return np.array(found)


def _words(text: str) -> list[str]:
    return re.split(r"[\s,]+", text.split("#")[0].strip())


def _row(path: Path, n: int, text: str, width: int) -> list[float]:
    row = []
    for word in _words(text):
        try:
            row.append(float(word))
        except ValueError:
            raise ReaderError(path, f"line {n}: {word[:40]!r} is not a number") from None
        if not np.isfinite(row[-1]):
            raise ReaderError(path, f"line {n}: {word} in the data table")
    if len(row) != width:
        raise ReaderError(path, f"line {n}: {len(row)} columns where the table has {width}")
    return row


def _signals(
    path: Path, fields: dict[str, str], comments: list[str], warnings: list[str], table: np.ndarray
) -> list[Signal]:
    width = table.shape[1]
    numbers = sorted(int(k[7:]) for k in fields if re.fullmatch(r"column\.\d+", k))
    if numbers != list(range(1, width + 1)):
        warnings.append(f"labels for columns {numbers or 'none'}, but the table has {width} columns")
    labels = [fields.get(f"column.{i + 1}", f"col{i + 1}").split("//")[0].split() for i in range(width)]
    names = [(label or [f"col{i + 1}"])[0].lower() for i, label in enumerate(labels)]
    unit = labels[0][1] if len(labels[0]) > 1 else ("eV" if names[0] == "energy" else "")
    edge, symbol = fields.get("element.edge", ""), fields.get("element.symbol", "")
    if edge.upper() not in _EDGES:
        warnings.append(f"element.edge is {edge!r}" if edge else "no element.edge")
    if symbol.capitalize() not in _symbols():
        warnings.append(f"element.symbol is {symbol!r}" if symbol else "no element.symbol")
    x, name = table[:, 0], names[0]
    if name == "angle":
        d = re.match(r"[\d.]+", fields.get("mono.d_spacing", ""))
        if d is None:
            warnings.append("angle without mono.d_spacing: no energy axis")
        else:
            x, name, unit = _HC / (2 * float(d[0]) * np.sin(np.radians(x))), "energy", "eV"
    title = fields.get("sample.name") or path.stem
    facts: dict[str, Any] = {"mode": "XAS", "element": symbol, "edge": edge, "fields": fields}
    facts |= {k: v for k, v in (("comments", comments), ("warnings", warnings)) if v}
    curves = [(names[i], table[:, i]) for i in range(1, width)]
    return _xas(path, title, name.capitalize(), unit, x, curves, "xdi", facts)


def _xas(
    path: Path,
    title: str,
    x_name: str,
    x_unit: str,
    x: np.ndarray,
    curves: list[tuple[str, np.ndarray]],
    reader: str,
    facts: dict[str, Any],
) -> list[Signal]:
    try:
        axis, points, order = coordinates(x_name, x_unit, x)
    except ValueError as error:
        raise ReaderError(path, str(error)) from None
    known = dict(curves)
    mu = next((m for m in _MU if m in known), None)
    if mu is not None:
        curves = [(mu, known[mu])] + [c for c in curves if c[0] != mu]
    elif "i0" in known:
        with np.errstate(divide="ignore", invalid="ignore"):
            through = next((k for k in ("itrans", "it", "i1") if k in known), None)
            if through is not None:
                curves = [("mutrans", np.log(known["i0"] / known[through])), *curves]
            elif "ifluor" in known:
                curves = [("mufluor", known["ifluor"] / known["i0"]), *curves]
    return [
        Signal(
            f"{title}: {label}",
            Kind.SPECTRUM,
            y if order is None else y[order],
            (axis,),
            "absorption" if label in _MU else label,
            "1",
            reader,
            signal_dims=1,
            metadata=facts,
            points=points,
        )
        for label, y in curves
    ]


def read_athena(path: Path) -> list[Signal]:
    """The absorption of each group of an Athena project (gzipped text of Perl assignments; nothing is executed).

    Raises:
        ReaderError: damaged, or without a group.
    """
    try:
        with open(path, "rb") as plain, gzip.open(plain) if plain.read(2) == b"\x1f\x8b" else plain as file:
            plain.seek(0)
            raw = file.read(MAX_TEXT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ReaderError(path, f"damaged gzip: {error}") from None
    if len(raw) > MAX_TEXT:
        raise ReaderError(path, "unpacks to more than 32 MiB")
    signals = []
    for part in read_text(path, raw).split("$old_group = ")[1:]:
        lists = {m[1]: _perl_list(m[2]) for m in re.finditer(r"^@(\w+) = \((.*)\);\s*$", part, re.M)}
        group = part.split("'")[1] if "'" in part else "group"
        args = dict(zip(lists.get("args", [])[::2], lists.get("args", [])[1::2], strict=False))
        try:
            x, y = (np.array([float(v) for v in lists[k]]) for k in ("x", "y"))
        except (KeyError, ValueError) as error:
            raise ReaderError(path, f"group {group}: no list of numbers: {error}") from None
        if len(x) != len(y) or len(x) < 2:
            raise ReaderError(path, f"group {group}: {len(x)} energies and {len(y)} values")
        facts = {"mode": "XAS", "element": args.get("bkg_z", ""), "edge": args.get("fft_edge", "").upper()}
        facts |= {k: args[k] for k in ("file", "bkg_e0", "datatype") if k in args}
        signals += _xas(path, args.get("label") or group, "Energy", "eV", x, [("mu", y)], "athena", facts)
    if not signals:
        raise ReaderError(path, "an Athena project without a group")
    return signals


def _perl_list(text: str) -> list[str]:
    """The elements of a Perl list of quoted or bare words (one that is not closed ends with the line)."""
    found = re.findall(r"(')((?:[^'\\]|\\.)*+)(?:'|\\?$)|([^\s',]+)", text)
    return [quoted if mark else bare for mark, quoted, bare in found]
