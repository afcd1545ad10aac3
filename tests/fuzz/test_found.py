"""What mutations found once, each as a file or message of its own."""

from __future__ import annotations

from pathlib import Path

import corpus
import h5py
import msgpack
import numpy as np
import pytest

from matstudio.bus import wire
from matstudio.bus.messages import CommandServer
from matstudio.bus.rundir import STATION, Run
from matstudio.instruments.readers import ReaderError, open_file
from matstudio.session.reader import Session


@pytest.fixture
def session(tmp_path: Path) -> Path:
    corpus.session(tmp_path / "s.nxs", closed=True)
    return tmp_path / "s.nxs"


def refused(path: Path, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        Session.open(path).close()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_that_claims_terabytes(session):
    with h5py.File(session, "r+") as file:
        for name in ("t_start", "t_end", "seq", "missed", "metadata_bytes", "data", "metadata"):
            file[f"entry/image/{name}"].resize(10**9, axis=0)
    refused(session, "claims")


@pytest.mark.parametrize("link", [h5py.ExternalLink("/etc/passwd", "/x"), h5py.SoftLink("/entry")])
def test_a_session_has_no_links(session, link):
    with h5py.File(session, "r+") as file:
        del file["entry/image/seq"]
        file["entry/image/seq"] = link
    refused(session, "is a link")


def test_data_in_another_file(session):
    """HDF5 would read it, and crashed on some such files."""
    with h5py.File(session, "r+") as file:
        del file["entry/image/seq"]
        file.create_dataset("entry/image/seq", (6,), "i8", external=[("/etc/hostname", 0, 48)])
    refused(session, "not as a session is written")


@pytest.mark.parametrize("part", ["events", "state", "estimates", "process"])
def test_a_missing_part_is_one_line_where_it_is_read(session, part):
    with h5py.File(session, "r+") as file:
        del file[f"entry/{part}"]
    with Session.open(session) as opened:
        reads = {
            "events": opened.events,
            "state": opened.states,
            "estimates": lambda: opened.estimates("image"),
            "process": opened.readings,
        }
        with pytest.raises(ValueError, match=part[:5]) as caught:
            reads[part]()
        assert str(session) in str(caught.value)


def test_a_record_that_is_no_json(session):
    with h5py.File(session, "r+") as file:
        file["entry/state/record/text"][2] = b"x"
    with Session.open(session) as opened, pytest.raises(ValueError, match=r"s\.nxs: record 2"):
        opened.states()[2]


def test_an_axis_of_frames_without_a_frame(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((0, 4)))
    with pytest.raises(ReaderError, match="shape"):
        open_file(tmp_path / "a.npy")


def test_a_cell_that_is_not_finite(tmp_path):
    (tmp_path / "a.cif").write_text(corpus.CIF.replace("_cell_length_a 3.6", "_cell_length_a 1e999"))
    with pytest.raises(ReaderError):
        open_file(tmp_path / "a.cif")


@pytest.mark.parametrize(
    "body",
    [
        wire.pack(np.zeros(3)),  # an array has no key "n", and says so with an IndexError
        msgpack.packb({"n": 1, "c": [[[]]] * 400, "f": {}}),
        b"\xdd\x00\x0f\xff\xff" * 200_000,  # claims 8 MB of room for each of 1,000 lists
    ],
)
def test_a_request_that_ended_its_receiver(runtime, body):
    run = Run.create("twin")
    server = CommandServer(run.socket(STATION, "cmd"), STATION, {})
    try:
        answer = server._answer(body)
        assert answer is not None
        assert wire.unpack(answer)["ok"] is False
    finally:
        server.close()


def test_a_reading_of_another_type_is_no_message():
    reading = {"!": "Reading", "name": "temperature", "value": "hot", "unit": "K", "t": 0.0, "quality": "good"}
    with pytest.raises(wire.WireError, match="Reading: value is str"):
        wire.unpack(msgpack.packb(reading))


def test_a_calibration_that_is_not_finite_is_none(tmp_path):
    (tmp_path / "a.mca").write_text(corpus.OWN["a.mca"].decode().replace("0.01", "1e999"))
    assert [s.axes[0].units for s in open_file(tmp_path / "a.mca")] == ["px", "eV"]
