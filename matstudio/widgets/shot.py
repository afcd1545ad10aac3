"""A picture of a widget."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPalette, QRegion
from PySide6.QtWidgets import QWidget

from matstudio.widgets.text import scaled


def photograph(widget: QWidget, caption: str, scale: float = 1.0) -> QImage:
    """What a widget shows, drawn anew, and a line of text below it.

    Args:
        widget: it may be hidden by others.
        caption: the line; cut where it is too long.
        scale: pixels for each pixel of the screen.
    """
    ratio = widget.devicePixelRatioF() * scale
    font = scaled(widget.font(), 0.85)
    line = QFontMetricsF(font).height() * 1.3
    size = QSize(widget.width(), round(widget.height() + line))
    image = QImage(size * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    colours = widget.palette()
    image.fill(colours.color(QPalette.ColorRole.Window))
    widget.render(image, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
    painter = QPainter(image)
    painter.setFont(font)
    painter.setPen(colours.color(QPalette.ColorRole.WindowText))
    box = QRectF(4, widget.height(), size.width() - 8, line)
    text = QFontMetricsF(font).elidedText(caption, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
    painter.end()
    return image
