"""A station with a site key seals its log from the first entry to the last, also over a restart."""

import json
import subprocess
import sys

from matstudio.bus.processes import wait_for
from matstudio.bus.rundir import Run
from matstudio.cli.main import main
from matstudio.control import seal


def station(run, seconds=20.0):
    child = subprocess.Popen([sys.executable, "-m", "matstudio.station", str(run.path)])
    before = run.audit_path.stat().st_size if run.audit_path.exists() else 0
    try:
        assert wait_for(lambda: run.audit_path.exists() and run.audit_path.stat().st_size > before, seconds)
    finally:
        child.terminate()
        child.wait(10)


def test_every_entry_is_sealed_and_the_end_is_known(runtime, capsys):
    seal.make_key()
    run = Run.create("twin")
    for _ in range(2):
        station(run)
    assert main(["verify", str(run.audit_path)]) == 0
    assert "every entry is sealed with this site's key" in capsys.readouterr().out
    lines = run.audit_path.read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines][-1] == "stop"
    run.audit_path.write_text("\n".join(lines[:-1]) + "\n")
    assert main(["verify", str(run.audit_path)]) == 3
    assert f"cut off after entry {len(lines) - 1}" in capsys.readouterr().out
    run.remove()


def test_a_key_that_cannot_be_used_is_an_alarm(runtime):
    seal.make_key().write_text("no key\n")
    run = Run.create("twin")
    station(run)
    told = [json.loads(line) for line in run.audit_path.read_text().splitlines()]
    assert any("the audit log is not sealed" in e["text"] and e["kind"] == "process" for e in told)
    assert any(e["data"].get("id") == "process.seal" for e in told if e["kind"] == "alarm")
    run.remove()
