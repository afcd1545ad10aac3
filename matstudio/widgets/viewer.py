"""What every viewer has: a head line, a picture, and beside it a column with what the models say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Frame
from matstudio.widgets.axes import drawable
from matstudio.widgets.flow import FlowLayout
from matstudio.widgets.rows import Line, Notes, Rows
from matstudio.widgets.shot import photograph
from matstudio.widgets.text import duration, number, scaled, with_sigma
from matstudio.widgets.tools import Measuring, ToolStrip

STALE_S = 2.0


def unit_of(frame: Frame) -> str:
    """Unit of the frame's values, "" where they are pure numbers or it is not known."""
    unit = str(frame.metadata.get("unit", ""))
    return "" if unit == "1" else unit


def blank(data: np.ndarray) -> str:
    """One line where a frame (any shape) shows nothing: no value is a number, or all are the same; else ""."""
    flat = data.reshape(-1)
    if all(_same(flat[:: max(1, flat.size // some)]) for some in (16, 4096, flat.size)):
        value = flat[0]
        return f"every value is {value:.6g}" if np.isfinite(value) else "no value is a finite number"
    return ""


def _same(values: np.ndarray) -> bool:
    """Whether all are equal, or none is finite."""
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.any():
            return True
        if not finite.all():
            return False
    return bool(values.size and values.min() == values.max())


class _Column(QWidget):
    """Asks for no more height than it needs, so that plots in it give way before it must be scrolled."""

    def heightForWidth(self, width: int) -> int:
        layout = self.layout()
        return -1 if layout is None else layout.minimumHeightForWidth(width)


class FrameViewer(QWidget):
    """Shows the newest frame of one stream and the newest estimate, which may be of an older frame.

    A subclass puts its picture into `stage`, its own widgets above (`column`) and below (`below`) the rows, and gives
    `draw_frame`, `draw_estimate` and `rows`. What it cannot show (`ValueError`) becomes one line above the picture.
    Buttons of tools stand in `strip`, beside the picture; what measures is made known with `use`.

    Signals:
        title_changed (str): what is shown ("Image HAADF 512×512").
        asked (str): a key of `SAVE` was chosen.
    """

    title_changed = Signal(str)
    asked = Signal(str)
    SAVE = (("picture", "Save picture …"), ("picture2", "Save picture at 2× …"), ("data", "Save data …"))
    LABELS: Mapping[str, str] = MappingProxyType({})
    """Label of a quantity; another one is called by its name."""
    TOLD: frozenset[str] = frozenset()
    """Quantities that `rows` tells already."""

    CHANCES: frozenset[str] = frozenset()
    """Quantities that are probabilities: shown without the sigma that follows from them."""

    def __init__(self, kind: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind, self._paused, self._stale = kind, False, False
        self._frame: Frame | None = None
        self._held: Frame | None = None
        self._estimate: Estimate | None = None
        self._title, self._stats = Line(bold=True), Line("dim", right=True)
        self._title.set_text(kind)
        self._state = Line("caution", bold=True)
        self._state.hide()
        self._notes = Notes()
        self._notes.setFont(scaled(self.font(), 0.9))
        self._rows, self._measured = Rows(), Rows()
        self._card = QFrame()
        self._card.setObjectName("card")
        self._card.hide()
        self.strip = ToolStrip()
        self.strip.add_menu("save", "Save the picture, or the frame itself", self.SAVE)
        self.strip.asked.connect(self.asked)
        self.stage, self.column, self.below = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        self._toggles = FlowLayout(8)
        self.below.addLayout(self._toggles)
        self._lay_out()

    @property
    def frame(self) -> Frame | None:
        """The frame shown."""
        return self._frame

    @property
    def estimate(self) -> Estimate | None:
        """The estimate shown."""
        return self._estimate

    def show_frame(self, frame: Frame) -> None:
        """Show a frame; while paused it is kept for later."""
        if self._paused:
            self._held = frame
            return
        try:
            if not frame.data.size:
                raise ValueError("there is no value in it")
            axes = tuple(drawable(a) for a in frame.axes)
            if axes != frame.axes:
                frame = replace(frame, axes=axes)
            self.draw_frame(frame)
        except ValueError as error:
            self._say(f"cannot be shown: {error}")
            return
        self._frame = frame
        self._say(blank(frame.data))
        size = "×".join(f"{n:,}" if frame.data.ndim == 1 else str(n) for n in frame.data.shape)
        mode = str(frame.metadata.get("mode", ""))
        told = self._kind.lower() in mode.lower()
        title = " ".join(t for t in ("" if told else self._kind, mode[:1].upper() + mode[1:], size) if t)
        if title != self._title.text():
            self._title.set_text(title)
            self.title_changed.emit(title)

    def show_estimate(self, estimate: Estimate) -> None:
        """Show what a model says; left out while paused or before the first frame."""
        if self._paused or self._frame is None:
            return
        try:
            self.draw_estimate(estimate)
        except ValueError as error:
            self._say(f"cannot be shown: {error}")
            return
        self._estimate = estimate
        self._tell()

    def set_paused(self, paused: bool) -> None:
        """Hold what is shown, or go on with the newest frame."""
        self._paused = paused
        held, self._held = self._held, None
        self._say("")
        if not paused and held is not None:
            self.show_frame(held)

    def set_stats(
        self,
        text: str | None = None,
        *,
        shown: float | None = None,
        analysed: float | None = None,
        dropped: int | None = None,
        age: float | None = None,
    ) -> None:
        """Say at the right of the head line how the stream runs.

        Args:
            text: said as it is, instead of the numbers.
            shown: frames drawn per second.
            analysed: frames read by a model per second.
            dropped: frames lost so far.
            age: seconds since the exposure of the frame shown ended; beyond 2 s what is shown is greyed.
        """
        stale = age is not None and age > STALE_S
        if text is None:
            parts = [
                f"{name} {rate:.1f} Hz" for name, rate in (("shown", shown), ("analysed", analysed)) if rate is not None
            ]
            parts += [] if dropped is None else [f"dropped {dropped:,}"]
            parts += [] if age is None else [f"{'stale' if stale else 'age'} {duration(age)}"]
            text = "  ".join(parts)
        self._stats.set_text(text, "caution" if stale else "dim")
        if stale != self._stale:
            self._stale = stale
            self._tell()

    def set_head_visible(self, visible: bool) -> None:
        """Show the head line, or leave it to the dock's title bar."""
        self._title.setVisible(visible)
        self._stats.setVisible(visible)

    def set_colormap(self, name: str) -> None:
        """Use a colour map of `colours.COLORMAPS`; without effect where nothing is coloured by value."""

    def draw_frame(self, frame: Frame) -> None:
        """Draw a frame; ValueError with one line where it cannot be drawn."""
        raise NotImplementedError

    def draw_estimate(self, estimate: Estimate) -> None:
        """Draw overlays; ValueError with one line where they cannot be drawn."""
        raise NotImplementedError

    def rows(self, estimate: Estimate) -> list[tuple[str, str]]:
        """Rows (label, value) that come before the quantities."""
        return []

    def notes(self, estimate: Estimate) -> tuple[str, ...]:
        """Lines below the quantities."""
        return estimate.notes

    def toggle(self, text: str, checked: bool = True) -> QCheckBox:
        """A new switch for an overlay, below the rows."""
        box = QCheckBox(text)
        box.setChecked(checked)
        self._toggles.addWidget(box)
        return box

    def use(self, tools: Measuring) -> None:
        """Let the strip switch what measures; what it tells stands at the top of the column."""
        self.strip.toggled.connect(tools.set_on)
        tools.measured.connect(self.tell_measured)

    def tell_measured(self, rows: Sequence[tuple[str, str]]) -> None:
        """Show rows (label, value) of what was measured; none takes them away."""
        self._measured.set_rows(rows)
        if self._card.isHidden() == bool(rows):
            self._card.setVisible(bool(rows))
        self._fit()

    def picture(self, scale: float = 1.0) -> QImage:
        """The picture with what lies on it, and its tools' plots, as it is shown now.

        Below it stands what it is of; a simulation and a replay say that they are one.

        Args:
            scale: pixels for each pixel of the screen.
        """
        frame = self._frame
        facts = [self._title.text()]
        if frame is not None:
            facts.append(f"frame {frame.seq:,}")
            source = str(frame.metadata.get("instrument", ""))
            facts += [{"twin": "SIMULATED (twin)", "replay": "REPLAY"}.get(source, source)] if source else []
        return photograph(self._picture, ", ".join(facts), scale)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _tell(self) -> None:
        estimate = self._estimate
        if estimate is None:
            return
        rows = self.rows(estimate)
        for name, q in estimate.quantities.items():
            if name in self.TOLD:
                continue
            label = self.LABELS.get(name) or (name[:1].upper() + name[1:]).replace("_", " ")
            text = number(q.value, 2) if name in self.CHANCES else with_sigma(q.value, q.sigma, q.unit)
            rows.append((label, text))
        latency = f", {1000 * estimate.seconds:.0f} ms" if math.isfinite(estimate.seconds) else ""
        rows.append(("Model", f"{estimate.model.name} {estimate.model.version}{latency}"))
        self._rows.set_rows(rows, self._stale)
        self._notes.set_text("\n".join(self.notes(estimate)))
        self._fit()

    def _say(self, problem: str) -> None:
        self._state.set_text("PAUSED" if self._paused and not problem else problem)
        self._state.setVisible(bool(self._state.text()))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addWidget(self._stats, 1)
        self.stage.setContentsMargins(0, 0, 0, 0)
        self._picture = QWidget()
        self._picture.setLayout(self.stage)
        within = QVBoxLayout(self._card)
        within.setContentsMargins(4, 2, 4, 2)
        within.addWidget(self._measured)
        inner = _Column()
        inside = QVBoxLayout(inner)
        inside.setContentsMargins(0, 0, 4, 0)
        inside.setSpacing(4)
        self.below.setSpacing(4)
        inside.addWidget(self._card)
        inside.addLayout(self.column)
        inside.addWidget(self._rows)
        inside.addWidget(self._notes)
        inside.addLayout(self.below)
        inside.addStretch(1)
        self._inner, self._side = inner, QScrollArea()
        self._side.setFrameShape(QFrame.Shape.NoFrame)
        self._side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._side.setWidgetResizable(True)
        self._side.setWidget(inner)
        body = QHBoxLayout()
        body.setSpacing(4)
        body.addWidget(self._picture, 1)
        body.addWidget(self.strip)
        body.addWidget(self._side)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self._state)
        layout.addLayout(body, 1)

    def _fit(self) -> None:
        """Give the column what it asks for, at most 45 % of the width; none where the viewer is very narrow."""
        em = self.fontMetrics().averageCharWidth()
        bar = self._side.verticalScrollBar().sizeHint().width()
        wanted = max(self._inner.sizeHint().width(), self._rows.sizeHint().width() + 4) + bar
        self._side.setFixedWidth(round(max(min(wanted, 0.45 * self.width()), 16 * em)))
        self._side.setVisible(self.width() > 52 * em)
