"""Units as files write them, turned into the ones that MatStudio uses: Å, 1/Å, eV, °, K, s."""

from __future__ import annotations

import re

_LENGTH = {"fm": 1e-5, "pm": 1e-2, "å": 1.0, "a": 1.0, "nm": 10.0, "um": 1e4, "m": 1e10}
_NAMES = {
    "ang": "å",
    "angstrom": "å",
    "angstroms": "å",
    "ångström": "å",
    "nanometer": "nm",
    "nanometers": "nm",
    "micron": "um",
    "microns": "um",
    "micrometer": "um",
    "micrometers": "um",
    "meter": "m",
    "meters": "m",
    "metre": "m",
    "picometer": "pm",
    "deg": "°",
    "degree": "°",
    "degrees": "°",
    "2theta": "°",
    "seconds": "s",
    "second": "s",
    "sec": "s",
    "kelvin": "k",
    "pixel": "px",
    "pixels": "px",
    "<undefined>": "",
    "undefined": "",
    "none": "",
}
_ENERGY = {"mev": 1e-3, "ev": 1.0, "kev": 1e3}
_TIME = {"s": 1.0, "min": 60.0, "h": 3600.0}


def normalise(units: str) -> tuple[str, float]:
    """The unit that `units` is shown in, and the factor that turns its numbers into that unit.

    Lengths up to µm (and the metre of the SI) become Å, their reciprocals 1/Å, energies eV, minutes and hours s,
    degrees °; anything else stays as written, with factor 1. A spelling of nothing, or of pixels, becomes "px".

    >>> normalise("nm")
    ('Å', 10.0)
    """
    text = re.sub(r"\s+", "", units.replace("µ", "u").replace("μ", "u").replace("Å", "å").replace("\u212b", "å"))
    low = _NAMES.get(text.lower(), text.lower())
    if low in ("", "px"):
        return "px", 1.0
    if text == "MeV":
        return "eV", 1e6
    if low in _ENERGY:
        return "eV", _ENERGY[low]
    if low in _LENGTH and text != "A":
        return "Å", _LENGTH[low]
    if low in _TIME and text not in ("H", "S"):
        return "s", _TIME[low]
    if low == "°":
        return "°", 1.0
    reciprocal = re.fullmatch(r"1/\(?(.+?)\)?|(.+?)\^?\(?-1\)?|(.+?)⁻¹", low)
    if reciprocal:
        base = next(g for g in reciprocal.groups() if g)
        base = _NAMES.get(base, base)
        if base in _LENGTH:
            return "1/Å", 1 / _LENGTH[base]
    return units.strip(), 1.0


def is_reciprocal(units: str) -> bool:
    """Whether an axis in these units (as `normalise` gives them) belongs to a diffraction pattern."""
    return units in ("1/Å", "mrad", "rad")
