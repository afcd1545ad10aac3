"""The recorder: its process against a tiny device of rings and sockets, and its rules without a process."""

import os
import shutil
import signal
import threading
import time
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_session import DESCRIPTION, IMAGE_AXES, image, spectrum

from matstudio.bus.messages import CommandClient, CommandError, CommandServer, Publisher, Subscriber
from matstudio.bus.processes import spawn, wait_for
from matstudio.bus.ring import RingWriter
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, Run
from matstudio.control import audit
from matstudio.domain.device import Description
from matstudio.domain.estimate import Estimate, MaterialState, Model, Quantity
from matstudio.domain.frame import Frame
from matstudio.domain.process import Reading
from matstudio.recording import filethread, process, recording
from matstudio.recording.recording import new_path
from matstudio.recording.tally import Tally
from matstudio.recording.verify import verify
from matstudio.session.reader import Session


class FakeRun:
    """A device's rings and sockets, a model host's publisher and an audit log, driven by the test."""

    def __init__(self, options: dict[str, object] | None = None) -> None:
        self.run = Run.create("twin", dict(options or {}))
        self.rings: dict[str, RingWriter] = {}
        self.start_device()
        self.device = Publisher(self.run.socket(DEVICE, "pub"))
        self.models = Publisher(self.run.socket(MODELHOST, "pub"))
        self.server = CommandServer(
            self.run.socket(DEVICE, "cmd"), DEVICE, {"describe": lambda: {"description": self.description}}
        )
        self.client = CommandClient(self.run.socket(RECORDER, "cmd"))
        self.heard = Subscriber(self.run.socket(RECORDER, "pub"))
        self.link = audit.Link()
        self.log = audit.AuditWriter(self.run.audit_path)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def start_device(self) -> None:
        """(Re)start the device: new rings."""
        for ring in self.rings.values():
            ring.close()
        self.rings = {n: RingWriter(self.run.ring(n), 4096, slots=16) for n in ("image", "spectrum")}
        streams = tuple(replace(s, ring=str(self.rings[s.name].path)) for s in DESCRIPTION.streams)
        state = {"boot": str(time.monotonic_ns())}
        self.description: Description = replace(DESCRIPTION, streams=streams, state=state)

    def _serve(self) -> None:
        while not self.stop.is_set():
            self.server.serve(0.02)

    def write(self, *frames: Frame) -> None:
        for frame in frames:
            self.rings[frame.stream].write(frame)

    def event(self, text: str) -> None:
        entry, self.link = audit.append(self.link, t=0.0, wall=0.0, kind="note", who="station", text=text, data={})
        self.log.write(entry)

    def status(self) -> dict[str, object]:
        return self.client.request("status")

    def received(self, stream: str) -> int:
        return self.status()["received"].get(stream, 0)

    def close(self) -> None:
        self.stop.set()
        self.thread.join()
        self.log.close()
        for end in (self.server, self.client, self.heard, self.device, self.models, *self.rings.values()):
            end.close()
        self.run.remove()


@pytest.fixture
def fake(runtime: Path):
    f = FakeRun()
    yield f
    f.close()


@pytest.fixture
def in_thread(fake: FakeRun):
    """The recorder in a thread of the test, so that its limits can be changed."""
    stop = threading.Event()
    thread = threading.Thread(target=process.body, args=(fake.run, stop))

    def start() -> FakeRun:
        thread.start()
        fake.client.request("ping", timeout=5.0)
        return fake

    yield start
    stop.set()
    if thread.ident:
        thread.join(10)


