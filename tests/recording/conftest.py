"""A writer with one frame of each stream in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sample_session import DESCRIPTION, image, spectrum

from matstudio.domain.clock import RealClock
from matstudio.recording.writer import SessionWriter


@pytest.fixture
def writer(tmp_path: Path):
    """A writer with one frame of each stream in it."""
    w = SessionWriter(tmp_path / "s.nxs", DESCRIPTION, RealClock.start(), [image(0), spectrum(0)], run={"id": "x"})
    yield w
    w.close()
