"""A picture of the whole window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QWidget


def save(window: QWidget, path: Path) -> None:
    """Write the window to a PNG file, whatever lies over it on the screen; floating docks are windows of their own.

    Raises:
        OSError: the file cannot be written.
    """
    picture = window.grab()
    if picture.isNull() or not picture.save(str(path), "PNG"):
        raise OSError(f"{path}: the screenshot cannot be written")