def test_the_process_records_all_and_goes_on_after_it_was_killed(tmp_path: Path, fake: FakeRun):
    path = tmp_path / "s.nxs"
    for i in range(3):
        fake.event(f"before {i}")
    child = spawn(fake.run, RECORDER, "matstudio.recording")
    try:
        fake.client.request("ping", timeout=20.0)
        fake.write(*(image(i) for i in range(5)), spectrum(0))
        assert fake.client.request("record", path=str(path)) == {"path": str(path)}
        with pytest.raises(CommandError, match="already recording"):
            fake.client.request("record", path=str(path))
        assert wait_for(lambda: fake.received("image") == 1, 5)  # from the newest on
        for i in range(5, 40):
            fake.write(image(i))
            time.sleep(0.01)
        fake.device.send("readings", {"t": 1.0, "readings": (Reading("temperature", 400.0, "K", 1.0),), "state": {}})
        quantity = {"order_parameter": Quantity(0.5, 0.1, "1")}
        fake.models.send("estimate", Estimate("image", 39, 3.9, Model("m", "1", "c"), quantity))
        fake.models.send("state", MaterialState(3.9, quantity, {"order_parameter": ()}))
        fake.event("while recording")
        assert wait_for(lambda: fake.received("image") == 36, 5)
        assert wait_for(path.exists, 5)

        def flushed() -> bool:
            with Session.open(path) as session:
                return session.live and session.streams["image"].n == 36

        assert wait_for(flushed, 5, 0.1)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()

        child = spawn(fake.run, RECORDER, "matstudio.recording")  # as its supervisor does
        second = tmp_path / "s-2.nxs"
        fake.write(image(50), image(51))
        assert wait_for(second.exists, 20)
        assert fake.status()["state"] == "recording"
        assert "recovered" in " ".join(e["text"] for e in _events_when(second, "recovered"))
        child.terminate()
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.wait()
    report = verify(path)
    assert report.ok, report.lines
    assert not report.repaired  # the next start has done that
    assert (report.counts["frames image"], report.counts["audit entries"]) == (36, 4)
    with Session.open(path) as session:
        np.testing.assert_array_equal(session.streams["image"].seq, np.arange(4, 40))
        np.testing.assert_array_equal(session.frame("image", 20).data, image(24).data)
        assert session.readings()["temperature"][1][-1] == 400.0
        assert [e.seq for e in session.estimates("image")] == [39]
        assert len(session.states()) == 1
    report = verify(second)
    assert report.ok, report.lines
    assert report.counts["audit entries"] == 4
    with Session.open(second) as session:
        assert list(session.streams["image"].seq) == [50, 51]  # none that came while nobody recorded is missing


def _events_when(path: Path, word: str) -> list[dict[str, object]]:
    def events() -> list[dict[str, object]]:
        with Session.open(path) as session:
            return session.events()

    assert wait_for(lambda: any(word in e["text"] for e in events()), 5, 0.1)
    return events()


def test_stop_closes_the_file_and_status_tells_its_state(tmp_path: Path, in_thread: Callable[[], FakeRun]):
    fake = in_thread()
    assert fake.status()["state"] == "idle"
    assert fake.status()["hours_left"] == pytest.approx((fake.status()["free"] - 5e8) / 8e6 / 3600, rel=0.01)
    with pytest.raises(CommandError, match="not recording"):
        fake.client.request("stop_recording")
    with pytest.raises(CommandError, match="no such folder"):
        fake.client.request("record", path=str(tmp_path / "no" / "s.nxs"))
    with pytest.raises(CommandError, match="a folder"):
        fake.client.request("record", path=str(tmp_path))
    with pytest.raises(CommandError):
        fake.client.request("record", path="~nobody-of-that-name/s.nxs")
    (tmp_path / "s.nxs").write_text("something else")
    fake.write(image(0), spectrum(0))
    assert fake.client.request("record", path=str(tmp_path / "s.nxs")) == {"path": str(tmp_path / "s-2.nxs")}
    assert wait_for(lambda: fake.received("image") == 1, 5)
    for i in range(1, 11):
        fake.write(image(i))
    assert wait_for(lambda: fake.received("image") == 11, 5)
    assert fake.client.request("stop_recording") == {"paths": (str(tmp_path / "s-2.nxs"),)}
    status = fake.status()
    assert (status["state"], status["error"], status["dropped"]) == ("idle", None, {"image": 0, "spectrum": 0})
    assert status["bytes"] == (tmp_path / "s-2.nxs").stat().st_size
    assert verify(tmp_path / "s-2.nxs").counts["frames image"] == 11
    assert (tmp_path / "s.nxs").read_text() == "something else"
    assert wait_for(lambda: any(topic == "recording" for topic, _ in fake.heard.receive(0.1)), 3)


