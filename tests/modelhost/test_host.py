import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandServer, Publisher, Subscriber
from matstudio.bus.ring import RingWriter
from matstudio.bus.rundir import DEVICE, MODELHOST, Run
from matstudio.domain.device import Description, Stream
from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Axis, Frame, Kind
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
