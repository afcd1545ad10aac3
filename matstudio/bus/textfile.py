"""Small text files that people write, or that a crash may have left in any state: settings, layouts, limits; and the
folder where they lie."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MOST = 1 << 20
"""Bytes; what is larger is no file of ours."""


def config_folder() -> Path:
    """The user's configuration: MATSTUDIO_CONFIG, or `platformdirs.user_config_path`."""
    override = os.environ.get("MATSTUDIO_CONFIG")
    if override:
        return Path(override)
    import platformdirs

    return platformdirs.user_config_path("matstudio")


def read_small(path: Path) -> str:
    """The text of a UTF-8 file of at most `MOST` bytes. Never blocks on a pipe and never takes in more.

    Raises:
        FileNotFoundError: there is nothing of that name.
        ValueError: it cannot be read; one line that says why and begins with the path.
    """
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            raise ValueError(f"{path}: {'a folder' if stat.S_ISDIR(info.st_mode) else 'a device'}, not a file")
        if info.st_size <= MOST:
            with open(path, "rb") as file:
                data = file.read(MOST + 1)
            if len(data) <= MOST:
                return data.decode()
        raise ValueError(f"{path}: larger than {MOST / 1e6:.0f} MB")
    except FileNotFoundError:
        if not os.path.islink(path):
            raise
        raise ValueError(f"{path}: a link to nothing") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def write_small(path: Path, text: str) -> None:
    """Write a file whole or not at all; makes its folder.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def set_aside(path: Path) -> Path:
    """Rename a file (or whatever stands in its place) to NAME.bad, or NAME.bad-2 and so on; returns the new path.

    Raises:
        OSError: it cannot be renamed.
    """
    for n in range(1, 100):
        aside = path.with_name(f"{path.name}.bad" if n == 1 else f"{path.name}.bad-{n}")
        if not os.path.lexists(aside):
            path.rename(aside)
            return aside
    raise FileExistsError(17, "a hundred damaged ones are kept already", str(path))
