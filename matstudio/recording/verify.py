"""Checks a session, and makes one that a crash left open plainly again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.control import audit, seal
from matstudio.instruments.readers.child import limit
from matstudio.instruments.readers.guard import CPU_S, MAX_BYTES, WALL_S
from matstudio.session import layout
from matstudio.session.damage import DAMAGE, one_line
from matstudio.session.reader import Session, parse_event
from matstudio.session.recovery import InUse, clear_write_flag, never_written


@dataclass(frozen=True)
class Report:
    """What `verify` found.

    Args:
        path: of the session.
        ok: nothing is wrong with it.
        lines: for people; those that begin with "WRONG" made `ok` False.
        counts: numbers by name ("frames image", "cut image", "events", "estimates image", ...).
        repaired: the write flag of a crash was cleared.
        live: a recorder is writing it now.
    """

    path: str
    ok: bool
    lines: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    repaired: bool = False
    live: bool = False


class _Findings:
    def __init__(self) -> None:
        self.ok = True
        self.lines: list[str] = []
        self.counts: dict[str, int] = {}

    def say(self, line: str) -> None:
        self.lines.append(line)

    def wrong(self, line: str) -> None:
        self.ok = False
        self.lines.append(f"WRONG: {line}")


def verify_guarded(path: Path) -> Report:
    """`verify` in a process of its own, which a file that crashes HDF5 ends instead of this one. It has the limits of
    `instruments/readers/guard.py`.

    Raises:
        ValueError: as `verify`, or the process crashed or took too long; one line.
    """
    seconds = CPU_S + path.stat().st_size // (20 * 10**6)
    try:
        code, out, errors = _in_child([str(path), str(seconds)], WALL_S + 2 * seconds)
    except subprocess.TimeoutExpired:
        raise ValueError(f"{path}: damaged: no answer within {WALL_S + 2 * seconds} s") from None
    if code < 0:
        raise ValueError(f"{path}: damaged: reading it ended with {signal.Signals(-code).name}")
    if code:
        raise ValueError(" ".join(errors.decode("utf-8", "replace").split()))
    told = json.loads(out)
    return Report(**told | {"lines": tuple(told["lines"])})


def _in_child(arguments: list[str], seconds: float) -> tuple[int, bytes, bytes]:
    """Exit code (negative: the signal that ended it), output and error output of this module as a program.

    Raises:
        TimeoutExpired: it has not ended after `seconds`, and was killed.
    """
    command = [sys.executable, "-W", "ignore", "-m", "matstudio.recording.verify", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
    return done.returncode, done.stdout, done.stderr


def verify(path: Path | str) -> Report:
    """Check a session: frames, times, counters, audit chain, versions. Data are never changed; the write flag that a
    crash left behind is cleared, if nobody has the file open.

    Raises:
        ValueError: it is not a session, or so damaged that it cannot be opened; one line.
    """
    path = Path(path)
    repaired = live = False
    missing = never_written(path)
    if missing:
        Session.open(path).close()  # what does not open with zeros at its end is left as it is
    try:
        repaired = clear_write_flag(path)
    except InUse:
        live = True
    found = _Findings()
    with Session.open(path) as session:
        if repaired:
            found.say("left open by a crash: the write flag was cleared, the file opens plainly again")
            if missing:
                found.say(f"{missing} bytes at its end were never written; zeros stand there now")
        if live and session.live:
            found.say("a recorder is writing this file; what it has flushed so far is checked")
        live = live and session.live
        if not live and not layout.read_text(session.file[f"{layout.ENTRY}/end_time"]):
            found.say("not closed in order: what came after the last flush, a second before the end, is not in it")
        checks: dict[str, Callable[[], None]] = {"facts": lambda: _check_facts(session, found)}
        for name in session.streams:
            checks[f"stream {name}"] = lambda name=name: _check_stream(session, name, found)  # type: ignore[misc]
        checks["process values"] = lambda: _check_readings(session, found)
        checks["estimates and states"] = lambda: _check_records(session, found)
        checks["events"] = lambda: _check_events(session, found)
        for what, check in checks.items():
            try:
                check()
            except DAMAGE as error:
                found.wrong(f"{what}: cannot be read: {one_line(error)}")
    found.say("all is well" if found.ok else "something is wrong, see above")
    return Report(str(path), found.ok, tuple(found.lines), found.counts, repaired, live)


def _check_facts(session: Session, found: _Findings) -> None:
    versions = session.versions
    found.say(
        f"{session.description.name} ({session.origin}), {session.t1 - session.t0:.1f} s, recorded by MatStudio "
        f"{layout.get_text(session.file, 'creator_version')}, Python {versions.get('python', '?')}"
    )
    missing = [k for k in ("python", "numpy", "h5py", "hdf5plugin") if k not in versions]
    if missing:
        found.wrong(f"no version of {', '.join(missing)}")
    if session.origin not in ("twin", "replay", "real"):
        found.wrong(f"origin {session.origin!r} is neither twin, replay nor real")


def _check_stream(session: Session, name: str, found: _Findings) -> None:
    info, group = session.streams[name], session.group(name)
    found.counts[f"frames {name}"] = info.n
    cut = max(group[k].shape[0] for k in ("data", "seq", "t_start", "t_end", "metadata")) - info.n
    found.counts[f"cut {name}"] = cut
    steps = np.diff(info.seq)
    gap = int(np.maximum(steps - 1, 0).sum())
    beyond = np.cumsum(np.maximum(steps - 1, 0)) - (info.missed[1:] - info.missed[:1])
    before = max(0, int(beyond.max(initial=0)))  # lost where the recorder's counter does not explain it
    found.counts[f"dropped {name}"], found.counts[f"lost {name}"] = gap - before, before
    size = " x ".join(map(str, info.shape))
    line = f"{name}: {info.n} frames of {size} {info.dtype}, {gap - before} dropped by the recorder"
    found.say(line + (f", {before} lost before it" if before else ""))
    if cut:
        found.say(f"{name}: {cut} incomplete frame{'s' * (cut > 1)} at the end left out")
    for what, bad in (
        ("a number does not rise", steps <= 0),
        ("the count of lost frames falls", np.diff(info.missed) < 0),
        ("an exposure begins before the one before it", np.diff(info.t) < 0),
        ("an exposure ends before it begins", info.t_end < info.t),
        ("a time is not finite", ~(np.isfinite(info.t) & np.isfinite(info.t_end))),
    ):
        if bad.any():
            found.wrong(f"{name}: {what} (row {int(np.flatnonzero(bad)[0])}, {int(bad.sum())} times)")
    if not group["data"].fletcher32:
        found.say(f"{name}: frames have no checksum (format version 1): a flipped bit may go unseen")
    bad_frames = []
    for index in range(info.n):
        try:
            session.frame(name, index)
        except DAMAGE as error:
            bad_frames.append((index, " ".join(str(error).split())))
    if bad_frames:
        index, text = bad_frames[0]
        more = f" (and {len(bad_frames) - 1} more)" * (len(bad_frames) > 1)
        found.wrong(f"{name}: frame {index} cannot be read{more}: {text}")


def _check_readings(session: Session, found: _Findings) -> None:
    for name, (t, _, _, quality) in session.readings().items():
        found.counts[f"reading {name}"] = len(t)
        if (np.diff(t) < 0).any():
            found.wrong(f"reading {name}: times go back at row {int(np.flatnonzero(np.diff(t) < 0)[0]) + 1}")
        if (quality >= len(layout.QUALITIES)).any():
            found.wrong(f"reading {name}: unknown quality")


def _check_records(session: Session, found: _Findings) -> None:
    models: set[str] = set()
    for name in session.streams:
        estimates = session.estimates(name)
        found.counts[f"estimates {name}"] = len(estimates)
        models |= {f"{name} {m['name']} {m['version']} ({m['checksum'][:12]})" for m in estimates.models()}
    found.counts["states"] = len(session.states())
    if models:
        found.say(f"models: {', '.join(sorted(models))}")


def _check_events(session: Session, found: _Findings) -> None:
    entries = [parse_event(line) for line in session.event_lines()]
    chain = [e for e in entries if "hash" in e]
    found.counts["events"], found.counts["audit entries"] = len(entries), len(chain)
    for e in entries:
        if e.get("kind") == "damaged":
            found.wrong(f"audit log: a line cannot be read: {e['text']}")
    for problem in audit.verify(chain):
        found.wrong(f"audit log: {problem}")
    key = seal.load_key()
    if key is not None:
        _check_seals(chain, entries, key, found)
    if chain:
        last: Any = chain[-1]
        found.say(f"audit log: {len(chain)} entries, the last is {last.get('n')} with hash {last.get('hash')}")
    else:
        found.say("audit log: empty")
    _check_counts(session, entries, found)
    for e in entries:
        if e.get("who") == "recorder" and isinstance(e.get("t"), float):
            found.say(f"  {e.get('t', 0):.1f} s: {e.get('text')}")


def _check_seals(
    chain: Sequence[Mapping[str, Any]], entries: Sequence[Mapping[str, Any]], key: bytes, found: _Findings
) -> None:
    """Hold the entries against the site key, and their end against what the recorder noted of it."""
    problems = seal.check(chain, key)
    for problem in problems:
        found.wrong(f"audit log: {problem}")
    heads = [e["data"]["audit"] for e in entries if e.get("who") == "recorder" and "audit" in (e.get("data") or {})]
    if not heads:
        found.say("audit log: where it ends is not sealed, because the recording was not closed in order with the key")
        return
    head, last = seal.Head.read(heads[-1], key), chain[-1] if chain else {}
    if head is None or (head.n, head.hash) != (last.get("n"), last.get("hash")):
        found.wrong("audit log: it does not end where the recorder sealed its end")
    elif not problems:
        found.say("audit log: every entry, and its end, is sealed with this site's key")


def _check_counts(session: Session, entries: Sequence[Mapping[str, Any]], found: _Findings) -> None:
    """Hold what the recorder counted against the rows that are there."""
    told = [e["data"] for e in entries if e.get("who") == "recorder" and "counts" in (e.get("data") or {})]
    if not told:
        return
    for name, counts in told[-1]["counts"].items():
        received, recorded, dropped = (int(counts[k]) for k in ("received", "recorded", "dropped"))
        info = session.streams.get(name)
        rows = info.n if info else 0
        found.counts[f"received {name}"], found.counts[f"dropped {name}"] = received, dropped
        if rows != recorded:
            found.wrong(f"{name}: {rows} frames, but the recorder wrote {recorded}")
        if received != recorded + dropped:
            found.wrong(f"{name}: {received} received are not {recorded} recorded and {dropped} dropped")
        if info and rows and dropped < info.missed[-1]:
            found.wrong(f"{name}: {dropped} dropped, but {info.missed[-1]} before the last frame")
        if dropped:
            found.say(f"{name}: {received} received, {recorded} recorded, {dropped} dropped")
    for what, n in told[-1].get("refused", {}).items():
        found.say(f"{what}: {n} not written, because the disk was too slow or failed")


def _main() -> int:
    """`python -m matstudio.recording.verify PATH SECONDS`: the report as JSON, or exit code 2 and one line."""
    limit(int(sys.argv[2]), MAX_BYTES)
    try:
        report = verify(sys.argv[1])
    except DAMAGE as error:
        text = one_line(error)
        print(text if sys.argv[1] in text else f"{sys.argv[1]}: damaged: {text}", file=sys.stderr)
        return 2
    print(json.dumps(asdict(report), default=str))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
