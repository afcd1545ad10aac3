"""A recorded session through the models again: the same bits, or a table of differences."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matstudio.bus import wire
from matstudio.bus.processes import ONE_THREAD
from matstudio.bus.ring import RingReader, RingWriter
from matstudio.cli.main import main
from matstudio.domain.clock import RealClock, SimClock
from matstudio.domain.device import Stream
from matstudio.domain.estimate import Estimate, Model
from matstudio.domain.frame import Frame, Kind
from matstudio.fusion.inverse_variance import fuse
from matstudio.fusion.order import with_boundaries
from matstudio.instruments.twin.frames import TwinFrames
from matstudio.instruments.twin.options import Options
from matstudio.instruments.twin.server import TwinSource
from matstudio.modalities.base import load, modalities, modality
from matstudio.modelhost.inputs import groups, of_session
from matstudio.modelhost.rerun import STATE, Rerun
from matstudio.recording.verify import verify
from matstudio.recording.writer import SessionWriter
from matstudio.session.reader import Session


def exposures(source: TwinSource, clock: SimClock) -> list[Frame]:
    """Frames in the order in which a live run would analyse them, with what is hard to keep."""
    frames, maker = [], TwinFrames()
    for seq in range(3):
        for name in ("spectrum", "diffraction", "image"):
            clock.advance(0.1)
            source.step(clock.now())
            frame = maker.make(source.expose(name, seq, clock.now() - 0.1, clock.now()))
            facts = {**frame.metadata, "comment": "Å" * 1500, "nested": {"pairs": [(1, 2.5), (3, None)]}}
            axes = frame.axes
            if seq == 1:
                axes = tuple(replace(a, scale=a.scale * (1 + 1e-12), offset=a.offset - 0.1) for a in axes)
            frames.append(replace(frame, metadata=facts, axes=axes))
    return frames


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recorded as the live processes do it: ring, model, fusion, wire, file; with an antiphase boundary."""
    folder = tmp_path_factory.mktemp("session")
    clock = SimClock(100.0)
    source = TwinSource(clock, Options(antiphase=True))
    source.device.plant.S = 0.8
    models = {str(k): m.inverse("baseline") for k, m in modalities().items()}
    frames = exposures(source, clock)
    ring = RingWriter(folder / "x.ring", max(f.data.nbytes for f in frames), 16)
    reader = RingReader(ring.path)
    for frame in frames:
        ring.write(frame)
    sent = [reader.next() for _ in frames]
    reader.close()
    ring.close()
    streams = tuple(Stream(str(k), k, "", 5.0, k.title()) for k in Kind)
    description = source.describe(streams)
    first = {f.stream: f for f in reversed(sent)}
    path = folder / "s.nxs"
    writer = SessionWriter(path, description, RealClock.start(), list(first.values()), source.readings())
    newest: dict[str, Estimate] = {}
    for frame in sent:
        if first[frame.stream] is not frame:
            writer.add_frame(frame)
        newest[frame.stream] = models[frame.stream](frame)
        told = with_boundaries(newest[frame.stream], newest.values())
        writer.add_estimate(wire.unpack(wire.pack(told)))
        readings = {r.name: r for r in source.readings()}
        writer.add_state(wire.unpack(wire.pack(fuse(newest, readings, frame.t_end))))
    writer.close()
    with Session.open(path) as written:  # what a model reads is what it saw
        for frame in sent:
            again = written.frame(frame.stream, frame.seq)
            assert replace(again, data=frame.data) == frame
            np.testing.assert_array_equal(again.data, frame.data)
        assert written.estimates("spectrum")[-1].sources  # the boundary counted
    return path


def test_the_same_model_gives_the_same_bits(session: Path, tmp_path: Path):
    source = of_session(session)
    try:
        report = Rerun(source, {}).run(tmp_path / "o.nxs")
    finally:
        source.close()
    assert (report.analysed, report.failed, report.absent, report.broken) == (9, 0, 0, []), report.text()
    assert {n: (c.identical, c.compared) for n, c in report.comparisons.items()} == {
        "image": (3, 3),
        "diffraction": (3, 3),
        "spectrum": (3, 3),
        STATE: (9, 9),
    }
    assert verify(tmp_path / "o.nxs").ok
    with Session.open(session) as then, Session.open(tmp_path / "o.nxs") as now:
        assert now.run["reconstructed_from"] == "s.nxs"
        for name in ("image", "diffraction", "spectrum"):
            assert [e.quantities for e in now.estimates(name)] == [e.quantities for e in then.estimates(name)]
        assert [s.quantities for s in now.states()] == [s.quantities for s in then.states()]
        assert now.readings()["temperature"][1][0] == then.readings()["temperature"][1][0]


class Shifted:
    name, version = "shifted", "2"

    def __init__(self) -> None:
        self._inner = modality(Kind.DIFFRACTION).inverse("baseline")

    def __call__(self, frame: Frame) -> Estimate:
        found = self._inner(frame)
        moved = dict(found.quantities)
        if "lattice_a" in moved:  # in the frame whose axis has been shifted no pattern is seen
            moved["lattice_a"] = replace(moved["lattice_a"], value=moved["lattice_a"].value + 0.02 * (frame.seq + 1))
            del moved["order_square"]
        return replace(found, quantities=moved, model=Model(self.name, self.version, "0"))