def test_what_the_ring_lost_is_counted(tmp_path: Path, in_thread: Callable[[], FakeRun]):
    fake = in_thread()
    fake.write(image(0), spectrum(0))
    fake.client.request("record", path=str(tmp_path / "s.nxs"))
    assert wait_for(lambda: fake.received("image") == 1, 5)
    fake.write(*(image(i) for i in range(1, 2000)))  # far faster than anyone reads
    assert wait_for(lambda: fake.received("image") == 2000, 5)
    fake.client.request("stop_recording")
    report, status = verify(tmp_path / "s.nxs"), fake.status()
    assert status["dropped"]["image"] > 0
    assert report.ok, report.lines
    assert report.counts["frames image"] == status["recorded"]["image"]
    assert (report.counts["dropped image"], report.counts["lost image"]) == (status["dropped"]["image"], 0)
    assert report.counts["received image"] == 2000


def test_another_layout_and_another_device_go_to_the_next_file(tmp_path: Path, in_thread: Callable[[], FakeRun]):
    fake = in_thread()
    fake.write(image(0), spectrum(0))
    fake.client.request("record", path=str(tmp_path / "s.nxs"))
    assert wait_for(lambda: fake.received("image") == 1, 5)
    small = replace(image(1), data=image(1).data[:16], axes=(replace(IMAGE_AXES[0], size=16), IMAGE_AXES[1]))
    fake.write(small, spectrum(1))
    assert wait_for((tmp_path / "s-2.nxs").exists, 5)
    fake.start_device()
    fake.write(image(0), spectrum(0))
    assert wait_for((tmp_path / "s-3.nxs").exists, 8)
    fake.client.request("stop_recording")
    for name, shape in (("s.nxs", (32, 24)), ("s-2.nxs", (16, 24)), ("s-3.nxs", (32, 24))):
        assert verify(tmp_path / name).ok
        with Session.open(tmp_path / name) as session:
            assert session.streams["image"].shape == shape
            assert set(session.streams) == {"image", "spectrum"}
    assert fake.status()["received"] == {"image": 3, "spectrum": 3}


def test_a_stream_without_frames_does_not_hold_up_the_others(
    tmp_path: Path, in_thread: Callable[[], FakeRun], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recording, "FIRST_FRAMES_S", 0.2)
    fake = in_thread()
    fake.write(image(0))
    fake.client.request("record", path=str(tmp_path / "s.nxs"))
    assert wait_for((tmp_path / "s.nxs").exists, 5)
    fake.client.request("stop_recording")
    with Session.open(tmp_path / "s.nxs") as session:
        assert set(session.streams) == {"image"}


def test_a_nearly_full_disk(tmp_path: Path, in_thread: Callable[[], FakeRun], monkeypatch: pytest.MonkeyPatch):
    free = [1_500_000_000]
    monkeypatch.setattr(process, "free_bytes", lambda folder: free[0])
    fake = in_thread()
    with pytest.raises(CommandError, match=r"1\.5 GB free, recording needs 2 GB"):
        fake.client.request("record", path=str(tmp_path / "s.nxs"))
    free[0] = 3_000_000_000
    fake.write(image(0), spectrum(0))
    fake.client.request("record", path=str(tmp_path / "s.nxs"))
    assert wait_for((tmp_path / "s.nxs").exists, 5)
    free[0] = 100_000_000
    assert wait_for(lambda: fake.status()["state"] == "failed", 5)
    assert "disk full (100 MB free)" in fake.status()["error"]
    assert wait_for(lambda: verify(tmp_path / "s.nxs").counts["frames image"] == 1, 5)
    assert not verify(tmp_path / "s.nxs").repaired


