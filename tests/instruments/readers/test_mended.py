"""Files that are packed, and those of which a part is wrong and the rest sound: what is left out is said."""

from __future__ import annotations

import bz2
import gzip
import io

import numpy as np
import pytest
from sample_files import CIF, OWN, Y, ksa, npy, tarred

from matstudio.domain.frame import Kind
from matstudio.instruments.readers import ReaderError, open_file


@pytest.fixture
def write(tmp_path):
    def make(name, body):
        path = tmp_path / name
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        return path

    return make


@pytest.mark.parametrize(
    ("old", "new", "warning", "left"),
    [
        ("# XDI/1.0 X/1\n", "", "line 1 is not '# XDI/VERSION'", 0),
        ("8950.0 1000.0", "8950.0", "line 18: 2 columns where the table has 3: left out", 1),
        ("8950.0 1000.0", "8950.0 1000.0 7", "line 18: 4 columns where the table has 3: left out", 1),
        ("8950.0 1000.0", "8950.0 nan", "line 18: nan in the data table: left out", 1),
        ("8950.0 1000.0", "8950.0 1.2.3", "line 18: '1.2.3' is not a number: left out", 1),
    ],
)
def test_what_xdi_calls_an_error_in_a_file_that_is_sound_otherwise(write, old, new, warning, left):
    (mu, *_) = open_file(write("a.xdi", OWN["a.xdi"].decode().replace(old, new)))
    rows = len(open_file(write("b.xdi", OWN["a.xdi"]))[0].data)
    assert [w.replace("line 17", "line 18") for w in mu.metadata["warnings"]] == [warning]
    assert len(mu.data) == rows - left


@pytest.mark.parametrize("bad", [8, 0])
def test_xdi_with_many_wrong_rows_or_a_last_one_is_refused(write, bad):
    lines = OWN["a.xdi"].decode().splitlines()
    for i in range(14, 14 + bad):
        lines[i] = "8900.0 what 1"
    lines[-1] = lines[-1][:8]
    with pytest.raises(ReaderError, match=r"line \d+: "):
        open_file(write("a.xdi", "\n".join(lines)))


def test_columns_that_run_into_each_other_are_parted(write):
    """Printed as %7.6g and a count: half of the lines without a blank between them, some of them in a row."""
    x = np.round(10 + 0.0496 * np.arange(60), 4)
    y = [(7, 83, 116, 6967, 12067, 9)[i % 6] for i in range(60)]
    text = "\n".join(f"{a:7.6g}" + (f" {b:3d}" if 9 < b < 1e4 else str(b)) for a, b in zip(x, y, strict=True))
    assert any(len(line.split()) == 1 for line in text.splitlines())
    (signal,) = open_file(write("a.xy", text))
    assert signal.metadata["warnings"] == ["30 lines whose two columns run into each other were parted"]
    assert np.asarray(signal.data).tolist() == y
    assert signal.axes[0].scale == pytest.approx(0.0496)
    with pytest.raises(ReaderError, match="1 numbers where 2 numbers"):  # out of step with its neighbours
        open_file(write("b.xy", text.replace(text.splitlines()[34], "99.999912067")))


@pytest.mark.parametrize("name", ["a.xy.gz", "a.xy.bz2", "a.xy.tar", "a.tar.gz", "a.tgz"])
def test_what_is_packed_is_unpacked(write, name):
    plain = OWN["a.xy"]
    if "tar" in name or "tgz" in name:
        plain = tarred({"folder/a.xy": plain, "folder/.hidden": b"no"})
    packed = {"gz": gzip.compress, "bz2": bz2.compress, "tgz": gzip.compress, "tar": bytes}
    (signal,) = open_file(write(name, packed[name.rpartition(".")[2]](plain)))
    assert (signal.metadata["unpacked"], signal.axes[0].units) == ("a.xy", "°")
    np.testing.assert_array_equal(signal.data, Y)


