"""Programs and auto-tune in the window: what the card says, the dialogs, and that nothing is applied unasked."""

from __future__ import annotations

import math

import pytest
from fake_run import FURNACE, LIMITS, FakeRun
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog

from matstudio.bus.rundir import Run
from matstudio.control.limits import load_settings
from matstudio.control.program import End, Kind
from matstudio.control.recipe import parse
from matstudio.domain.device import Description
from matstudio.ui.autotune_dialog import AutotuneDialog
from matstudio.ui.live import Live
from matstudio.ui.main_window import MainWindow
from matstudio.ui.present import autotune, recipe, sequence
from matstudio.ui.present.recipe import Draft
from matstudio.ui.recipe_dialog import RecipeDialog

RUNNING = {
    "name": "Order", "state": "running", "why": "", "segment": 2, "segments": 4, "doing": "soak for 60 s",
    "setpoint": 700.0, "waiting": False, "elapsed": 30.0, "left": 90.0, "end": "hold",
}  # fmt: skip
ROW = {"rule": "now", "gain": 0.015, "ti": 61.5, "td": 1.46, "ms": 1.35}
DONE = {
    "state": "done", "why": "", "periods": 5, "period": 18.0, "setpoint": 600.0, "most": 30.0, "low": 0.4, "high": 0.56,
    "model": {"gain": 650.0, "lags": (60.0, 1.5), "delay": 2.1, "integrating": False},
    "now": ROW, "proposals": (ROW | {"rule": "SIMC", "gain": 0.022, "ti": 19.0, "ms": 1.6},),
}  # fmt: skip


@pytest.fixture
def live(runtime) -> Live:
    run = Run.create("twin")
    made = Live(run)
    made.take("description", Description("Twin", "twin", (), {}, (), {"furnace": FURNACE}))
    made.take("status", {"mode": "PID", "limits": LIMITS, "pid": {"setpoint": 400.0}})
    yield made
    run.remove()


def told(live: Live, **more) -> sequence.Sequence:
    live.take("status", {**live.status, **more})
    return sequence.present(live)


def test_the_card_of_a_program(live: Live):
    assert told(live) == sequence.Sequence("", "", pytest.approx(math.nan, nan_ok=True), ())
    card = told(live, program=RUNNING)
    assert (card.line, card.state, card.fraction) == ("Order, 2 of 4: soak for 60 s", "90.0 s left", 0.25)
    assert card.buttons == ("control.program.pause", "control.program.skip", "control.program.stop")
    assert told(live, program=RUNNING | {"waiting": True}).state == "WAITS for the temperature, 90.0 s left"
    paused = RUNNING | {"state": "paused", "why": "HOLD chosen by ann"}
    assert told(live, program=paused).state == "PAUSED (HOLD chosen by ann), 90.0 s left"
    assert "control.program.resume" in told(live, program=paused).buttons
    assert "control.program.resume" not in told(live, program=paused, mode="HOLD").buttons
    ended = RUNNING | {"state": "stopped", "why": "setpoint edited"}
    assert told(live, program=ended).line == "Order: stopped: setpoint edited"


def test_the_card_of_an_auto_tune(live: Live):
    card = told(live, autotune=DONE | {"state": "swinging", "periods": 2})
    assert (card.title, card.buttons) == ("Auto-tune", ("control.autotune.abort",))
    assert (card.line, card.state) == ("heater 40 to 56 % about 600.0 K", "2 periods, the last of 18.0 s")
    assert "aborted: too noisy" in told(live, autotune=DONE | {"state": "aborted", "why": "too noisy"}).line


@pytest.mark.parametrize("junk", [None, 5, {}, {"state": "running"}, {"state": "done"}, {"state": "done", "model": 3}])
def test_what_makes_no_sense_is_shown_as_little(live: Live, junk):
    told(live, program=junk, autotune=junk)
    assert autotune.present(live).choices == ()


def test_what_an_auto_tune_found(live: Live):
    told(live, autotune=DONE)
    found = autotune.present(live)
    assert found.model == "Found: 650 K at full power, dead time 2.10 s, lag 60 and 1.50 s"
    now, new = found.choices
    assert now.cells[:5] == ("now", "0.01500", "61.5", "1.46", "1.35")
    assert new.cells[0] == "proposed, SIMC"
    assert abs(new.answer).sum() < abs(now.answer).sum()
    assert new.answer.max() == pytest.approx(4.1, abs=0.3)  # K, after 10 % of the heater


def draft(*rows, name="x", holdback="", end=End.HOLD) -> Draft:
    return Draft(name, holdback, end, tuple(rows))


RAMP, SOAK = (Kind.RAMP, ("500", "2", "", "", "")), (Kind.SOAK, ("", "", "60", "", ""))


