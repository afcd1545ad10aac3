import warnings

import numpy as np
import pytest
from sample_session import DESCRIPTION, ENERGY, IMAGE_AXES, image, spectrum

from matstudio.domain.estimate import Estimate, FrameRef, MaterialState, Model, Quantity
from matstudio.domain.frame import Axis
from matstudio.domain.process import Quality, Reading
from matstudio.domain.structure import SiteModel
from matstudio.session.reader import Session, is_session

STRUCTURE = SiteModel(np.eye(3) * 3.75, np.zeros((4, 3)), ("Cu", "Au"), np.full((4, 2), 0.5), np.full(4, 0.1))


def estimate(seq: int) -> Estimate:
    return Estimate(
        "image",
        seq,
        seq * 0.1 + 0.05,
        Model("baseline", "1", "abc"),
        {"order_parameter": Quantity(0.5 + 0.01 * seq, 0.03, "1"), "Au neighbours": Quantity(3.0, 0.1, "1")},
        {"columns": np.arange(2.0 * seq).reshape(seq, 2), "hkl": np.arange(6).reshape(2, 3)},
        {"edges": ("Cu L3", "Å")},
        ("no spot above noise",),
        STRUCTURE,
        0.02,
        (FrameRef("spectrum", seq - 1),),
    )


def test_everything_comes_back(writer):
    for seq in range(1, 30):
        writer.add_frame(image(seq, stage_temperature_K=300.0 + seq), missed=0)
        if seq % 7 == 0:
            writer.flush()
        writer.add_estimate(estimate(seq))
    writer.add_frame(spectrum(1))
    writer.add_readings([Reading("temperature", 300.5, "K", 1.5), Reading("heater", np.nan, "1", 1.5, Quality.BAD)])
    sources = {"order_parameter": (FrameRef("image", 29),)}
    writer.add_state(MaterialState(2.9, {"order_parameter": Quantity(0.7, 0.02, "1")}, sources, STRUCTURE, ("a note",)))
    line = b'{"n":0,"text":"' + "Å".encode() * 2000 + b'"}'
    writer.add_event(line)
    writer.close()

    with Session.open(writer.path) as session:
        assert not session.live
        assert session.description == DESCRIPTION
        assert (session.origin, session.run) == ("twin", {"id": "x"})
        assert session.clock == writer._clock
        assert (session.t0, session.t1) == (0.0, pytest.approx(2.99))
        info = session.streams["image"]
        assert (info.n, info.shape, info.dtype, info.axes) == (30, (32, 24), np.uint16, IMAGE_AXES)
        np.testing.assert_array_equal(info.seq, np.arange(30))
        assert session.streams["spectrum"].axes == ENERGY
        for i in (0, 17, -1):
            got, want = session.frame("image", i), image(i % 30)
            np.testing.assert_array_equal(got.data, want.data)
            assert (got.seq, got.t_start, got.t_end, got.clock) == (want.seq, want.t_start, want.t_end, want.clock)
        assert session.frame("image", 3).metadata == image(3, stage_temperature_K=303.0).metadata
        assert [session.index_at("image", t) for t in (-1.0, 0.08, 0.19, 0.189, 99.0)] == [0, 0, 1, 0, 29]
        with pytest.raises(IndexError):
            session.frame("image", 30)

        t, value, unit, quality = session.readings()["heater"]
        assert (t[-1], unit, quality[-1], np.isnan(value[-1])) == (1.5, "1", 2, True)
        assert session.readings()["temperature"][1][-1] == 300.5

        estimates = session.estimates("image")
        assert len(estimates) == 29
        got, want = estimates[4], estimate(5)
        assert (got.seq, got.t, got.model, got.quantities) == (want.seq, want.t, want.model, want.quantities)
        assert (got.labels, got.notes, got.seconds) == (want.labels, want.notes, want.seconds)
        assert got.sources == want.sources
        for name, array in want.arrays.items():
            np.testing.assert_array_equal(got.arrays[name], array)
            assert got.arrays[name].dtype == array.dtype
        assert [e.structure is not None for e in estimates].count(True) == 3  # at most one a second
        np.testing.assert_array_equal(estimates[0].structure.occupancy, STRUCTURE.occupancy)
        assert estimates.quantity("order_parameter")[1][0] == 0.51
        state = session.states()[0]
        assert state.notes == ("a note",)
        assert (state.quantities["order_parameter"].value, state.sources) == (0.7, sources)
        assert session.event_lines()[1] == line
        assert [e["kind"] for e in session.events() if "kind" in e] == ["recording", "recording"]
        assert len(session.estimates("spectrum")) == 0


