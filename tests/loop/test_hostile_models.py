"""Plugins whose model ends or holds up the model host as soon as it is imported, in a whole run."""

import shutil
from pathlib import Path

import pytest

from matstudio import plugins

from .conftest import matstudio

HOSTILE = Path(__file__).parents[1] / "plugins" / "hostile"


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("name", "first", "left_out"),
    [
        (
            "exits",
            "modelhost ended with 7 at model baseline on exits",
            "model baseline ended its process 2 times on exits",
        ),
        ("hangs", "at model baseline on hangs and is killed", "model baseline hung 2 times on hangs"),
    ],
)
def test_its_model_is_named_and_left_out_and_the_others_go_on(loop, name, first, left_out):
    shutil.copytree(HOSTILE / name, plugins.user_folder() / name, ignore=shutil.ignore_patterns("__pycache__"))
    one = loop("--headless", deadline=5.0)
    assert one.told(first), one.audit("process")
    assert one.told(left_out), one.audit("process")
    own = ("image", "diffraction", "spectrum")

    def analysed() -> dict[str, int]:
        models = one.last.get("models", {})
        return {stream: models.get(stream, {}).get("analysed", 0) for stream in own}

    assert one.wait(lambda: all(analysed().values())), (one.audit("process"), one.last.get("models"))
    before = analysed()
    assert one.wait(lambda: all(n > before[stream] for stream, n in analysed().items()))
    assert one.last["models"][name]["model"] == "none"
    assert matstudio("stop").returncode == 0
