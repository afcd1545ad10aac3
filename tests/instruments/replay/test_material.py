"""What an instrument text plays: files, folders with times, logs put on the frames' clock, sessions."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from matstudio.domain.clock import RealClock
from matstudio.domain.frame import Kind
from matstudio.domain.process import Reading
from matstudio.instruments.readers import ReaderError
from matstudio.instruments.replay.material import load, load_paths
from matstudio.instruments.replay.source import ReplaySource

sys.path.insert(0, str(Path(__file__).parents[2] / "recording"))


def frames_in(folder: Path, numbers, shape=(6, 8)) -> Path:
    from PIL import Image

    folder.mkdir()
    for n in numbers:
        Image.fromarray(np.full(shape, n % 256, np.uint8)).save(folder / f"run-1-frame-{n}.png")
    return folder


def heater(path: Path, begins: float = 0.0) -> Path:
    """A ramp of 1 K/s that is at 20 °C `begins` seconds into the log."""
    lines = ["23/09/'22 12:55\tDigiheater 3.2\t", "sample\ttime\tTSet[C]\tTMeas[C]\tPheat [mW]"]
    for i in range(600):
        t = 0.5 * i
        clock = f"12:{55 + int(t // 60):02d}:{t % 60:05.2f}"
        lines.append(f"{i}\t{clock}\t{20 + t - begins:.2f}\t{20 + t - begins:.2f}\t{0.1 * i:.2f}")
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def run(tmp_path):
    folder = frames_in(tmp_path / "frames", [2, 9, 10, 100])
    (folder / "times.csv").write_text("frame,seconds,celsius\n100,200,220\n2,4,24\n50,100,120\n")
    return folder


def test_frames_get_their_times_from_the_table_in_their_folder(run):
    material = load(f"replay:{run}")
    (track,) = material.tracks
    np.testing.assert_allclose(track.times, [4, 4 + 7 * 2, 4 + 8 * 2, 200])
    assert [int(track.load(i).data[0, 0]) for i in range(4)] == [2, 9, 10, 100]
    assert (material.start, material.end) == (4, 200)


def test_frames_beyond_the_table_go_on_at_its_pace(tmp_path, run):
    later = frames_in(tmp_path / "later", [149, 150])
    material = load_paths([run, later])
    assert [t.name for t in material.tracks] == ["image", "image_2"]
    np.testing.assert_allclose(material.tracks[1].times, [200 + 49 * 2, 200 + 50 * 2])


def test_a_table_may_be_named_beside_the_folder(tmp_path):
    folder = frames_in(tmp_path / "frames", [1, 2])
    (tmp_path / "t.csv").write_text("frame,seconds\n1,10\n2,30\n")
    material = load(f"replay:{folder}{os.pathsep}{tmp_path / 't.csv'}")
    np.testing.assert_allclose(material.tracks[0].times, [10, 30])


def test_without_a_table_it_says_what_it_assumed(tmp_path):
    material = load(f"replay:{frames_in(tmp_path / 'frames', [5, 6, 8])}")
    np.testing.assert_allclose(material.tracks[0].times, [0, 1, 3])
    assert any("assumed" in note for note in material.notes)


@pytest.mark.parametrize("begins", [0.0, 30.0])
def test_the_log_is_put_on_the_frames_clock(tmp_path, run, begins):
    material = load_paths([run, heater(tmp_path / "log.txt", begins)])
    heat = next(log for log in material.logs if log.name == "temperature")
    assert heat.at(100.0)[0] == pytest.approx(120 + 273.15, abs=1.0)
    assert any("clock" in note for note in material.notes)


def test_a_log_that_does_not_fit_stays_and_says_so(tmp_path, run):
    (run / "times.csv").write_text("frame,seconds,celsius\n2,4,900\n100,200,1400\n")
    material = load_paths([run, heater(tmp_path / "log.txt")])
    assert any("does not fit" in note for note in material.notes)


def test_frames_of_different_sizes(tmp_path):
    folder = frames_in(tmp_path / "frames", [1], (6, 8))
    frames_in(tmp_path / "more", [2], (20, 30))
    (tmp_path / "more" / "run-1-frame-2.png").rename(folder / "run-1-frame-2.png")
    (track,) = load(f"replay:{folder}").tracks
    assert track.frame_bytes == 600
    assert [tuple(a.size for a in track.load(i).axes) for i in range(2)] == [(6, 8), (20, 30)]


def test_a_damaged_picture_is_left_out_and_named(tmp_path):
    folder = frames_in(tmp_path / "frames", [1, 2])
    (folder / "run-1-frame-3.png").write_bytes(b"no picture")
    material = load(f"replay:{folder}")
    assert len(material.tracks[0].times) == 2
    assert any("frame-3" in note for note in material.notes)


def test_one_signal_of_each_kind_of_a_file(tmp_path):
    (tmp_path / "a.xye").write_text("\n".join(f"{20 + 0.1 * i} {i} 1" for i in range(50)))
    (track,) = load(f"replay:{tmp_path / 'a.xye'}").tracks
    assert track.kind is Kind.DIFFRACTION
    assert track.load(0).metadata["mode"] == "powder diffraction"
    assert track.load(0).axes[0].units == "°"


def test_big_endian_stacks_play_in_native_order(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(60, dtype=">u2").reshape(3, 4, 5))
    (track,) = load(f"replay:{tmp_path / 'a.npy'}").tracks
    shot = track.load(2)
    assert shot.data.dtype.isnative
    assert shot.data[0, 0] == 40


@pytest.mark.parametrize("text", ["replay:", "replay:/nowhere/at all.dm3"])
def test_what_is_not_there_is_refused(text):
    with pytest.raises(ReaderError):
        load(text)


def test_what_holds_nothing_to_play_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReaderError, match="without a picture"):
        load(f"replay:{tmp_path / 'empty'}")
    (tmp_path / "t.csv").write_text("X,Y\n1,2\n3,1\n")
    with pytest.raises(ReaderError, match="could be played"):
        load(f"replay:{tmp_path / 't.csv'}")
    (tmp_path / "frames.csv").write_text("frame,seconds\n1,2\n2,what\n")
    with pytest.raises(ReaderError, match="row 3"):
        load(f"replay:{tmp_path / 'frames.csv'}")


def test_a_folder_without_pictures_plays_the_files_it_holds(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    heater(folder / "heat.txt")
    (folder / "notes.pdf").write_bytes(b"%PDF-1.4 " + bytes(range(256)))
    (folder / "MANIFEST.md").write_text("a heater log")
    (folder / ".hidden").write_text("1")
    material = load(f"replay:{folder}")
    try:
        assert not material.tracks
        assert "temperature" in {log.name for log in material.logs}
        assert [note for note in material.notes if "notes.pdf" in note]
    finally:
        material.close()
    (folder / "heat.txt").unlink()
    with pytest.raises(ReaderError, match=r"log: a folder without a picture; .*notes\.pdf"):
        load(f"replay:{folder}")


def test_a_structure_is_refused_with_what_can_be_done(tmp_path):
    (tmp_path / "POSCAR").write_text("Cu\n3.6\n1 0 0\n0 1 0\n0 0 1\nCu\n1\ndirect\n0 0 0\n")
    with pytest.raises(ReaderError, match=r"a structure, which has no stream: .*info.*simulate"):
        load(f"replay:{tmp_path / 'POSCAR'}")


def test_a_session_keeps_frames_facts_and_readings(tmp_path):
    from sample_session import DESCRIPTION, image, spectrum

    from matstudio.recording.writer import SessionWriter

    path = tmp_path / "s.nxs"
    writer = SessionWriter(
        path, DESCRIPTION, RealClock.start(), [image(0, material="Cu3Au"), spectrum(0)], run={"id": "x"}
    )
    for i in range(1, 10):
        writer.add_frame(image(i, material="Cu3Au"))
        writer.add_readings([Reading("temperature", 300.0 + i, "K", 0.1 * i)])
    writer.close()
    material = load(f"replay:{path}")
    try:
        names = {t.name: t for t in material.tracks}
        assert set(names) == {"image", "spectrum"}
        assert len(names["image"].times) == 10
        shot = names["image"].load(4)
        np.testing.assert_array_equal(shot.data, image(4).data)
        assert shot.axes == image(4).axes
        assert shot.metadata["material"] == "Cu3Au"
        assert shot.metadata["recorded_instrument"] == "twin"
        heat = next(log for log in material.logs if log.name == "temperature")
        assert heat.at(0.55)[0] == 305.0
        assert heat.range() == (250.0, 1500.0)
        assert ReplaySource(material, "x").duration == pytest.approx(0.99 - 0.09)
    finally:
        material.close()


def test_a_damaged_session_is_refused(tmp_path):
    from sample_session import DESCRIPTION, image

    from matstudio.recording.writer import SessionWriter

    path = tmp_path / "s.nxs"
    SessionWriter(path, DESCRIPTION, RealClock.start(), [image(0)], run={}).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(ReaderError) as caught:
        load(f"replay:{path}")
    assert "\n" not in str(caught.value)


def test_the_in_situ_titanium_run(real_data):
    parts = ["image/insitu_ti_fullframes", "image/insitu_ti_line_1770_1786", "image/insitu_ti_loop_1691_1698"]
    material = load_paths([*(real_data / p for p in parts), real_data / "process/tem_heating_ti/Chip4Data.txt"])
    full, line, loop = material.tracks
    assert (len(full.times), len(line.times), len(loop.times)) == (13, 17, 8)
    assert (material.start, material.end) == (0, 1801)
    heat = next(log for log in material.logs if log.name == "temperature")
    noted = {0.0: 20, 125.0: 49, 433.0 - 2: 149, 1041.0: 349, 1801.0: 596}  # seconds: °C, from the frames' own names
    for t, celsius in noted.items():
        assert heat.at(t)[0] - 273.15 == pytest.approx(celsius, abs=2.0)
    assert 1740 < line.times[0] < line.times[-1] < 1801
    np.testing.assert_allclose(np.diff(line.times), 0.986, atol=0.01)
    assert {"temperature_setpoint", "power"} <= {log.name for log in material.logs}
    shot = full.load(0)
    assert shot.data.shape == (2048, 2048)
    assert shot.data.dtype == np.uint8
