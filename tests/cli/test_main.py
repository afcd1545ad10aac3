import json
import subprocess
import sys

import pytest

from matstudio import __version__
from matstudio.cli.main import main


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "matstudio", *arguments], capture_output=True, text=True, check=False)


def test_version_says_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"matstudio {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "invalid choice"),
        (["info", "nowhere.dm3"], "nowhere.dm3: no such file"),
        (["verify", "nowhere.nxs"], "nowhere.nxs: no such file"),
        (["stop"], "no run goes on"),
        (["halt"], "no run goes on"),
        (["run", "--headless", "--speed", "1000"], "--speed 1000"),
        (["run", "--headless", "--duration", "nan"], "--duration nan"),
        (["run", "--headless", "--instrument", "toaster"], "--instrument toaster"),
        (["run", "--headless", "--instrument", "replay:nowhere"], "nowhere: no such file"),
        (["run", "--headless", "--record", "no/such/folder/f.nxs"], "no such folder"),
        (["run", "--headless", "--record", ""], "an empty path"),
        (["run", "--headless", "--report", "."], ".: a folder, not a file"),
        (["run", "--headless", "--screenshot", "/proc/x.png"], "/proc/x.png: cannot be written"),
        (["run", "--headless", "--seed", "-1"], "--seed -1"),
        (["open", "nowhere.nxs"], "nowhere.nxs: no such file"),
        (["predict", "image", "nowhere.h5", "--out", "p.npz"], "nowhere.h5: no such file"),
        (["bench", "nothing"], "no bench 'nothing'"),
    ],
)
def test_what_a_user_can_cause_is_one_line_and_2(arguments, said):
    done = run(*arguments)
    assert done.returncode == 2, done
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout


def test_starting_imports_nothing_heavy():
    code = "import sys, matstudio.cli.main as m; m.parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "torch", "PySide6", "h5py", "zmq"} & set(loaded)


def test_doctor_answers_in_json():
    done = run("doctor", "--json")
    checks = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
    assert checks["HDF5 filter"]["ok"]
    assert checks["Python packages"]["ok"], checks["Python packages"]
    assert done.returncode == (0 if all(c["ok"] for c in checks.values()) else 3)
