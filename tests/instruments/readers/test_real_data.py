"""Real instrument files: what they are is recognised; every one opens or says in one line why not."""

from __future__ import annotations

import numpy as np
import pytest

from matstudio.domain.frame import Kind
from matstudio.instruments.readers import ReaderError, open_file

GUARDED = (
    ".cif",
    ".dm3",
    ".dm4",
    ".dm5",
    ".tif",
    ".tiff",
    ".nxs",
    ".emd",
    ".map",
    ".msa",
    ".spc",
    ".img",
    ".gz",
    ".bz2",
)


def sampled(real_data):
    """Two files of each folder and ending; of those that need a process of their own, one of each ending."""
    groups: dict[tuple[str, str], list] = {}
    for kind in ("image", "diffraction", "spectrum", "process"):
        for path in sorted((real_data / kind).rglob("*")):
            if path.is_file():
                where = "" if path.suffix in GUARDED else str(path.parent)
                groups.setdefault((where, path.suffix), []).append(path)
    return [p for (where, _), paths in groups.items() for p in paths[:: max(1, len(paths) // 2)][: 2 if where else 1]]


def test_a_sample_of_everything_opens_or_says_why(real_data):
    paths = sampled(real_data)
    assert len(paths) > 50
    opened, lines = 0, []
    for path in paths:
        try:
            signals = open_file(path)
        except ReaderError as error:
            lines.append((path, str(error)))
        else:
            opened += 1
            assert signals
            assert all(s.axes for s in signals)
    assert all("\n" not in line and str(path) in line for path, line in lines)
    assert opened > 0.75 * len(paths)


def test_strontium_titanate_has_an_energy_axis(real_data):
    (signal,) = open_file(real_data / "spectrum/eels/EELS_STO.dm3")
    (axis,) = signal.axes
    assert (signal.kind, signal.metadata["mode"], axis.units) == (Kind.SPECTRUM, "EELS", "eV")
    assert (axis.offset, axis.scale, axis.size) == (350, 0.25, 2048)
    edge = np.asarray(signal.data)[int(axis.index(450)) : int(axis.index(475))]
    assert edge.max() > 1.1 * np.asarray(signal.data)[int(axis.index(440)) : int(axis.index(450))].mean()


@pytest.mark.parametrize(("name", "field_nm"), [("MoS2_stem_Exp-000-2", 9.0), ("MoS2_stem_Exp-001-5", 7.0)])
def test_molybdenum_disulfide_has_its_scale(real_data, name, field_nm):
    (signal,) = open_file(real_data / f"image/mos2_haadf/{name}.npy")
    assert [a.units for a in signal.axes] == ["Å", "Å"]
    assert signal.axes[0].scale * 512 == pytest.approx(10 * field_nm)


@pytest.mark.parametrize(
    "name",
    [
        "xrd_known_mixtures/NiO_0p6007-Bi2O3_0p4008--8min.xrdml",
        "xrd_vendor/TwoTheta_scan_powder.rasx",
        "xrd_vendor/TiOF.brml",
        "xrd_named_phases/Mn2O3.xy",
        "xrd_vendor/example_mythen.xye",
        "neutron_powder/hrpt_lbco.xye",
        "nexus/xrdml_918-16_10_ref.nxs",
    ],
)
def test_powder_patterns_have_two_theta_in_degrees(real_data, name):
    signal = open_file(real_data / "diffraction" / name)[0]
    assert signal.kind is Kind.DIFFRACTION
    assert signal.axes[-1].units == "°"
    assert 0 < signal.axes[-1].offset < signal.axes[-1].values[-1] < 180


def test_the_same_scan_in_two_formats_agrees(real_data):
    (vendor,) = open_file(real_data / "diffraction/xrd_vendor/XRD-918-16_10.xrdml")
    nexus = open_file(real_data / "diffraction/nexus/xrdml_918-16_10_ref.nxs")[0]
    np.testing.assert_allclose(vendor.data, nexus.data)
    np.testing.assert_allclose(vendor.axes[0].values, nexus.axes[0].values, atol=1e-3)


def test_the_same_spectrum_in_two_formats_agrees(real_data):
    (msa,) = open_file(real_data / "spectrum/eds/647_leo_edax_test.msa")
    (spc,) = open_file(real_data / "spectrum/eds/647_leo_edax_test.spc")
    np.testing.assert_allclose(msa.data, spc.data)
    assert msa.axes[0].scale == pytest.approx(spc.axes[0].scale) == pytest.approx(5.0)


def test_malformed_xdi_says_what_is_wrong(real_data):
    left_out = {13: "line 31", 14: "line 36", 15: "nan", 16: "'STRING'", 17: "'1.4.9'"}
    for n in range(18):
        signals = open_file(real_data / f"spectrum/xdi_bad/bad_{n:02d}.xdi")
        warnings = signals[0].metadata.get("warnings", [])
        assert bool(warnings) == (n != 0)
        assert left_out.get(n, "") in " ".join(warnings)
        assert n == 12 or len(signals[0].data) == 12 - (n in left_out)


def test_the_heater_log(real_data):
    signals = {s.title: s for s in open_file(real_data / "process/tem_heating_ti/Chip4Data.txt")}
    heat = signals["temperature"]
    assert len(heat.data) == 15022
    assert np.max(np.asarray(heat.data)) == pytest.approx(602.062 + 273.15)
    assert heat.times[-1] == pytest.approx(4964.62)
