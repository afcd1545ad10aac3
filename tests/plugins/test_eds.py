"""The EDS plugin, installed as a user installs it, but into a folder of the test's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parents[2] / "plugins" / "matstudio-eds"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment in which the plugin is installed."""
    source, target = tmp_path_factory.mktemp("source") / "eds", tmp_path_factory.mktemp("installed")
    import shutil

    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", str(target), str(source)], check=True)
    return os.environ | {"PYTHONPATH": str(target), "PYTHONWARNINGS": "ignore"}


def matstudio(env, *arguments):
    code = "import sys; from matstudio.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def env(installed, runtime):
    return {**installed, **{k: v for k, v in os.environ.items() if k.startswith("MATSTUDIO")}}


def test_it_is_found_and_can_be_switched_off(env):
    assert "matstudio-eds 0.1.0 (matstudio-eds 0.1.0): modality eds; on" in matstudio(env, "plugins")
    assert "modality eds; off: by the operator" in matstudio(env, "plugins", "--off", "matstudio-eds")
    assert "modality eds; on" in matstudio(env, "plugins", "--on", "matstudio-eds")


def test_its_own_tests_pass(env):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PLUGIN / "tests")]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_run_on_the_twin_has_its_stream_read_recorded_and_checked(env, tmp_path):
    session, report = tmp_path / "s.nxs", tmp_path / "r.json"
    matstudio(env, "run", "--headless", "--duration", "8", "--record", str(session), "--report", str(report))
    facts = json.loads(report.read_text())
    streams, files = facts["streams"], facts["recording"]["paths"]
    assert streams["eds"]["produced"] > 0
    assert streams["eds"]["analysed"] > 0
    assert any("eds" in matstudio(env, "info", file) for file in files)  # a stream that begins late is in the next file
    for file in files:
        matstudio(env, "verify", file)


def test_a_structure_gives_a_spectrum_that_opens_as_eds(env, tmp_path):
    structure, out = tmp_path / "POSCAR", tmp_path / "s.nxs"
    structure.write_text("CuAu\n4.0\n1 0 0\n0 1 0\n0 0 1\nCu Au\n1 1\ndirect\n0 0 0\n0.5 0.5 0.5\n")
    matstudio(env, "simulate", str(structure), "--modality", "eds", "--out", str(out))
    facts = json.loads(matstudio(env, "info", str(out), "--json"))
    assert "eds" in json.dumps(facts)
