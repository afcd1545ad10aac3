"""Adapting the denoiser from the window: the job, what it shows, and the way back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_run import FakeRun
from imageio.v3 import imwrite
from PySide6.QtWidgets import QApplication, QPushButton

from matstudio.modalities import weights
from matstudio.ui import adapt
from matstudio.ui.adapt import BeforeAfter, summary
from matstudio.ui.main_window import MainWindow
from matstudio.workers.job import Work

FAKE = """
import json, shutil, sys
there, picture, kept, source = sys.argv[1:5]
if kept == "1":
    open(there, "wb").write(b"new")
shutil.copy(source, picture)
print(json.dumps({"kept": kept == "1", "text": "12 frames learnt from"}))
"""


@pytest.fixture
def dialog(window: MainWindow, fake: FakeRun, tmp_path: Path, qtbot, monkeypatch):
    """Called with whether the new weights are kept: the dialog at the end."""
    monkeypatch.setattr(weights, "MODELS", tmp_path)
    (tmp_path / "denoise.safetensors").write_bytes(b"shipped")
    imwrite(tmp_path / "source.png", np.zeros((64, 208), np.uint8))
    real = adapt.work

    def made(file: Path, picture: Path, kept: str) -> Work:
        command = ("-c", FAKE, str(weights.adapted()), str(picture), kept, str(tmp_path / "source.png"))
        return replace(real(file, picture), command=lambda _: command)

    def run(*, kept: bool) -> BeforeAfter:
        monkeypatch.setattr(adapt, "work", lambda file, picture: made(file, picture, str(int(kept))))
        window.session.live.recording = {"state": "recording", "path": str(tmp_path / "film.nxs")}
        assert window.actions_.trigger("record.adapt")
        qtbot.waitUntil(lambda: bool(window.findChildren(BeforeAfter)), timeout=20_000)
        return window.findChildren(BeforeAfter)[0]

    return run


def buttons(dialog: BeforeAfter) -> dict[str, QPushButton]:
    return {b.text().replace("&", ""): b for b in dialog.findChildren(QPushButton)}


def test_new_weights_are_shown_and_can_be_undone(window: MainWindow, dialog, qtbot):
    shown = dialog(kept=True)
    assert shown.isVisible()
    assert not shown.isModal()
    assert weights.denoiser() == weights.adapted()
    assert "12 frames learnt from" in window.toasts.text()
    buttons(shown)["Undo"].click()
    assert weights.denoiser() == weights.MODELS / "denoise.safetensors"
    assert window.actions_.why_not("record.unadapt") == "needs a denoiser that was adapted"
    QApplication.processEvents()


def test_kept_weights_stay_and_the_command_goes_back_later(window: MainWindow, dialog, qtbot):
    buttons(dialog(kept=True))["Keep"].click()
    assert weights.denoiser() == weights.adapted()
    assert window.actions_.trigger("record.unadapt")
    assert weights.denoiser() == weights.MODELS / "denoise.safetensors"


def test_where_nothing_got_better_there_is_nothing_to_undo(window: MainWindow, dialog, qtbot):
    shown = dialog(kept=False)
    assert set(buttons(shown)) == {"Close"}
    buttons(shown)["Close"].click()


def test_what_the_job_says_is_its_line():
    assert summary(json.dumps({"text": "x"})) == "x"
    for bad in ("", "{}", "[]"):
        with pytest.raises(ValueError):
            summary(bad)
