"""The report of a run as a page: HTML with its pictures inside, and the same as PDF."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.cli.story import Story
from matstudio.domain.frame import Frame, Kind

TARGET = 0.9
_WIDE, _HIGH = 860, 210
_STYLE = (
    "body{font-family:sans-serif;margin:2em;max-width:900px;color:#222} td,th{padding:2px 12px 2px 0;text-align:left}"
)


def write(path: Path, report: dict[str, Any], story: Story) -> None:
    """Write the page, as PDF where the path ends so. Raises OSError."""
    from PySide6.QtGui import QGuiApplication

    application = QGuiApplication.instance() or QGuiApplication(["matstudio", "-platform", "offscreen"])
    text = page(report, story)
    if path.suffix.lower() == ".pdf":
        _pdf(path, text)
    else:
        path.write_text(text, encoding="utf-8")
    del application


def page(report: dict[str, Any], story: Story) -> str:
    """The whole page as HTML; needs a QGuiApplication."""
    parts = [
        f"<h1>MatStudio run {_safe(report['run'])}</h1>",
        _table(_facts(report, story)),
        "<h2>Temperature</h2>",
        _curve(story, "temperature", "T / K", other="setpoint", note="dashed: setpoint"),
        "<h2>Order parameter</h2>",
        _curve(
            story,
            "order",
            "S",
            sigma="order_sigma",
            other="true_order",
            note="band: ± 1 σ of the models; dashed: truth",
        ),
        "<h2>Free energy</h2>",
        _curve(story, "free_energy", "F / meV per atom", sigma="free_energy_sigma", note="band: ± 1 σ"),
        "<h2>Streams, at the beginning and at the end</h2>",
        _pictures(story),
        "<h2>Modes and alarms</h2>",
        _table([(f"{t:.1f} s", text) for t, text in sorted([*story.modes, *story.alarms])]) or "<p>none</p>",
        "<h2>Frames</h2>",
        _table([(name, _counts(s)) for name, s in report["streams"].items()]),
    ]
    if report["problems"]:
        parts += ["<h2>Problems</h2>", _table([("", text) for text in report["problems"]])]
    head = f"<meta charset='utf-8'><title>{_safe(report['run'])}</title><style>{_STYLE}</style>"
    return f"<!DOCTYPE html><html><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def _facts(report: dict[str, Any], story: Story) -> list[tuple[str, str]]:
    began, seen = story.ordered_s(TARGET)
    rows = [
        (
            "instrument",
            f"{report['instrument']}, {report['run_time_s']:g} s of run time at {report['speed']:g} times real time",
        ),
        ("mode at the end", report["mode"] or "unknown"),
    ]
    took = seen - began
    rows.append(
        (f"time to S {TARGET:g}", f"{took:.0f} s as the models saw it" if math.isfinite(took) else "not reached")
    )
    if report["instrument"] == "twin":
        _, truly = story.ordered_s(TARGET, true=True)
        if math.isfinite(truly):
            least = _least_s(story.at(began, "true_order"), story.at(began, "temperature"))
            rows[-1] = (
                rows[-1][0],
                f"{rows[-1][1]}; {truly - began:.0f} s in truth; the least that is possible, T*: {least:.0f} s "
                f"(ratio {(truly - began) / least:.2f})",
            )
    rows += [
        (name.replace("_", " "), f"{q['value']:.4g} ± {q['sigma']:.2g} {q['unit'] if q['unit'] != '1' else ''}")
        for name, q in report["state"].items()
    ]
    rows.append(("audit log", f"{report['audit'].get('n', 0)} entries, last hash {report['audit'].get('hash', '')}"))
    rows += [("session", str(path)) for path in report["recording"].get("paths", ())]
    return rows


def _least_s(S: float, T: float) -> float:
    """The least time from S at T (K) to the target in the process model without noise, s."""
    from matstudio.dynamics.optimum import optimum

    if not (math.isfinite(S) and math.isfinite(T)):
        return math.nan
    return optimum(shape=(181, 131)).follow(S, T)


def _counts(s: dict[str, Any]) -> str:
    return f"{s['produced']} made, {s['analysed']} analysed, {s['recorded']} recorded, {s['dropped']} dropped"


def _safe(text: object) -> str:
    return html.escape(str(text))


def _table(rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr><td>{_safe(name)}</td><td>{_safe(value)}</td></tr>" for name, value in rows)
    return f"<table>{cells}</table>"


def _curve(story: Story, name: str, unit: str, *, sigma: str = "", other: str = "", note: str = "") -> str:
    """One curve over run time as a picture."""
    from PySide6.QtCore import QPointF, QRectF, Qt
    from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

    from matstudio.ui.present.trends import ticks
    from matstudio.widgets.text import number

    t = np.array(story.curves["t"])
    value = np.array(story.curves[name])
    band = np.nan_to_num(np.array(story.curves[sigma])) if sigma else np.zeros_like(value)
    extra = np.array(story.curves[other]) if other else np.full_like(value, np.nan)
    every = np.concatenate([value - band, value + band, extra])
    every = every[np.isfinite(every)]
    if not every.size:
        return "<p>no value</p>"
    low, high = float(every.min()), float(every.max())
    low, high = (
        (low - 0.5, high + 0.5) if high - low < 1e-9 else (low - 0.05 * (high - low), high + 0.15 * (high - low))
    )
    image = QImage(2 * _WIDE, 2 * _HIGH, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(2, 2)
    box = QRectF(64, 8, _WIDE - 76, _HIGH - 44)
    text = painter.fontMetrics()
    span = max(float(t[-1] - t[0]), 1e-9)

    def place(at: float, v: float) -> QPointF:
        return QPointF(
            box.left() + (at - t[0]) / span * box.width(), box.bottom() - (v - low) / (high - low) * box.height()
        )

    for v in ticks(low, high, 5):
        y = place(t[0], v).y()
        painter.setPen(QPen(QColor("#dddddd"), 1))
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        painter.setPen(QColor("#444444"))
        label = number(v, 0 if high - low > 20 else 2)
        painter.drawText(QPointF(box.left() - 6 - text.horizontalAdvance(label), y + text.ascent() / 2 - 1), label)
    for at in ticks(float(t[0]), float(t[-1]), 8):
        x = place(at, low).x()
        painter.drawText(QPointF(x - text.horizontalAdvance(f"{at:g}") / 2, box.bottom() + text.height()), f"{at:g}")
    painter.drawText(QPointF(box.right() - text.horizontalAdvance("run time / s"), _HIGH - 6), "run time / s")
    painter.drawText(QPointF(box.left() + 6, box.top() + text.ascent() + 2), f"{unit}   {note}")
    painter.setPen(QPen(QColor("#888888"), 1))
    painter.drawRect(box)
    for part in _runs(value):
        points = range(part.start, part.stop)
        if band[part].any():
            edge = [place(t[i], value[i] + band[i]) for i in points] + [
                place(t[i], value[i] - band[i]) for i in reversed(points)
            ]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(31, 90, 170, 60))
            painter.drawPolygon(QPolygonF(edge))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor("#1f5aaa"), 1.5))
        painter.drawPolyline(QPolygonF([place(t[i], value[i]) for i in points]))
    painter.setPen(QPen(QColor("#c06010"), 1, Qt.PenStyle.DashLine))
    for part in _runs(extra):
        painter.drawPolyline(QPolygonF([place(t[i], extra[i]) for i in range(part.start, part.stop)]))
    painter.end()
    return _picture(image, _WIDE, f"{unit} over run time")


def _runs(values: np.ndarray) -> list[slice]:
    good = np.concatenate(([False], np.isfinite(values), [False]))
    edges = np.flatnonzero(good[1:] != good[:-1])
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _picture(image: Any, width: int, what: str) -> str:
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice

    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    text = base64.b64encode(bytes(data.data())).decode()
    return f"<p><img width='{width}' alt='{_safe(what)}' src='data:image/png;base64,{text}'></p>"


def _pictures(story: Story) -> str:
    rows = []
    for stream, last in story.last.items():
        cells = "".join(
            f"<td>{_safe(stream)} #{frame.seq}, {frame.t_end:.1f} s{_frame(frame)}</td>"
            for frame in (story.first[stream], last)
        )
        rows.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>" if rows else "<p>no frames</p>"


def _frame(frame: Frame) -> str:
    """A frame as a picture: an image as it is, a pattern by its logarithm, a spectrum as a line."""
    from PySide6.QtCore import QPointF, Qt
    from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

    data = np.nan_to_num(np.asarray(frame.data, float))
    if data.ndim == 2:
        shown = np.log1p(np.maximum(data, 0.0)) if frame.kind is Kind.DIFFRACTION else data
        low, high = np.percentile(shown, (1.0, 99.5))
        grey = np.ascontiguousarray(np.clip(255 * (shown - low) / max(high - low, 1e-12), 0, 255).astype(np.uint8))
        image = QImage(grey.data, grey.shape[1], grey.shape[0], grey.shape[1], QImage.Format.Format_Grayscale8).copy()
        return _picture(image, 380, f"{frame.stream} {frame.seq}")
    line = data.ravel()
    image = QImage(760, 400, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor("#1f5aaa"), 2))
    top = max(float(line.max()), 1e-12)
    x = np.linspace(10, 750, line.size)
    painter.drawPolyline(
        QPolygonF([QPointF(float(a), float(b)) for a, b in zip(x, 390 - 380 * line / top, strict=True)])
    )
    painter.end()
    return _picture(image, 380, f"{frame.stream} {frame.seq}")


def _pdf(path: Path, text: str) -> None:
    from PySide6.QtCore import QMarginsF, QSizeF
    from PySide6.QtGui import QPageLayout, QPageSize, QPdfWriter, QTextDocument

    writer = QPdfWriter(str(path))
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(12, 12, 12, 12), QPageLayout.Unit.Millimeter)
    writer.setResolution(96)
    document = QTextDocument()
    document.setHtml(text.replace(f"width='{_WIDE}'", "width='680'").replace("width='380'", "width='320'"))
    document.setPageSize(QSizeF(writer.width(), writer.height()))
    document.print_(writer)
    if not path.is_file() or not path.stat().st_size:
        raise OSError(f"{path}: the PDF could not be written")
