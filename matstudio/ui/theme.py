"""Dark and light theme: one palette and one style sheet, set on the application.

Colour is spent on the abnormal only (ISA-101): the normal state of everything is grey on grey.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication


class Theme(StrEnum):
    """Which set of colours the window has."""

    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True)
class Colours:
    """The colours of a theme.

    Args:
        window: behind the docks.
        panel: of a dock. raised: of its title, a button. base: of edits and canvases.
        line: borders.
        text, dim: of values, of labels.
        chosen, chosen_line: what is switched on.
        bad, bad_text: HALT and what is dangerous. caution, caution_text: what needs a look.
    """

    window: str
    panel: str
    raised: str
    base: str
    line: str
    text: str
    dim: str
    chosen: str
    chosen_line: str
    bad: str
    bad_text: str
    caution: str
    caution_text: str


COLOURS = {
    Theme.DARK: Colours(
        window="#17191d",
        panel="#212429",
        raised="#2b2f36",
        base="#14161a",
        line="#3a3f47",
        text="#dfe3e8",
        dim="#9ca3ad",
        chosen="#35465a",
        chosen_line="#7ab8f0",
        bad="#a82a24",
        bad_text="#ffffff",
        caution="#ffb347",
        caution_text="#1c1405",
    ),
    Theme.LIGHT: Colours(
        window="#dcdfe3",
        panel="#eef0f2",
        raised="#e1e4e8",
        base="#fafbfc",
        line="#b4bac2",
        text="#1b1f24",
        dim="#565e68",
        chosen="#c9dcef",
        chosen_line="#1565a8",
        bad="#b3261e",
        bad_text="#ffffff",
        caution="#f2b04c",
        caution_text="#2b1c00",
    ),
}

_SHEET = """
QMainWindow {{ background: {window}; }}
QDialog {{ background: {panel}; }}
QMainWindow::separator {{ background: {window}; width: 6px; height: 6px; }}
QMenuBar {{ background: {window}; }}
QMenuBar::item {{ padding: 3px 9px; background: transparent; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {chosen}; color: {text}; }}
QMenu {{ background: {panel}; border: 1px solid {line}; padding: 3px; }}
QMenu::item {{ padding: 4px 24px; }}
QMenu::item:disabled {{ color: {off}; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {line}; padding: 3px; }}
QStatusBar {{ background: {window}; }}
QStatusBar::item {{ border: none; }}
QFrame#header {{ background: {panel}; border: none; border-bottom: 1px solid {line}; }}
QFrame#dock {{ background: {panel}; border: 1px solid {line}; border-top: none; }}
QFrame#dockTitle {{ background: {raised}; border: 1px solid {line}; }}
QFrame#card {{ background: {panel}; border: 1px solid {line}; border-radius: 4px; }}
QFrame#card[abnormal="true"] {{ border: 1px solid {caution}; }}
QLabel[role="dim"] {{ color: {dim}; }}
QLabel[role="name"] {{ font-weight: 600; }}
QLabel[role="caution"] {{ color: {caution_ink}; }}
QLabel[role="bad"] {{ color: {bad_ink}; font-weight: 600; }}
QPushButton {{ background: {raised}; border: 1px solid {line}; border-radius: 4px; padding: 4px 10px; }}
QPushButton:hover {{ border-color: {dim}; }}
QPushButton:focus, QLineEdit:focus, QSlider:focus {{ border: 1px solid {chosen_line}; }}
QPushButton:pressed {{ background: {chosen}; }}
QPushButton:disabled {{ color: {off}; }}
QPushButton:checked {{ background: {chosen}; border: 1px solid {chosen_line}; font-weight: 600; }}
QPushButton#halt {{ background: {bad}; color: {bad_text}; border: 2px solid {bad_ink}; font-weight: 700; }}
QPushButton#halt:pressed {{ background: {bad_ink}; }}
QPushButton#box {{ text-align: left; padding: 3px 10px; }}
QPushButton[level="caution"] {{ background: {caution}; color: {caution_text}; border: 1px solid {caution}; }}
QPushButton[level="steady"] {{ border: 2px solid {caution}; }}
QPushButton[level="bad"] {{ background: {bad}; color: {bad_text}; border: 1px solid {bad_ink}; }}
QFrame#notice[level="bad"] {{ background: {bad}; }}
QFrame#notice[level="bad"] QLabel {{ color: {bad_text}; font-weight: 600; }}
QFrame#notice[level="caution"] {{ background: {caution}; }}
QFrame#notice[level="caution"] QLabel {{ color: {caution_text}; font-weight: 600; }}
QFrame#palette {{ background: {panel}; border: 1px solid {chosen_line}; border-radius: 5px; }}
QListView {{ background: {base}; border: 1px solid {line}; }}
QFrame#toast {{ background: {raised}; border: 1px solid {line}; border-radius: 4px; }}
QFrame#toast[level="caution"] {{ border: 1px solid {caution}; border-left: 5px solid {caution}; }}
QFrame#toast[level="caution"] QLabel[role="name"] {{ color: {caution_ink}; }}
QFrame#toast[level="bad"] {{ border: 1px solid {bad_ink}; border-left: 5px solid {bad_ink}; }}
QFrame#toast[level="bad"] QLabel[role="name"] {{ color: {bad_ink}; }}
QLineEdit {{ background: {base}; border: 1px solid {line}; border-radius: 3px; padding: 2px 6px; }}
QLineEdit:disabled {{ color: {dim}; background: {panel}; }}
QLineEdit[level="caution"] {{ border: 1px solid {caution_ink}; }}
QTableView {{ background: {base}; border: 1px solid {line}; gridline-color: transparent; }}
QHeaderView::section {{ background: {raised}; color: {dim}; padding: 2px 6px; }}
QHeaderView::section {{ border: none; border-bottom: 1px solid {line}; }}
QTableCornerButton::section {{ background: {raised}; border: none; }}
QToolButton {{ border: none; border-radius: 3px; padding: 1px; }}
QToolButton:hover {{ background: {chosen}; }}
QToolButton#model {{ border: 1px solid {line}; padding: 0px 14px 0px 5px; }}
QToolButton#model[level="caution"] {{ color: {caution_ink}; border: 1px solid {caution_ink}; }}
QToolButton#tool {{ background: {raised}; border: 1px solid {line}; padding: 1px 4px; }}
QToolButton#tool:hover {{ background: {raised}; border-color: {dim}; }}
QToolButton#tool:checked {{ background: {chosen}; border-color: {chosen_line}; font-weight: 600; }}
QToolButton#tool:disabled {{ color: {off}; }}
QToolButton#tool[popupMode="1"] {{ padding-right: 15px; }}
QToolButton#tool::menu-button {{ border: none; width: 14px; }}
QToolButton#tool::menu-indicator {{ image: none; }}
QToolButton#model::menu-indicator {{ subcontrol-position: right center; right: 3px; }}
QScrollArea {{ border: none; background: transparent; }}
"""


def palette(theme: Theme) -> QPalette:
    """The theme's palette."""
    c = COLOURS[theme]
    new = QPalette(QColor(c.panel))
    role = QPalette.ColorRole
    for which, colour in (
        (role.Window, c.panel),
        (role.WindowText, c.text),
        (role.Base, c.base),
        (role.AlternateBase, c.panel),
        (role.Text, c.text),
        (role.PlaceholderText, c.dim),
        (role.Button, c.raised),
        (role.ButtonText, c.text),
        (role.BrightText, c.bad_text),
        (role.ToolTipBase, c.raised),
        (role.ToolTipText, c.text),
        (role.Highlight, c.chosen),
        (role.HighlightedText, c.text),
        (role.Accent, c.chosen_line),
        (role.Link, c.chosen_line),
        (role.Mid, c.line),
    ):
        new.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        new.setColor(QPalette.ColorGroup.Disabled, which, QColor(c.dim))
    return new


def apply(application: QApplication, theme: Theme) -> None:
    """Give the whole application a theme."""
    c = COLOURS[theme]
    ink = {"caution_ink": "#ffb347", "bad_ink": "#ff6b60", "off": "#747c87"}
    if theme is Theme.LIGHT:
        ink = {"caution_ink": "#8a5000", "bad_ink": "#b3261e", "off": "#868e98"}
    application.setStyle("Fusion")
    application.setPalette(palette(theme))
    application.setStyleSheet(_SHEET.format(**vars(c), **ink))
