"""Jobs in the window: their rows, their notices, the reconstruct dialog, and closing while one is under way."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from fake_run import FakeRun
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from matstudio.ui.main_window import MainWindow
from matstudio.ui.present import jobs as present
from matstudio.ui.present.reconstruct import Choice, free, streams, summary
from matstudio.ui.reconstruct import ReconstructDialog
from matstudio.workers.job import Event, Job, State, Work

FAKE = """
import json, sys, time
out = next(a.partition("=")[2] for a in sys.argv if a.startswith("--out="))
try:
    for n in range(100):
        print(json.dumps({"progress": {"input": "film.nxs", "done": n, "total": 100}}), file=sys.stderr, flush=True)
        time.sleep(0.05)
except KeyboardInterrupt:
    open(out, "w").write("half")
    sys.exit(130)
"""
WORK = Work("reconstruct film.nxs", lambda _: (), Path("/data/again.nxs"), opens=True)


def test_a_row_for_each_state():
    job = Job(1, WORK)
    assert present.row(job, 0.0).state == "○ waiting"
    job = job.after(Event.START, 0.0).progressed("film.nxs", 0, 800, 0.0).progressed("film.nxs", 200, 800, 60.0)
    r = present.row(job, 60.0)
    assert (r.state, r.count, r.time, r.fraction) == ("● running", "200 of 800", "3 min left", 0.25)
    assert (r.cancel, r.open, r.folder) == (True, False, False)
    failed = present.row(job.after(Event.FAIL, 70.0, "film.nxs: a bad frame"), 99.0)
    assert (failed.state, failed.level, failed.time, failed.line) == (
        "▲ failed",
        "caution",
        "took 70.0 s",
        "film.nxs: a bad frame",
    )
    assert present.ending(job.after(Event.SUCCEED, 70.0)) == ("reconstruct film.nxs: done", "")
    stopping = job.after(Event.CANCEL, 65.0)
    assert (present.row(stopping, 65.0).cancel, present.row(stopping, 65.0).kill) == (False, True)
    assert present.ending(stopping.after(Event.INTERRUPT, 66.0)) == ("reconstruct film.nxs: cancelled", "")
    assert math.isnan(present.row(Job(2, WORK).after(Event.START, 0.0), 3.0).fraction)
    assert present.row(Job(2, WORK).after(Event.START, 0.0), 3.0).time == "for 3.0 s"


def test_what_is_said_of_all_of_them():
    running, waiting = Job(1, WORK).after(Event.START, 0.0), Job(2, WORK)
    assert present.summary([], 0.0) == "none"
    assert present.summary([running, waiting], 0.0) == "1 running, 1 waiting"
    assert present.tab([running, waiting]) == "Jobs (2)"
    assert present.at_closing([]) == ""
    assert present.at_closing([running]).startswith("reconstruct film.nxs is under way and will be cancelled; it keeps")
    assert present.at_closing([running, waiting]).startswith("2 jobs are under way")


def test_those_under_way_come_first():
    jobs = [Job(i, WORK) for i in range(1, 6)]
    jobs[0] = jobs[0].after(Event.START, 0.0).after(Event.SUCCEED, 1.0)
    jobs[1] = jobs[1].after(Event.CANCEL, 1.0)
    jobs[2] = jobs[2].after(Event.START, 0.0)
    assert [job.id for job in present.ordered(jobs[::-1])] == [3, 4, 5, 2, 1]


def test_what_came_of_a_reconstruction_is_one_line():
    streams = {"image": {"compared": 4, "identical": 3}, "spectrum": {"compared": 1000, "identical": 1000}}
    said = json.dumps({"inputs": [{"analysed": 1004, "streams": streams}], "left_out": [{"input": "b"}]})
    line = "1,004 frames analysed; 1,003 of 1,004 estimates exactly as they were recorded; 1 input left out"
    assert summary(said) == line
    for odd in ("", "[]", "{}", '{"inputs": [{}]}', '{"inputs": 3}'):
        with pytest.raises(ValueError):
            summary(odd)


def test_what_cannot_be_begun_is_said_in_words(tmp_path: Path):
    film = tmp_path / "film.nxs"
    film.touch()
    assert Choice().refusal() == "choose one file or more"
    assert Choice((film,)).refusal() == "choose where the estimates go"
    assert Choice((film,), film).refusal() == "film.nxs: is read, and cannot be written"
    assert Choice((film,), tmp_path / "x.h5").refusal() == "x.h5: the estimates go to a file .nxs"
    assert Choice((film,), tmp_path / "no" / "x.nxs").refusal() == f"{tmp_path}/no: no such folder"
    again = free([film])
    assert again == tmp_path / "film-again.nxs"
    again.touch()
    assert Choice((film,), again).refusal() == "film-again.nxs: exists already"
    (tmp_path / "film-again.nxs.job").mkdir()
    assert Choice((film,), again).refusal().startswith("film-again.nxs: was begun already: go on with it")
    assert Choice((film,), again, resume=True).refusal() == ""
    (tmp_path / "film-again-2.nxs.job").mkdir()
    assert free([film]) == tmp_path / "film-again-3.nxs"
    assert free([]) is None


def test_the_command_is_that_of_the_command_line(tmp_path: Path):
    from matstudio.cli.main import parser

    films = (tmp_path / "a.nxs", tmp_path / "-b.nxs")
    choice = Choice(films, tmp_path / "o.nxs", {"image": "unet", "spectrum": ""}, every=True, resume=True)
    work = choice.work()
    assert work.title == "reconstruct a.nxs and 1 more"
    arguments = parser().parse_args(list(work.command(tmp_path))[2:])
    assert (arguments.command, arguments.file, arguments.out) == (
        "reconstruct",
        [str(f) for f in films],
        str(tmp_path / "o.nxs"),
    )
    assert (arguments.model, arguments.all, arguments.resume, arguments.json) == (["image=unet"], True, True, True)
    again = work.again().command(tmp_path)
    assert "--resume" not in again, "nothing was begun"
    (tmp_path / "o.nxs.job").mkdir()
    assert "--resume" in work.again().command(tmp_path)


@pytest.mark.parametrize("said", ["", "[]", '{"streams": 3}', '{"streams": {"image": {}}}', "nan"])
def test_nonsense_about_the_streams_is_one_error(said: str):
    with pytest.raises(ValueError):
        streams(said)


def fake_work(window: MainWindow, tmp_path: Path) -> None:
    window.jobs.start(fake_job(tmp_path / "again.nxs"))


def fake_job(out: Path) -> Work:
    command = ("-c", FAKE, f"--out={out}")
    return Work("reconstruct film.nxs", lambda _: command, out, opens=True, again=lambda: fake_job(out))


def test_a_job_shows_its_progress_is_cancelled_and_its_result_opened(
    window: MainWindow, fake: FakeRun, tmp_path: Path, qtbot, monkeypatch
):
    opened: list[list[str]] = []
    monkeypatch.setattr(window.jobs, "_open_files", opened.append)
    fake_work(window, tmp_path)
    window.actions_.trigger("view.jobs")
    view = window.jobs.view
    qtbot.waitUntil(lambda: view.isVisible() and "of 100" in view.rows()[0].texts(), timeout=20_000)
    qtbot.waitUntil(lambda: "left" in view.rows()[0].texts(), timeout=10_000)
    assert window.docks["Jobs"].windowTitle() == "Jobs (1)"
    assert window.docks["Jobs"].title.line.text() == "1 running"
    assert window.actions_.why_not("jobs.open") == "needs a job that wrote a session"
    window.opener.open([str(tmp_path)])
    assert window.toasts.text().endswith("a job is under way: wait for it, or cancel it first")
    qtbot.mouseClick(view.rows()[0].button("Cancel"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "cancelled" in view.rows()[0].texts(), timeout=10_000)
    assert "again.nxs keeps what was done" in view.rows()[0].texts()
    assert window.toasts.text() == "reconstruct film.nxs: cancelled, again.nxs keeps what was done"
    qtbot.mouseClick(view.rows()[0].button("Open result"), Qt.MouseButton.LeftButton)
    assert window.actions_.trigger("jobs.open")
    assert opened == [[str(tmp_path / "again.nxs")]] * 2
    qtbot.mouseClick(view.rows()[0].button("Go on"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "running" in view.rows()[0].texts() and "of 100" in view.rows()[0].texts(), timeout=20_000)
    assert len(view.rows()) == 2
    window.actions_.trigger("jobs.cancel")
    qtbot.waitUntil(lambda: not window.jobs.jobs.active, timeout=10_000)
    (tmp_path / "again.nxs").unlink()
    window.actions_.trigger("jobs.open")
    assert window.toasts.text().endswith("again.nxs: it is not there any more")
    window.actions_.trigger("jobs.clear")
    assert view.rows() == []


def test_closing_with_a_job_says_so_cancels_it_and_keeps_what_was_done(window: MainWindow, tmp_path: Path, qtbot):
    fake_work(window, tmp_path)
    qtbot.waitUntil(lambda: any(job.total for job in window.jobs.jobs.jobs), timeout=20_000)
    window._ask = True
    window.close()
    assert "reconstruct film.nxs is under way and will be cancelled" in window._question.informativeText()
    next(b for b in window._question.buttons() if b.text() == "Keep running").click()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    qtbot.waitUntil((tmp_path / "again.nxs").exists, timeout=10_000)


def dialog() -> ReconstructDialog:
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, ReconstructDialog))


def test_the_dialog_offers_the_models_of_the_files_and_begins_the_job(
    window: MainWindow, tmp_path: Path, qtbot, monkeypatch
):
    import numpy as np

    begun: list[Work] = []
    np.save(tmp_path / "film.npy", np.arange(4096, dtype=np.uint16).reshape(64, 64))
    (tmp_path / "bad.dm4").write_bytes(b"nothing of the kind")
    window.actions_.trigger("jobs.reconstruct")
    window.actions_.trigger("jobs.reconstruct")
    made = dialog()
    assert not made.isModal()
    assert made._why.text() == "choose one file or more"
    made.add([str(tmp_path / "bad.dm4")])
    qtbot.waitUntil(lambda: made._note.text().startswith("not read: "), timeout=60_000)
    made._files.selectAll()
    made._remove()
    made.add([str(tmp_path / "film.npy")])
    qtbot.waitUntil(lambda: "image" in made._models, timeout=60_000)
    box = made._models["image"]
    assert [box.itemText(i) for i in range(box.count())] == ["as recorded, else baseline", "baseline", "unet", "vit"]
    box.setCurrentIndex(2)
    assert made.choice().out == tmp_path / "film-again.nxs"
    monkeypatch.setattr(made, "_begun", begun.append)
    made._start.click()
    qtbot.waitUntil(lambda: window.jobs._dialog is None, timeout=5000)
    (work,) = begun
    assert "--model=image=unet" in work.command(tmp_path)
    assert work.result == tmp_path / "film-again.nxs"


def test_closing_the_window_ends_what_looks_into_files(window: MainWindow, tmp_path: Path):
    window.actions_.trigger("jobs.reconstruct")
    dialog().add([str(tmp_path / "gone.nxs")])
    window.leave()
    assert window.jobs._dialog is None or not window.jobs._dialog.isVisible()


def test_said_is_what_streams_prints(tmp_path: Path):
    line = json.dumps({"streams": {"image": {"kind": "image", "frames": 1204, "models": ["baseline"]}}, "inputs": 1})
    (stream,) = streams(line)
    assert stream.text == "image, 1,204 frames"


def test_states_have_marks():
    assert set(present.MARKS) == set(State)
