"""Where the docks stand in the layouts that come with MatStudio. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass

ACROSS, DOWN = "across", "down"


@dataclass(frozen=True)
class Preset:
    """A layout, as steps that are done one after another.

    Args:
        name, tip: for people.
        first: the dock that is there to begin with.
        splits: (dock that is there, new one, `ACROSS` or `DOWN`): the new one takes a part of its room.
        tabs: (dock that is there, new one): the new one lies behind it.
        front: docks that come to the front of their tabs.
        sizes: (docks side by side, their sizes in pixels of a window of 1600 x 1000, `ACROSS` or `DOWN`).
        closed: docks that are not shown.
    """

    name: str
    tip: str
    first: str
    splits: tuple[tuple[str, str, str], ...]
    tabs: tuple[tuple[str, str], ...]
    front: tuple[str, ...]
    sizes: tuple[tuple[tuple[str, ...], tuple[int, ...], str], ...]
    closed: frozenset[str] = frozenset()


_EVENTS = (("Timeline", "Alarms and log"), ("Alarms and log", "Streams"), ("Streams", "Jobs"))

OVERVIEW = Preset(
    "Overview",
    "Everything at a glance",
    "Image",
    (
        ("Image", "Process control", ACROSS),
        ("Image", "Diffraction", DOWN),
        ("Diffraction", "Timeline", DOWN),
        ("Image", "Structure", ACROSS),
        ("Diffraction", "Spectrum", ACROSS),
        ("Process control", "Trends", DOWN),
    ),
    (*_EVENTS, ("Timeline", "Self-assembly")),
    ("Timeline",),
    (
        (("Image", "Process control"), (1180, 400), ACROSS),
        (("Image", "Structure"), (620, 560), ACROSS),
        (("Diffraction", "Spectrum"), (560, 620), ACROSS),
        (("Image", "Diffraction", "Timeline"), (370, 270, 220), DOWN),
        (("Process control", "Trends"), (330, 450), DOWN),
    ),
    frozenset({"Self-assembly"}),
)
IMAGING = Preset(
    "Imaging",
    "The image large, diffraction and spectrum beside it, no process control",
    "Image",
    (("Image", "Timeline", DOWN), ("Image", "Diffraction", ACROSS), ("Diffraction", "Spectrum", DOWN)),
    (
        *_EVENTS,
        ("Image", "Structure"),
        ("Image", "Self-assembly"),
        ("Spectrum", "Trends"),
        ("Spectrum", "Process control"),
    ),
    ("Timeline", "Image", "Spectrum"),
    (
        (("Image", "Timeline"), (660, 200), DOWN),
        (("Image", "Diffraction"), (960, 620), ACROSS),
        (("Diffraction", "Spectrum"), (340, 320), DOWN),
    ),
    frozenset({"Trends", "Process control", "Self-assembly"}),
)
CONTROL = Preset(
    "Control",
    "Trends and process control large, what the instrument sees behind one another",
    "Trends",
    (("Trends", "Timeline", DOWN), ("Trends", "Process control", ACROSS), ("Process control", "Image", DOWN)),
    (*_EVENTS, ("Image", "Diffraction"), ("Image", "Spectrum"), ("Trends", "Structure"), ("Trends", "Self-assembly")),
    ("Alarms and log", "Image", "Trends"),
    (
        (("Trends", "Timeline"), (600, 260), DOWN),
        (("Trends", "Process control"), (1000, 580), ACROSS),
        (("Process control", "Image"), (300, 300), DOWN),
    ),
    frozenset({"Self-assembly"}),
)
LEARNING = Preset(
    "Self-assembly",
    "The model problem and the live landscape large, process control beside them",
    "Self-assembly",
    (
        ("Self-assembly", "Timeline", DOWN),
        ("Self-assembly", "Process control", ACROSS),
        ("Process control", "Image", DOWN),
    ),
    (*_EVENTS, *(("Image", name) for name in ("Diffraction", "Spectrum", "Structure", "Trends"))),
    ("Timeline", "Image"),
    (
        (("Self-assembly", "Timeline"), (700, 180), DOWN),
        (("Self-assembly", "Process control"), (1180, 400), ACROSS),
        (("Process control", "Image"), (330, 370), DOWN),
    ),
)
PRESETS = {preset.name: preset for preset in (OVERVIEW, IMAGING, CONTROL, LEARNING)}