def test_what_is_packed_and_cannot_be_read(write):
    for name, body, said in (
        ("a.tar", tarred({"a.xy": OWN["a.xy"], "b.xy": OWN["a.xy"]}), "a tar archive of 2 files; unpack it first"),
        ("b.tar", tarred({".hidden": b"x"}), "a tar archive of 0 files"),
        ("c.tar.gz", gzip.compress(tarred({"c.gz": gzip.compress(OWN["a.xy"])})), "c.gz in it: is packed once more"),
        ("d.xy.gz", gzip.compress(OWN["a.xy"])[:-20], "damaged"),
        ("e.json.gz", gzip.compress(b'{"a": 1}'), "e.json in it: a JSON file"),
        ("f.npy.gz", gzip.compress(npy(np.array([{}], object))), "f.npy in it: holds pickled Python objects"),
        ("g.tar", tarred({"a.xy": OWN["a.xy"]})[:600], "damaged"),
    ):
        path = write(name, body)
        with pytest.raises(ReaderError) as caught:
            open_file(path)
        assert said in str(caught.value)
        assert str(caught.value).startswith(f"{path}: ")


def test_rheed_images(write):
    images = np.arange(2 * 30 * 40).reshape(2, 30, 40)
    (film,) = open_file(write("film.img", ksa(images)))
    assert (film.kind, film.n_frames, film.metadata["mode"]) == (Kind.DIFFRACTION, 2, "RHEED")
    np.testing.assert_array_equal(film.array(1), images[1])
    (still,) = open_file(write("still.img", ksa(images[:1], b"KSA00F", 640)))
    np.testing.assert_array_equal(still.data, images[0])
    for body, said in ((ksa(images)[:-1], "claims 40 x 30"), (ksa(images, b"KSA00Z"), "unknown version 'KSA00Z'")):
        with pytest.raises(ReaderError, match=said):
            open_file(write("bad.img", body))


PATTERN = "loop_\n_pd_meas{0}2theta_scan\n_pd_meas{0}counts_total\n10.00 12(3)\n10.05 20(4)\n10.10 ?\n10.15 14(4)\n"


def test_cif_of_a_powder_pattern(write):
    (curve,) = open_file(write("a.cif", "data_p\n_diffrn_radiation_wavelength 1.494\n" + PATTERN.format("_")))
    assert (curve.kind, curve.axes[0].units, curve.quantity) == (Kind.DIFFRACTION, "°", "counts")
    assert (curve.axes[0].offset, curve.axes[0].scale) == (10.0, pytest.approx(0.05))
    np.testing.assert_array_equal(curve.data, [12, 20, np.nan, 14])
    assert (curve.metadata["wavelength_A"], curve.metadata["not_finite"]) == (1.494, 1)
    ranged = "data_p\n_pd_meas_2theta_range_min 5\n_pd_meas_2theta_range_max 6\n_pd_meas_2theta_range_inc 0.5\n"
    (even,) = open_file(write("b.cif", ranged + "loop_\n_pd_meas_counts_total\n1\n2\n3\n"))
    assert even.axes[0].values.tolist() == [5, 5.5, 6]


def test_cif_with_dots_in_its_names(write):
    dotted = CIF.replace("_cell_", "_cell.").replace("_atom_site_", "_atom_site.")
    structure, curve = open_file(write("a.cif", dotted + PATTERN.format(".")))
    assert (structure.metadata["formula"], structure.metadata["cell_A"]) == ("CuAu", [3.6, 3.6, 3.6])
    assert curve.kind is Kind.DIFFRACTION
    without = dotted.replace("_cell.angle_gamma 90\n", "")
    (curve,) = open_file(write("b.cif", without + PATTERN.format(".")))
    assert curve.metadata["warnings"][0].startswith("its structure cannot be read")
    with pytest.raises(ReaderError):
        open_file(write("c.cif", without))


def test_a_tiff_whose_line_ends_were_converted_is_put_right(write):
    from tifffile import imwrite

    image = np.arange(30 * 20, dtype="i4").reshape(30, 20)
    out = io.BytesIO()
    imwrite(out, image, description="# Exposure 1 s\r\n# Tau 2\r\n", metadata=None, software=None, rowsperstrip=30)
    whole = out.getvalue()
    at = whole.index(b"# Exposure")
    end = at + len("# Exposure 1 s\r\n# Tau 2\r\n")
    converted = whole[:at] + whole[at:end].replace(b"\r\n", b"\n") + whole[end:]
    assert len(converted) == len(whole) - 2
    (signal,) = open_file(write("a.tif", converted))
    np.testing.assert_array_equal(signal.data, image)
    assert signal.metadata["warnings"] == ["its line ends had been converted as in a text: 2 bytes were put back"]
    (signal,) = open_file(write("b.tif", whole))
    assert "warnings" not in signal.metadata
    for short in (whole[:-2], converted[:-1], whole[:-1]):
        with pytest.raises(ReaderError):
            open_file(write("c.tif", short))
