"""What is written over the atoms: legend, axes, lengths of the box, scale bar, and the atom that was picked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QLinearGradient, QPainter, QPen

from matstudio.domain.structure import SiteModel
from matstudio.widgets.atoms import ramp
from matstudio.widgets.colours import Scheme
from matstudio.widgets.elements import species_colour
from matstudio.widgets.structure_camera import Camera
from matstudio.widgets.text import number, scaled, with_sigma

_MIDDLES = np.array([np.roll((0.5, i, j), n) for n in range(3) for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))])
"""Middles of the four edges along a, along b and along c, (12, 3), in edges of the box."""


@dataclass(frozen=True)
class Pick:
    """A site that is marked: its number, place (3,) in Å, radius as drawn, Å, and whether others hide it now."""

    site: int
    position: np.ndarray
    radius: float
    hidden: bool = False


def describe(model: SiteModel, site: int) -> tuple[str, ...]:
    """What is known of a site, in three lines: occupancies, place, number."""
    parts = []
    for k, species in enumerate(model.species):
        value = float(model.occupancy[site, k])
        sigma = float(model.sigma[site]) if k == 0 else None
        if k == 0 or not value < 5e-3:
            parts.append(f"{species} {with_sigma(value, sigma) if sigma else number(value, 2)}")
    vacant = 1 - float(model.occupancy[site].sum())
    if vacant > 5e-3:
        parts.append(f"vacant {number(vacant, 2)}")
    x, y, z = (number(float(v), 2) for v in model.positions[site])
    return "   ".join(parts), f"x {x}   y {y}   z {z} Å", f"site {site:,} of {len(model.positions):,}"


def follow(pick: Pick, model: SiteModel, reach: float = 0.8) -> Pick | None:
    """The same atom in a newer structure: the site nearest to where it was, within `reach` (Å), or None."""
    positions = model.positions
    if pick.site < len(positions):
        same = positions[pick.site]
        if np.linalg.norm(same - pick.position) < 0.5 * reach:
            return replace(pick, position=np.array(same, float))
    if not len(positions):
        return None
    apart = np.linalg.norm(positions - pick.position, axis=1)
    site = int(np.argmin(apart))
    return replace(pick, site=site, position=np.array(positions[site], float)) if apart[site] < reach else None


@dataclass(frozen=True)
class Overlay:
    """All that is written over one picture.

    Args:
        model, origin, camera: what the picture shows, and the corner of its box, (3,) Å.
        by: one of `atoms.BY`.
        colours, font: of the text.
        pick: the marked site.
    """

    model: SiteModel
    origin: np.ndarray
    camera: Camera
    by: str
    colours: Scheme
    font: QFont
    pick: Pick | None = None

    def draw(self, painter: QPainter, width: int, height: int) -> None:
        """Write it over a picture of this size."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(scaled(self.font, 0.9))
        metrics = QFontMetricsF(painter.font())
        self._box(painter, metrics, width, height)
        if self.pick is not None:
            self._mark(painter, self.pick, width, height)
        em = metrics.height()
        self._triad(painter, metrics, QPointF(width - 2.6 * em, height - 4.6 * em), 1.5 * em)
        self._bar(painter, metrics, width, height)
        self._legend(painter, metrics, height)
        if self.pick is not None and self.pick.site < len(self.model.positions):
            self._read_out(painter, metrics, describe(self.model, self.pick.site))

    def _box(self, painter: QPainter, metrics: QFontMetricsF, width: int, height: int) -> None:
        """a, b and c with their lengths at the middle of their edges; left out where one looks along them."""
        cell = np.asarray(self.model.cell, float)
        middles = self.origin + _MIDDLES @ cell
        corners = np.vstack((self.origin, self.origin + cell, self.origin + cell.sum(axis=0) / 2))
        places = self.camera.project(np.vstack((middles, corners)), width, height)[0][:, :2].tolist()
        (x0, y0), (xc, yc) = places[12], places[16]
        for n, (name, edge) in enumerate(zip("abc", cell.tolist(), strict=True)):
            text = f"{name}  {number(math.hypot(*edge), 2)} Å"
            x, y = places[13 + n]
            if math.hypot(x - x0, y - y0) < metrics.horizontalAdvance(text):
                continue
            four = [(math.hypot(x - xc, y - yc), x, y) for x, y in places[4 * n : 4 * n + 4]]
            far, x, y = max(four, key=lambda p: p[0] + 0.2 * (p[2] - yc))  # the edge that lies outermost
            away = 1.1 * metrics.height() / max(far, 1e-6)
            room = QPointF(x + (x - xc) * away, y + (y - yc) * away)
            box = metrics.boundingRect(text)
            box.moveCenter(room)
            box.moveLeft(min(max(box.left(), 4.0), width - box.width() - 4))
            box.moveTop(min(max(box.top(), 4.0), height - box.height() - 4))
            self._text(painter, box, text)

    def _text(self, painter: QPainter, box: QRectF, text: str) -> None:
        ground = QColor(self.colours.background)
        ground.setAlpha(170)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box.adjusted(-3, -1, 3, 1), 3, 3)
        painter.setPen(self.colours.text)
        painter.drawText(box.adjusted(-2, -2, 2, 2), Qt.AlignmentFlag.AlignCenter, text)

    def _triad(self, painter: QPainter, metrics: QFontMetricsF, at: QPointF, arm: float) -> None:
        """Directions of x, y and z; a ring where one points away, a dot where it points at the viewer."""
        for n in np.argsort(self.camera.rotation[2]):
            right, up, toward = self.camera.rotation[:, n]
            end = at + QPointF(right, -up) * arm
            colour = self.colours.text if toward >= -0.2 else self.colours.dim
            painter.setPen(QPen(colour, 1.6))
            painter.setBrush(colour if toward > 0 else Qt.BrushStyle.NoBrush)
            flat = math.hypot(right, up)
            if flat > 0.15:
                painter.drawLine(at, end)
            else:
                painter.drawEllipse(at, 3.5, 3.5)
            aside = QPointF(right, -up) / flat if flat > 0.15 else QPointF(-0.8, -0.8)
            place = (end if flat > 0.15 else at) + aside * 0.6 * metrics.height()
            box = QRectF(0, 0, 2 * metrics.height(), metrics.height())
            box.moveCenter(place)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "xyz"[n])

    def _bar(self, painter: QPainter, metrics: QFontMetricsF, width: int, height: int) -> None:
        per_pixel = self.camera.per_pixel(width, height)
        length = nice(per_pixel * min(0.22 * width, 160))
        text = f"{length:g} Å" + (" mid-depth" if self.camera.perspective else "")
        pixels = length / per_pixel
        y, right = height - 0.7 * metrics.height(), width - 0.8 * metrics.height()
        painter.setPen(QPen(self.colours.text, 3))
        painter.drawLine(QPointF(right - pixels, y), QPointF(right, y))
        box = metrics.boundingRect(text)
        box.moveCenter(QPointF(right - max(pixels, box.width()) / 2, y - 0.75 * metrics.height()))
        self._text(painter, box, text)

    def _legend(self, painter: QPainter, metrics: QFontMetricsF, height: int) -> None:
        em = metrics.height()
        x, y = 0.8 * em, height - 0.9 * em
        if self.by != "species":
            top = 1.0 if self.by == "occupancy" else 0.5
            name = "fraction of" if self.by == "occupancy" else "σ of the fraction of"
            bar = QRectF(x, y - 0.5 * em, 8 * em, 0.8 * em)
            ground = bar.adjusted(-4, -1.5 * em, 4 + 2 * em, 4)
            self._text(painter, ground, "")
            fill = QLinearGradient(bar.topLeft(), bar.topRight())
            for part, rgb in zip(np.linspace(0, 1, 9), ramp(np.linspace(0, 1, 9)), strict=True):
                fill.setColorAt(float(part), QColor.fromRgbF(*(float(c) for c in rgb)))
            painter.setPen(self.colours.grid)
            painter.setBrush(fill)
            painter.drawRect(bar)
            painter.setPen(self.colours.text)
            painter.drawText(QPointF(x, bar.top() - 0.35 * em), f"{name} {self.model.species[0]}, 0 to {top:g}")
            return
        for species in self.model.species:
            box = metrics.boundingRect(species)
            box.moveTo(x + 1.0 * em, y - 0.5 * em)
            self._text(painter, box.adjusted(-1.0 * em, 0, 0, 0), "")
            painter.setPen(self.colours.grid)
            painter.setBrush(QColor.fromRgbF(*species_colour(species)))
            painter.drawEllipse(QPointF(x + 0.35 * em, box.center().y()), 0.36 * em, 0.36 * em)
            painter.setPen(self.colours.text)
            painter.drawText(box.adjusted(-2, -2, 2, 2), Qt.AlignmentFlag.AlignCenter, species)
            x = box.right() + 0.9 * em
        text = "fainter: less sure"
        box = metrics.boundingRect(text)
        box.moveTo(x, y - 0.5 * em)
        self._text(painter, box, text)

    def _mark(self, painter: QPainter, pick: Pick, width: int, height: int) -> None:
        place, scale = self.camera.project(pick.position[None], width, height)
        at, size = QPointF(*place[0, :2]), max(5.0, pick.radius * scale[0] + 2.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.colours.background, 4))
        painter.drawEllipse(at, size, size)
        style = Qt.PenStyle.DotLine if pick.hidden else Qt.PenStyle.SolidLine
        painter.setPen(QPen(self.colours.accent, 2, style))
        painter.drawEllipse(at, size, size)

    def _read_out(self, painter: QPainter, metrics: QFontMetricsF, lines: tuple[str, ...]) -> None:
        em = metrics.height()
        wide = max(metrics.horizontalAdvance(t) for t in lines)
        ground = QColor(self.colours.background)
        ground.setAlpha(220)
        painter.setPen(QPen(self.colours.accent, 1))
        painter.setBrush(ground)
        painter.drawRoundedRect(QRectF(0.5 * em, 0.5 * em, wide + em, (len(lines) + 0.6) * em), 4, 4)
        painter.setPen(self.colours.text)
        for n, line in enumerate(lines):
            painter.drawText(QPointF(em, 0.8 * em + n * em + metrics.ascent()), line)


def nice(length: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above `length`."""
    power = 10 ** math.floor(math.log10(max(length, 1e-6)))
    return next(float(f"{step * power:.6g}") for step in (5, 2, 1) if step * power <= length * 1.0001)
