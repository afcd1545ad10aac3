"""Every format with a reader of our own, from small files: values, axes, units and facts."""

from __future__ import annotations

import numpy as np
import pytest
from sample_files import E_STEPS, IMAGE, MU, OWN, X, Y, png, rows, xrdml

from matstudio.domain.frame import Kind
from matstudio.instruments.readers import open_file
from matstudio.instruments.readers.info import describe, format_text


@pytest.fixture
def write(tmp_path):
    def make(name, body=None):
        path = tmp_path / name
        body = OWN[name] if body is None else body
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        return path

    return make


@pytest.mark.parametrize("name", OWN)
def test_every_sample_opens_and_is_described(write, name):
    path = write(name)
    told = describe(path)
    assert told["signals"]
    assert told["file"] in format_text(told)
    for signal in open_file(path):
        assert np.isfinite(np.asarray(signal.data)).all()
        if signal.form == "frames":
            frame = signal.frame(0)
            assert frame.data.shape == tuple(a.size for a in signal.frame_axes)


@pytest.mark.parametrize(("name", "n"), [("a.xy", 1), ("a.xye", 2), ("a.chi", 1)])
def test_powder_text_has_its_two_theta_axis(write, name, n):
    signals = open_file(write(name))
    axis = signals[0].axes[0]
    assert len(signals) == n
    assert (axis.name, axis.units) == ("2theta", "°")
    assert signals[0].kind is Kind.DIFFRACTION
    np.testing.assert_allclose(axis.values, X, atol=1e-9)
    np.testing.assert_allclose(signals[0].data, Y)


def test_third_column_of_xye_is_the_standard_deviation(write):
    assert open_file(write("a.xye"))[1].quantity == "standard deviation"


def test_start_step_stop(write):
    (signal,) = open_file(write("a.dat"))
    assert (signal.axes[0].offset, signal.axes[0].scale, signal.axes[0].size) == (20, 0.1, 21)
    assert signal.data[3] == 3


def test_falling_and_uneven_coordinates_are_sorted_and_interpolated(write):
    d = 8 / np.arange(1.0, 60.0)
    (signal,) = open_file(write("x_dspacing.xy", rows(d, 3 * d + 1)))
    assert signal.axes[0].units == "Å"
    assert signal.points is not None
    assert (np.diff(signal.points) > 0).all()
    axis = signal.axes[0]
    np.testing.assert_allclose(signal.array(), 3 * axis.values + 1, rtol=1e-5)


def test_label_table(write):
    (signal,) = open_file(write("a.csv"))
    assert signal.form == "table"
    assert signal.kind is None
    assert signal.metadata["columns"] == ["X", "Y"]
    assert signal.data.shape == (9, 2)


def test_a_csv_against_time_gives_process_values_in_kelvin(write):
    (signal,) = open_file(write("log.csv"))
    assert (signal.form, signal.title, signal.unit) == ("series", "temperature", "K")
    np.testing.assert_allclose(signal.data, [293.15, 294.15, 296.15])
    np.testing.assert_allclose(signal.times, [0, 1, 2])


def test_xmu_has_an_energy_axis(write):
    (signal,) = open_file(write("a.xmu"))
    assert (signal.axes[0].name, signal.axes[0].units) == ("Energy", "eV")
    np.testing.assert_allclose(signal.points, E_STEPS)


def test_xrdml_counts_are_corrected_for_the_attenuator(write):
    (signal,) = open_file(write("a.xrdml"))
    np.testing.assert_allclose(signal.data, [1, 2, 30, 2, 1])
    np.testing.assert_allclose(signal.axes[0].values, [20, 20.5, 21, 21.5, 22])
    assert signal.metadata["wavelength_A"] == pytest.approx(1.540598)


def test_xrdml_scans_become_frames_with_times(write):
    (signal,) = open_file(write("many.xrdml", xrdml(3)))
    assert signal.data.shape == (3, 5)
    assert signal.n_frames == 3
    np.testing.assert_allclose(signal.times, [0, 60, 120])


def test_rasx_and_brml(write):
    rasx, brml = open_file(write("a.rasx"))[0], open_file(write("a.brml"))[0]
    np.testing.assert_allclose(rasx.data, Y)
    np.testing.assert_allclose(brml.data, [10, 12, 11])
    np.testing.assert_allclose(brml.axes[0].values, [4, 4.02, 4.04])
    assert brml.metadata["wavelength_A"] == pytest.approx(0.5594)


