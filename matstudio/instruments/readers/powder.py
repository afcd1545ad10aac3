"""Powder diffraction in the vendors' formats: PANalytical xrdml, Rigaku rasx, Bruker brml."""

from __future__ import annotations

import re
import zipfile
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from matstudio.domain.frame import Axis, Kind
from matstudio.instruments.readers.signal import ReaderError, Signal, coordinates
from matstudio.instruments.readers.text import find_block, read_text

_MAX_MEMBER = 64 * 2**20
_AXES = {"2Theta": "2theta", "TwoTheta": "2theta", "TwoThetaTheta": "2theta", "Omega": "omega", "Theta": "omega"}


def _xml(path: Path, text: bytes | str) -> ElementTree.Element:
    """The document without its namespaces. One that declares entities is refused."""
    if isinstance(text, bytes):
        text = read_text(path, text)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ReaderError(path, "XML that declares entities")
    try:
        root = ElementTree.fromstring(text.lstrip("\ufeff \r\n\t").encode())
    except ElementTree.ParseError as error:
        raise ReaderError(path, f"damaged XML: {error}") from None
    except (ValueError, LookupError) as error:
        raise ReaderError(path, f"damaged XML: {error}") from None
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root


def _floats(path: Path, where: str, text: str | None) -> np.ndarray:
    try:
        return np.array([float(w) for w in (text or "").split()])
    except ValueError as error:
        raise ReaderError(path, f"{where}: {error}") from None


def _scan(
    path: Path, title: str, name: str, unit: str, x: np.ndarray, y: np.ndarray, reader: str, facts: dict[str, Any]
) -> Signal:
    if len(x) != len(y) or len(y) < 2:
        raise ReaderError(path, f"{title}: {len(x)} positions and {len(y)} intensities")
    try:
        axis, points, order = coordinates(name, unit, x)
    except ValueError as error:
        raise ReaderError(path, f"{title}: {error}") from None
    return Signal(
        title,
        Kind.DIFFRACTION,
        y if order is None else y[order],
        (axis,),
        "intensity",
        "counts",
        reader,
        signal_dims=1,
        metadata={"mode": "powder diffraction"} | facts,
        points=points,
    )


def read_xrdml(path: Path) -> list[Signal]:
    """The scans of a PANalytical file. Scans of the same axis become frames of one signal, with their start times.

    `counts` are multiplied by the beam attenuation factors, `intensities` hold them already.

    Raises:
        ReaderError: damaged, or without a scan.
    """
    root = _xml(path, path.read_bytes())
    facts: dict[str, Any] = {}
    wavelength = root.find(".//usedWavelength/kAlpha1")
    if wavelength is not None and wavelength.text:
        facts["wavelength_A"] = float(_floats(path, "kAlpha1", wavelength.text)[0])
    for key, tag in (("anode", ".//anodeMaterial"), ("sample", ".//sample/name"), ("sample_id", ".//sample/id")):
        found = root.find(tag)
        if found is not None and (found.text or "").strip():
            facts[key] = (found.text or "").strip()
    scans = [
        (scan, _xrdml_scan(path, f"{path.stem}: scan {n}", scan, facts))
        for n, scan in enumerate(root.iter("scan"), 1)
        if scan.find(".//counts") is not None or scan.find(".//intensities") is not None
    ]
    if not scans:
        raise ReaderError(path, "an xrdml file without a scan")
    signals = [signal for _, signal in scans]
    first = signals[0]
    if len(signals) == 1 or any(s.axes != first.axes or (s.points is not None) for s in signals):
        return signals
    frames = Axis("scan", "px", 1.0, 0.0, len(signals))
    data = np.stack([np.asarray(s.data) for s in signals])
    return [
        Signal(
            path.stem,
            first.kind,
            data,
            (frames, *first.axes),
            "intensity",
            "counts",
            "xrdml",
            signal_dims=1,
            metadata=first.metadata,
            times=_start_times([scan for scan, _ in scans]),
        )
    ]


def _start_times(scans: list[ElementTree.Element]) -> np.ndarray | None:
    try:
        stamps = [datetime.fromisoformat(s.findtext(".//startTimeStamp", "")).timestamp() for s in scans]
    except ValueError:
        return None
    return np.array(stamps) - stamps[0]


def _xrdml_scan(path: Path, title: str, scan: ElementTree.Element, facts: dict[str, Any]) -> Signal:
    counts, intensities = scan.find(".//counts"), scan.find(".//intensities")
    y = _floats(path, title, (counts if counts is not None else intensities).text)  # type: ignore[union-attr]
    factors = scan.find(".//beamAttenuationFactors")
    if counts is not None and factors is not None:
        factor = _floats(path, title, factors.text)
        if len(factor) == len(y):
            y = y * factor
    ranges = {}
    for positions in scan.iter("positions"):
        listed = positions.findtext("listPositions")
        start, end = positions.findtext("startPosition"), positions.findtext("endPosition")
        if listed is not None:
            x = _floats(path, title, listed)
        elif start and end:
            a, b = _floats(path, title, f"{start} {end}")
            x = np.linspace(a, b, len(y))
        else:
            continue
        ranges[positions.get("axis", "2Theta")] = (positions.get("unit", "deg"), x)
    moved = [
        name for name in ("2Theta", scan.get("scanAxis", ""), *ranges) if name in ranges and np.ptp(ranges[name][1])
    ]
    if not moved:
        raise ReaderError(path, f"{title}: no positions")
    unit, x = ranges[moved[0]]
    more = {"scan_axis": scan.get("scanAxis", "")}
    seconds = scan.findtext(".//commonCountingTime")
    if seconds:
        more["counting_time_s"] = seconds.strip()
    return _scan(path, title, _AXES.get(moved[0], moved[0]), unit, x, y, "xrdml", facts | more)


