"""The two pages of the self-assembly dock: the model problem, and the landscape of the live order parameter."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QPushButton, QSlider, QVBoxLayout, QWidget

from matstudio.dynamics.landscape import Landscape
from matstudio.dynamics.live import Shown
from matstudio.dynamics.score import Score
from matstudio.dynamics.wells import STARTS
from matstudio.ui.parts import Elided, label
from matstudio.ui.present import selfassembly as present
from matstudio.widgets.plot import LinePlot


class ModelPage(QWidget):
    """Particles in the well, their histogram, their energies and their score, with sliders.

    Signals:
        changed (dict): values of the sliders, by key. going (bool): run or pause. restart (str): which start.
        learn: the score is wanted.
    """

    changed = Signal(object)
    going = Signal(bool)
    restart = Signal(str)
    learn = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.run = QPushButton("Run")
        self.run.setCheckable(True)
        self.run.toggled.connect(self._toggled)
        self.start = QComboBox()
        self.start.addItems(STARTS)
        self.start.setAccessibleName("First positions")
        again = QPushButton("Start again")
        again.clicked.connect(lambda: self.restart.emit(self.start.currentText()))
        self.learning = QPushButton("Learn the score")
        self.learning.setToolTip("A job: denoising score matching on 65,536 particles, for what the sliders say")
        self.learning.clicked.connect(self.learn)
        top = QHBoxLayout()
        for widget in (self.run, again, label("from", "dim"), self.start, self.learning):
            top.addWidget(widget)
        self.wells = Elided()
        top.addWidget(self.wells, 1)
        self.sliders: dict[str, QSlider] = {}
        self._values = {}
        row = QHBoxLayout()
        for s in present.SLIDERS:
            slider = self.sliders[s.key] = QSlider(Qt.Orientation.Horizontal)
            slider.setRange(0, s.positions)
            slider.setValue(s.position(s.first))
            slider.setAccessibleName(s.title)
            slider.valueChanged.connect(self._slid)
            self._values[s.key] = label()
            row.addWidget(label(s.title, "dim"))
            row.addWidget(slider, 2 if s.key == "diffusion" else 1)
            row.addWidget(self._values[s.key])
        self.line = Elided()
        self.line.set_text("", dim=False)
        self.wells_plot, self.law_plot, self.curves, self.score_plot = (LinePlot() for _ in range(4))
        self.wells_plot.set_axes("x (dimensionless)", "", "E (dimensionless)", "")
        self.wells_plot.set_title("Particles in E(x)")
        self.law_plot.set_axes("x (dimensionless)", "", "p (dimensionless)", "")
        self.law_plot.set_title("Histogram, and Boltzmann's law (coloured)")
        self.curves.set_axes("t (dimensionless)", "", "energy (dimensionless)", "")
        self.curves.set_tallest(90.0)
        self.curves.set_title("⟨E⟩, and F[p] coloured, bands ± 1 σ; dashed: at rest", right=True)
        self.score_plot.set_axes("x (dimensionless)", "", "d ln p/dx (dimensionless)", "")
        self.score_plot.set_title("Score −E′/D; coloured: learned, once it is")
        grid = QGridLayout()
        for i, plot in enumerate((self.wells_plot, self.law_plot, self.curves, self.score_plot)):
            plot.setMinimumSize(160, 90)
            grid.addWidget(plot, i // 2, i % 2)
        box = QVBoxLayout(self)
        box.setContentsMargins(2, 2, 2, 2)
        for layout in (top, row):
            box.addLayout(layout)
        box.addWidget(self.line)
        box.addLayout(grid, 1)
        self._tell_values()

    def values(self) -> dict[str, float]:
        """What the sliders stand for, by key."""
        return {s.key: s.value(self.sliders[s.key].value()) for s in present.SLIDERS}

    def show_problem(self, s: Shown) -> None:
        """Show the particles."""
        self.wells_plot.set_line("E", s.energy_x, s.energy, "second")
        self.wells_plot.set_points("particles", s.x, s.E, "accent", dots=True)
        middle = np.repeat(s.edges, 2)
        self.law_plot.set_line("histogram", middle, np.concatenate([[0.0], np.repeat(s.density, 2), [0.0]]), "text")
        self.law_plot.set_line("law", s.energy_x, s.law, "accent", width=2.0)
        if len(s.curve_t) > 1:
            span = s.curve_t[[0, -1]]
            for name, table, role, exact in (
                ("E", s.mean_energy, "text", s.exact[0]),
                ("F", s.free_energy, "accent", s.exact[1]),
            ):
                value, error = table.T
                self.curves.set_band(f"{name} band", s.curve_t, value - error, value + error, role)
                self.curves.set_line(name, s.curve_t, value, role)
                self.curves.set_line(f"{name} exact", span, np.full(2, exact), role, dashed=True)
        self.score_plot.set_line("exact", s.energy_x, s.score, "text")
        self.line.set_text(present.line(s), dim=False)
        self.wells.set_text(present.wells(s))

    def show_score(self, score: Score | None) -> None:
        """Show a learned score at its last time, or none."""
        if score is None:
            self.score_plot.remove("learned")
            return
        x, low, high = score.x, *self.law_plot.box.viewRange()[0]
        inside = (x >= low) & (x <= high)
        self.score_plot.set_line("learned", x[inside], score.s[-1][inside], "accent", width=2.0, dashed=True)

    def _toggled(self, on: bool) -> None:
        self.run.setText("Pause" if on else "Run")
        self.going.emit(on)

    def _slid(self, _: int) -> None:
        self._tell_values()
        self.show_score(None)
        self.changed.emit(self.values())

    def _tell_values(self) -> None:
        for key, value in self.values().items():
            self._values[key].setText(present.minus(f"{value:.3f}" if key == "diffusion" else f"{value:.2f}"))


class LandscapePage(QWidget):
    """F(S) from the fluctuations, with its band, beside the twin's own."""

    def __init__(self) -> None:
        super().__init__()
        self.held, self.line, self.energy = Elided(), Elided(), Elided()
        self.plot = LinePlot()
        self.plot.set_axes("order parameter S (dimensionless)", "", "F of a domain", "kT")
        box = QVBoxLayout(self)
        box.setContentsMargins(2, 2, 2, 2)
        for widget in (self.held, self.line, self.energy):
            box.addWidget(widget)
        box.addWidget(self.plot, 1)

    def show_lines(self, held: str, line: str, energy: str) -> None:
        """Show what there is to be said."""
        self.held.set_text(held, dim=False)
        self.line.set_text(line, dim=False)
        self.energy.set_text(energy)

    def show_landscape(self, found: Landscape, model: tuple[np.ndarray, np.ndarray] | None) -> None:
        """Show a landscape, and the model's (S, F/kT) where it is known."""
        if found.F.size:
            self.plot.set_band("band", found.S, found.F - found.error, found.F + found.error, "accent")
            self.plot.set_line("F", found.S, found.F, "accent", width=2.0)
        else:
            self.plot.remove("band")
            self.plot.remove("F")
        if model is not None:
            self.plot.set_line("model", *model, "text", dashed=True)
        else:
            self.plot.remove("model")
        self.plot.set_title("measured (band ± 1 σ)" + ("; dashed: the twin's model" if model is not None else ""))
