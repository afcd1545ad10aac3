"""A picture of the whole window, with the OpenGL view that lies in it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget


def save(window: QWidget, path: Path) -> None:
    """Write the window to a PNG file.

    `QWidget.grab` leaves native child windows out; on X11 the screen itself is read.

    Raises:
        OSError: the file cannot be written.
    """
    if QGuiApplication.platformName() == "xcb" and window.screen() is not None:
        window.raise_()
        QGuiApplication.processEvents()
        picture = window.screen().grabWindow(window.winId())
    else:
        picture = window.grab()
    if picture.isNull() or not picture.save(str(path), "PNG"):
        raise OSError(f"{path}: the screenshot cannot be written")
