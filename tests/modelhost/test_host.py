import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandError, CommandServer, Publisher, Subscriber
from matstudio.bus.ring import RingWriter
from matstudio.bus.rundir import DEVICE, MODELHOST, Run
from matstudio.domain.device import Description, Stream
from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities import base
from matstudio.modalities.base import modalities, modality
from matstudio.modelhost.host import Feed, ModelHost


def frame(seq: int, value: float = 1.0) -> Frame:
    axes = (Axis("Energy loss", "eV", 1.0, 0.0, 16),)
    return Frame("spectrum", Kind.SPECTRUM, seq, np.full(16, value), axes, seq, seq + 0.1, "monotonic")


@dataclass
class Mean:
    name: str = "mean"
    version: str = "1"

    def __call__(self, frame: Frame) -> Estimate:
        if not np.isfinite(frame.data).all():
            raise ValueError("NaN in frame")
        return Estimate(
            frame.stream,
            frame.seq,
            frame.t_end,
            Model("mean", "1", "0"),
            {"order_parameter": Quantity(float(frame.data.mean()), 0.1, "1")},
        )


@pytest.fixture
def ring(tmp_path: Path):
    writer = RingWriter(tmp_path / "spectrum.ring", 128, slots=8)
    yield writer
    writer.close()


def test_a_feed_takes_the_newest_and_counts_the_rest(ring):
    feed = Feed(Stream("spectrum", Kind.SPECTRUM, str(ring.path), 5.0, "x"), Mean())
    for seq in range(3):
        ring.write(frame(seq))
    assert feed.take().seq == 2
    assert (feed.analysed, feed.skipped) == (1, 2)
    assert feed.take() is None
    feed.ring.close()


def test_a_frame_of_a_blanked_beam_is_left_to_no_model(ring):
    feed = Feed(Stream("spectrum", Kind.SPECTRUM, str(ring.path), 5.0, "x"), Mean())
    ring.write(replace(frame(0), metadata={"beam_blanked": True}))
    assert feed.take() is None
    assert (feed.received, feed.analysed, feed.skipped) == (1, 0, 1)
    assert feed.error == "the beam is blanked"
    ring.write(frame(1))
    assert feed.take().seq == 1
    feed.ring.close()


def test_a_model_that_raises_is_shown_and_the_next_frame_is_taken(ring):
    feed = Feed(Stream("spectrum", Kind.SPECTRUM, str(ring.path), 5.0, "x"), Mean())
    ring.write(frame(0, float("nan")))
    assert feed.take() is None
    assert feed.error == "spectrum #0: NaN in frame"
    ring.write(frame(1))
    rested(feed)
    assert feed.take().quantities["order_parameter"].value == 1.0
    assert feed.error == ""
    feed.ring.close()


def test_every_frame_from_the_oldest_in_the_ring_on_is_analysed_skipped_or_failed(ring, tmp_path):
    feed = Feed(Stream("spectrum", Kind.SPECTRUM, str(ring.path), 5.0, "x"), Mean())

    def counts() -> tuple[int, int, int]:
        assert feed.received == feed.analysed + feed.skipped + feed.failed
        return feed.analysed, feed.skipped, feed.failed

    def go_on(first: int, last: int, value: float = 1.0) -> None:
        for seq in range(first, last + 1):
            (again or ring).write(frame(seq, value))
        rested(feed)
        feed.take()

    again = None
    go_on(0, 11)  # the ring holds 8; those before them were never to be had
    held = feed.received
    assert counts() == (1, held - 1, 0)
    assert 6 <= held <= 8
    go_on(12, 14, float("nan"))
    assert counts() == (1, held + 1, 1)
    go_on(15, 40)
    assert counts() == (2, held + 26, 1)
    for seq in (41, 42):  # the device dies with these untaken, and comes back
        ring.write(frame(seq))
    again = RingWriter(tmp_path / "new.ring", 128, slots=8)
    (tmp_path / "new.ring").replace(ring.path)
    go_on(0, 19)
    assert counts() == (3, held + 26 + 2 + 19, 1)
    feed.close()
    again.close()


class Slow(Mean):
    """A model that takes long to load, and one that cannot be loaded."""

    name = "slow"
    go = threading.Event()

    def __init__(self) -> None:
        assert self.go.wait(10)
        super().__init__("slow")


class Broken(Mean):
    def __init__(self) -> None:
        raise ValueError("weights: damaged: cut short")


@pytest.fixture
def hosted(runtime, monkeypatch):
    """A host with one stream that may have three models and a fourth whose weights are absent."""
    inverses = {n: f"{__name__}:{c.__name__}" for n, c in (("mean", Mean), ("slow", Slow), ("broken", Broken))}
    other = replace(modality(Kind.SPECTRUM), inverses=inverses | {"absent": "x:X"}, weights={"absent": "x.absent"})
    monkeypatch.setitem(modalities(), Kind.SPECTRUM, other)
    monkeypatch.setattr(base, "load", lambda path: globals()[path.partition(":")[2]])
    run = Run.create("twin")
    made: list[ModelHost] = []

    def host() -> ModelHost:
        """Instead of the one before, if there was one."""
        if made:
            made.pop().close()
        made.append(ModelHost(run))
        stream = Stream("spectrum", Kind.SPECTRUM, str(run.ring("spectrum")), 5.0, "x")
        made[-1]._feeds["spectrum"] = made[-1]._first(stream)
        made[-1]._described = time.monotonic() + 60
        return made[-1]

    Slow.go.clear()
    yield host
    Slow.go.set()
    made.pop().close()
    run.remove()


