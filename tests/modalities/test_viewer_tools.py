"""The tools of the three viewers: the same in each, and room for what they tell."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication, QScrollArea

from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities.base import modality
from matstudio.ui.theme import Theme, apply
from matstudio.widgets import tools as timing
from matstudio.widgets.tools import FFT, LINE, ROI
from matstudio.widgets.viewer import FrameViewer

RNG = np.random.default_rng(2)
QUANTITIES = {
    "order_parameter": Quantity(0.052, 0.007, "1"),
    "antiphase": Quantity(0.1, 0.1, "1"),
    "lattice_a": Quantity(3.748, 0.00009, "Å"),
    "superlattice_ratio": Quantity(0.00048, 0.00007, "1"),
}
ESTIMATE = Estimate(
    "s",
    0,
    0.05,
    Model("baseline", "1", "0"),
    QUANTITIES,
    {"spots": np.array([[20.0, 30.0]]), "spots_hkl": np.array([[1, 0, 0]]), "spots_intensity": np.ones(1)},
    {},
    (),
    None,
    0.05,
)


def frame(kind: Kind, data: np.ndarray, axes: tuple[Axis, ...], **facts: object) -> Frame:
    return Frame("s", kind, 0, data, axes, 0.0, 0.1, "c", MappingProxyType({"unit": "counts", **facts}))


def pattern() -> Frame:
    axes = tuple(Axis(name, "1/Å", 0.01, -0.64, 128) for name in ("ky", "kx"))
    return frame(Kind.DIFFRACTION, RNG.poisson(5, (128, 128)).astype(np.uint16), axes)


def powder() -> Frame:
    return frame(Kind.DIFFRACTION, RNG.poisson(100, 1000), (Axis("2theta", "°", 0.02, 10.0, 1000),))


def spectrum() -> Frame:
    axis = Axis("Energy loss", "eV", 0.5, 800.0, 500)
    return frame(Kind.SPECTRUM, RNG.poisson(1e5 * (axis.values / 820) ** -3), (axis,))


def image() -> Frame:
    axes = (Axis("y", "Å", 0.1, 0.0, 96), Axis("x", "Å", 0.1, 0.0, 96))
    return frame(Kind.IMAGE, RNG.poisson(50, (96, 96)).astype(np.uint16), axes)


FRAMES = {Kind.IMAGE: image, Kind.DIFFRACTION: pattern, Kind.SPECTRUM: spectrum}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "PERIOD_S", 0.0)
    monkeypatch.setattr(timing, "REST", 0.0)


def viewer(kind: Kind, qtbot, size: tuple[int, int] = (560, 330)) -> FrameViewer:
    made: FrameViewer = modality(kind).make("viewer")
    qtbot.addWidget(made)
    made.set_head_visible(False)
    made.resize(*size)
    made.show()
    return made


def told(view: FrameViewer, label: str, qtbot) -> str:
    qtbot.waitUntil(lambda: label in dict(view._measured.rows()), timeout=30000)
    return dict(view._measured.rows())[label]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_region_can_be_switched_in_every_viewer(kind: Kind, qtbot) -> None:
    view = viewer(kind, qtbot)
    view.show_frame(FRAMES[kind]())
    view.strip.set_on(ROI, True)
    assert told(view, "Mean", qtbot).endswith("counts")
    assert view._card.isVisible()
    view.set_paused(True)
    view.strip.set_on(ROI, False)
    assert view._card.isHidden()
    view.strip.set_on(ROI, True)
    assert told(view, "Sum", qtbot)


def test_a_powder_pattern_is_measured_as_it_is_and_has_no_line_or_transform(qtbot) -> None:
    view = viewer(Kind.DIFFRACTION, qtbot)
    view.show_frame(powder())
    view.strip.set_on(ROI, True)
    assert not view.strip.usable(LINE)
    assert not view.strip.usable(FFT)
    assert float(told(view, "Mean", qtbot).split()[0]) == pytest.approx(100, rel=0.05)
    assert told(view, "Width", qtbot) == "3.996 °"
    view.show_frame(pattern())
    assert view._card.isHidden()
    assert view.strip.usable(FFT)
    assert told(view, "Region", qtbot) == "0.640 × 0.640 1/Å"


def test_a_curve_with_negative_values_is_never_logarithmic(qtbot) -> None:
    view = viewer(Kind.DIFFRACTION, qtbot)
    curve = np.sin(np.arange(1000) / 50)
    view.show_frame(frame(Kind.DIFFRACTION, curve, (Axis("r", "Å", 0.01, 0.0, 1000),), unit="1"))
    assert not view._log.isEnabled()
    assert view.powder.line("pattern")[1] == pytest.approx(curve)
    view.show_frame(powder())
    assert view._log.isEnabled()
    assert view.powder.line("pattern")[1].max() < 3


def test_the_columns_of_the_diffraction_viewer_fit_its_dock(qtbot, qapp) -> None:
    apply(qapp, Theme.DARK)
    view = viewer(Kind.DIFFRACTION, qtbot, (548, 228))
    view.show_frame(pattern())
    view.show_estimate(ESTIMATE)
    qtbot.wait(50)
    bar = view.findChild(QScrollArea).verticalScrollBar()
    assert bar.maximum() == 0
    for plot in (view.profile, view._levels):
        assert (
            view._side.viewport()
            .rect()
            .contains(plot.rect().translated(plot.mapTo(view._side.viewport(), plot.rect().topLeft())))
        )
        assert plot.height() >= 2.6 * view.fontMetrics().height()
    view.show_estimate(replace(ESTIMATE, notes=("no superlattice spot above noise",)))
    qtbot.wait(50)
    assert bar.maximum() == 0
    view.resize(548, 500)
    QApplication.processEvents()
    assert view.profile.height() >= 5 * view.fontMetrics().height()


def test_of_a_linear_radial_profile_the_direct_beam_runs_out_of_the_picture(qtbot) -> None:
    view = viewer(Kind.DIFFRACTION, qtbot, (548, 400))
    made = pattern()
    made.data[64, 64] = 60_000
    view.show_frame(made)
    assert view.profile.box.viewRange()[1][1] > 4
    view._log.setChecked(False)
    qtbot.wait(50)
    assert view.profile.line("profile")[1][0] == 60_000
    assert 5 < view.profile.box.viewRange()[1][1] < 50


def test_a_pattern_has_its_spacing_under_the_cursor(qtbot) -> None:
    view = viewer(Kind.DIFFRACTION, qtbot)
    view.show_frame(pattern())
    qtbot.wait(30)
    canvas = view.canvas
    canvas.cursor_at = canvas.box.mapViewToScene(canvas.box.viewRect().center().__class__(0.3, -0.4))
    canvas.read_out()
    place, spacing = canvas._hud.readout.split("\n")
    assert place.startswith("0.300, −0.400 1/Å   ")
    assert spacing == "|k| 0.5000 1/Å   d 2.000 Å" or spacing == "|k| 0.5 1/Å   d 2 Å"
    assert canvas._hud.bar()[1].endswith(" 1/Å")


def test_a_logarithmic_spectrum_leaves_out_what_has_no_logarithm(qtbot) -> None:
    view = viewer(Kind.SPECTRUM, qtbot)
    made = spectrum()
    made.data[:3] = (0, -5, 1000)
    view.show_frame(made)
    view.show_estimate(ESTIMATE)
    view._log.setChecked(True)
    _, y = view.plot.line("spectrum")
    assert np.isnan(y[:2]).all()
    assert y[2] == pytest.approx(3.0)
    assert view.plot.plot.getAxis("left").label.toPlainText().strip() == "lg counts"
    assert view.plot.box.viewRange()[1][1] < 7
    view.strip.set_on(ROI, True)
    assert float(told(view, "Mean", qtbot).split()[0].replace(",", "")) > 1000
    view._log.setChecked(False)
    assert view.plot.line("spectrum")[1][1] == -5
    view.show_frame(frame(Kind.SPECTRUM, np.full(500, math.nan), made.axes))
    view._log.setChecked(True)
    view.grab()


@pytest.mark.parametrize("kind", list(Kind))
def test_a_picture_of_a_simulation_says_so(kind: Kind, qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("matstudio.widgets.viewer.photograph", lambda widget, caption, scale: said.append(caption))
    view = viewer(kind, qtbot)
    view.picture()
    for source in ("twin", "replay", "epics", ""):
        view.show_frame(frame(kind, FRAMES[kind]().data, FRAMES[kind]().axes, instrument=source))
        view.picture(2.0)
    assert "SIMULATED" in said[1]
    assert said[2].endswith("REPLAY")
    assert said[3].endswith("frame 0, epics")
    assert said[4].endswith("frame 0")