def test_xdi_gives_the_absorption_first_and_every_column(write):
    signals = open_file(write("a.xdi"))
    assert [s.quantity for s in signals] == ["absorption", "i0", "itrans"]
    np.testing.assert_allclose(signals[0].data, MU, atol=1e-9)
    assert signals[0].title == "Cu foil: mutrans"
    assert "warnings" not in signals[0].metadata


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ("# Element.edge: K\n", "", "no element.edge"),
        ("symbol: Cu", "symbol: Foo", "'Foo'"),
        ("#----\n", "", "no line of dashes"),
        ("# Column.3: itrans\n", "", "labels for columns [1, 2]"),
        ("# Sample.name", "! x\n# Sample.name", "unknown comment mark"),
    ],
)
def test_what_xdi_calls_a_warning(write, old, new, warning):
    signals = open_file(write("a.xdi", OWN["a.xdi"].decode().replace(old, new)))
    assert any(warning in w for w in signals[0].metadata["warnings"])


def test_xdi_angle_becomes_energy(write):
    angle = np.linspace(12.8, 12.6, 30)
    (signal,) = open_file(
        write(
            "t.xdi",
            "# XDI/1.0\n# Column.1: angle degrees\n# Column.2: mutrans\n# Mono.d_spacing: 3.13553\n#----\n"
            + rows(angle, angle),
        )
    )
    expected = 12398.42 / (2 * 3.13553 * np.sin(np.radians(angle)))
    assert signal.axes[0].units == "eV"
    np.testing.assert_allclose(
        [signal.axes[0].offset, signal.axes[0].values[-1]], [expected[0], expected[-1]], rtol=1e-6
    )


def test_athena_project(write):
    (signal,) = open_file(write("a.prj"))
    assert signal.metadata["element"] == "Cu"
    np.testing.assert_allclose(signal.data, MU)


def test_fluorescence_spectra(write):
    first, second = open_file(write("a.mca"))
    assert (first.axes[0].offset, first.axes[0].scale, first.axes[0].units) == (100, 10, "eV")
    np.testing.assert_allclose(second.data, [2, 4, 6, 8])
    np.testing.assert_allclose(open_file(write("a.spe"))[0].data, [4, 3, 4, 7, 7])


def test_heater_log_passes_midnight(write):
    signals = {s.title: s for s in open_file(write("heater.txt"))}
    assert set(signals) == {"temperature", "temperature_setpoint", "resistance", "power"}
    np.testing.assert_allclose(signals["temperature"].times, range(6))
    np.testing.assert_allclose(signals["temperature"].data, 293.65 + np.arange(6))
    assert (signals["temperature"].unit, signals["power"].unit) == ("K", "mW")
    assert signals["power"].metadata["programme_min_C"] == [[0, 21], [30, 600]]


def test_a_log_that_was_cut_off_loses_its_last_line_only(write):
    assert len(open_file(write("heater.txt", OWN["heater.txt"][:-25]))[0].data) == 5


def test_npy_dimensions(write, tmp_path):
    for shape, kind, frames in [((7,), Kind.SPECTRUM, 1), ((4, 5), Kind.IMAGE, 1), ((3, 4, 5), Kind.IMAGE, 3)]:
        np.save(tmp_path / "a.npy", np.zeros(shape, ">u2"))
        (signal,) = open_file(tmp_path / "a.npy")
        assert (signal.kind, signal.n_frames) == (kind, frames)


def test_pictures_become_grey(write):
    rgb = np.stack([IMAGE, IMAGE // 2, IMAGE // 4], axis=-1)
    (signal,) = open_file(write("c.png", png(rgb)))
    np.testing.assert_allclose(signal.data, rgb @ [0.299, 0.587, 0.114], atol=0.51)
    same = np.dstack([IMAGE, IMAGE, IMAGE, np.full_like(IMAGE, 255)])
    np.testing.assert_array_equal(open_file(write("d.png", png(same)))[0].data, IMAGE)
    deep = IMAGE.astype(np.uint16) * 200
    np.testing.assert_array_equal(open_file(write("e.png", png(deep)))[0].data, deep)


def test_sidecar_gives_scale_and_facts(write):
    path = write("a.npy")
    write(
        "a.json",
        '{"x": {"field_of_view_x": 3.0, "field_of_view_y": 1.0, "field_of_view_units": "nm"}, "voltage": "60 kV",'
        ' "experiment_type": "HAADF-STEM"}',
    )
    (signal,) = open_file(path)
    y, x = signal.axes
    assert (y.units, x.units) == ("Å", "Å")
    assert (y.scale, x.scale) == (pytest.approx(0.5), pytest.approx(1.0))
    assert signal.metadata["beam_energy_keV"] == 60
    assert signal.metadata["mode"] == "HAADF-STEM"


@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.xrdml", "a.xdi", "a.brml", "a.prj", "heater.txt"])
def test_content_beats_a_wrong_ending(write, name):
    expected = open_file(write(name))[0]
    wrong = open_file(write("wrong.dm3", OWN[name]))[0]
    assert wrong.reader == expected.reader
    np.testing.assert_array_equal(wrong.data, expected.data)
