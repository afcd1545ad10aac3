"""The viewers' tools as actions, and the files that they make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_run import FakeRun
from PySide6.QtCore import QObject
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.instruments.readers.files import open_file
from matstudio.modalities.base import modality
from matstudio.ui.main_window import MainWindow
from matstudio.ui.streams import StreamView
from matstudio.ui.tools import StreamTools, file_name

AXES = (Axis("y", "Å", 0.1, 0.0, 64), Axis("x", "Å", 0.1, 0.0, 64))
DATA = np.random.default_rng(0).poisson(40, (64, 64)).astype(np.uint16)
FRAME = Frame("haadf", Kind.IMAGE, 12, DATA, AXES, 0.0, 1.0, "c", {"instrument": "twin", "unit": "counts"})


class Bench:
    """The tools of one viewer, without a window."""

    def __init__(self, qtbot, folder: Path) -> None:
        self.parent = QObject()
        self.told: list[tuple[str, str]] = []
        self.tools = StreamTools(lambda *line: self.told.append(line), self.parent)
        self.view = StreamView("image", lambda kind: modality(kind).make("viewer"))
        qtbot.addWidget(self.view)
        self.view.resize(600, 400)
        self.view.show()
        self.actions = {a.id: a for a in self.tools.actions("image", "Image", self.view)}
        self.folder, self.bot = folder, qtbot

    def save(self, what: str, name: str, viewer: bool = False) -> str:
        """What is told after a file was chosen."""
        before = len(self.told)
        if viewer:
            self.view.viewer.strip.asked.emit(what)
        else:
            self.actions[f"tools.{what}.image"].run()
        (dialog,) = self.view.findChildren(QFileDialog)
        dialog.fileSelected.emit(str(self.folder / name))
        dialog.close()
        dialog.deleteLater()
        self.bot.waitUntil(lambda: len(self.told) > before and not self.view.findChildren(QFileDialog), timeout=30000)
        return self.told[-1][0]


@pytest.fixture
def bench(qtbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("matstudio.ui.tools.sessions_folder", lambda: tmp_path / "sessions")
    made = Bench(qtbot, tmp_path)
    yield made
    made.tools.shutdown()


def test_tools_are_actions_once_there_is_a_viewer(bench: Bench) -> None:
    assert {f"tools.{n}.image" for n in ("roi", "line", "fft", "picture", "picture2", "data")} == set(bench.actions)
    assert not any(a.when() for a in bench.actions.values())
    bench.view.show_frame(FRAME)
    assert all(a.when() for a in bench.actions.values())
    for name in ("roi", "line", "fft"):
        action = bench.actions[f"tools.{name}.image"]
        assert not action.checked()
        action.run()
        assert action.checked()
        assert bench.view.viewer.strip.is_on(name)
        assert bench.view.viewer.tools.is_on(name)
        action.run()
        assert not action.checked()


def test_the_picture_has_what_is_seen_at_the_pixels_asked_for_and_says_that_it_is_simulated(bench: Bench) -> None:
    bench.view.show_frame(FRAME)
    for what in ("picture", "picture2"):
        assert bench.save(what, f"{what}.png") == f"{what}.png: saved in {bench.folder}"
        assert not QImage(str(bench.folder / f"{what}.png")).isNull()
    seen = bench.view.viewer._picture
    for factor in (1, 2):
        image, ratio = bench.view.viewer.picture(factor), seen.devicePixelRatioF() * factor
        assert image.width() == round(seen.width() * ratio)
        middle = (round(seen.height() * ratio) + image.height()) // 2
        assert len({image.pixel(x, middle) for x in range(image.width())}) > 3


def test_the_frame_is_saved_as_it_was_when_asked_and_opens_again(bench: Bench) -> None:
    bench.view.show_frame(FRAME)
    assert bench.save("data", "a.nxs", viewer=True).startswith("a.nxs: saved in")
    (signal,) = open_file(bench.folder / "a.nxs")
    assert np.asarray(signal.data).tolist() == DATA.tolist()
    assert signal.metadata["instrument"] == "twin"
    assert [(a.units, a.scale) for a in signal.axes] == [("Å", pytest.approx(0.1))] * 2
    assert file_name(FRAME) == "twin_haadf_000012"


def test_a_name_without_ending_gets_that_of_the_kind_chosen(bench: Bench) -> None:
    bench.view.show_frame(FRAME)
    bench.actions["tools.data.image"].run()
    (dialog,) = bench.view.findChildren(QFileDialog)
    assert dialog.nameFilters() == ["NeXus (*.nxs)", "TIFF (*.tif)", "NumPy (*.npy)"]
    assert dialog.defaultSuffix() == "nxs"
    dialog.filterSelected.emit("TIFF (*.tif)")
    assert dialog.defaultSuffix() == "tif"
    dialog.close()


def test_what_cannot_be_saved_is_one_line(bench: Bench) -> None:
    bench.tools.ask(bench.view, "data")
    assert bench.told == [("nothing is shown yet", "caution")]
    bench.view.show_frame(FRAME)
    for what, name in (("data", "no/a.nxs"), ("picture", "no/a.png")):
        assert bench.save(what, name) == f"{Path(name).name}: not saved: No such file or directory"
        assert bench.told[-1][1] == "caution"
    assert bench.save("data", "a.txt") == "a.txt: not saved: a.txt: written as .nxs, .tif, .npy"


def test_the_window_has_them_in_its_menus(window: MainWindow, fake: FakeRun, qtbot) -> None:
    ids = ("tools.roi.image", "tools.fft.diffraction", "tools.roi.spectrum", "tools.data.spectrum")
    qtbot.waitUntil(lambda: all(window.actions_[id].when() for id in ids), timeout=20000)
    assert "tools.fft.spectrum" not in window.actions_
    assert window.actions_.trigger("tools.roi.spectrum")
    viewer = window.docks["Spectrum"].inner.viewer
    qtbot.waitUntil(lambda: any(label == "Integral" for label, _ in viewer._measured.rows()), timeout=20000)
    assert viewer._card.isVisible()
    window.actions_.trigger("tools.roi.spectrum")
    assert viewer._card.isHidden()
