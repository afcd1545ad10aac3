"""Small files in any state: one line that names the path, and nothing is waited for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from matstudio.bus.textfile import MOST, read_small, set_aside, write_small


def test_what_was_written_is_read(tmp_path: Path):
    path = tmp_path / "a" / "x.toml"
    write_small(path, "ä = 1\n")
    assert read_small(path) == "ä = 1\n"
    assert os.listdir(path.parent) == ["x.toml"]


def test_nothing_there(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_small(tmp_path / "x")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_small(tmp_path / "file" / "x", "")


def spoil_folder(path: Path) -> None:
    path.mkdir()


def spoil_large(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 30)


def spoil_pipe(path: Path) -> None:
    os.mkfifo(path)


def spoil_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def spoil_loop(path: Path) -> None:
    path.symlink_to(path)


def spoil_bytes(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes and links in folders")
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (spoil_folder, "a folder, not a file"),
        (spoil_large, "larger than 1 MB"),
        (spoil_pipe, "a device, not a file"),
        (spoil_link, "a link to nothing"),
        (spoil_loop, "symbolic links"),
        (spoil_bytes, "not UTF-8 text"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_can_be_set_aside(tmp_path: Path, spoil, why: str):
    path = tmp_path / "x.toml"
    for name in ("x.toml.bad", "x.toml.bad-2"):
        spoil(path)
        with pytest.raises(ValueError, match=why) as error:
            read_small(path)
        assert str(error.value).startswith(f"{path}: ")
        assert "\n" not in str(error.value)
        assert set_aside(path).name == name
        assert not os.path.lexists(path)


def test_a_file_that_grows_while_it_is_read_is_cut_off(tmp_path: Path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"a" * (MOST + 10))
    real = os.stat
    small = real(__file__)
    monkeypatch.setattr(os, "stat", lambda p, **_: small if Path(p) == path else real(p))
    with pytest.raises(ValueError, match="larger than"):
        read_small(path)