def test_long_metadata_and_own_axes_are_kept_whole(writer):
    long = "Å" * 3000
    moved = tuple(Axis(a.name, a.units, a.scale * 2, a.offset, a.size) for a in IMAGE_AXES)
    frame = image(1, comment=long)
    writer.add_frame(frame)
    writer.add_frame(type(frame)(**{**vars(image(2)), "axes": moved}))
    writer.close()
    with Session.open(writer.path) as session:
        assert session.frame("image", 1).metadata["comment"] == long
        assert session.frame("image", 2).axes == moved
        assert session.frame("image", 1).axes == IMAGE_AXES


def test_what_does_not_fit_is_refused_or_counted(writer):
    with pytest.raises(ValueError, match="image #1 does not fit"):
        writer.add_frame(type(image(1))(**{**vars(image(1)), "data": image(1).data.astype("f4")}))
    writer.add_readings([Reading("vacuum", 1.0, "Pa", 1.0)] * 3)
    writer.close()
    with Session.open(writer.path) as session:
        assert [e["data"] for e in session.events() if e["text"].startswith("not in the layout")] == [
            {"reading vacuum": 3}
        ]


def test_never_over_an_existing_file(writer):
    with pytest.raises(FileExistsError):
        type(writer)(writer.path, DESCRIPTION, writer._clock, [image(0)])
    assert writer.path.stat().st_size > 0


def test_plain_h5py_and_rosettasciio_open_a_closed_file(writer):
    import h5py

    for seq in range(1, 6):
        writer.add_frame(image(seq))
    writer.close()
    with h5py.File(writer.path) as file:
        assert file["entry/image/data"].shape == (6, 32, 24)
        assert file["entry/end_time"][()].startswith(b"20")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rsciio.nexus import file_reader

        signals = {s["metadata"]["General"]["title"]: s for s in file_reader(str(writer.path), nxdata_only=True)}
        assert len(file_reader(str(writer.path))) > len(signals)  # its default opens every dataset too
    axes = {a["name"]: a for a in signals["image"]["axes"]}
    assert signals["image"]["data"].shape == (6, 32, 24)
    for axis in IMAGE_AXES:
        got = axes[axis.name]
        assert (got["units"], got["size"], got["navigate"]) == (axis.units, axis.size, False)
        assert (got["scale"], got["offset"]) == (pytest.approx(axis.scale), pytest.approx(axis.offset))
    assert axes["t_start"]["navigate"]
    energy = signals["spectrum"]["axes"][-1]
    assert (energy["name"], energy["units"], energy["navigate"]) == ("Energy_loss", "eV", False)
    assert (energy["scale"], energy["offset"], energy["size"]) == (pytest.approx(0.25), pytest.approx(850.0), 100)


def test_is_session(writer, tmp_path):
    assert is_session(writer.path)
    (tmp_path / "x.nxs").write_text("no")
    assert not is_session(tmp_path / "x.nxs")
    assert not is_session(tmp_path / "none.nxs")


def test_a_live_session_takes_in_what_was_flushed(writer):
    with Session.open(writer.path) as session:
        assert session.live
        assert session.streams["image"].n == 1
        for seq in (1, 2, 3):
            writer.add_frame(image(seq))
            writer.add_estimate(estimate(seq))
        writer.add_event(b'{"text":"new"}')
        session.refresh()
        assert session.streams["image"].n == 1  # not flushed yet
        writer.flush()
        session.refresh()
        assert session.streams["image"].n == 4
        assert session.frame("image", 3).seq == 3
        assert len(session.estimates("image")) == 3
        assert session.event_lines()[-1] == b'{"text":"new"}'


@pytest.mark.parametrize("frame", [image(1), spectrum(1)])
def test_one_frame_as_a_file_of_its_own(tmp_path, frame):
    import h5py
    from rsciio.nexus import file_reader

    from matstudio.recording.single import write_frame

    for _ in range(2):  # again over the old one
        write_frame(tmp_path / "f.nxs", frame)
    with h5py.File(tmp_path / "f.nxs") as file:
        np.testing.assert_array_equal(file[f"entry/{frame.stream}/data"], frame.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (signal,) = file_reader(str(tmp_path / "f.nxs"), nxdata_only=True)
    np.testing.assert_array_equal(signal["data"], frame.data)
    for got, axis in zip(signal["axes"], frame.axes, strict=True):
        assert (got["units"], got["size"], got["navigate"]) == (axis.units, axis.size, False)
        assert (got["scale"], got["offset"]) == (pytest.approx(axis.scale), pytest.approx(axis.offset))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.nxs"]
