"""The header: connection, mode, figures, recording, alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from matstudio.domain.process import Mode
from matstudio.ui.live import CLOSED, SILENT_S, Live, Value
from matstudio.ui.present.alarms import box

CHOICES = (Mode.MANUAL, Mode.PID, Mode.ADVISE, Mode.POLICY)
FIGURES = (
    # key, title, unit, digits
    ("temperature", "T", "K", 1),
    ("pressure", "P", "GPa", 2),
    ("composition", "Au fraction", "1", 3),
    ("order_parameter", "Order S", "1", 3),
    ("free_energy", "Free energy F", "meV/atom", 2),
)


@dataclass(frozen=True)
class Header:
    """What the header shows; levels are "", "steady", "caution" or "bad".

    Args:
        name, line, line_level: the device, and how it is connected.
        settable: whether modes can be chosen at all.
        mode: word for the mode; chosen: which of `CHOICES` is on, if one is.
        why: why this mode, one line.
        figures: key -> value; a key that the device does not have is absent.
        rec, rec_line, rec_level, recording: the REC button.
        alarms, alarms_line, alarms_level: the alarms box.
    """

    name: str
    line: str
    line_level: str
    settable: bool
    mode: str
    mode_level: str
    chosen: Mode | None
    why: str
    figures: Mapping[str, Value]
    rec: str
    rec_line: str
    rec_level: str
    recording: bool
    alarms: str
    alarms_line: str
    alarms_level: str


def present(live: Live) -> Header:
    """The header now."""
    line, level = connection(live)
    mode = live.mode
    rec, rec_line, rec_level = recording(live)
    figures = {key: live.reading(key, key) for key in ("temperature", "pressure", "composition") if live.has(key)}
    if mode not in CLOSED and "temperature" in figures:  # one that waits in OFF or MANUAL does not count yet
        figures["temperature"] = replace(figures["temperature"], setpoint=None)
    fused = {key: live.fused(key) for key in ("order_parameter", "free_energy")}
    figures |= {key: v for key, v in fused.items() if live.settable or not math.isnan(v.value)}
    return Header(
        name=live.description.name if live.description is not None else "MatStudio",
        line=line,
        line_level=level,
        settable=live.settable,
        mode=(mode.value if live.attached else f"{mode.value}, last known") if mode is not None else "–",
        mode_level="bad" if mode is Mode.SAFE else "",
        chosen=mode if mode in CHOICES and live.attached else None,
        why=str(live.status.get("why", "")),
        figures=figures,
        rec=rec,
        rec_line=rec_line,
        rec_level=rec_level,
        recording=live.recording.get("state") == "recording",
        **box(live),
    )


def connection(live: Live) -> tuple[str, str]:
    """How the run is connected, and how bad that is."""
    silent = live.silence("status")
    if "status" not in live.heard:
        return ("finding the station", "") if silent < 5 else (f"no station for {silent:.0f} s", "bad")
    if silent > SILENT_S:
        return f"station silent {silent:.1f} s", "bad"
    device = live.status.get("device") or {}
    state, age = device.get("state", "connecting"), device.get("age")
    if state == "good":
        return "connected", ""
    if state == "connecting":
        waited = live.now() - live.began
        return ("finding the device", "") if waited < 8 else (f"no device for {waited:.0f} s", "caution")
    told = f" {age:.1f} s" if isinstance(age, (int, float)) and age < 1e6 else ""
    return f"device {state}{told}", "bad" if state == "gone" else "caution"


def recording(live: Live) -> tuple[str, str, str]:
    """Two lines of the REC button, and a level."""
    r = live.recording
    if not r:
        return "REC", "no recorder yet", ""
    if live.silence("recording") > 5:
        return "REC", f"recorder silent {live.silence('recording'):.0f} s", "caution"
    state = r.get("state")
    if state == "failed":
        return "REC failed", str(r.get("error") or "no reason given"), "bad"
    hours = r.get("hours_left")
    left = f"{hours:.0f} h left" if isinstance(hours, (int, float)) and 0 <= hours < 1e4 else ""
    if state != "recording":
        free = r.get("free")
        space = f"{free / 1e9:.0f} GB free" if isinstance(free, (int, float)) else ""
        return "REC", f"off, {left or space}" if left or space else "off", ""
    rate = r.get("rate")
    parts = [f"{rate / 1e6:.1f} MB/s" if isinstance(rate, (int, float)) else "", left]
    dropped = sum(int(n) for n in (r.get("dropped") or {}).values())
    if dropped:
        parts.append(f"{dropped} lost")
    return f"REC {elapsed(live)}", ", ".join(p for p in parts if p), "caution" if dropped else ""


def elapsed(live: Live) -> str:
    """How long the recording runs, in run time, as h:mm:ss."""
    since, t = live.recording.get("since"), live.recording.get("t")
    if not isinstance(since, (int, float)) or not isinstance(t, (int, float)):
        return ""
    seconds = max(0, int(t - since))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
