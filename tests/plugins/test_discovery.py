import subprocess
import sys

from matstudio import plugins
from matstudio.modalities.base import modalities
from matstudio.plugins import Switches

MANIFEST = 'name = "{0}"\nversion = "1"\napi = 1\n[[dock]]\nkey = "{1}"\ntitle = "D"\nwidget = "made_{0}:D"\n'


def states():
    return {p.name: p.problem or p.off for p in plugins.found()}


def test_own_modalities_are_found_as_plugins_are(put):
    assert list(modalities()) == ["image", "diffraction", "spectrum"]
    assert all(m.plugin is not None and m.plugin.own for m in modalities().values())
    assert {p.name for p in plugins.found()} == {"image", "diffraction", "spectrum"}


def test_a_plugin_in_the_users_folder_is_found_without_running_it(put):
    put("one", MANIFEST.format("one", "d"), "raise SystemExit")
    found = plugins.entry("dock", "d")
    assert found is not None
    plugin, entry = found
    assert (plugin.name, plugin.own, plugin.active, entry.title) == ("one", False, True, "D")
    assert "made_one" not in sys.modules


def test_its_code_is_imported_when_it_is_used(put):
    put("one", MANIFEST.format("one", "d"), "class D:\n    pass\n")
    plugin, entry = plugins.entry("dock", "d")
    try:
        assert plugins.load(plugin, entry.widget).__name__ == "D"
    finally:
        sys.modules.pop("made_one", None)
        sys.path.remove(str(plugin.folder))


def test_what_cannot_be_used_says_why_and_the_others_go_on(put):
    put("broken", "name = ")
    put("old", 'name = "old"\nversion = "1"\napi = 0\n')
    (plugins.user_folder() / "empty").mkdir()
    (plugins.user_folder() / "notes.txt").write_text("no plugin")
    put("one", MANIFEST.format("one", "d"))
    told = states()
    assert "no TOML" in told["broken"]
    assert "API 0" in told["old"]
    assert "no such file" in told["empty"]
    assert told["one"] == told["image"] == ""
    assert "notes.txt" not in told


def test_of_two_that_bring_the_same_the_first_counts(put):
    put("a", MANIFEST.format("a", "d"))
    put("b", MANIFEST.format("b", "d"))
    put("c", MANIFEST.format("a", "e"))
    problems = [p.problem for p in plugins.found() if not p.own]
    assert problems[0] == ""
    assert "another plugin a" in problems[1]
    assert "dock d is of the plugin a already" in problems[2]
    assert plugins.names("dock") == ["d"]


def test_nobody_takes_the_place_of_a_modality_of_our_own(put):
    put(
        "image2", 'name = "image2"\nversion = "1"\napi = 1\n[[modality]]\nkind = "image"\ntitle = "X"\nviewer = "a:B"\n'
    )
    assert "modality image is of the plugin image already" in states()["image2"]
    assert modalities()["image"].plugin.own


def test_switched_off_and_on_again(put):
    put("one", MANIFEST.format("one", "d"))
    Switches().switch_off("one", "it hung\ntwice")
    plugins.refresh()
    assert states()["one"] == "it hung twice"
    assert plugins.entry("dock", "d") is None
    Switches().switch_on("one")
    plugins.refresh()
    assert plugins.entry("dock", "d") is not None


def test_a_damaged_list_of_switches_counts_as_none(put):
    put("one", MANIFEST.format("one", "d"))
    for text in ("", "{", "[]", '{"off": 3}', '{"off": ["one"]}'):
        (plugins.user_folder().parent / "plugins.json").write_text(text)
        plugins.refresh()
        assert states()["one"] == ""


def test_looking_for_plugins_imports_neither_qt_nor_torch():
    code = (
        "import sys; from matstudio import plugins; assert len(plugins.found()) == 3;"
        "sys.exit(any(n in sys.modules for n in ('torch', 'PySide6', 'scipy', 'matstudio.modalities.image.viewer')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).returncode == 0
