"""The configurations in docs/instruments.md are those that the window offers, and each can be used."""

import re
import tomllib
from pathlib import Path

import pytest

from matstudio.bus.messages import COMMANDS
from matstudio.control.limits import load_settings
from matstudio.domain.clock import RealClock
from matstudio.instruments.real.config import KINDS, parse
from matstudio.instruments.real.serve import link

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "instruments.md").read_text(), re.DOTALL)
FOUND = {kind: block for block in BLOCKS if (kind := tomllib.loads(block).get("kind"))}


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_is_complete(kind):
    assert FOUND[kind] == (ROOT / "resources" / "instruments" / f"{kind}.toml").read_text()
    config = parse(FOUND[kind], Path("example.toml"), kind)
    link(config, RealClock.start())
    assert config.holder is not None
    assert config.actuators["heater"].safe == 0.0


def test_the_dose_limits_can_be_used(tmp_path):
    (block,) = (b for b in BLOCKS if b.startswith("[dose]"))
    (tmp_path / "limits.toml").write_text(block)
    assert load_settings(tmp_path / "limits.toml").dose.budget == 1e6


def test_the_commands_that_it_names_exist():
    named = set(re.findall(r"matstudio ask (\w+)", (ROOT / "docs" / "instruments.md").read_text()))
    assert named
    assert named <= set(COMMANDS)
