"""The self-assembly dock and what it says."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest

from matstudio.domain.estimate import MaterialState, Quantity
from matstudio.dynamics.landscape import Verdict, landscape
from matstudio.dynamics.live import LiveProblem
from matstudio.dynamics.wells import Polynomial
from matstudio.recording.selfassembly import nexus
from matstudio.ui.main_window import MainWindow
from matstudio.ui.present import landscape as present_landscape
from matstudio.ui.present import selfassembly as present
from matstudio.workers.assembly import AssemblyWorker


def test_the_particles_go_on_and_the_curves_begin_anew_with_another_energy():
    problem = LiveProblem(1)
    for _ in range(40):
        problem.advance(100)
    shown = problem.shown()
    assert shown.t == pytest.approx(4.0)
    assert abs(shown.mean_energy[-1][0] - shown.exact[0]) < 4 * shown.mean_energy[-1][1]
    assert shown.free_energy[-1][0] < shown.free_energy[0][0] - 1.0
    assert "Boltzmann −0.2249" in present.line(shown)
    assert "every 575 of t" in present.wells(shown)
    problem.change(Polynomial((0, 0, 1.0)), 0.1)
    assert len(problem.shown().curve_t) == 1
    problem.advance(10)
    assert present.wells(problem.shown()) == "one well"
    with pytest.raises(ValueError, match="spread beyond"):
        problem.change(Polynomial((0, 0, 1e-9)), 1.0)
    assert problem.law.diffusion == 0.1
    problem.restart("left")
    assert "infinite" in present.line(problem.shown())


def test_sliders_say_what_they_stand_for():
    first = {s.key: s.value(s.position(s.first)) for s in present.SLIDERS}
    assert present.energy(first).text == "x^4 - x^2"
    assert first["diffusion"] == 0.045
    work = present.score_work(first, Path("/there/score.nxs"))
    command = work.command(Path())
    assert "--energy=0,-1,0,1" in command
    assert "--diffusion=0.045" in command
    said = '{"score_error_final": 0.016, "flow_kl_largest": 0.017, "barriers": [0.251], "barriers_exact": [0.25]}'
    assert work.summary is not None
    assert work.summary(said) == "score 1.6 % off, probability flow off by KL 0.017, barriers 0.251 (0.250)"
    with pytest.raises(ValueError):
        work.summary("{}")


def state(t: float, s: float, kelvin: float) -> MaterialState:
    quantities = {"order_parameter": Quantity(s, 0.01, "1"), "temperature": Quantity(kelvin, 0.5, "K")}
    return MaterialState(t, quantities, {}, None, ())


@pytest.mark.parametrize("step", [0.5, 10.0, 300.0])
def test_while_the_specimen_is_heated_the_last_values_are_kept(step):
    kept = present_landscape.Trajectory()
    for k in range(200):
        kept.add(state(k, 0.1, 300.0 + step * max(k - 60, 0)), {"boot": 1})
    assert kept.size == 20
    assert kept.seconds == 19.0
    for k in range(200, 300):
        kept.add(state(k, 0.1, 300.0 + step * 140), {"boot": 1})
    assert 80 <= kept.size <= 110
    assert kept.temperature == pytest.approx(300.0 + step * 140, abs=1.5)


def test_values_count_only_while_the_temperature_is_held():
    kept, device = present_landscape.Trajectory(), {"boot": 1, "domain_atoms": 1000.0}
    assert kept.held == "no order parameter and temperature yet"
    for k in range(100):
        kept.add(state(k, 0.8, 640.0), device)
    kept.add(state(99, 0.8, 640.0), device)  # the same state again
    assert kept.size == 100
    assert kept.held == "640.0 K ± 0.0 K held for 99 s"
    for k in range(100, 160):
        kept.add(state(k, 0.8, 645.0), device)
    assert kept.size < 100
    assert kept.temperature == pytest.approx(645.0, abs=1.5)
    assert "before that it was not held" in kept.held
    assert min(row[3] for row in kept._kept) > 641.0
    kept.add(state(3, 0.8, 645.0), device)  # sought back
    assert kept.size == 1
    kept.add(state(4, 0.8, 645.0), device | {"domain_atoms": 500.0})
    assert kept.size == 1
    assert present_landscape.atoms_of({"domain_atoms": 500.0}) == 500.0
    assert present_landscape.atoms_of({}) is None


def test_how_well_f_is_known_is_told():
    rng = np.random.default_rng(0)
    found = landscape(0.8 + 0.05 * rng.standard_normal(2000), np.full(2000, 0.01))
    line = present_landscape.energy_line(found, 640.0, 1000.0)
    assert line.startswith("at S = 0.8")
    assert "meV/atom" in line
    assert "meV" not in present_landscape.energy_line(found, 640.0, None)
    hidden = landscape(0.8 + 0.01 * rng.standard_normal(2000), np.full(2000, 0.01))
    assert hidden.verdict is Verdict.HIDDEN
    assert present_landscape.energy_line(hidden, 640.0, 1000.0) == ""


def test_the_worker_says_why_it_did_not(qtbot, tmp_path: Path):
    worker = AssemblyWorker()
    try:
        with qtbot.waitSignal(worker.refused, timeout=5000) as told:
            worker.read_score(tmp_path / "none.nxs")
        assert "none.nxs" in told.args[0]
        with qtbot.waitSignal(worker.shown, timeout=5000):
            worker.restart("wells")
        with qtbot.waitSignals([worker.shown] * 3, timeout=20000):
            worker.set_going(True)
    finally:
        worker.stop()


def test_the_dock_is_closed_at_first_and_shows_both_pages(window: MainWindow, qtbot, tmp_path: Path):
    dock = window.docks["Self-assembly"]
    assert dock.isHidden()
    assert window.assembly.pages is None
    assert "assembly.run" in window.actions_
    window.do("view.dock.assembly")
    dock.raise_()
    qtbot.waitUntil(lambda: window.assembly.shown is not None, timeout=20000)
    window.do("assembly.run")
    qtbot.waitUntil(lambda: window.assembly.shown.t > 0.1, timeout=20000)
    model = window.assembly.model
    assert "⟨E⟩" in model.line.text()
    model.sliders["diffusion"].setValue(20)
    qtbot.waitUntil(lambda: window.assembly.shown.diffusion == pytest.approx(0.11), timeout=20000)
    window.do("assembly.run")
    out = tmp_path / "curves.csv"
    window.assembly.save_data(out)
    qtbot.waitUntil(out.exists, timeout=20000)
    rows = list(csv.reader(out.read_text().splitlines()))
    assert rows[0][:3] == ["t", "mean_energy", "mean_energy_errors"]
    assert len(rows) > 1
    qtbot.waitUntil(lambda: window.assembly.found is not None, timeout=20000)
    window.assembly.pages.setCurrentIndex(1)
    window.assembly.save_data(tmp_path / "none.csv")
    assert "nothing is shown yet" in window.toasts.text()
    rng = np.random.default_rng(0)
    window.assembly._found(landscape(0.8 + 0.05 * rng.standard_normal(2000), np.full(2000, 0.01)))
    assert "2000 values" in window.assembly.live.line.text()
    window.assembly.save_data(tmp_path / "landscape.nxs")
    qtbot.waitUntil((tmp_path / "landscape.nxs").exists, timeout=20000)
    with h5py.File(tmp_path / "landscape.nxs") as file:
        assert file["entry/F_kT/F_kT"].attrs["units"] == b"kT"
    dock.close()


def test_a_learned_score_is_shown(window: MainWindow, qtbot, tmp_path: Path):
    import time

    from matstudio.dynamics.score import learn
    from matstudio.dynamics.selfassembly import Problem, run

    result = run(Problem(500, 100, 5e-3, every=5), time.process_time)
    path = tmp_path / "score.nxs"
    path.write_bytes(nexus(result, learn(result)))
    window.do("view.dock.assembly")
    window.docks["Self-assembly"].raise_()
    qtbot.waitUntil(lambda: window.assembly.shown is not None, timeout=20000)
    window.assembly.worker.read_score(path)
    plot = window.assembly.model.score_plot
    qtbot.waitUntil(lambda: "learned" in plot._lines, timeout=20000)
    window.assembly.model.sliders["2"].setValue(3)  # it is that of another energy now
    assert "learned" not in plot._lines
