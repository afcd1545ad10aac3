"""Which files of a folder open, as a table: `matstudio formats`."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from matstudio.instruments.readers.files import open_file
from matstudio.instruments.readers.signal import FRAMES, SERIES, ReaderError, Signal

BEGIN, END = "<!-- made by `matstudio formats`: begin -->", "<!-- end -->"
_NOTES = (".md", ".json", ".yaml", ".yml")  # hold no signal; counted, not listed
_CONTAINERS = (
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\x93NUMPY", "NumPy"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
)


@dataclass(frozen=True)
class Look:
    """What became of one file.

    Args:
        path: relative to the folder, with "/".
        ending, container: what it calls itself, and what it is.
        readers: who read it. shown: kind -> units of the axes of its frames, for each kind of signal in it.
        error: why it does not open, one line; "" where it does.
    """

    path: str
    ending: str
    container: str
    readers: frozenset[str] = frozenset()
    shown: tuple[tuple[str, frozenset[str]], ...] = ()
    error: str = ""


def survey(folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Look]:
    """Look into every file of a folder and of those below it; hidden ones are left out.

    Args:
        progress: called with files done and files in all.
    """
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    out = []
    with ThreadPoolExecutor(2) as pool:  # most of the time it waits for a child process
        for look in pool.map(lambda path: _look(folder, path), files):
            out.append(look)
            progress(len(out), len(files))
    return out


def _look(folder: Path, path: Path) -> Look:
    name, ending = path.relative_to(folder).as_posix(), _ending(path)
    try:
        container = _container(path)
        signals = open_file(path, load=False)
    except (ReaderError, OSError) as error:
        line = str(error).removeprefix(f"{path}: ")
        return Look(name, ending, _container(path) if isinstance(error, ReaderError) else "", error=line)
    kinds: dict[str, set[str]] = defaultdict(set)
    for signal in signals:
        units = {a.units for a in signal.frame_axes} if signal.form == FRAMES else set()
        kinds[_kind(signal)] |= units
    shown = tuple((kind, frozenset(units)) for kind, units in kinds.items())
    return Look(name, ending, container, frozenset(s.reader for s in signals), shown)


def _ending(path: Path) -> str:
    if re.fullmatch(r"\.(gz|bz2)", path.suffix.lower()):
        return "".join(re.findall(r"\.[A-Za-z][A-Za-z0-9]{0,4}", path.name)[-2:]).lower()
    return path.suffix.lower() or ("POSCAR" if "POSCAR" in path.name else "none")


def _container(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(4096)
    for magic, name in _CONTAINERS:
        if head.startswith(magic):
            return name
    if b"\0" not in head or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "XML" if head.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<?xml") else "text"
    return "binary"


def _kind(signal: Signal) -> str:
    if signal.form == SERIES:
        return "process values"
    if signal.form != FRAMES:
        return signal.form
    return f"{signal.kind or 'frames'} {signal.signal_dims}D" + (" series" if signal.n_frames > 1 else "")


def markdown(looks: Sequence[Look]) -> str:
    """A table with a row for each type of file, and the files that do not open with the reason."""
    types: dict[tuple[str, str], list[Look]] = defaultdict(list)
    for look in looks:
        types[look.ending, look.container].append(look)
    opened = sum(not look.error for look in looks)
    lines = [
        f"{opened} of {len(looks)} files open.",
        "",
        "| ending | container | files | open | read by | shown |",
        "|---|---|---|---|---|---|",
    ]
    for (ending, container), some in sorted(types.items()):
        good = [look for look in some if not look.error]
        readers = ", ".join(sorted({r for look in good for r in look.readers})) or "–"
        cells = (ending, container, str(len(some)), str(len(good)), readers, _shown(good) or "–")
        lines.append(f"| {' | '.join(cells)} |")
    bad = [look for look in looks if look.error and not look.ending.startswith(_NOTES)]
    if bad:
        notes = sum(look.error != "" for look in looks) - len(bad)
        aside = f" ({notes} notes, lists and facts in {', '.join(_NOTES)} aside)" if notes else ""
        lines += ["", f"These do not open{aside}:", "", *_reasons(bad)]
    return "\n".join(lines)


def _shown(looks: Iterable[Look]) -> str:
    counts: Counter[str] = Counter()
    units: dict[str, set[str]] = defaultdict(set)
    for look in looks:
        for kind, some in look.shown:
            counts[kind] += 1
            units[kind] |= some
    return "; ".join(f"{k} in {', '.join(sorted(units[k]))}" if units[k] else k for k, _ in counts.most_common())


def _reasons(bad: Sequence[Look]) -> list[str]:
    """A line for each file, or for several of one folder whose reason differs in its numbers only."""
    alike: dict[tuple[str, ...], list[Look]] = defaultdict(list)
    for look in bad:
        folder = look.path.rpartition("/")[0]
        alike[folder, look.ending, re.sub(r"\d+", "n", look.error.replace(look.path.rpartition("/")[2], ""))].append(
            look
        )
    lines = []
    for some in alike.values():
        others = f" (and {len(some) - 1} like it)" if len(some) > 1 else ""
        lines.append(f"- `{some[0].path}`{others}: {some[0].error}")
    return lines


def renew(text: str, table: str) -> str:
    """A document with the table in place of what stands between its marks, or, where it has none, the table alone."""
    marked = f"{BEGIN}\n{table}\n{END}"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{marked}{after}" if begin and end else f"{marked}\n"
