from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest

from matstudio.cli.main import main

KEYS = {
    "mean_energy_final",
    "free_energy_final",
    "free_energy_decreases",
    "p_value_law",
    "well_fraction",
    "particle_steps_per_second",
}


def test_the_report_and_the_file(capsys, tmp_path: Path):
    out = tmp_path / "wells.nxs"
    options = ["--n", "2000", "--steps", "300", "--dt", "0.004", "--start", "left", "--seed", "3"]
    assert main(["selfassembly", *options, "--score", "--json", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report.keys() >= KEYS | {"score_error_final", "flow_kl_largest", "barriers"}
    assert report["free_energy_decreases"] is True
    assert report["well_fraction"][0] > 0.98
    assert -0.25 < report["mean_energy_final"] < -0.2
    assert all("progress" in json.loads(line) for line in printed.err.splitlines())
    with h5py.File(out) as file:
        entry = file["entry"]
        assert entry["trajectory/x"].shape == (101, 2000)
        assert entry["trajectory/x"].attrs["units"] == b"1"
        assert entry["free_energy/free_energy"].shape == entry["free_energy/free_energy_errors"].shape == (101,)
        assert entry["score/score"].shape[0] == entry["score/t"].shape[0] == 100
        assert json.loads(entry["parameters"][()])["seed"] == 3
    assert main(["info", str(out)]) == 0
    assert "trajectory" in capsys.readouterr().out


def test_another_energy_in_words(capsys):
    assert main(["selfassembly", "--n", "100", "--steps", "50", "--energy", "0.1,-1,0,1"]) == 0
    out = capsys.readouterr().out
    assert "E = x^4 - x^2 + 0.1 x" in out
    assert "free energy F[p]" in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--n", "3"], "n 3: 20 to 1e+08"),
        (["--energy", "1,1,1"], "highest power must be even"),
        (["--energy", "/nope.csv"], "/nope.csv: No such file"),
        (["--dt", "nan"], "dt nan"),
        (["--out", "wells.txt"], "wells.txt: a trajectory is written as .nxs"),
        (["--steps", "3", "--score"], "at least 5"),
    ],
)
def test_bad_input_gives_one_line(options: list[str], says: str, capsys, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["selfassembly", *options]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
