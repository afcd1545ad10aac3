"""`matstudio audit` and `matstudio verify` of a log."""

import json

import pytest

from matstudio.cli.main import main
from matstudio.control import seal
from matstudio.control.audit import AuditWriter, Link, append


@pytest.fixture
def path(tmp_path):
    link, path = Link(), tmp_path / "audit.jsonl"
    writer = AuditWriter(path)
    for t, kind, who, data in (
        (1.0, "mode", "operator:ana", {"old": "OFF", "new": "PID", "why": "PID chosen by ana: first anneal"}),
        (2.0, "setpoint", "operator:ana", {"name": "temperature", "old": 300.0, "new": 640.0, "why": "recipe 3"}),
        (95.0, "setpoint", "operator:bob", {"name": "pressure", "old": 0.0, "new": 0.5, "why": ""}),
    ):
        entry, link = append(link, t=t, wall=1e9 + t, kind=kind, who=who, text="something", data=data)
        writer.write(entry)
    writer.close()
    return path


def said(capsys, *arguments):
    code = main(arguments)
    out = capsys.readouterr()
    return code, out.out.splitlines(), out.err.strip()


def test_who_changed_what_when_from_what_to_what_and_why(path, capsys):
    code, lines, _ = said(capsys, "audit", str(path))
    assert (code, len(lines)) == (0, 3)
    assert "operator:ana" in lines[1]
    assert lines[1].endswith("something [300.0 -> 640.0] because: recipe 3")
    for filters, n in (
        (("--who", "bob"), 1),
        (("--who", "operator:ana"), 2),
        (("--kind", "setpoint"), 2),
        (("--name", "pressure"), 1),
        (("--since", "1:30"), 1),
        (("--since", "2"), 2),
        (("--kind", "mode", "--who", "bob"), 0),
    ):
        assert len(said(capsys, "audit", str(path), *filters)[1]) == n
    assert [json.loads(x)["kind"] for x in said(capsys, "audit", str(path), "--json")[1]] == ["mode", *["setpoint"] * 2]


def test_wrong_use_is_one_line(path, capsys):
    assert said(capsys, "audit", "/nowhere.jsonl")[::2] == (2, "matstudio audit: /nowhere.jsonl: no such file")
    assert "not run time" in said(capsys, "audit", str(path), "--since", "noon")[2]
    assert "--make-key" in said(capsys, "verify")[2]


def test_verify_of_a_log_with_and_without_a_site_key(path, capsys):
    code, lines, _ = said(capsys, "verify", str(path))
    assert (code, lines[-1]) == (0, "all is well; no site key: a log hashed anew would pass")
    assert said(capsys, "verify", "--make-key")[0] == 0
    assert said(capsys, "verify", "--make-key")[0] == 2
    code, lines, _ = said(capsys, "verify", str(path))
    assert (code, lines[0]) == (3, "WRONG: entries 1 to 3: not sealed with this site's key")
    key = seal.load_key()
    entries = [seal.sealed(json.loads(line), key) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(e) + "\n" for e in entries))
    seal.Heads(key).keep(entries[0]["hash"], entries[-1])
    assert said(capsys, "verify", str(path))[:2][0] == 0
    path.write_text("".join(json.dumps(e) + "\n" for e in entries[:2]))
    code, lines, _ = said(capsys, "verify", str(path))
    assert (code, lines[0]) == (3, "WRONG: cut off after entry 2: the log had come to entry 3")
