"""The main window: header, docks, status bar, and what connects them to the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QMessageBox, QVBoxLayout, QWidget

from matstudio.bus.rundir import Run
from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Frame, Kind
from matstudio.domain.process import Mode
from matstudio.domain.structure import SiteModel
from matstudio.ui import advice_card, device_setup, dialogs, menu, shot, theme
from matstudio.ui.counts_dock import CountsView
from matstudio.ui.header import Banner, HeaderView
from matstudio.ui.jobs import JobsControl
from matstudio.ui.kept import Kept
from matstudio.ui.layouts import Layouts
from matstudio.ui.log_dock import LogView
from matstudio.ui.offers import Offers
from matstudio.ui.opening import Opener, dropped
from matstudio.ui.palette import Palette
from matstudio.ui.parts import Dock, Notice, Words
from matstudio.ui.plugin_docks import PluginDocks
from matstudio.ui.preparing import Preparing
from matstudio.ui.present import advice, alarms, counts, header, process, processes, status_line
from matstudio.ui.present.jobs import at_closing
from matstudio.ui.present.models import model_line
from matstudio.ui.present.trends import Trends
from matstudio.ui.process_dock import ProcessView
from matstudio.ui.selfassembly_dock import SelfAssemblyDock
from matstudio.ui.session import Session
from matstudio.ui.settings import WindowSettings
from matstudio.ui.stage import Stage
from matstudio.ui.status_view import StatusFields
from matstudio.ui.streams import StreamDocks, StreamView
from matstudio.ui.structure_dock import StructureDock
from matstudio.ui.telling import Teller
from matstudio.ui.theme import Theme
from matstudio.ui.timeline import TimelineControl
from matstudio.ui.toasts import Toasts
from matstudio.ui.tools import StreamTools
from matstudio.ui.trends_dock import TrendsView
from matstudio.workers.frames import StreamStats

REFRESH_MS, SLOWLY = 200, 5
PREPARE_MS, STRUCTURE_S, STATUS_EVENTS = 1000, 1.0, 100


class MainWindow(QMainWindow):
    """One window on one run. After it was closed, `keep_running` tells what the operator wants of the run, and
    `open_next` that files are to be opened in its place (see `opening.NEXT`)."""

    prepared = Signal()
    """All views have been made."""

    def __init__(self, run: Run, look: Theme | None = None, *, ask: bool = True) -> None:
        super().__init__()
        self.setWindowTitle(f"MatStudio, run {run.id}")
        self.session = Session(run, self)
        self.kept = Kept(run.instrument.partition(":")[0])
        self.settings = self.kept.settings()
        self.theme, self.colormap, self.paused = look or self.settings.theme, self.settings.colour_map, False
        self.keep_running, self.open_next = False, False
        self._ask = ask
        self._question: QMessageBox | None = None
        self._trends = Trends()
        self._analysed = status_line.Analysed()
        self._rates: dict[str, float] = {}
        self._stats: Mapping[str, StreamStats] = {}
        self._gl, self._ticks = "", 0
        self._mode: Mode | None = None
        self._drawn, self._had_structure = -math.inf, False
        self.opener = Opener(self)
        self.setAcceptDrops(True)
        self._build()
        self._connect()
        parts = (self._timeline, self.structure, self.plugins, device_setup.DeviceSetup(self), self.assembly)
        self.actions_ = menu.build(self, [action for part in parts for action in part.actions()])
        bar = self.menuBar()
        self.actions_.attach(
            self, {name: bar.addMenu(name) for name in ("File", "View", "Control", "Record", "Timeline")}
        )
        for dock in self._streams.docks():
            self._add_tools(dock)
        self.layouts.attach(self.actions_)
        self.actions_.recent = self.settings.commands
        self._offers = Offers(self.actions_, self.session.live, self._stage.docks, self._choose)
        self._offers.update()
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self._preparing = Preparing(self._views(), self)
        self._preparing.done.connect(self._prepared)
        self.refresh()

    def start(self) -> None:
        """Attach to the run. What takes long to import is made when the run's state is shown, or a second later."""
        self.setFocus()  # a key pressed by chance must not begin a setpoint
        self._restore()
        self.session.start()
        self._timer.start()
        QTimer.singleShot(PREPARE_MS, self, self._prepare)

    def refresh(self) -> None:
        """Show what is known now."""
        live = self.session.live
        self._show_mode()
        self._banner.set_text(live.simulated)
        self.log.show_alarms(alarms.rows(live))
        self.log.add(self.teller.entries())
        self._timeline.refresh()
        self.docks["Timeline"].set_line(self._timeline.line())
        self._bar.show_fields(status_line.bar(live, self._stats, self.session.last_machine, self._gl))
        machine = self.session.last_machine
        self._alive.show_states(processes.states(live, None if machine is None else machine.alive))
        self._ticks += 1
        self._trends.sample(live)
        QTimer.singleShot(REFRESH_MS // 2, self, self._refresh_slowly)

    def _refresh_slowly(self) -> None:
        """Show, of what changes slowly, some each time and in between: what is painted at once holds up the operator's
        hand."""
        live = self.session.live
        match self._ticks % SLOWLY:
            case 0:
                ahead = {key: advice.ahead(live, key) for key in self._trends.trends}
                span = self._trend_view.show_trends(self._trends, live.run.clock.now(), ahead)
                self.docks["Trends"].set_line(f"last {span / 60:g} min")
            case 1:
                self._tell_structure()
                self._counts.show_counts(counts.counts(live, self._stats))
            case 2:
                self.jobs.tick()
            case 3:
                self.actions_.refresh()
                self.palette_.refresh()
            case _:
                self._offers.update()
                self._tell_models()

    def _show_mode(self) -> None:
        """Show what a change of mode changes."""
        live = self.session.live
        self._header.show_header(header.present(live))
        self._safe.set_line((line := alarms.line(live)).text, line.button)
        shown = process.present(live)
        self.process.show_process(shown)
        self.process.advice.show_advice(advice.present(live))
        self.docks["Process control"].set_line(shown.master)

    def set_theme(self, look: Theme) -> None:
        """Change the colours of the whole application."""
        self.theme = look
        self.keep(replace(self.settings, theme=look))
        application = QApplication.instance()
        if isinstance(application, QApplication):
            theme.apply(application, look)

    def set_colormap(self, name: str) -> None:
        """Use a colour map in every view that has one."""
        self.colormap = name
        self.keep(replace(self.settings, colour_map=name))
        for view in self._streams.views():
            view.set_colormap(name)

    def renew_denoisers(self) -> None:
        """Use the denoiser's weights that are there now."""
        for view in self._streams.views():
            view.renew_denoiser()

    def set_shortcuts(self, wanted: Mapping[str, str]) -> None:
        """Give actions other keys than they have from the start, by id."""
        for line in self.actions_.set_shortcuts(wanted):
            self.tell(line)
        self._header.set_keys({name: self.actions_.shortcut(f"control.{name}") for name in menu.KEYS})
        self.keep(replace(self.settings, shortcuts=dict(wanted)))

    def keep(self, settings: WindowSettings) -> None:
        """Keep these settings for the next start."""
        if settings != self.settings and not self.session.run.headless:
            self.kept.keep_settings(settings)
        self.settings = settings

    def set_paused(self, paused: bool) -> None:
        """Let the views stand still; control and recording go on."""
        self.paused = paused
        self.session.frames.set_paused(paused)
        for view in self._streams.views():
            view.set_paused(paused)

    def tell(self, text: str, level: str = "caution", leads: str = "") -> None:
        """Show one line for some seconds, and leave it in the log.

        Args:
            text: the line. level: "" where nothing is wrong, "caution" or "bad".
            leads: id of the action that shows more, or "".
        """
        self.teller.note(text)
        self.toasts.add(text, level, leads)

    def do(self, id: str) -> None:
        """Run an action, or say why it cannot be used now."""
        if not self.actions_.trigger(id):
            self.tell(f"{self.actions_[id].text}: {self.actions_.why_not(id)}")

    def try_to(self, what: str, do: Callable[[], object]) -> None:
        """Do something with files; what goes wrong is shown as one line."""
        try:
            do()
        except OSError as error:
            self.tell(f"{what}: {error}")

    def screenshot(self, path: Path) -> None:
        """Save a picture of the window. Raises OSError."""
        shot.save(self, path)

    def status(self) -> dict[str, object]:
        """What this window shows, as docs/messages.md has it."""
        names = ("received", "shown", "skipped")
        return {
            "streams": {stream: {n: getattr(s, n) for n in names} for stream, s in self._stats.items()},
            "header": asdict(header.present(self.session.live)),
            "alarms": [asdict(row) for row in alarms.rows(self.session.live)],
            "events": self.log.event_rows()[:STATUS_EVENTS],
        }

    def ask_note(self) -> None:
        """Ask for a line about this moment."""
        self._timeline.ask_note(bookmark=False)

    def leave(self) -> None:
        """Close without asking."""
        self._ask = False
        self.close()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.opener.open(dropped(event))

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._ask:
            event.ignore()
            if self._question is None:
                self._question = dialogs.leaving(self, self._left, at_closing(self.jobs.jobs.active))
                self._question.destroyed.connect(self._no_question)
            return
        self._timer.stop()
        self._preparing.stop()
        self.toasts.stop()
        if not self.session.run.headless:
            self.layouts.keep_last()
        self.keep(replace(self.settings, commands=self.actions_.recent))
        self.hide()
        self.session.stop()
        for stop in (self.structure.shutdown, self.plugins.stop, self.tools.shutdown, self.assembly.stop):
            stop()
        self.jobs.stop()
        event.accept()
        super().closeEvent(event)

    def _restore(self) -> None:
        """Put docks and window as they were, and say what could not be used."""
        if not self.session.run.headless:
            self.layouts.restore_last()
        self.layouts.tell_refused()
        self.set_shortcuts(self.settings.shortcuts)
        self.set_colormap(self.colormap)

    def _left(self, keep_running: bool) -> None:
        self.keep_running = keep_running
        QTimer.singleShot(0, self, self.leave)

    def _no_question(self) -> None:
        self._question = None

    def _build(self) -> None:
        self._header = HeaderView(menu.KEYS)
        self._banner = Banner()
        self._safe = Notice("bad", "Reset")
        strip = QHBoxLayout()
        strip.setSpacing(0)
        height = max(w.sizeHint().height() for w in (self._banner, self._safe))
        for widget in (self._banner, self._safe):
            widget.setFixedHeight(height)
            strip.addWidget(widget, 1)
        strip.addStrut(height)  # nothing below moves when a line comes or goes
        top = QWidget()
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header)
        column.addLayout(strip)
        self.jobs = JobsControl(self.tell, self.opener.open, self, self.session.run.path)
        self.structure = StructureDock(self.tell, self.jobs.start)
        self.tools = StreamTools(self.tell, self)
        self.assembly = SelfAssemblyDock(self.session, self.tell, self.jobs.start)
        self.process = ProcessView(self.session.live)
        self._timeline = TimelineControl(self.session, self)
        replays = self.session.run.instrument.partition(":")[0] == "replay"
        self._trend_view, self.log, self._counts = TrendsView(), LogView(replays), CountsView()
        self.plugins = PluginDocks(self, self._add_dock)
        kinds = {kind: self._stream_dock(kind.value, kind.value.capitalize(), kind) for kind in Kind}
        self._streams = StreamDocks(kinds)
        self.docks = {
            "Image": kinds[Kind.IMAGE],
            "Diffraction": kinds[Kind.DIFFRACTION],
            "Spectrum": kinds[Kind.SPECTRUM],
            "Structure": Dock("structure", "Structure", self.structure, self),
            "Process control": Dock("process", "Process control", self.process, self),
            "Trends": Dock("trends", "Trends", self._trend_view, self),
            "Timeline": Dock("timeline", "Timeline", self._timeline.view, self),
            "Alarms and log": Dock("log", "Alarms and log", self.log, self),
            "Streams": Dock("streams", "Streams", self._counts, self),
            "Jobs": Dock("jobs", "Jobs", self.jobs.view, self),
            "Self-assembly": Dock("assembly", "Self-assembly", self.assembly, self),
        }
        if replays:
            self.docks["Alarms and log"].set_name("Alarms and log of this replay")
        self.jobs.put(self.docks["Jobs"])
        self._stage = Stage(self.docks, kinds, self)
        around = QVBoxLayout()
        around.setContentsMargins(6, 2, 6, 0)
        around.addWidget(self._stage)
        whole = QWidget()
        box = QVBoxLayout(whole)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(top)
        box.addLayout(around, 1)
        self.setCentralWidget(whole)
        self._bar, self._alive = StatusFields(), Words()
        self.statusBar().addWidget(self._alive)
        self.statusBar().addWidget(self._bar, 1)
        self.statusBar().setContentsMargins(8, 0, 8, 0)
        self.statusBar().setSizeGripEnabled(False)
        self.layouts = Layouts(self, self._stage, self.kept, self.tell)
        self.toasts = Toasts(self, top, self.statusBar())
        self.palette_ = Palette(self, top)
        self.teller = Teller(session=self.session, process=self.process, tell=self.toasts.add)

    def arrange(self) -> None:
        """Put every dock at its first place: the layout Overview."""
        self._stage.arrange()

    def _connect(self) -> None:
        session, commands = self.session, self.session.commands
        session.changed.connect(self._changed)
        session.frames.frame.connect(self._frame)
        session.frames.stats.connect(self._told_stats)
        self._header.mode_wanted.connect(lambda mode: self.do(f"control.mode.{mode.lower()}"))
        self._header.take_over.connect(lambda: self.do("control.take_over"))
        self._header.halt.connect(lambda: self.do("control.halt"))
        self._header.record.connect(lambda: self.do("record.toggle"))
        self._header.alarms.connect(lambda: self.do("view.alarms"))
        self._safe.pressed.connect(lambda: self.do(alarms.line(session.live).action))
        self.toasts.leads.connect(self.do)
        self.palette_.wanted.connect(self.do)
        self.process.setpoint.connect(lambda name, value: commands.station("setpoint", name=name, value=value))
        self.process.output.connect(lambda name, value: commands.station("output", name=name, value=value))
        advice_card.connect(self.process.advice, session, self.tell)
        self.log.wanted.connect(lambda name, fields: commands.station(name, **fields))
        self.log.note.connect(lambda: self.do("file.note"))

    def show_dock(self, name: str) -> None:
        """Open a dock and bring it to the front of its tabs."""
        self.docks[name].show()
        self.docks[name].raise_()

    def _prepare(self) -> None:
        """Make the views, once."""
        self._preparing.start()

    def _views(self) -> Iterator[Callable[[], object]]:
        yield self._ask_renderer
        yield self.structure.prepare
        yield from (view.prepare for view in self._streams.views())
        yield self.plugins.start

    def _ask_renderer(self) -> None:
        from matstudio.widgets.structure_canvas import gl_renderer

        renderer = gl_renderer()
        soft = any(name in renderer.lower() for name in ("llvmpipe", "softpipe", "swrast", "software"))
        self._gl = f"GL {'software' if soft else 'hardware'}" if renderer else "GL none"

    def _prepared(self) -> None:
        if self._timer.isActive():
            self.session.frames.start()
        self.prepared.emit()

    def _changed(self, topic: str) -> None:
        live = self.session.live
        if topic == "description":
            self._described()
        elif topic == "models":
            self._rates = self._analysed.update(live)
            self._tell_models()
        elif topic == "estimate":
            for stream, estimate in live.estimates.items():
                self._estimate(stream, estimate)
            live.estimates.clear()
        elif topic == "state" and live.state is not None and live.state.structure is not None:
            self._show_structure(live.state.structure)
        elif topic == "status" and self._mode != live.mode:
            if self._mode is None:
                QTimer.singleShot(REFRESH_MS, self, self._prepare)
            self._mode = live.mode
            self._show_mode()
            self.actions_.refresh()

    def _described(self) -> None:
        description = self.session.live.description
        if description is None:
            return
        for stream in self._streams.assign(description.streams):
            dock = self._stream_dock(f"stream.{stream.name}", stream.title, stream.kind)
            self._stage.add(stream.name, stream.kind, dock)
            self._streams.put(stream, dock)
            self.set_colormap(self.colormap)
            self.actions_.add(menu.dock_action(stream.title, dock))
            self._add_tools(dock)
        self.plugins.describe(description)
        self._stage.suit(description, structure=self._had_structure)

    def _add_dock(self, name: str, dock: Dock) -> None:
        self._stage.add(name, "", dock)
        self.actions_.add(menu.dock_action(name, dock))

    def _stream_dock(self, key: str, title: str, kind: str) -> Dock:
        view = StreamView(kind, self.plugins.viewer)
        view.model.chosen.connect(lambda model: self._choose(view.stream.name, model) if view.stream else None)
        return Dock(key, title, view, self, view.model)

    def _add_tools(self, dock: Dock) -> None:
        """The actions of a stream's viewer."""
        if isinstance(dock.inner, StreamView):
            for action in self.tools.actions(dock.key, dock.windowTitle(), dock.inner):
                self.actions_.add(action)

    def _choose(self, stream: str, model: str) -> None:
        self.session.commands.models("use", stream=stream, model=model)

    def _tell_models(self) -> None:
        live = self.session.live
        for view in self._streams.views():
            if view.stream is not None:
                line = model_line(live, view.stream.name)
                view.model.show_model(line)
                self.teller.model(view.stream.name, line.tip)

    def _frame(self, frame: Frame) -> None:
        view = self._streams.view(frame.stream)
        if view is not None:
            view.show_frame(frame)

    def _estimate(self, stream: str, estimate: Estimate) -> None:
        view = self._streams.view(stream)
        if view is not None:
            view.show_estimate(estimate)

    def _told_stats(self, stats: Mapping[str, StreamStats]) -> None:
        self._stats = stats
        for name, s in stats.items():
            dock, view = self._streams.dock(name), self._streams.view(name)
            if dock is None or view is None:
                continue
            clock, end = self.session.live.run.clock, view.frame_end()
            age = None if end is None else (clock.now() - end) / clock.speed
            line = status_line.stream_line(self.session.live, name, s, self._rates.get(name), age)
            dock.set_line(f"paused  {line}" if self.paused else line)
            if age is not None:
                view.tell(age)

    def _show_structure(self, structure: SiteModel) -> None:
        """Show the atoms, once a second at most: more would not be seen, and OpenGL by software costs a core."""
        now = self.session.live.now()
        if self.paused or now - self._drawn < STRUCTURE_S or not status_line.can_be_drawn(structure):
            return
        if not self.structure.show_structure(structure):
            return
        self._drawn = now
        if not self._had_structure:
            self._had_structure = True
            self.docks["Structure"].show()

    def _tell_structure(self) -> None:
        state = self.session.live.state
        if state is None or state.structure is None:
            return
        self.docks["Structure"].set_line(status_line.structure_line(state, self.session.live.silence("state")))
