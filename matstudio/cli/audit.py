"""`matstudio verify` and `matstudio audit`: whether a session or a log is as it was written, and what the log says."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matstudio.cli.files import existing
from matstudio.cli.main import CheckFailed, UsageError
from matstudio.control import audit as log
from matstudio.control import seal

_LOG = ".jsonl"


def verify(arguments: argparse.Namespace) -> None:
    """Check a session, or an audit log; or make the site key."""
    if arguments.make_key:
        print(
            f"{seal.make_key()}: made; what is logged from the next start on is sealed with it. Keep a copy elsewhere"
        )
        return
    if arguments.session is None:
        raise UsageError("name a session or an audit log, or say --make-key")
    path = existing(arguments.session)
    if path.suffix == _LOG:
        ok, lines, facts = _verify_log(path)
    else:
        from matstudio.recording.verify import verify_guarded

        report = verify_guarded(path)
        ok, lines, facts = report.ok, list(report.lines), asdict(report)
    print(json.dumps(facts, indent=1, default=str) if arguments.json else "\n".join(lines))
    if not ok:
        raise CheckFailed("")


def _verify_log(path: Path) -> tuple[bool, list[str], dict[str, Any]]:
    entries, problems = log.read_log(path)
    problems += log.verify(entries)
    key = seal.load_key()
    if key is not None:
        problems += seal.check(entries, key) + list(filter(None, [seal.Heads(key).missing(entries)]))
    lines = [f"WRONG: {problem}" for problem in problems]
    if entries:
        lines.append(f"{len(entries)} entries, the last is {entries[-1].get('n')} with hash {entries[-1].get('hash')}")
    sealed = "every entry is sealed with this site's key" if key else "no site key: a log hashed anew would pass"
    lines.append("something is wrong, see above" if problems else f"all is well; {sealed}")
    return not problems, lines, {"path": str(path), "ok": not problems, "lines": lines}


def audit(arguments: argparse.Namespace) -> None:
    """Print who changed what, when, from what to what, and why."""
    path = existing(arguments.log)
    if path.suffix == _LOG:
        entries: Iterable[Mapping[str, Any]] = log.read_log(path)[0]
    else:
        from matstudio.session.reader import Session, parse_event

        with Session.open(path) as session:
            entries = [parse_event(line) for line in session.event_lines()]
    since = _seconds(arguments.since)
    wanted = [e for e in entries if _fits(e, arguments.who, arguments.kind, arguments.name, since)]
    for e in wanted:
        print(json.dumps(e, ensure_ascii=False) if arguments.json else line(e))


def _fits(e: Mapping[str, Any], who: str | None, kind: str | None, name: str | None, since: float) -> bool:
    data = e.get("data")
    named = str((data.get("name") or data.get("id") or "") if isinstance(data, Mapping) else "")
    t = e.get("t")
    return (
        (who is None or who in (str(e.get("who")), str(e.get("who")).partition(":")[2]))
        and (kind is None or kind == e.get("kind"))
        and (name is None or name == named)
        and (t if isinstance(t, (int, float)) else math.inf) >= since
    )


def _seconds(text: str | None) -> float:
    """Run time from "90" or "1:30" or "0:01:30", s."""
    if text is None:
        return -math.inf
    try:
        seconds = 0.0
        for part in text.split(":"):
            seconds = 60.0 * seconds + float(part)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise UsageError(f"--since {text}: not run time in seconds, or as h:mm:ss")
    return seconds


def line(e: Mapping[str, Any]) -> str:
    """An entry for people: when, who, what, from what to what, why."""
    wall, t, data = e.get("wall"), e.get("t"), e.get("data")
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall)) if isinstance(wall, (int, float)) else "?"
    run = f"{t:9.2f} s" if isinstance(t, (int, float)) else "?"
    facts = data if isinstance(data, Mapping) else {}
    change = f" [{facts['old']} -> {facts['new']}]" if {"old", "new"} <= set(facts) else ""
    why = f" because: {facts['why']}" if facts.get("why") else ""
    text = " ".join(str(e.get("text", "")).split())
    return f"{at} {run}  {e.get('who', '?')!s:20} {e.get('kind', '?')!s:11} {text}{change}{why}"
