"""Crashes, edits and files that are none of ours."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from sample_session import DESCRIPTION, image

from matstudio.control import audit
from matstudio.domain.clock import RealClock
from matstudio.recording.verify import verify
from matstudio.recording.writer import SessionWriter
from matstudio.session import layout
from matstudio.session.reader import Session
from matstudio.session.recovery import InUse, clear_write_flag, lookup3

CRASHING = """
import sys, time
sys.path.insert(0, {here!r})
from pathlib import Path
from sample_session import DESCRIPTION, image
from matstudio.domain.clock import RealClock
from matstudio.recording.writer import SessionWriter
w = SessionWriter(Path({path!r}), DESCRIPTION, RealClock.start(), [image(0)])
for seq in range(1, 41):
    w.add_frame(image(seq))
    if seq == 30:
        w.flush()
        print("flushed", flush=True)
print("written", flush=True)
time.sleep(60)
"""


def audit_lines(n: int) -> list[bytes]:
    link, lines = audit.Link(), []
    for i in range(n):
        entry, link = audit.append(
            link, t=float(i), wall=0.0, kind="output", who="pid", text="heater Å", data={"value": i / 10}
        )
        lines.append(audit.canonical(entry))
    return lines


def test_lookup3_is_the_checksum_of_a_superblock(writer):
    writer.close()
    head = writer.path.read_bytes()[:48]
    assert head[8] == 3
    assert lookup3(head[:44]) == int.from_bytes(head[44:], "little")
    assert lookup3(b"Four score and seven years ago") == 0x17770551  # the author's own test vectors
    assert lookup3(b"Four score and seven years ago", 1) == 0xCD628161


def test_a_killed_writer_loses_what_came_after_the_flush_and_is_repaired(tmp_path: Path):
    path = tmp_path / "killed.nxs"
    code = CRASHING.format(here=str(Path(__file__).parent), path=str(path))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "flushed\n"
        with h5py.File(path, "r", swmr=True) as file:  # others read while it is written
            assert file["entry/image/seq"].shape == (31,)
        with pytest.raises(InUse):
            clear_write_flag(path)
        report = verify(path)
        assert report.ok
        assert report.live
        assert not report.repaired
        assert child.stdout.readline() == "written\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    with pytest.raises(OSError, match="already open for write"):
        h5py.File(path, "r")
    with Session.open(path) as session:
        assert session.crashed
        assert session.streams["image"].n == 31
    report = verify(path)
    assert report.ok, report.lines
    assert report.repaired
    assert report.counts["frames image"] == 31
    assert any("left open by a crash" in line for line in report.lines)
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(file["entry/image/data"][30], image(30).data)
    with Session.open(path) as session:
        assert not session.live
        np.testing.assert_array_equal(session.frame("image", -1).data, image(30).data)
    assert not verify(path).repaired


def test_a_frame_that_a_crash_cut_is_left_out(writer):
    for seq in range(1, 10):
        writer.add_frame(image(seq))
    writer.close()
    with h5py.File(writer.path, "r+") as file:
        file["entry/image/seq"].resize(8, axis=0)
        file["entry/image/seq"].resize(9, axis=0)
    report = verify(writer.path)
    assert report.ok
    assert (report.counts["frames image"], report.counts["cut image"]) == (8, 2)
    with Session.open(writer.path) as session:
        assert session.frame("image", -1).seq == 7


def test_the_audit_chain_is_checked_from_the_file(writer):
    lines = audit_lines(20)
    for line in lines:
        writer.add_event(line)
    writer.close()
    report = verify(writer.path)
    assert report.ok, report.lines
    assert report.counts["audit entries"] == 20
    assert any(json.loads(lines[-1])["hash"] in line for line in report.lines)


def _swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:6], lines[7], lines[6], *lines[8:]]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: [*x[:6], x[6].replace(b'"value":0.6', b'"value":0.9'), *x[7:]], "entry 7: its hash"),
        (lambda x: [*x[:6], x[6].replace("Å".encode(), b"nm"), *x[7:]], "entry 7: its hash"),
        (lambda x: [*x[:6], *x[7:]], "entry 8: follows entry 6"),
        (_swap, "entry 8: follows entry 6"),
        (lambda x: [*x[:6], x[6].replace(b'"hash":"', b'"hash":"f'), *x[7:]], "entry 7: its hash"),
        (lambda x: x[1:], "entry 2: follows entry 0"),
        (lambda x: [*x[:6], x[6][:40], *x[7:]], "a line cannot be read"),
    ],
    ids=["data", "text", "removed", "swapped", "hash", "first removed", "truncated"],
)
def test_an_audit_entry_that_was_changed_is_named(writer, change, says):
    for line in change(audit_lines(20)):
        writer.add_event(line)
    writer.close()
    report = verify(writer.path)
    assert not report.ok
    wrong = [line for line in report.lines if line.startswith("WRONG")]
    assert any(says in line for line in wrong), wrong


def test_an_audit_entry_that_was_edited_in_the_file_is_named(writer):
    for line in audit_lines(20):
        writer.add_event(line)
    writer.close()
    with h5py.File(writer.path, "r+") as file:
        text = file["entry/events/text"]
        row = next(i for i, t in enumerate(text[()]) if b'"n":7,' in t)
        text[row] = text[row].replace(b'"value":0.6', b'"value":0.9')
    report = verify(writer.path)
    assert [line for line in report.lines if line.startswith("WRONG")] == [
        "WRONG: audit log: entry 7: its hash does not fit its content and the entry before it"
    ]


def test_an_audit_log_whose_end_was_cut_off_shows_another_last_hash(writer):
    """That its end is missing can be told only by who has the hash that was shown at stop."""
    lines = audit_lines(20)
    for line in lines[:15]:
        writer.add_event(line)
    writer.close()
    report = verify(writer.path)
    assert report.ok
    told = next(line for line in report.lines if line.startswith("audit log"))
    assert json.loads(lines[14])["hash"] in told
    assert json.loads(lines[19])["hash"] not in told


@pytest.mark.parametrize(("missed", "dropped", "lost"), [(5, 5, 0), (0, 0, 5), (2, 2, 3)])
def test_gaps_are_held_against_the_counter(writer, missed, dropped, lost):
    writer.add_frame(image(1))
    writer.add_frame(image(7), missed=missed)
    writer.close()
    report = verify(writer.path)
    assert (report.counts["dropped image"], report.counts["lost image"]) == (dropped, lost)


def test_times_that_go_back_are_found(writer):
    for seq in (1, 2, 3):
        writer.add_frame(image(seq))
    writer.close()
    with h5py.File(writer.path, "r+") as file:
        file["entry/image/t_start"][2] = -5.0
    report = verify(writer.path)
    assert not report.ok
    assert any("WRONG: image: an exposure begins before" in line for line in report.lines)


@pytest.mark.parametrize("index", [0, 7, 29])
def test_one_bit_that_flipped_in_a_frame_is_found(writer, index):
    rng = np.random.default_rng(index)
    for seq in range(1, 30):
        frame = image(seq)
        noise = rng.integers(0, 60000, frame.data.shape).astype("u2")  # LZ4 leaves it as it is, and checks nothing
        writer.add_frame(type(frame)(**{**vars(frame), "data": noise}))
    writer.close()
    with h5py.File(writer.path) as file:
        chunk = file["entry/image/data"].id.get_chunk_info_by_coord((index, 0, 0))
    for at in rng.integers(0, chunk.size, 5):
        body = bytearray(writer.path.read_bytes())
        body[chunk.byte_offset + at] ^= 1 << rng.integers(8)
        damaged = writer.path.with_name("damaged.nxs")
        damaged.write_bytes(bytes(body))
        report = verify(damaged)
        assert not report.ok
        assert any(line.startswith(f"WRONG: image: frame {index} cannot be read: ") for line in report.lines)
        with Session.open(damaged) as session, pytest.raises(ValueError, match=f"image frame {index}"):
            session.frame("image", index)


def test_a_frame_whose_data_were_never_written_is_found(writer):
    for seq in range(1, 5):
        writer.add_frame(image(seq))
    writer.close()
    with h5py.File(writer.path, "r+") as file:
        group = file["entry/image"]
        for name in ("data", "t_start", "t_end", "seq", "missed", "metadata", "metadata_bytes"):
            group[name].resize(7, axis=0)
            if name != "data":
                group[name][5:] = group[name][4]
        group["seq"][5:], group["t_start"][5:], group["t_end"][5:] = (5, 6), (0.5, 0.6), (0.59, 0.69)
        group["data"][6] = image(6).data  # 5 reads as zeros
    report = verify(writer.path)
    wrong = [line for line in report.lines if line.startswith("WRONG: image: frame")]
    assert [line.rpartition(": ")[2] for line in wrong] == ["its data were never written"], report.lines
    assert wrong[0].startswith("WRONG: image: frame 5 ")


def test_a_file_of_format_version_1_opens_and_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = h5py.Group.create_dataset
    monkeypatch.setattr(
        h5py.Group, "create_dataset", lambda *a, **k: real(*a, **{n: v for n, v in k.items() if n != "fletcher32"})
    )
    monkeypatch.setattr(layout, "FORMAT_VERSION", 1)
    writer = SessionWriter(tmp_path / "old.nxs", DESCRIPTION, RealClock.start(), [image(0)])
    for seq in range(1, 5):
        writer.add_frame(image(seq))
    writer.close()
    monkeypatch.undo()
    report = verify(writer.path)
    assert report.ok, report.lines
    assert any("frames have no checksum" in line for line in report.lines)
    with Session.open(writer.path) as session:
        np.testing.assert_array_equal(session.frame("image", 4).data, image(4).data)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"received": 13, "recorded": 9, "dropped": 4}, "10 frames, but the recorder wrote 9"),
        ({"received": 15, "recorded": 10, "dropped": 4}, "15 received are not 10 recorded and 4 dropped"),
        ({"received": 12, "recorded": 10, "dropped": 2}, "2 dropped, but 4 before the last frame"),
        ({"received": 14, "recorded": 10, "dropped": 4}, ""),
    ],
)
def test_what_the_recorder_counted_is_held_against_the_rows(writer, counts, says):
    for seq in range(1, 9):
        writer.add_frame(image(seq))
    writer.add_frame(image(13), missed=4)
    writer.close("end", {"counts": {"image": counts}})
    report = verify(writer.path)
    wrong = [line for line in report.lines if line.startswith("WRONG")]
    assert wrong == ([f"WRONG: image: {says}"] if says else [])
    assert ("image: 14 received, 10 recorded, 4 dropped" in report.lines) == (not says)


def test_a_file_that_cannot_be_read_through_is_found(tmp_path):
    path = tmp_path / "holes.nxs"
    frame = image(0)
    data = np.random.default_rng(0).integers(0, 60000, frame.data.shape).astype("u2")
    writer = SessionWriter(path, DESCRIPTION, RealClock.start(), [type(frame)(**{**vars(frame), "data": data})])
    writer.close()
    with h5py.File(path) as file:
        chunk = file["entry/image/data"].id.get_chunk_info_by_coord((0, 0, 0))
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    report = verify(path)
    assert not report.ok
    assert any("frame 0 cannot be read" in line for line in report.lines)


def _no_hdf5(path: Path) -> None:
    path.write_text("hello" * 100)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _other_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = 1


def _folder(path: Path) -> None:
    path.mkdir()


def _newer(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "matstudio-session", 99


def _hollow(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "matstudio-session", 1
        file.create_group("entry/session")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_no_hdf5, "not an HDF5 file"),
        (_empty, "empty file"),
        (_other_hdf5, "not a MatStudio session"),
        (_folder, "a folder"),
        (_newer, "format version 99"),
        (_hollow, "damaged session"),
        (lambda path: None, "No such file"),
    ],
)
def test_what_is_no_session_gets_one_line(tmp_path: Path, make, says):
    path = tmp_path / "x.nxs"
    make(path)
    with pytest.raises(ValueError, match=says) as caught:
        verify(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("part", [10, 47, 300, 0.3, 0.9])
def test_a_truncated_session_gets_one_line(writer, part):
    for seq in range(1, 20):
        writer.add_frame(image(seq))
    writer.close()
    size = writer.path.stat().st_size
    os.truncate(writer.path, int(part * size) if isinstance(part, float) else part)
    before = writer.path.read_bytes()
    with pytest.raises(ValueError) as caught:
        verify(writer.path)
    assert "\n" not in str(caught.value)
    assert str(writer.path) in str(caught.value)
    assert writer.path.read_bytes() == before


def _crashed(body: bytes) -> bytearray:
    """The bytes of a closed file with the write flag that a killed recorder leaves."""
    out = bytearray(body)
    out[11] = 5
    out[44:48] = lookup3(bytes(out[:44])).to_bytes(4, "little")
    return out


@pytest.mark.parametrize("missing", [1, 2000])
def test_what_a_crash_kept_from_the_end_of_a_file_does_not_close_the_rest(writer, missing):
    """A recorder that is killed, or finds no room, between telling the file's length and writing so much."""
    for seq in range(1, 20):
        writer.add_frame(image(seq))
        writer.flush()
    writer.close()
    body = _crashed(writer.path.read_bytes())
    writer.path.write_bytes(body[: len(body) - missing])
    with pytest.raises(OSError):
        h5py.File(writer.path, "r")
    with Session.open(writer.path) as session:  # without a change to the file
        np.testing.assert_array_equal(session.frame("image", 0).data, image(0).data)
    assert writer.path.stat().st_size == len(body) - missing
    report = verify(writer.path)
    assert report.repaired
    assert f"{missing} bytes at its end were never written; zeros stand there now" in report.lines
    with h5py.File(writer.path, "r") as file:
        assert file["entry/image/data"].shape[0] == 20


