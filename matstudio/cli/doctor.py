"""`matstudio doctor`: whether this machine has what MatStudio needs."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from matstudio import __version__
from matstudio.bus.rundir import current_run, runtime_root
from matstudio.cli.main import CheckFailed

_GB = 1e9
_GL = """
from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
app = QGuiApplication([])
surface = QOffscreenSurface(); surface.create()
context = QOpenGLContext()
if not context.create() or not context.makeCurrent(surface): raise SystemExit("no OpenGL")
print(context.functions().glGetString(0x1F01))
"""


@dataclass(frozen=True)
class Check:
    """One line of the doctor's: `ok` False means that something will not work; `need` says what to do."""

    name: str
    ok: bool
    found: str
    need: str = ""


def doctor(arguments: argparse.Namespace) -> None:
    """Print the checks; exit code 3 where one fails."""
    checks = [check() for check in CHECKS]
    if arguments.json:
        print(json.dumps({"matstudio": __version__, "checks": [asdict(c) for c in checks]}, indent=1))
    else:
        for c in checks:
            print(f"{'ok  ' if c.ok else 'FAIL'} {c.name}: {c.found}{'' if c.ok else f' ({c.need})'}")
    if not all(c.ok for c in checks):
        raise CheckFailed("")


def _python() -> Check:
    version = platform.python_version()
    where = f"{platform.system()} {platform.machine()}"
    return Check("Python", sys.version_info >= (3, 11), f"{version} on {where}", "3.11 or newer")


def _packages() -> Check:
    from packaging.requirements import Requirement

    wrong = []
    for text in importlib.metadata.requires("matstudio") or ():
        need = Requirement(text)
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{need.name} is missing")
            continue
        if not need.specifier.contains(version, prereleases=True):
            wrong.append(f"{need.name} {version} is not {need.specifier}")
    return Check("Python packages", not wrong, "; ".join(wrong) or "as required", "run installer/run.sh again")


def _display() -> Check:
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if display or sys.platform in ("win32", "darwin"):
        return Check("Display", True, display or "native")
    xvfb = shutil.which("Xvfb")
    return Check("Display", xvfb is not None, "none; Xvfb for headless runs" if xvfb else "none", "install xvfb")


def _opengl() -> Check:
    from matstudio.cli.display import virtual_display

    with virtual_display(wanted=True) as env:
        done = subprocess.run(
            [sys.executable, "-c", _GL], capture_output=True, text=True, env=os.environ | env, timeout=60, check=False
        )
    last = (done.stdout.strip() or done.stderr.strip() or "no answer").splitlines()[-1]
    return Check("OpenGL", done.returncode == 0, last, "the 3D view needs it; the rest works without")


def _shared_memory() -> Check:
    shm = Path("/dev/shm")
    place = shm if shm.is_dir() and os.access(shm, os.W_OK) else runtime_root()
    free = shutil.disk_usage(place).free
    return Check("Frame rings", free > 0.2 * _GB, f"{place}, {free / _GB:.1f} GB free", "0.2 GB")


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    hours = free / (8e6 * 3600)
    return Check("Disk for recordings", free > 2 * _GB, f"{free / _GB:.0f} GB here, {hours:.0f} h of twin", "2 GB")


def _hdf5() -> Check:
    import h5py
    import hdf5plugin
    import numpy as np

    data = np.arange(1000, dtype=np.uint16)
    with h5py.File("doctor", "w", driver="core", backing_store=False) as file:
        file.create_dataset("d", data=data, chunks=(100,), **hdf5plugin.Bitshuffle(cname="lz4"))
        ok = bool((file["d"][...] == data).all())
    return Check("HDF5 filter", ok, f"HDF5 {h5py.version.hdf5_version}, bitshuffle-LZ4", "reinstall hdf5plugin")


def _run() -> Check:
    run = current_run()
    return Check("Run", True, f"{run.id} goes on: {', '.join(run.alive())}" if run else "none goes on")


def _plugins() -> Check:
    from matstudio.domain.frame import Kind
    from matstudio.plugins import found

    problems = [p.problem for p in found() if p.problem]
    ours = {m.kind for p in found() if p.own and p.manifest for m in p.manifest.modality}
    problems += [f"no modality {kind}" for kind in Kind if kind not in ours]
    names = ", ".join(p.name + (" (off)" if p.off else "") for p in found() if not p.problem)
    return Check("plugins", not problems, "; ".join(problems) or names, "installer/run.sh renews the installation")


CHECKS: tuple[Callable[[], Check], ...] = (
    _python,
    _packages,
    _display,
    _opengl,
    _shared_memory,
    _disk,
    _hdf5,
    _plugins,
    _run,
)
