"""Plugins in the folder of a user that exists for one test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from matstudio import plugins
from matstudio.modalities.base import modalities

HOSTILE = Path(__file__).parent / "hostile"


def forget() -> None:
    """Let the next look at the plugins be a new one."""
    plugins.refresh()
    modalities.cache_clear()


@pytest.fixture
def put(runtime: Path):
    """Puts plugins into the user's folder: hostile ones by name, or a manifest and a module as text."""

    def install(name: str, manifest: str = "", module: str = "") -> Path:
        folder = plugins.user_folder() / name
        if manifest:
            folder.mkdir(parents=True)
            (folder / "plugin.toml").write_text(manifest)
            if module:
                (folder / f"made_{name}.py").write_text(module)
        else:
            shutil.copytree(HOSTILE / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
        forget()
        return folder

    assert str(plugins.user_folder()).startswith(os.environ["MATSTUDIO_CONFIG"])
    yield install
    forget()
