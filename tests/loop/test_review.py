"""A run whose every process is killed with -9: its session, replayed, shows the second before."""

import json
import os
import signal
import threading

import pytest

from matstudio.bus.messages import CommandClient, Subscriber
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, LAUNCHER, RECORDER, STATION, Run
from matstudio.instruments.replay.server import serve


@pytest.mark.timeout(180)
def test_the_replay_shows_the_second_before_the_crash(loop, tmp_path):
    """The recorder dies once before, so that the session is in two files."""
    one = loop("--headless", "--record", str(tmp_path / "s.nxs"))
    one.ask(STATION, "mode", who="ana", mode="PID")
    assert one.wait(lambda: one.recording() and one.last["recording"]["recorded"].get("image", 0) > 5)
    one.hear(1.2)
    first = one.recording()
    one.kill(RECORDER)
    assert one.wait(lambda: one.recording() not in ("", first))
    second = one.recording()
    one.hear(2.0)
    one.ask(STATION, "halt", who="ana", why="the last second")
    one.ask(STATION, "note", who="ana", text="seen", bookmark=True)
    one.hear(1.5)  # a flush comes every second, and what came after the last one is lost
    killed_at = one.run.clock.now()
    for process in (LAUNCHER, *(p for p in one.run.alive() if p != LAUNCHER)):
        os.kill(one.pids.get(process, 0) if process == LAUNCHER else one.pid(process), signal.SIGKILL)

    run, stop = Run.create(f"replay:{tmp_path / first}"), threading.Event()
    device = threading.Thread(target=serve, args=(run, stop))
    device.start()
    client = CommandClient(run.socket(DEVICE, "cmd"))
    heard = Subscriber(run.socket(DEVICE, "pub"))
    rings: list[RingReader] = []
    try:
        told = client.request("describe", timeout=30)["description"]
        rings += [RingReader(run.ring(s.name)) for s in told.streams]
        page = client.request("timeline", start=0)
        client.request("seek", t=told.state["duration"])
        newest: dict[str, int] = {}

        def last_frames() -> bool:
            for ring in rings:
                frame = ring.newest()
                if frame is not None:
                    newest[frame.stream] = frame.metadata["recorded_t"]
            one.last.update(heard.receive(0.02))
            return set(newest) == {s.name for s in told.streams}

        assert one.wait(last_frames, 20), newest
        one.wait(lambda: last_frames() and min(newest.values()) > killed_at - 2.5, 20)  # a frame is read in a thread
        assert page["facts"]["end"] > killed_at - 2.5  # measured 0.8 s with both processor cores busy
        assert all(t > killed_at - 2.5 for t in newest.values()), (newest, killed_at)
        endings = {p["name"]: p["ending"] for p in page["facts"]["parts"]}
        assert endings[first] == endings[second] == "broken off"
        assert list(endings)[-1] == second
        kinds = {e["kind"]: e for e in page["events"] if e["t"] > killed_at - 4.0}
        assert kinds["mode"]["data"]["new"] == "SAFE"
        assert kinds["alarm"]["data"]["priority"] == "high"
        assert (kinds["note"]["text"], kinds["note"]["data"]["bookmark"]) == ("seen", True)
        texts = [e["text"] for e in page["events"]]
        assert any("recorder ended with -9" in text for text in texts)
        assert len(texts) == len(set(json.dumps(e, sort_keys=True) for e in page["events"]))  # each once
    finally:
        stop.set()
        device.join()
        for end in (client, heard, *rings):
            end.close()
        run.remove()
