"""Colour and size of an element in the 3D view, and which elements are bonded. No imports that take long."""

from __future__ import annotations

import colorsys

_TABLE = """
H .31 He .28 Li 1.28 Be .96 B .84 C .76 N .71 O .66 F .57 Ne .58 Na 1.66 Mg 1.41 Al 1.21 Si 1.11 P 1.07 S 1.05
Cl 1.02 Ar 1.06 K 2.03 Ca 1.76 Sc 1.7 Ti 1.6 V 1.53 Cr 1.39 Mn 1.39 Fe 1.32 Co 1.26 Ni 1.24 Cu 1.32 Zn 1.22
Ga 1.22 Ge 1.2 As 1.19 Se 1.2 Br 1.2 Kr 1.16 Rb 2.2 Sr 1.95 Y 1.9 Zr 1.75 Nb 1.64 Mo 1.54 Tc 1.47 Ru 1.46
Rh 1.42 Pd 1.39 Ag 1.45 Cd 1.44 In 1.42 Sn 1.39 Sb 1.39 Te 1.38 I 1.39 Xe 1.4 Cs 2.44 Ba 2.15 La 2.07 Ce 2.04
Pr 2.03 Nd 2.01 Pm 1.99 Sm 1.98 Eu 1.98 Gd 1.96 Tb 1.94 Dy 1.92 Ho 1.92 Er 1.89 Tm 1.9 Yb 1.87 Lu 1.87 Hf 1.75
Ta 1.7 W 1.62 Re 1.51 Os 1.44 Ir 1.41 Pt 1.36 Au 1.36 Hg 1.32 Tl 1.45 Pb 1.46 Bi 1.48 Po 1.4 At 1.5 Rn 1.5
Fr 2.6 Ra 2.21 Ac 2.15 Th 2.06 Pa 2 U 1.96 Np 1.9 Pu 1.87 Am 1.8 Cm 1.69
"""
_WORDS = _TABLE.split()
COVALENT = {symbol: float(radius) for symbol, radius in zip(_WORDS[::2], _WORDS[1::2], strict=True)}
"""Covalent radii, Å (Cordero et al., Dalton Trans. 2008, 2832)."""
_UNKNOWN = 1.4
_NOT_METALLIC = "H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Sb Te I Xe At Rn"
_NONMETALS = frozenset(_NOT_METALLIC.split())
_COLOURS = {
    "H": "#e8e8e8",
    "C": "#7d7d7d",
    "N": "#5b7be0",
    "O": "#e0524d",
    "F": "#7fd36b",
    "Na": "#a87be0",
    "Mg": "#8fd14f",
    "Al": "#b8a0a0",
    "Si": "#c8a78a",
    "P": "#e08a3c",
    "S": "#d9cf3f",
    "Cl": "#4fc94f",
    "Ca": "#73c773",
    "Ti": "#a5b0ba",
    "Fe": "#d0743c",
    "Co": "#e08aa0",
    "Ni": "#6fc28a",
    "Cu": "#c8754a",
    "Zn": "#8288b8",
    "Ga": "#c29a9a",
    "As": "#b985d6",
    "Sr": "#5fb45f",
    "Mo": "#4fa3ad",
    "Ag": "#c4c8cc",
    "Ba": "#3fae6a",
    "W": "#3f9ed6",
    "Pt": "#b9bdd6",
    "Au": "#efb23c",
    "Pb": "#6b7078",
}


def species_colour(symbol: str) -> tuple[float, float, float]:
    """Red, green and blue (0..1) of an element; one without a colour of its own gets one made from its letters."""
    text = _COLOURS.get(symbol)
    if text is None:
        return colorsys.hls_to_rgb(sum((i + 1) * ord(c) for i, c in enumerate(symbol)) * 0.381 % 1.0, 0.6, 0.55)
    return int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255


def radius(symbol: str) -> float:
    """Covalent radius, Å; 1.4 Å where it is not known."""
    return COVALENT.get(symbol, _UNKNOWN)


def bondable(a: str, b: str, all_species: tuple[str, ...]) -> bool:
    """Whether near atoms of two elements are bonded: metals with each other only where there are no nonmetals."""
    metals = a not in _NONMETALS and b not in _NONMETALS
    return not (metals and any(s in _NONMETALS for s in all_species))