def test_a_write_that_fails_stops_the_recording(
    tmp_path: Path, in_thread: Callable[[], FakeRun], monkeypatch: pytest.MonkeyPatch
):
    fake = in_thread()
    fake.write(image(0), spectrum(0))
    fake.client.request("record", path=str(tmp_path / "s.nxs"))
    assert wait_for((tmp_path / "s.nxs").exists, 5)

    def full(*_: object) -> None:
        raise RuntimeError("Unable to flush\n(errno = 28, error message = 'No space left on device')")

    monkeypatch.setattr(filethread.SessionWriter, "add_frame", full)
    fake.write(image(1))
    assert wait_for(lambda: fake.status()["state"] == "failed", 5)
    assert fake.status()["error"] == f"{tmp_path / 's.nxs'}: No space left on device"
    assert verify(tmp_path / "s.nxs").ok


def _unlink(path: Path) -> None:
    path.unlink()


def _rename(path: Path) -> None:
    path.rename(path.with_name("other.nxs"))


def _replace(path: Path) -> None:
    path.with_name("other").write_text("something else")
    path.with_name("other").replace(path)


def _remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps files that are open")
@pytest.mark.parametrize("remove", [_unlink, _rename, _replace, _remove_folder])
def test_a_file_that_is_removed_ends_the_recording(tmp_path: Path, in_thread: Callable[[], FakeRun], remove):
    fake = in_thread()
    (tmp_path / "d").mkdir()
    path = tmp_path / "d" / "s.nxs"
    fake.write(image(0), spectrum(0))
    fake.client.request("record", path=str(path))
    assert wait_for(path.exists, 5)
    remove(path)
    assert wait_for(lambda: fake.status()["state"] == "failed", 5)
    where = path.parent if remove is _remove_folder else path
    assert str(fake.status()["error"]).startswith(f"{where}: ")
    status = fake.status()
    assert wait_for(lambda: fake.status()["recorded"] == {"image": 0, "spectrum": 0}, 5)  # nobody finds them there
    assert status["received"] == {"image": 1, "spectrum": 1} == fake.status()["dropped"]
    (tmp_path / "d").mkdir(exist_ok=True)
    assert fake.client.request("record", path=str(tmp_path / "d" / "next.nxs"))  # and another one can begin
    assert wait_for((tmp_path / "d" / "next.nxs").exists, 5)


def test_a_slow_disk_makes_frames_wait_and_then_drops_them(
    tmp_path: Path, in_thread: Callable[[], FakeRun], monkeypatch: pytest.MonkeyPatch
):
    real, go = filethread.SessionWriter.add_frame, threading.Event()

    def slow(*arguments: object) -> None:
        assert go.wait(20)
        real(*arguments)

    fake = in_thread()
    fake.write(image(0), spectrum(0))
    fake.client.request("record", path=str(tmp_path / "s.nxs"))
    assert wait_for((tmp_path / "s.nxs").exists, 5)
    monkeypatch.setattr(filethread.SessionWriter, "add_frame", slow)
    monkeypatch.setattr(filethread, "BACKLOG_BYTES", 10 * image(0).data.nbytes)
    for seq in range(1, 31):
        fake.write(image(seq))
        assert wait_for(lambda seq=seq: fake.received("image") == seq + 1, 5)  # commands are answered meanwhile
    status = fake.status()
    assert [status[word]["image"] for word in ("received", "recorded", "waiting", "dropped")] == [31, 1, 10, 20]
    go.set()
    assert wait_for(lambda: fake.status()["waiting"]["image"] == 0, 5)
    fake.write(image(31))
    assert wait_for(lambda: fake.status()["recorded"]["image"] == 12, 5)
    fake.client.request("stop_recording")
    assert fake.status()["dropped"]["image"] == 20
    report = verify(tmp_path / "s.nxs")
    assert report.ok, report.lines
    assert [report.counts[f"{word} image"] for word in ("received", "frames", "dropped", "lost")] == [32, 12, 20, 0]
    assert "frames image: 20 not written, because the disk was too slow or failed" in report.lines
    with Session.open(tmp_path / "s.nxs") as session:
        info = session.streams["image"]
        assert (info.seq.tolist(), info.missed[-2:].tolist()) == ([*range(11), 31], [0, 20])