def test_a_crash_that_took_half_of_a_file_gets_one_line(writer):
    writer.close()
    body = _crashed(writer.path.read_bytes())
    writer.path.write_bytes(body[: len(body) // 2])
    with pytest.raises(ValueError, match="damaged session") as caught:
        verify(writer.path)
    assert "\n" not in str(caught.value)
    assert writer.path.read_bytes() == body[: len(body) // 2]


@pytest.mark.parametrize("crashed", [False, True])
def test_bits_that_flipped_never_hang_or_raise_more_than_one_line(writer, crashed):
    for seq in range(1, 5):
        writer.add_frame(image(seq))
    writer.close()
    whole = _crashed(writer.path.read_bytes()) if crashed else bytearray(writer.path.read_bytes())
    used = np.flatnonzero(np.frombuffer(whole, np.uint8)[48:]) + 48
    rng = np.random.default_rng(0)
    refused = []
    for _ in range(20):
        body = whole.copy()
        for at in rng.choice(used, 3):
            body[at] ^= 1 << rng.integers(8)
        writer.path.write_bytes(bytes(body))
        try:
            report = verify(writer.path)
            refused += [line for line in report.lines if line.startswith("WRONG")][:1]
        except ValueError as error:
            refused.append(str(error))
    assert len(refused) > 5
    assert not [text for text in refused if "\n" in text]


def test_a_damaged_superblock_is_not_touched(writer):
    writer.close()
    body = bytearray(writer.path.read_bytes())
    body[20] ^= 0x55
    writer.path.write_bytes(bytes(body))
    with pytest.raises(ValueError, match="damaged superblock"):
        verify(writer.path)
    assert writer.path.read_bytes() == bytes(body)
