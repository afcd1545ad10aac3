"""Settings and layouts: what was kept comes back; what is damaged or foreign is refused, kept aside, and told."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from conftest import close_window, open_window
from fake_run import FakeRun

from matstudio.ui import layout, settings
from matstudio.ui.kept import Kept
from matstudio.ui.layout import Layout
from matstudio.ui.presets import PRESETS
from matstudio.ui.settings import RECENT, WindowSettings
from matstudio.ui.theme import Theme

DOCKS = ("Image", "Trends")


def good_layout() -> str:
    return layout.dump(Layout(DOCKS, ("Trends",), b"\x00stage", b"\x00window"))


def test_settings_come_back(tmp_path: Path):
    kept = Kept("twin", tmp_path / "new")
    assert kept.settings() == WindowSettings()
    new = WindowSettings(
        Theme.LIGHT,
        "viridis",
        ('/data/a "b"\\c.nxs', "/data/ä.dm4"),
        ("view.pause", "structure.view.along a"),
        {"view.pause": "Ctrl+Alt+P", "file.open": "", 'odd."id"': "F12"},
    )
    kept.keep_settings(new)
    assert Kept("twin", tmp_path / "new").settings() == new
    assert kept.refused == []


def test_recent_files_are_few_and_the_newest_first():
    kept = WindowSettings()
    for i in range(20):
        kept = kept.opened(f"/data/{i % 10}.nxs")
    assert kept.recent == tuple(f"/data/{i}.nxs" for i in (9, 8, 7, 6, 5, 4, 3, 2))
    assert len(kept.recent) == RECENT
    odd = settings.dump(kept.opened(os.fsdecode(b"/data/\xff.nxs")).opened("/data/a\nb"))
    assert settings.parse(odd).recent == kept.recent[:6]


def test_a_layout_comes_back():
    assert layout.parse(good_layout(), ("Trends", "Image")) == Layout(DOCKS, ("Trends",), b"\x00stage", b"\x00window")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no version in it"),
        ("theme = 'dark'", "no version in it"),
        ("version = 2\nnew_key = 1", "line 1: version: 2, this program reads 1"),
        ("\nversion = nan", "line 2: version: nan, this program reads 1"),
        ("version = true", "line 1: version: True, this program reads 1"),
        ("version = 1\ntheme = 'pink'", "line 2: theme: 'pink'; there are dark, light"),
        ("version = 1\ntheme = nan", "line 2: theme: nan; there are"),
        ("version = 1\ncolour_map = ['gray']", "line 2: colour_map: ['gray']; there are gray"),
        ("version = 1\nrecent = 3", "line 2: recent: must be a list of paths"),
        ("version = 1\nrecent = ['a', 3]", "line 2: recent: must be a list of paths"),
        ("version = 1\ncommands = ['']", "line 2: commands: must be a list of ids of commands"),
        ("version = 1\nshortcuts = 3", "line 2: shortcuts: must be a table of keys"),
        ("version = 1\n[shortcuts]\n'view.pause' = 'Ctrl+Foo'", "line 3: shortcuts: view.pause: 'Ctrl+Foo' is no key"),
        ("version = 1\n[shortcuts]\npause = 3", "line 3: shortcuts: pause: '3' is no key"),
        ("version = 1\nlayout = 'x'", "line 2: layout: unknown key; known: theme"),
        ("version = 1\n\0", "at line 2"),
        (f"x = {'[' * 100_000}", ""),
        (f"version = 1{'0' * 5000}", "integer string conversion"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(text: str, why: str):
    with pytest.raises(ValueError) as error:
        settings.parse(text)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def changed(**more: object) -> str:
    body = json.loads(good_layout()) | more
    body.pop("sha256")
    return json.dumps(body | {"sha256": layout._digest(body)})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "damaged: not JSON"),
        (good_layout()[:-20], "damaged: not JSON"),
        ("[" * 100_000, "damaged: not JSON"),
        ("[]", "not a layout"),
        ('{"format": NaN}', "not a layout"),
        (good_layout().replace("AH", "AG"), "damaged: its checksum is wrong"),
        (good_layout().replace('"version": 1', '"version": 2'), "version 2, this program reads 1"),
        (changed(version=2), "version 2, this program reads 1"),
        (changed(version=float("nan")), "version nan, this program reads 1"),
        (changed(docks=["Image", "Trends", "Timeline"]), "of a program with other docks"),
        (changed(docks=3), "damaged: a part is missing"),
        (changed(stage="%%%"), "damaged: a part is missing"),
        (changed(stage=float("nan")), "damaged: a part is missing"),
    ],
)
def test_layouts_that_cannot_be_used_are_one_line(text: str, why: str):
    with pytest.raises(ValueError) as error:
        layout.parse(text, DOCKS)
    assert str(error.value) == why


def test_every_single_changed_character_of_a_layout_is_found():
    text = good_layout()
    for i, character in enumerate(text.rstrip()):
        other = text[:i] + chr(ord(character) ^ 1) + text[i + 1 :]
        try:
            found = layout.parse(other, DOCKS)
        except ValueError:
            continue
        assert found == layout.parse(text, DOCKS), f"character {i}"  # white space between the parts


def test_what_is_damaged_is_kept_aside_and_never_written_over(tmp_path: Path):
    kept = Kept("twin", tmp_path)
    (tmp_path / "window.toml").write_text("version = 7")
    (tmp_path / "layout-twin.json").mkdir()
    assert kept.settings() == WindowSettings()
    assert kept.layout(DOCKS) is None
    assert kept.refused == [
        f"{tmp_path}/window.toml: line 1: version: 7, this program reads 1; defaults are used, and it is kept as "
        "window.toml.bad",
        f"{tmp_path}/layout-twin.json: a folder, not a file; defaults are used, and it is kept as layout-twin.json.bad",
    ]
    assert (tmp_path / "window.toml.bad").read_text() == "version = 7"
    assert (tmp_path / "layout-twin.json.bad").is_dir()
    kept.keep_settings(WindowSettings(Theme.LIGHT))
    (tmp_path / "window.toml").write_text("")
    assert Kept("twin", tmp_path).settings() == WindowSettings()
    assert (tmp_path / "window.toml.bad-2").exists()


def test_what_cannot_be_set_aside_is_left_as_it_is(tmp_path: Path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "window.toml").write_text("version = 7")
    kept = Kept("twin", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        assert kept.settings() == WindowSettings()
    assert kept.refused[0].endswith("defaults are used (Permission denied)")
    kept.keep_settings(WindowSettings(Theme.LIGHT))
    assert (tmp_path / "window.toml").read_text() == "version = 7"


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path):
    (tmp_path / "file").touch()
    kept = Kept("twin", tmp_path / "file")
    assert kept.layout(DOCKS) is None
    for _ in range(3):
        kept.keep_settings(WindowSettings())
    assert [line for line in kept.refused if "cannot be written" in line] == [
        f"{tmp_path}/file/window.toml: cannot be written: File exists"
    ]


def test_the_window_comes_back_as_it_was_left(fake: FakeRun, qapp, monkeypatch, tmp_path: Path, qtbot):
    window = open_window(fake.run, qapp, monkeypatch, tmp_path)
    qtbot.waitUntil(lambda: window.session.live.description is not None, timeout=5000)
    window.docks["Trends"].close()
    window._stage.tabifyDockWidget(window.docks["Diffraction"], window.docks["Spectrum"])
    window.set_theme(Theme.LIGHT)
    window.set_colormap("viridis")
    close_window(window)
    window = open_window(fake.run, qapp, monkeypatch, tmp_path)
    try:
        assert window.kept.refused == []
        qtbot.waitUntil(lambda: window.session.live.description is not None, timeout=5000)
        assert window.docks["Trends"].isHidden()
        assert window._stage.tabifiedDockWidgets(window.docks["Diffraction"]) == [window.docks["Spectrum"]]
        assert window.colormap == "viridis"
        assert window.settings.theme is Theme.LIGHT
        window.arrange()
        assert not window.docks["Trends"].isHidden()
    finally:
        close_window(window)


def test_layouts_have_names_and_come_back(fake: FakeRun, qapp, monkeypatch, tmp_path: Path, qtbot):
    folder = Path(os.environ["MATSTUDIO_CONFIG"]) / "layouts-twin"
    window = open_window(fake.run, qapp, monkeypatch, tmp_path)
    try:
        qtbot.waitUntil(lambda: window.session.live.description is not None, timeout=5000)
        window.docks["Trends"].close()
        window.layouts.save("my (wide) view")
        window.layouts.save("my (wide) view")
        assert window.toasts.text() == "layout my (wide) view: replaced"
        for name, why in (
            ("../x", "begins with a letter"),
            ("", "1 to 40 characters"),
            ("a" * 41, "1 to 40 characters"),
            ("a/b", "made of letters"),
            ("Overview", "comes with MatStudio"),
            ("My (wide) view", "differs in case only"),
        ):
            window.layouts.save(name)
            assert why in window.toasts.text()
        assert [p.name for p in folder.iterdir()] == ["my (wide) view.json"]
        assert window.actions_.trigger("view.layout.overview")
        assert not window.docks["Trends"].isHidden()
        assert window.actions_.trigger("view.layout.own.my (wide) view")
        assert window.docks["Trends"].isHidden()
        window.actions_.trigger("view.layout.save")
        close_window(window)
        (folder / "bad.json").write_text("{")
        (folder / ".json.json").write_text("{")
        window = open_window(fake.run, qapp, monkeypatch, tmp_path)
        assert any("bad.json: damaged: not JSON; it is left out" in line for line in window.kept.refused)
        assert "view.layout.own.bad" not in window.actions_
        qtbot.waitUntil(lambda: window.session.live.description is not None, timeout=5000)
        assert window.actions_.trigger("view.layout.own.my (wide) view")
        assert window.actions_.trigger("view.layout.delete.my (wide) view")
        assert "view.layout.own.my (wide) view" not in window.actions_
        assert not list(folder.glob("my*"))
    finally:
        close_window(window)


def test_a_named_layout_that_qt_refuses_is_told_and_set_aside(fake: FakeRun, qapp, monkeypatch, tmp_path: Path, qtbot):
    folder = Path(os.environ["MATSTUDIO_CONFIG"]) / "layouts-twin"
    window = open_window(fake.run, qapp, monkeypatch, tmp_path)
    try:
        folder.mkdir(parents=True)
        names = window._stage.names
        (folder / "odd.json").write_text(layout.dump(Layout(names, (), b"nonsense", b"")))
        window.layouts.attach(window.actions_)
        assert window.actions_.trigger("view.layout.own.odd")
        assert "odd.json: not understood; it is left out, and it is kept as odd.json.bad" in window.toasts.text()
        assert "view.layout.own.odd" not in window.actions_
        assert window.docks["Image"].isVisible()
    finally:
        close_window(window)


@pytest.mark.parametrize("preset", list(PRESETS.values()), ids=list(PRESETS))
def test_a_preset_places_every_dock_and_opens_nothing_that_the_device_lacks(
    replay: FakeRun, qapp, monkeypatch, tmp_path: Path, qtbot, preset
):
    placed = {preset.first} | {new for _, new, _ in preset.splits} | {new for _, new in preset.tabs}
    window = open_window(replay.run, qapp, monkeypatch, tmp_path)
    try:
        assert placed == set(window._stage.names)
        qtbot.waitUntil(lambda: window.session.live.description is not None, timeout=5000)
        window.actions_.trigger(f"view.layout.{preset.name.lower()}")
        assert window.docks["Diffraction"].isHidden()
        assert window.docks["Image"].isVisible()
        assert window.docks["Trends"].isHidden() == ("Trends" in preset.closed)
        assert not any(dock.isFloating() for dock in window.docks.values())
    finally:
        close_window(window)


def test_damaged_files_are_told_in_the_window_which_starts(fake: FakeRun, qapp, monkeypatch, tmp_path: Path, qtbot):
    folder = Path(os.environ["MATSTUDIO_CONFIG"])
    folder.mkdir()
    (folder / "window.toml").write_bytes(b"\x89PNG\r\n")
    names = ("Image", "Diffraction", "Spectrum", "Structure", "Process control", "Trends", "Alarms and log", "Streams")
    window = open_window(fake.run, qapp, monkeypatch, tmp_path)
    stage = window._stage
    assert "window.toml: not UTF-8 text; defaults are used" in window.toasts.text()
    close_window(window)
    assert set(names) <= set(stage.names)
    nonsense = Layout(stage.names, (), b"\x00\x01\x02nonsense", b"")
    (folder / "layout-twin.json").write_text(layout.dump(nonsense))
    window = open_window(fake.run, qapp, monkeypatch, tmp_path)
    try:
        qtbot.waitUntil(lambda: window.session.live.description is not None, timeout=5000)
        qtbot.waitUntil(lambda: any("not understood" in r[3] for r in window.log.event_rows()), timeout=3000)
        assert base64.b64decode(json.loads((folder / "layout-twin.json.bad").read_text())["stage"]) == nonsense.stage
        assert all(window.docks[n].isVisible() for n in names[:-1])
    finally:
        close_window(window)