def test_a_recording_that_is_stopped_at_once_keeps_what_has_come(tmp_path: Path, in_thread: Callable[[], FakeRun]):
    fake = in_thread()
    fake.write(image(0))  # the other stream is silent, and the file waits for it
    fake.client.request("record", path=str(tmp_path / "s.nxs"))
    assert wait_for(lambda: fake.received("image") == 1, 5)
    assert fake.client.request("stop_recording") == {"paths": (str(tmp_path / "s.nxs"),)}
    assert verify(tmp_path / "s.nxs").counts["received image"] == 1
    assert fake.status()["recorded"] == {"image": 1, "spectrum": 0}


def test_what_another_layout_makes_useless_is_counted(tmp_path: Path, in_thread: Callable[[], FakeRun]):
    fake = in_thread()
    small = replace(image(1), data=image(1).data[:16], axes=(replace(IMAGE_AXES[0], size=16), IMAGE_AXES[1]))
    fake.write(image(0))
    fake.client.request("record", path=str(tmp_path / "s.nxs"))
    assert wait_for(lambda: fake.received("image") == 1, 5)
    fake.write(small, spectrum(0))  # before the file was begun
    assert wait_for((tmp_path / "s.nxs").exists, 5)
    fake.client.request("stop_recording")
    report = verify(tmp_path / "s.nxs")
    assert report.ok, report.lines
    assert [report.counts[f"{word} image"] for word in ("received", "frames", "dropped")] == [2, 1, 1]


def test_what_was_stopped_stays_stopped_and_what_was_not_goes_on(tmp_path: Path, fake: FakeRun):
    """Over a recorder's death: whatever it was doing, also before its first file was there."""

    def die(command: str, **fields: str) -> dict[str, object]:
        child = spawn(fake.run, RECORDER, "matstudio.recording")
        try:
            fake.client.request("ping", timeout=20.0)
            fake.client.request(command, **fields)
            return fake.status()
        finally:
            child.kill()
            child.wait()

    assert die("record", path=str(tmp_path / "s.nxs"))["state"] == "recording"  # there was no frame yet: no file
    assert list(tmp_path.glob("*.nxs")) == []
    assert die("ping")["state"] == "recording"
    assert die("stop_recording")["state"] == "idle"
    assert die("ping")["state"] == "idle"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_backlog_that_is_full_counts_what_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    go = threading.Event()
    monkeypatch.setattr(filethread, "BACKLOG_BYTES", 100)

    def slow() -> None:
        go.wait(5)
        raise OSError(28, "no")

    thread = filethread.FileThread(tmp_path / "s.nxs", slow, Tally())
    assert thread.put("x", lambda w: None, 80)
    assert not thread.put("x", lambda w: None, 80)
    go.set()
    assert thread.join(5)
    assert thread.error == os.strerror(28)
    assert not thread.put("x", lambda w: None)


def test_the_recorder_ends_when_station_and_device_have(fake: FakeRun, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "ALONE_S", 0.1)
    thread = threading.Thread(target=process.body, args=(fake.run, threading.Event()))
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


def test_free_bytes_and_new_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(3, 2, 1))
    assert process.free_bytes(tmp_path) == 1
    for name in ("a.nxs", "a-2.nxs"):
        (tmp_path / name).touch()
    assert new_path(tmp_path / "a.nxs") == tmp_path / "a-3.nxs"
