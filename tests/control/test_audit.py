"""The audit chain: any change is seen and named; the writer keeps what it was given."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matstudio.bus import wire
from matstudio.control.audit import AuditWriter, Link, append, canonical, last_link, verify, verify_audit


def chain(count, link=None):
    link = link or Link()
    entries = []
    for i in range(count):
        entry, link = append(
            link, t=0.2 * i, wall=1e9 + i, kind="write", who="pid", text=f"heater {i}", data={"value": i / 7}
        )
        entries.append(entry)
    return entries, link


def write(path, entries):
    writer = AuditWriter(path)
    for entry in entries:
        writer.write(entry)
    writer.close()
    assert writer.error == ""


def test_a_good_log_has_no_problems(tmp_path):
    path = tmp_path / "audit.jsonl"
    entries, link = chain(20)
    write(path, entries)
    assert verify_audit(path) == []
    assert last_link(path) == link
    assert path.stat().st_mode & 0o777 == 0o600


def test_continues_after_a_restart(tmp_path):
    path = tmp_path / "audit.jsonl"
    assert last_link(path) == Link()
    entries, _ = chain(3)
    write(path, entries)
    more, _ = chain(3, last_link(path))
    write(path, more)
    assert verify_audit(path) == []
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 2, 3, 4, 5, 6]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_change_is_seen(data):
    entries, _ = chain(6)
    index = data.draw(st.integers(0, 5))
    what = data.draw(st.sampled_from(["change", "remove", "swap", "data"]))
    if what == "change":
        key = data.draw(st.sampled_from(["n", "t", "wall", "kind", "who", "text", "hash"]))
        old = entries[index][key]
        entries[index] = entries[index] | {key: old + 1 if isinstance(old, (int, float)) else old + "x"}
    elif what == "data":
        entries[index] = entries[index] | {"data": {"value": 1.0}}
    elif what == "remove":
        if index == 5:
            return  # cutting off the end is seen by whom the last hash was told
        del entries[index]
    else:
        other = (index + 1) % 6
        entries[index], entries[other] = entries[other], entries[index]
    assert verify(entries)


def test_problems_name_the_entry(tmp_path):
    path = tmp_path / "audit.jsonl"
    entries, _ = chain(5)
    write(path, entries)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], lines[2].replace("heater 2", "heater 9"), *lines[3:]]) + "\n")
    assert verify_audit(path) == ["entry 3: its hash does not fit its content and the entry before it"]
    path.write_text("\n".join([*lines[:3], "garbage", *lines[3:]]) + "\n")
    assert verify_audit(path) == ["line 4: not an audit entry (after entry 3)"]
    path.write_text("\n".join(lines)[:-20])
    assert verify_audit(path) == ["line 5: cut off (entry 5 is not complete)"]
    path.write_text('{"n": 1}\n')
    assert verify_audit(path) == ["entry 1: not an audit entry (keys ['n'])"]


def test_a_log_cut_off_by_a_crash_is_continued(tmp_path):
    path = tmp_path / "audit.jsonl"
    entries, _ = chain(3)
    write(path, entries)
    path.write_bytes(path.read_bytes()[:-30])
    more, _ = chain(1, last_link(path))
    write(path, more)
    assert verify_audit(path) == ["line 3: not an audit entry (after entry 2)"]


def test_numbers_that_are_not_finite_are_text():
    entry, _ = append(Link(), t=0.0, wall=0.0, kind="x", who="x", text="x", data={"a": math.nan, "b": (1, math.inf)})
    assert entry["data"] == {"a": "nan", "b": [1, "inf"]}
    assert verify([json.loads(canonical(entry))]) == []


def test_an_entry_survives_the_wire():
    entries, _ = chain(3)
    assert verify([wire.unpack(wire.pack(e)) for e in entries]) == []


def test_a_full_disk_is_told(tmp_path):
    with open("/dev/full", "wb") as full:
        if not full.writable():
            pytest.skip("no /dev/full")
    path = tmp_path / "audit.jsonl"
    path.symlink_to("/dev/full")
    writer = AuditWriter(path)
    entries, _ = chain(1)
    writer.write(entries[0])
    writer.close()
    assert "audit log audit.jsonl: No space left" in writer.error
