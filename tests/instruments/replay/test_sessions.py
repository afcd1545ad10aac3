"""A recorded session as one time line: its parts, its gaps, its events, and the notes beside it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from matstudio.control import audit
from matstudio.domain.clock import RealClock
from matstudio.domain.process import Reading
from matstudio.instruments.replay.material import load
from matstudio.instruments.replay.notes import Notebook, sidecar
from matstudio.instruments.replay.source import ReplaySource

sys.path.insert(0, str(Path(__file__).parents[2] / "recording"))


def entries(n: int) -> list[bytes]:
    """Lines of an audit log with one entry a second, every third of them a write of the loop."""
    link, lines = audit.Link(), []
    for i in range(n):
        kind, who = [("mode", "operator:ana"), ("alarm", "station"), ("write", "pid")][i % 3]
        facts = {"new": "PID", "old": "OFF", "priority": "high", "id": "a", "state": "UNACK", "big": 2**70}
        entry, link = audit.append(link, t=float(i), wall=1e9 + i, kind=kind, who=who, text=f"entry {i}", data=facts)
        lines.append(audit.canonical(entry))
    return lines


def write(path: Path, frames: range, events: int, *, run: str = "r", closed: bool = True) -> None:
    from sample_session import DESCRIPTION, image

    from matstudio.recording.writer import SessionWriter

    clock = RealClock(time.monotonic(), 1e9)
    writer = SessionWriter(path, DESCRIPTION, clock, [image(frames[0])], run={"id": run})
    for line in entries(events):
        writer.add_event(line)
    for i in frames[1:]:
        if i % 50 != 17:
            writer.add_frame(image(i))
        writer.add_readings([Reading("temperature", 300.0 + i, "K", 0.1 * i)])
    writer.flush()
    if closed:
        writer.close()
        return
    copy = path.with_suffix(".copy")  # what a recorder that is killed now leaves behind
    copy.write_bytes(path.read_bytes())
    writer.close()
    path.unlink()
    copy.rename(path)


@pytest.fixture
def parts(tmp_path):
    """A session whose recorder was killed after 10 s and went on in the next file at 20 s; and one of another run."""
    write(tmp_path / "s.nxs", range(100), 10, closed=False)
    write(tmp_path / "s-2.nxs", range(200, 301), 31)
    write(tmp_path / "s-3.nxs", range(5), 3, run="another")
    return tmp_path


@pytest.mark.parametrize("opened", ["s.nxs", "s-2.nxs"])
def test_the_parts_of_a_session_are_one_time_line(parts, opened):
    material = load(f"replay:{parts / opened}")
    try:
        (track,) = material.tracks
        assert len(track.times) == 98 + 99  # two of each hundred were lost
        assert [material.start, track.times[-1]] == pytest.approx([0.09, 30.09])
        assert track.load(97).data[0, 0] == 99
        assert track.load(98).data[0, 0] == 200
        told = material.recorded
        assert [(p.name, p.ending) for p in told.parts] == [("s.nxs", "broken off"), ("s-2.nxs", "closed")]
        assert [(x.n, round(x.start, 2), round(x.end, 2)) for x in told.lost] == [
            (1, 1.69, 1.89),
            (1, 6.69, 6.89),
            (100, 9.99, 20.09),
            (1, 21.69, 21.89),
            (1, 26.69, 26.89),
        ]
        assert "nothing recorded for 10.0 s between s.nxs and s-2.nxs" in material.notes
        audited = [e for e in told.events if e["n"]]
        assert [e["n"] for e in audited] == [n for n in range(1, 32) if n % 3]  # each once, without the loop's writes
        assert audited[0]["data"] == {"new": "PID", "old": "OFF", "priority": "high", "id": "a", "state": "UNACK"}
        heat = next(log for log in material.logs if log.name == "temperature")
        assert heat.at(9.0)[0] == 390
        assert heat.at(25.0)[0] == 550
    finally:
        material.close()


def test_the_second_before_the_crash_is_there(tmp_path):
    write(tmp_path / "s.nxs", range(100), 12, closed=False)
    material = load(f"replay:{tmp_path / 's.nxs'}")
    try:
        replay = ReplaySource(material, "x")
        assert material.end == 10.0  # the last event that counts came after the last frame, at 9.99 s
        replay.seek(replay.duration)
        replay.step(0.0)
        assert replay.expose("image", 0, 0.0, 0.1)().data[0, 0] == 99
        page = replay.handlers()["timeline"](0)
        assert page["facts"]["parts"][-1]["ending"] == "broken off"
        assert [e["text"] for e in page["events"] if e["t"] > material.end - 1.5] == ["entry 9", "entry 10"]
    finally:
        material.close()


def test_the_timeline_comes_in_pages(parts):
    material = load(f"replay:{parts / 's.nxs'}")
    try:
        replay = ReplaySource(material, "x")
        page = replay.handlers()["timeline"]
        first = page(0)
        n = first["total"]
        assert len(first["events"]) == n == replay.state()["events"]
        assert sum(first["facts"]["frames"]["image"]) == 197
        assert np.nanmax(first["facts"]["curves"]["temperature"]["value"]) == 600
        assert page(n) == {"events": (), "total": n}
        assert len(page(n - 2)["events"]) == 2
        with pytest.raises(ValueError, match="not within"):
            page(n + 1)
        from matstudio.bus import wire

        wire.unpack(wire.pack(first))
    finally:
        material.close()


def test_a_note_is_kept_beside_the_session_and_comes_again(parts):
    before = (parts / "s.nxs").read_bytes()
    for opened, text in (("s.nxs", "wall moves"), ("s-2.nxs", "")):
        material = load(f"replay:{parts / opened}")
        replay = ReplaySource(material, "x")
        replay.note("ana", text, t=3.0, bookmark=not text)
        assert replay.state()["events"] == len(replay.handlers()["timeline"](0)["events"])
        with pytest.raises(ValueError, match="not within"):
            replay.note("ana", "x", t=1e6)
        material.close()
    assert (parts / "s.nxs").read_bytes() == before
    assert (parts / "s.notes.jsonl").read_text().count("\n") == 2
    material = load(f"replay:{parts / 's.nxs'}")
    found = ReplaySource(material, "x").handlers()["timeline"](0)["events"][-2:]
    material.close()
    assert [(e["text"], e["data"]["bookmark"]) for e in found] == [("wall moves", False), ("", True)]
    assert [e["t"] for e in found] == pytest.approx([3.09, 3.09])
    assert all(e["data"]["later"] for e in found)


def test_notes_that_are_damaged_or_about_another_run_are_told(tmp_path):
    book = Notebook(sidecar(tmp_path / "s.nxs"), "r")
    book.add(1.0, "ana", "mine", False)
    with open(book.path, "ab") as file:
        file.write(b'{"t": 2, "wall": 0, "who": "b", "text": "other", "run": "q"}\n[1]\n{"t": NaN, "wall": 1}\n{"t": 3')
    book.add(4.0, "ana", "after a line that was cut off", True)
    found, told = book.read()
    assert [(e["t"], e["text"]) for e in found] == [(1.0, "mine"), (4.0, "after a line that was cut off")]
    assert told == [
        "s.notes.jsonl: 3 damaged lines left out",
        "s.notes.jsonl: 1 notes about another recording of that name left out",
    ]
    assert json.loads(book.path.read_text().splitlines()[-1])["run"] == "r"


def test_a_folder_that_takes_no_note_is_told_in_one_line(tmp_path):
    (tmp_path / "s.notes.jsonl").mkdir()
    with pytest.raises(ValueError, match="note not kept") as caught:
        Notebook(sidecar(tmp_path / "s.nxs"), "r").add(1.0, "ana", "x", False)
    assert "\n" not in str(caught.value)