def settled(host: ModelHost) -> dict[str, Any]:
    assert processes.wait_for(lambda: host.step() is None or not host.models()["spectrum"]["loading"], 5)
    return host.models()["spectrum"]


def test_the_old_model_goes_on_while_the_new_one_is_loaded_and_the_choice_outlives_the_host(hosted):
    host = hosted()
    assert host._choices() == {"spectrum": ("mean", "slow", "broken")}
    began = time.perf_counter()
    host._use("spectrum", "slow")
    assert time.perf_counter() - began < 0.5
    host.step()
    assert (host.models()["spectrum"]["model"], host.models()["spectrum"]["loading"]) == ("mean", "slow")
    Slow.go.set()
    assert settled(host)["model"] == "slow"
    after = hosted()
    assert after.models()["spectrum"]["model"] == "mean"  # until the other is there
    assert settled(after)["model"] == "slow"


def test_a_model_that_cannot_be_loaded_is_refused_with_a_line_and_the_old_one_goes_on(hosted):
    host = hosted()
    host._use("spectrum", "broken")
    told = settled(host)
    assert (told["model"], told["error"]) == ("mean", "broken: weights: damaged: cut short")
    for name in ("absent", "no such"):
        with pytest.raises(CommandError, match=f"no model '{name}', only mean, slow, broken"):
            host._use("spectrum", name)
    with pytest.raises(CommandError, match="no stream 'image'"):
        host._use("image", "mean")
    host._use("spectrum", "mean")
    assert settled(host)["error"] == ""


def test_estimates_from_before_a_seek_are_not_fused(runtime):
    """A replay is sought from a place of S = 1 to one of S = 0; the other stream still shows the first for a while."""
    run = Run.create("replay:x")
    host = ModelHost(run)
    heard = Subscriber(run.socket(MODELHOST, "pub"), topics=("state",))
    rings = {name: RingWriter(run.ring(name), 128, slots=8) for name in ("a", "b")}
    for name, ring in rings.items():
        host._feeds[name] = Feed(Stream(name, Kind.SPECTRUM, str(ring.path), 5.0, "x"), Mean())

    def fused(*shown: tuple[str, float, float]) -> list[float]:
        """The order parameter of each state, after frames of a stream, a value and the run time of the last seek."""
        for name, value, since in shown:
            now = run.clock.now()
            facts = {"replay_since": since, "replay_speed": 1.0}
            axes = (Axis("Energy loss", "eV", 1.0, 0.0, 16),)
            rings[name].write(
                Frame(name, Kind.SPECTRUM, 0, np.full(16, value), axes, now, now + 1e-6, "monotonic", facts)
            )
        time.sleep(0.05)
        host.step()
        return [m.quantities["order_parameter"].value for _, m in heard.receive(1.0)]

    try:
        host._described = time.monotonic()
        time.sleep(0.2)
        assert fused(("a", 1.0, 0.0), ("b", 1.0, 0.0)) == [pytest.approx(1.0, abs=0.01)]
        assert fused(("a", 0.0, run.clock.now())) == [pytest.approx(0.0, abs=0.01)]
    finally:
        heard.close()
        host.close()
        for ring in rings.values():
            ring.close()
        run.remove()


def rested(feed: Feed) -> None:
    time.sleep(max(0.0, feed.due - time.perf_counter()))


def test_a_slow_model_rests_twice_as_long_as_it_worked(ring):
    class Slow(Mean):
        def __call__(self, frame):
            time.sleep(0.1)
            return super().__call__(frame)

    feed = Feed(Stream("spectrum", Kind.SPECTRUM, str(ring.path), 5.0, "x"), Slow())
    ring.write(frame(0))
    assert feed.take().seq == 0
    for seq in (1, 2, 3):
        ring.write(frame(seq))
    assert feed.take() is None
    rested(feed)
    assert feed.take().seq == 3  # the newest, not the one that waited longest
    feed.ring.close()


def test_the_process_analyses_and_answers(runtime):
    run = Run.create("twin")
    ring = RingWriter(run.ring("spectrum"), 16 * 8)
    stream = Stream("spectrum", Kind.SPECTRUM, str(ring.path), 5.0, "EELS")
    server = CommandServer(
        run.socket(DEVICE, "cmd"),
        DEVICE,
        {"describe": lambda: {"description": Description("d", "twin", (stream,), {}, (), {})}},
    )
    device = Publisher(run.socket(DEVICE, "pub"))
    heard = Subscriber(run.socket(MODELHOST, "pub"))
    client = CommandClient(run.socket(MODELHOST, "cmd"))
    child = processes.spawn(run, MODELHOST, "matstudio.modelhost")
    topics: dict[str, object] = {}

    def turn() -> bool:
        server.serve(0)
        ring.write(frame(ring._count))
        topics.update(heard.receive(0.02))
        return (
            "models" in topics
            and topics["models"].get("spectrum", {}).get("analysed", 0)
            + len(topics["models"].get("spectrum", {}).get("error", ""))
            > 0
        )

    try:
        assert processes.wait_for(turn, 20), run.log_path(MODELHOST).read_text()
        assert client.request("models") == {"spectrum": ("baseline",)}
        assert child.poll() is None
    finally:
        processes.stop(run)
        for end in (server, device, heard, client):
            end.close()
        ring.close()
        child.wait()
        run.remove()