def _members(path: Path, pattern: str) -> list[tuple[str, bytes]]:
    """The members of a zip file whose name matches, in order.

    Raises:
        ReaderError: damaged, or a member of more than 64 MiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            out = []
            for info in sorted(archive.infolist(), key=lambda i: [int(n) for n in re.findall(r"\d+", i.filename)]):
                if not re.fullmatch(pattern, info.filename):
                    continue
                if info.file_size > _MAX_MEMBER:
                    raise ReaderError(path, f"{info.filename}: claims {info.file_size} bytes")
                out.append((info.filename, archive.read(info)))
            return out
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, ReaderError):
            raise
        raise ReaderError(path, f"damaged zip: {error}") from None


def read_rasx(path: Path) -> list[Signal]:
    """The profiles of a Rigaku SmartLab file: position, counts and attenuator factor in text, conditions in XML.

    Raises:
        ReaderError: damaged, or without a profile.
    """
    profiles = _members(path, r"Data\d+/Profile\d+\.txt")
    conditions = dict(_members(path, r"Data\d+/M\w+Conditions\d+\.xml"))
    signals = []
    for name, raw in profiles:
        block = find_block(path, read_text(path, raw), columns=2)
        facts: dict[str, Any] = {}
        axis, unit = "2theta", "deg"
        for other, xml in conditions.items():
            if other.split("/")[0] != name.split("/")[0]:
                continue
            root = _xml(path, xml)
            axis = root.findtext(".//ScanInformation/AxisName") or axis
            unit = root.findtext(".//ScanInformation/PositionUnit") or unit
            for key, tag in (
                ("wavelength_A", ".//WavelengthKalpha1"),
                ("anode", ".//TargetName"),
                ("start", ".//StartTime"),
            ):
                value = root.findtext(tag)
                if value:
                    facts[key] = float(value) if key == "wavelength_A" and re.fullmatch(r"[\d.]+", value) else value
        y = block.values[:, 1]
        if block.values.shape[1] > 2:
            y = y * block.values[:, 2]
        title = f"{path.stem}: {name.partition('/')[0]}"
        signals.append(_scan(path, title, _AXES.get(axis, axis), unit, block.values[:, 0], y, "rasx", facts))
    if not signals:
        raise ReaderError(path, "a rasx file without a profile")
    return signals


def read_brml(path: Path) -> list[Signal]:
    """The scans of a Bruker file: rows of numbers whose columns the document names.

    Raises:
        ReaderError: damaged, or without a scan.
    """
    signals = []
    for name, raw in _members(path, r"Experiment\d+/RawData\d+\.xml"):
        root = _xml(path, raw)
        wavelength = root.find(".//WaveLengthAlpha1")
        facts = {"wavelength_A": float(wavelength.get("Value", "nan"))} if wavelength is not None else {}
        for n, route in enumerate(root.iter("DataRoute"), 1):
            rows = [d.text or "" for d in route.iter("Datum")]
            if len(rows) < 2:
                continue
            title = f"{path.stem}: {name.rpartition('/')[2].removesuffix('.xml')}" + (f" route {n}" if n > 1 else "")
            try:
                table = np.array([[float(v) for v in row.split(",")] for row in rows])
            except ValueError as error:
                raise ReaderError(path, f"{title}: {error}") from None
            signals += _brml_route(path, title, route, table, facts)
    if not signals:
        raise ReaderError(path, "a brml file without a one-dimensional scan")
    return signals


def _brml_route(
    path: Path, title: str, route: ElementTree.Element, table: np.ndarray, facts: dict[str, Any]
) -> list[Signal]:
    fields: dict[str, int] = {}
    counts = []
    for view in route.iter("RawDataView"):
        start = int(view.get("Start", "0"))
        kind = next((v for k, v in view.attrib.items() if k.endswith("type")), "")
        if kind == "RecordedRawDataView" and view.get("Length", "1") == "1":
            counts.append(start)
        fields |= {f.get("FieldName", ""): start + i for i, f in enumerate(view.iter("FieldDefinitions"))}
    if any(not 0 <= i < table.shape[1] for i in (*counts, *fields.values())):
        raise ReaderError(
            path, f"{title}: {table.shape[1]} columns, but column {max(*counts, *fields.values())} is named"
        )
    axis = next((f for f in ("TwoTheta", *fields) if f in fields and np.ptp(table[:, fields[f]])), None)
    if axis is None or not counts:
        return []
    return [
        _scan(path, title, _AXES.get(axis, axis), "deg", table[:, fields[axis]], table[:, counts[0]], "brml", facts)
    ]