def test_a_draft_is_a_program_and_back(live: Live):
    made = recipe.program(draft(RAMP, SOAK, (Kind.LOOP, ("", "", "", "1", "2")), holdback="20"), LIMITS["temperature"])
    assert recipe.program(recipe.draft(made), None).segments[0] == made.segments[0]
    seen = recipe.look(made, live)
    assert seen is not None
    assert seen.temperature[0] == 400.0
    assert recipe.summary(made, seen, live).startswith("3 segments, 3 min, then the last setpoint is held")
    live.take("description", None)
    assert "no temperature is predicted" in recipe.summary(made, recipe.look(made, live), live)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (draft(), "1 to 64 segments are needed"),
        (draft(RAMP, name=" "), "name: 1 to 60 characters"),
        (draft(RAMP, holdback="x"), "holdback: 'x' is not a number"),
        (draft(RAMP, holdback="-1"), "holdback: must be above 0 K, or empty"),
        (draft((Kind.RAMP, ("", "2", "", "", ""))), "segment 1: to: '' is not a number"),
        (draft((Kind.RAMP, ("950", "2", "", "", ""))), "segment 1: to: 950 K is above the limit 900 K"),
        (draft((Kind.RAMP, ("500", "21", "", "", ""))), "segment 1: rate: 21 K/s is above the limit 20 K/s"),
        (draft(SOAK, (Kind.SOAK, ("", "", "0", "", ""))), "segment 2: time: 0 must be > 0"),
        (draft(SOAK, (Kind.LOOP, ("", "", "", "1.5", "2"))), "segment 2: back to: must be a whole number"),
        (draft((Kind.STEP, ("inf", "", "", "", ""))), "segment 1: to: must be a finite number"),
    ],
)
def test_what_is_wrong_with_a_draft(given, message):
    with pytest.raises(ValueError) as told:
        recipe.program(given, LIMITS["temperature"])
    assert str(told.value) == message


def dialog(window: MainWindow, kind: type[QDialog], qtbot):
    qtbot.waitUntil(lambda: window.session.live.attached and window.session.live.mode is not None, timeout=8000)
    window.do("control.program" if kind is RecipeDialog else "control.autotune")
    (found,) = window.findChildren(kind)
    assert not found.isModal()
    return found


def sent(fake: FakeRun, name: str):
    return [fields for _, n, fields in fake.asked if n == name]


def test_a_recipe_is_edited_and_started(window: MainWindow, fake: FakeRun, qtbot, tmp_path):
    shown = dialog(window, RecipeDialog, qtbot)
    qtbot.waitUntil(lambda: shown._start.isEnabled(), timeout=5000)
    shown._table.item(0, 2).setText("99")
    shown.check()
    assert "99 K/s is above the limit 20 K/s" in shown._line.text()
    assert not shown._start.isEnabled()
    shown._table.item(0, 2).setText("4")
    shown._table.selectRow(3)
    shown._add()
    shown._shift(-1)
    shown._remove()
    shown.check()
    assert len(shown.draft().rows) == 4
    shown.store(tmp_path / "r.toml")
    shown.load(tmp_path / "none.toml")
    shown.load(tmp_path / "r.toml")
    (tmp_path / "bad.toml").write_text("version = 2")
    shown.load(tmp_path / "bad.toml")
    assert "line 1: version" in shown._line.text()
    qtbot.mouseClick(shown._start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(sent(fake, "program")), timeout=3000)
    (fields,) = sent(fake, "program")
    assert fields["action"] == "start"
    assert parse(fields["recipe"]).segments[0].rate == 4.0


def test_the_card_sends_what_its_buttons_say(window: MainWindow, fake: FakeRun, qtbot):
    fake.above = {"program": RUNNING}
    card = window.process.sequence
    qtbot.waitUntil(lambda: card._buttons["control.program.pause"].isVisible(), timeout=8000)
    window.actions_.refresh()
    qtbot.mouseClick(card._buttons["control.program.pause"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: [f["action"] for f in sent(fake, "program")] == ["pause"], timeout=3000)


def test_settings_are_applied_only_when_they_are_chosen(window: MainWindow, fake: FakeRun, qtbot, tmp_path):
    shown = dialog(window, AutotuneDialog, qtbot)
    qtbot.waitUntil(lambda: shown._start.isEnabled(), timeout=5000)
    qtbot.mouseClick(shown._start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(sent(fake, "autotune")), timeout=3000)
    assert sent(fake, "autotune")[0] | {"who": ""} == {"who": "", "action": "start", "amplitude": 0.1}
    fake.above = {"autotune": DONE | {"state": "swinging"}}
    qtbot.waitUntil(lambda: shown._abort.isEnabled() and not shown._start.isEnabled(), timeout=3000)
    fake.above = {"autotune": DONE}
    qtbot.waitUntil(lambda: shown._use.isVisible() and shown._use.isEnabled(), timeout=3000)
    assert [row[0] for row in shown._table.rows()] == ["now", "proposed, SIMC"]
    assert not sent(fake, "tune")
    qtbot.mouseClick(shown._copy, Qt.MouseButton.LeftButton)
    (tmp_path / "limits.toml").write_text(QApplication.clipboard().text())
    kept = load_settings(tmp_path / "limits.toml").pid
    assert kept is not None
    assert (kept.gain, kept.ti) == (0.022, 19.0)
    qtbot.mouseClick(shown._use, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(sent(fake, "tune")), timeout=3000)
    (fields,) = sent(fake, "tune")
    assert (fields["gain"], fields["ti"], fields["why"]) == (0.022, 19.0, "auto-tune, SIMC")
