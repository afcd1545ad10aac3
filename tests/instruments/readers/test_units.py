"""Units as written and as shown."""

import pytest

from matstudio.instruments.readers.units import normalise


@pytest.mark.parametrize(
    ("written", "shown", "factor"),
    [
        ("nm", "Å", 10),
        ("µm", "Å", 1e4),
        ("um", "Å", 1e4),
        ("Angstrom", "Å", 1),
        ("Å", "Å", 1),
        ("m", "Å", 1e10),
        ("pm", "Å", 0.01),
        ("1/nm", "1/Å", 0.1),
        ("nm^-1", "1/Å", 0.1),
        ("1/Å", "1/Å", 1),
        ("1 / m", "1/Å", 1e-10),
        ("Å⁻¹", "1/Å", 1),
        ("keV", "eV", 1000),
        ("meV", "eV", 0.001),
        ("MeV", "eV", 1e6),
        ("eV", "eV", 1),
        ("deg", "°", 1),
        ("degrees", "°", 1),
        ("min", "s", 60),
        ("ms", "ms", 1),
        ("A", "A", 1),
        ("", "px", 1),
        ("pixels", "px", 1),
        ("<undefined>", "px", 1),
        ("mrad", "mrad", 1),
        ("µn", "µn", 1),
    ],
)
def test_normalise(written, shown, factor):
    unit, by = normalise(written)
    assert unit == shown
    assert by == pytest.approx(factor)
