"""The picture of the atoms: what the mouse and the keys do to it, and which atom is marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from matstudio.domain.structure import SiteModel
from matstudio.widgets.atoms import extent
from matstudio.widgets.colours import Scheme, scheme
from matstudio.widgets.structure_camera import Camera, hit, looking
from matstudio.widgets.structure_drawing import Look, origin_of
from matstudio.widgets.structure_overlay import Overlay, Pick, describe, follow
from matstudio.widgets.structure_thread import Artist, Shown, Wanted

REST_MS = 180
_CLICK = 4.0
_TURN = 0.09


class StructureView(QWidget):
    """Shows what an `Artist` draws; the window never waits for it.

    Signals:
        picked (str): what is known of the marked atom, or "".
        looked (str): the view that was chosen, or "" after it was turned by hand.
    """

    picked = Signal(str)
    looked = Signal(str)

    def __init__(self, artist: Artist, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("atoms in three dimensions")
        self._artist = artist
        self._model: SiteModel | None = None
        self._by, self._bonds = "species", False
        self._camera: Camera | None = None
        self._view = "along the beam"
        self._perspective = False
        self._shown: Shown | None = None
        self._pick: Pick | None = None
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self._dragged = False
        self._moving = False
        self._colours: Scheme = scheme(self.palette())
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._rested)
        self._saved: list[Callable[[str], object]] = []
        artist.drawn.connect(self._drawn)
        artist.finished_picture.connect(self._finished)

    def sizeHint(self) -> QSize:
        return QSize(400, 320)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 60)

    @property
    def camera(self) -> Camera | None:
        """Where one looks from now."""
        return self._camera

    @property
    def shown(self) -> Shown | None:
        """The picture on the screen."""
        return self._shown

    @property
    def pick(self) -> Pick | None:
        """The marked atom."""
        return self._pick

    def set_model(self, model: SiteModel) -> None:
        """Show this structure. The camera stays unless the box changes by 5 %; the mark stays on its atom."""
        old, self._model = self._model, model
        if self._camera is None or old is None or not np.allclose(old.cell, model.cell, rtol=0.05, atol=0.5):
            self._camera = None
        if self._pick is not None:
            self.mark(follow(self._pick, model))
        self._ask()

    def set_look(self, by: str, bonds: bool) -> None:
        """Colour by one of `atoms.BY`, with or without bonds."""
        self._by, self._bonds = by, bonds
        self._ask()

    def set_perspective(self, perspective: bool) -> None:
        """Near things larger, or parallel projection."""
        self._perspective = perspective
        if self._camera is not None:
            self._camera = replace(self._camera, perspective=perspective)
        self._ask()

    def look(self, view: str) -> None:
        """See everything from one of `structure_camera.VIEWS`."""
        self._view, self._camera = view, None
        self.looked.emit(view)
        self._ask()

    def mark(self, pick: Pick | None) -> None:
        """Mark an atom, or none."""
        self._pick = pick
        text = "   ".join(describe(self._model, pick.site)) if pick is not None and self._model is not None else ""
        self.setAccessibleDescription(text)
        self.picked.emit(text)
        self.update()

    def save_picture(self, path: Path, factor: float, done: Callable[[str], object]) -> None:
        """Save what is shown as PNG, drawn anew with `factor` times the pixels of the widget; `done` gets "" or what
        went wrong."""
        width, height = max(2, self.width()), max(2, self.height())
        size = (round(width * factor), round(height * factor))
        colours, font, pick = self._colours, self.font(), self._pick

        def finish(image: QImage, shown: Shown) -> str:
            painter = QPainter(image)
            painter.scale(size[0] / width, size[1] / height)
            _over(shown, colours, font, pick).draw(painter, width, height)
            painter.end()
            return "" if image.save(str(path), "PNG") else f"{path}: the picture cannot be written"

        self._saved.append(done)
        self._artist.picture(replace(self._wanted(), size=size, moving=False), finish)

    def rest(self) -> None:
        """Ask for no more pictures."""
        self._rest.stop()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._colours = scheme(self.palette())
            self._ask()
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._view:
            self._camera = None
        self._ask(moving=self._shown is not None)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        shown = self._shown
        if shown is None:
            painter.fillRect(self.rect(), self._colours.background)
            if self._model is not None:
                painter.setPen(self._colours.dim)
                text = f"drawing {len(self._model.positions):,} sites …"
                painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text)
        else:
            same = shown.ready.width() == round(self.width() * self.devicePixelRatioF())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not same)
            painter.drawImage(self.rect(), shown.ready)
            _over(shown, self._colours, self.font(), self._pick).draw(painter, self.width(), self.height())
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(self._colours.accent)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = self._last = event.position()
        self._dragged = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or self._camera is None:
            return
        where = event.position()
        if not self._dragged and (where - self._pressed).manhattanLength() < _CLICK:
            return
        step = where - self._last
        self._dragged, self._last = True, where
        pans = event.buttons() & ~Qt.MouseButton.LeftButton or event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if pans:
            self._pan(step.x(), step.y())
        else:
            speed = np.pi / max(1, min(self.width(), self.height()))
            self._move(self._camera.turned(step.x() * speed, step.y() * speed), "")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, None
        if pressed is not None and not self._dragged and event.button() == Qt.MouseButton.LeftButton:
            self._pick_at(event.position())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._camera is None:
            return
        old = self._camera
        new = old.zoomed(1.2 ** (event.angleDelta().y() / 120))
        off = event.position() - QPointF(self.width(), self.height()) / 2
        less = old.per_pixel(self.width(), self.height()) - new.per_pixel(self.width(), self.height())
        self._move(new.panned(-off.x() * less, -off.y() * less), "")  # what is under the pointer stays there
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, camera = event.key(), self._camera
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        if camera is None:
            super().keyPressEvent(event)
        elif key in steps and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._pan(*(20.0 * s for s in steps[Qt.Key(key)]))
        elif key in steps:
            right, down = steps[Qt.Key(key)]
            self._move(camera.turned(_TURN * right, _TURN * down), "")
        elif event.text() in ("+", "-"):
            self._move(camera.zoomed(1.2 if event.text() == "+" else 1 / 1.2), "")
        elif key == Qt.Key.Key_Home:
            self._fit()
        elif key == Qt.Key.Key_Escape:
            self.mark(None)
        else:
            super().keyPressEvent(event)

    def _fit(self) -> None:
        """See everything from the direction that one looks from."""
        if self._view:
            self.look(self._view)
        elif self._camera is not None:
            whole = self._aimed("along the beam")
            self._move(replace(self._camera, centre=whole.middle, span=2.1 * whole.radius), "")

    def _pan(self, right: float, down: float) -> None:
        if self._camera is not None:
            per_pixel = self._camera.per_pixel(self.width(), self.height())
            self._move(self._camera.panned(right * per_pixel, down * per_pixel), "")

    def _move(self, camera: Camera, view: str) -> None:
        self._camera = camera
        if view != self._view:
            self._view = view
            self.looked.emit(view)
        self._ask(moving=True)

    def _pick_at(self, where: QPointF) -> None:
        shown = self._shown
        if shown is None:
            return
        drawing = shown.drawing
        found = self._found(shown, where.x(), where.y())
        if found is None:
            self.mark(None)
            return
        pick = Pick(int(drawing.sites[found]), drawing.positions[found].astype(float), float(drawing.radii[found]))
        self.mark(pick if self._model is drawing.model or self._model is None else follow(pick, self._model))

    def _found(self, shown: Shown, x: float, y: float) -> int | None:
        """Which of the drawn sites is seen at a point of the widget."""
        drawing = shown.drawing
        return hit(shown.camera, drawing.positions, drawing.radii, (self.width(), self.height()), x, y)

    def _aimed(self, view: str) -> Camera:
        model = self._model
        if model is None:
            return Camera()
        origin = origin_of(model)
        points = origin + np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ model.cell
        if len(model.positions):
            points = np.concatenate([points, extent(model.positions)])
        low, high = extent(points)
        return looking(view, model.cell, low, high, (self.width(), self.height()), 2.5, self._perspective)

    def _wanted(self) -> Wanted:
        if self._camera is None and self._model is not None:
            self._camera = self._aimed(self._view or "along the beam")
        ratio = self.devicePixelRatioF()
        look = Look(self._by, self._bonds, _rgb(self._colours.background), _rgb(self._colours.dim))
        size = (round(self.width() * ratio), round(self.height() * ratio))
        return Wanted(self._model, look, self._camera, size, self._moving)

    def _ask(self, *, moving: bool = False) -> None:
        if moving:
            self._moving = True
            self._rest.start()
        if self._model is not None:
            self._artist.want(self._wanted())

    def _rested(self) -> None:
        self._moving = False
        self._ask()

    def _finished(self, error: str) -> None:
        self._saved.pop(0)(error)

    def _drawn(self) -> None:
        shown = self._artist.newest()
        if shown is not None:
            self._shown = shown
            if self._pick is not None and not shown.moving:
                x, y, _ = shown.camera.project(self._pick.position[None], self.width(), self.height())[0][0]
                found = self._found(shown, x, y)
                hidden = found is not None and shown.drawing.sites[found] != self._pick.site
                self._pick = replace(self._pick, hidden=hidden)
            self.update()


def _rgb(colour: QColor) -> tuple[float, float, float]:
    return colour.getRgbF()[:3]


def _over(shown: Shown, colours: Scheme, font: QFont, pick: Pick | None) -> Overlay:
    drawing = shown.drawing
    return Overlay(drawing.model, drawing.origin, shown.camera, shown.look.by, colours, font, pick)
