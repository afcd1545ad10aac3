"""Many files: one that is bad, a job that is cut short, what of it was damaged, and what it must not be mixed with."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from sample_session import DESCRIPTION, image, spectrum

from matstudio.bench.batch import unlike
from matstudio.bus.processes import ONE_THREAD
from matstudio.cli.main import main
from matstudio.domain.clock import RealClock
from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Frame
from matstudio.modelhost import batch, schedule
from matstudio.modelhost.rerun import Rerun
from matstudio.recording.verify import verify
from matstudio.recording.writer import SessionWriter
from matstudio.session.reader import Session

PLANNED = 32 + 32 + 1  # of the session and the file


class Adder:
    """A model that takes a millisecond."""

    name, version, checksum = "adder", "1", "a"

    def __call__(self, frame: Frame) -> Estimate:
        time.sleep(1e-3)
        total = Quantity(float(frame.data.sum()) / 3, 0.1, "1")
        model = Model(self.name, self.version, self.checksum)
        return Estimate(frame.stream, frame.seq, frame.t_end, model, {"order_parameter": total})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of images and spectra, a file of one image, and one that is no file of its kind."""
    folder = tmp_path_factory.mktemp("batch")
    writer = SessionWriter(folder / "s.nxs", DESCRIPTION, RealClock.start(), [image(0), spectrum(0)])
    for seq in range(1, 32):
        writer.add_frame(image(seq))
        writer.add_frame(spectrum(seq))
    writer.close()
    np.save(folder / "spots.npy", np.random.default_rng(0).poisson(100, (64, 64)).astype("u2"))
    (folder / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00 and no more")
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files by their names, small pieces, and an environment that the command may change."""
    for name in ("s.nxs", "spots.npy", "bad.npy"):
        os.link(folder / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batch, "LEAST_S", 0.005)
    monkeypatch.setattr("matstudio.modelhost.inputs.read_guarded", lambda *_, **__: [])  # a second each
    monkeypatch.setattr(Rerun, "_model", lambda self, film, name: Adder())
    for name, value in ONE_THREAD.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Places of the frames that a model is asked about."""
    places: list[int] = []
    real = Rerun.raw
    monkeypatch.setattr(Rerun, "raw", lambda self, place: places.append(place) or real(self, place))
    return places


def run(*options: str, out: str = "o.nxs", files: tuple[str, ...] = ("s.nxs", "spots.npy")) -> int:
    return main(["reconstruct", *files, "--out", out, "--all", *options])


def interrupt(monkeypatch: pytest.MonkeyPatch, frames: int) -> None:
    """Have Ctrl-C be pressed when so many frames are done."""
    real = schedule.run

    def run(works, pool, told):
        def watch(progress, outcome):
            told(progress, outcome)
            if progress.frames_done >= frames:
                monkeypatch.setattr(schedule, "run", real)
                raise KeyboardInterrupt

        return real(works, pool, watch)

    monkeypatch.setattr(schedule, "run", run)


def test_one_bad_file_is_named_and_stops_nothing(capsys):
    files = ("bad.npy", "s.nxs", "spots.npy")
    assert run(files=files) == 3
    told = capsys.readouterr()
    assert told.err.count("left out: bad.npy: ") == 1
    assert told.err.endswith("matstudio reconstruct: 1 of 3 inputs cannot be read\n")
    assert told.out.splitlines()[1] == "estimates: o-2.nxs"
    assert not Path("o.nxs").exists()
    assert verify(Path("o-2.nxs")).ok
    assert verify(Path("o-3.nxs")).ok
    assert run("--resume", "--json", files=files) == 3
    answer = json.loads(capsys.readouterr().out)
    assert [r["out"] for r in answer["inputs"]] == ["o-2.nxs", "o-3.nxs"]
    assert answer["left_out"][0]["error"].startswith("bad.npy: ")
    assert run(files=("bad.npy", "bad.npy"), out="none.nxs") == 2
    assert not Path("none.nxs.job").exists()


def test_cut_short_it_goes_on_and_ends_the_same(monkeypatch, capsys, counted):
    assert run(out="whole.nxs") == 0
    assert sorted(counted) == sorted([*range(64), 0])
    counted.clear()
    interrupt(monkeypatch, 20)
    capsys.readouterr()
    assert run("--json") == 130
    told = capsys.readouterr()
    steps = [json.loads(line)["progress"] for line in told.err.splitlines()]
    assert steps[-1]["total"] == PLANNED
    half = json.loads(told.out)["inputs"][0]
    assert 0 < half["analysed"] < 64
    assert not half["complete"]
    with Session.open("o.nxs") as now:
        assert sum(len(now.estimates(s)) for s in now.streams) == half["analysed"]
    assert run() == 2
    assert "o.nxs: exists already; --resume" in capsys.readouterr().err
    assert run("--resume") == 0
    assert sorted(counted) == sorted([*range(64), 0])  # each frame once
    assert "64 of 64 frames" in capsys.readouterr().out
    assert unlike(Path("whole.nxs"), Path("o.nxs")) == unlike(Path("whole-2.nxs"), Path("o-2.nxs")) == 0
    before = Path("o.nxs").stat().st_mtime_ns, Path("o-2.nxs").stat().st_mtime_ns
    counted.clear()
    assert run("--resume") == 0  # nothing is missing
    assert "64 of 64 frames" in capsys.readouterr().out
    assert (Path("o.nxs").stat().st_mtime_ns, Path("o-2.nxs").stat().st_mtime_ns) == before
    assert not counted
    Path("o.nxs").unlink()
    Path("o-2.nxs").unlink()
    assert run() == 0  # nothing is there that could be lost
    assert len(counted) == PLANNED


def test_ctrl_c_in_the_midst_of_a_piece_keeps_its_frames(monkeypatch, capsys, counted):
    real = Rerun.raw

    def press(self, place):
        if place == 30:
            raise KeyboardInterrupt
        return real(self, place)

    with monkeypatch.context() as patch:
        patch.setattr(Rerun, "raw", press)
        assert run() == 130
    assert run("--resume") == 0
    assert sorted(counted) == sorted([*range(64), 0])


def test_what_is_damaged_is_made_again(monkeypatch, counted, capsys):
    assert run(out="whole.nxs") == 0
    interrupt(monkeypatch, 40)
    assert run() == 130
    kept = sorted(Path("o.nxs.job").glob("1-*.part"))
    assert len(kept) >= 3
    kept[0].write_bytes(kept[0].read_bytes()[:-7])
    flipped = bytearray(kept[1].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    kept[1].write_bytes(flipped)
    counted.clear()
    assert run("--resume") == 0
    assert {0, 1} < set(counted) < set(range(64))
    assert unlike(Path("whole.nxs"), Path("o.nxs")) == 0
    whole = Path("o-2.nxs").read_bytes()
    for damaged in (whole[:1000], whole[:9000] + b"?" + whole[9001:], b""):
        Path("o-2.nxs").write_bytes(damaged)
        counted.clear()
        assert run("--resume") == 0
        assert counted == [0]
        assert unlike(Path("whole-2.nxs"), Path("o-2.nxs")) == 0
    Path("o-2.nxs").unlink()
    Path("o.nxs.job/2.done").write_text("x")
    assert run("--resume") == 0
    assert unlike(Path("whole-2.nxs"), Path("o-2.nxs")) == 0
    Path("o.nxs.job/about").write_text("x")
    counted.clear()
    capsys.readouterr()
    assert run("--resume") == 0
    assert "o.nxs.job: damaged" in capsys.readouterr().err
    assert len(counted) == PLANNED


def test_other_inputs_and_other_models_are_refused(capsys, monkeypatch, folder):
    assert run(files=("spots.npy",)) == 0
    os.link(folder / "spots.npy", "other.npy")
    for arguments, said in (
        (["other.npy", "--all"], "begun with other inputs: spots.npy where other.npy is given now"),
        (["spots.npy", "s.nxs", "--all"], "begun with other inputs: none where s.nxs is given now"),
        (["spots.npy"], "begun with --all, not no --model and no --all"),
        (["spots.npy", "--all", "--model", "baseline"], "begun with --all, not --model baseline --all"),
    ):
        capsys.readouterr()
        assert main(["reconstruct", *arguments, "--out", "o.nxs", "--resume"]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert said in error
    Path("spots.npy").unlink()
    np.save("spots.npy", np.eye(64))
    assert run("--resume", files=("spots.npy",)) == 2
    assert "spots.npy has changed since" in capsys.readouterr().err
    Path("alone.nxs").write_text("of someone else")
    assert run("--resume", out="alone.nxs") == 2
    assert "alone.nxs: exists already, and alone.nxs.job" in capsys.readouterr().err
    assert Path("alone.nxs").read_text() == "of someone else"
    assert run("--resume", out="s.nxs") == 2
    assert "one of the inputs" in capsys.readouterr().err


def test_a_model_that_has_changed_since_is_refused(monkeypatch, capsys):
    interrupt(monkeypatch, 20)
    assert run(files=("s.nxs",)) == 130
    kept = sorted(p.name for p in Path("o.nxs.job").glob("*.part"))
    batch._here.__dict__.clear()  # as in another process
    with monkeypatch.context() as patch:
        patch.setattr(Adder, "checksum", "b")
        capsys.readouterr()
        assert run("--resume", files=("s.nxs",)) == 2
    error = capsys.readouterr().err
    assert "began with adder 1 a, which is 1 b now" in error
    assert sorted(p.name for p in Path("o.nxs.job").glob("*.part")) == kept
    batch._here.__dict__.clear()
    assert run("--resume", files=("s.nxs",)) == 0


def test_a_model_counts_where_there_is_a_stream_for_it(capsys):
    files = ("s.nxs", "spots.npy")
    assert run("--model", "spectrum=baseline", files=files) == 0
    assert run("--model", "unet", files=files, out="p.nxs") == 0
    capsys.readouterr()
    assert run("--model", "camera=baseline", files=files, out="q.nxs") == 3
    assert "--model camera=baseline: of no use to any of the inputs" in capsys.readouterr().err


def test_two_at_once_are_refused(capsys):
    from matstudio.modelhost.job import Job

    job = Job([[Path("spots.npy")]], Path("o.nxs"), [], every=True, resume=False)
    try:
        assert run("--resume", files=("spots.npy",)) == 2
        assert "another process is at it" in capsys.readouterr().err
    finally:
        job.close()


def test_an_input_that_kills_its_worker_is_found_out(monkeypatch):
    from matstudio.modelhost.job import Job

    class Mortal(schedule.Serial):
        def results(self):
            for piece, got in super().results():
                lost = any(w.title == "bad.npy" for w in piece.works)
                yield piece, schedule.WorkerLost("its process died") if lost else got

    monkeypatch.setattr(schedule, "_LEAST_BEGUN", 3)  # all of them in one piece
    job = Job([[Path(n)] for n in ("s.nxs", "bad.npy", "spots.npy")], Path("o.nxs"), [], every=True, resume=False)
    try:
        outcome = schedule.run(job.works, Mortal())
    finally:
        job.close()
    assert outcome.errors == {2: "its process died"}
    assert sorted(outcome.results) == [1, 3]


def test_pieces_are_neither_small_nor_large():
    for each_s, frames, size in ((0.02, 300, 50), (0.2, 100, 5), (9.0, 10, 1), (0.1, 10_000, 50)):
        pieces = batch.Begun(1, frames, left=((0, frames),), each_s=each_s).pieces()
        assert pieces[0] == (0, size)
        assert [a for a, _ in pieces[1:]] == [b for _, b in pieces[:-1]]
        assert pieces[-1][1] == frames