@pytest.fixture
def shifted(monkeypatch: pytest.MonkeyPatch) -> None:
    room = modality(Kind.DIFFRACTION)
    monkeypatch.setitem(
        modalities(),
        Kind.DIFFRACTION,
        replace(room, plugin=None, inverses={**room.inverses, "shifted": "here:Shifted"}),
    )
    monkeypatch.setattr("matstudio.modalities.base.load", lambda p: Shifted if p == "here:Shifted" else load(p))


def test_another_model_gives_a_table(session: Path, tmp_path: Path, shifted: None):
    source = of_session(session)
    try:
        report = Rerun(source, {"diffraction": "shifted"}).run(tmp_path / "o.nxs")
    finally:
        source.close()
    found = report.comparisons["diffraction"].as_dict()
    assert (found["compared"], found["identical"], found["same_model"], report.broken) == (3, 0, 0, [])
    assert found["models"] == ["shifted 2 0"]
    lattice = found["quantities"]["lattice_a"]
    assert lattice["n"] == 2
    assert lattice["mean"] == pytest.approx(0.04)
    assert lattice["rms"] == pytest.approx(0.02 * np.sqrt(10 / 2))
    assert lattice["rms_sigma"] > 10
    assert (lattice["largest"], lattice["largest_seq"]) == (pytest.approx(0.06), 2)
    assert found["quantities"]["order_square"]["only_recorded"] == 2
    assert report.comparisons["image"].identical == 3
    assert report.comparisons[STATE].identical < 9  # it rests on the diffraction, too
    assert "shifted 2 0 now" in report.text()


def test_a_changed_record_is_found(session: Path, tmp_path: Path):
    from dataclasses import replace as changed

    source = of_session(session)
    film = source.films["image"]
    real = type(film.estimates).__getitem__

    class Edited(type(film.estimates)):
        def __getitem__(self, index):
            e = real(self, index)
            xy = e.arrays["columns"].copy()
            xy[0, 0] += 1e-3
            return changed(e, arrays={**e.arrays, "columns": xy})

    film.estimates.__class__ = Edited
    try:
        report = Rerun(source, {}).run(tmp_path / "o.nxs")
    finally:
        source.close()
    assert report.comparisons["image"].parts == {"arrays": 3}
    assert report.broken == ["image"]


def test_ctrl_c_keeps_what_was_done(session: Path, tmp_path: Path):
    def progress(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    source = of_session(session)
    try:
        report = Rerun(source, {}).run(tmp_path / "o.nxs", progress)
    finally:
        source.close()
    assert (report.complete, report.analysed, report.planned) == (False, 2, 9)
    with Session.open(tmp_path / "o.nxs") as now:
        assert len(now.estimates("spectrum")) + len(now.estimates("diffraction")) == 2


def test_the_command(session: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    for name, value in ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    out, damaged = tmp_path / "o.nxs", tmp_path / "damaged.nxs"
    damaged.write_bytes(session.read_bytes()[:60_000])
    for arguments, line in (
        ([str(damaged), "--out", str(out)], "damaged"),
        ([str(session), "--out", str(session)], "exists already"),
        ([str(session), "--out", str(out), "--model", "nosuch"], "no such model, only "),
        ([str(session), "--out", str(out), "--model", "camera=baseline"], "no stream 'camera'"),
    ):
        assert main(["reconstruct", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert line in error
        assert not out.exists()
    np.save(tmp_path / "spots.npy", np.random.default_rng(0).poisson(100, (64, 64)).astype("u2"))
    assert main(["reconstruct", str(session), str(tmp_path / "spots.npy"), "--out", str(out), "--all", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["inputs"]
    assert (first["analysed"], second["analysed"], second["streams"]) == (9, 1, {})
    with Session.open(tmp_path / "o-2.nxs") as now:
        assert now.origin == "replay"
        assert len(now.estimates(next(iter(now.streams)))) == len(now.states()) == 1


def test_what_is_one_input(session: Path, tmp_path: Path):
    mixed, movie = tmp_path / "mixed", tmp_path / "movie"
    for folder in (mixed, movie):
        folder.mkdir()
    for path in (movie / "a_1.npy", movie / "a_2.npy", tmp_path / "a.npy"):
        np.save(path, np.eye(32))
    for path in (mixed / "b.xy", mixed / "c.xy", mixed / "README.txt", mixed / ".hidden", tmp_path / "log.csv"):
        path.write_text("1 2\n")
    joined = f"{movie}{os.pathsep}{tmp_path / 'log.csv'}"
    assert groups([str(session), str(tmp_path / "a.npy"), str(mixed), str(movie), joined]) == [
        (session,),
        (tmp_path / "a.npy",),
        (mixed / "b.xy",),
        (mixed / "c.xy",),
        (movie,),
        (movie, tmp_path / "log.csv"),
    ]
    with pytest.raises(ValueError, match="nowhere: no such file"):
        groups([str(session), "nowhere"])
