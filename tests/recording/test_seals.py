"""With a site key `verify` finds any edit of a session's audit entries."""

import json

import pytest
from sample_session import DESCRIPTION, image

from matstudio.cli.main import main
from matstudio.control import audit, seal
from matstudio.domain.clock import RealClock
from matstudio.recording.verify import verify
from matstudio.recording.writer import SessionWriter


def entries(n=12):
    link, key, made = audit.Link(), seal.load_key(), []
    for i in range(n):
        facts = {"kind": "write", "who": "pid", "text": f"heater {i}", "data": {"value": i}}
        entry, link = audit.append(link, t=float(i), wall=1e9 + i, **facts)
        made.append(seal.sealed(entry, key))
    return made


def session(path, made):
    writer = SessionWriter(path, DESCRIPTION, RealClock.start(), [image(0)])
    for entry in made:
        writer.add_event(audit.canonical(entry))
    return writer


def hashed_anew(made):
    link, out = audit.Link(), []
    for e in made:
        new, link = audit.append(link, **{k: e[k] for k in ("t", "wall", "kind", "who", "text", "data")})
        out.append(new | {"mac": e["mac"]})
    return out


def test_a_sealed_session_is_good(tmp_path):
    seal.make_key()
    session(tmp_path / "s.nxs", entries()).close()
    report = verify(tmp_path / "s.nxs")
    assert report.ok, report.lines
    assert "audit log: every entry, and its end, is sealed with this site's key" in report.lines


def test_a_session_says_who_changed_what(tmp_path, capsys):
    session(tmp_path / "s.nxs", entries()).close()
    assert main(["audit", str(tmp_path / "s.nxs"), "--kind", "write", "--since", "10"]) == 0
    assert [line.split()[-2:] for line in capsys.readouterr().out.splitlines()] == [["heater", "10"], ["heater", "11"]]


def test_one_that_was_not_closed_in_order_has_no_sealed_end(tmp_path):
    seal.make_key()
    writer = session(tmp_path / "s.nxs", entries())
    writer.flush()
    writer.abandon()
    report = verify(tmp_path / "s.nxs")
    assert report.ok, report.lines
    assert any("where it ends is not sealed" in line for line in report.lines)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda made: hashed_anew(made[:4] + made[5:]), "entries 5 to 11: not sealed"),
        (lambda made: hashed_anew([*made[:6], made[6] | {"text": "heater 60"}, *made[7:]]), "entries 7 to 12: not"),
        (lambda made: made[:9], "does not end where the recorder sealed its end"),
    ],
)
def test_a_forger_without_the_key_is_found(tmp_path, monkeypatch, edit, says):
    seal.make_key()
    made = entries()
    honest = seal.head_of_line(audit.canonical(made[-1]))
    monkeypatch.setattr(seal, "head_of_line", lambda line: honest)  # the closing note stays as it was
    session(tmp_path / "s.nxs", edit(made)).close()
    report = verify(tmp_path / "s.nxs")
    assert not report.ok
    assert any(says in line for line in report.lines), report.lines
    seal.key_path().unlink()
    assert verify(tmp_path / "s.nxs").ok  # nobody could tell without the key


def test_a_closing_note_that_was_made_up_is_found(tmp_path, monkeypatch):
    seal.make_key()
    made = entries()
    head = json.loads(json.dumps(seal.head_of_line(audit.canonical(made[8]))))
    head["audit"]["n"] = 9
    head["audit"]["mac"] = "0" * 64
    monkeypatch.setattr(seal, "head_of_line", lambda line: head)
    session(tmp_path / "s.nxs", made[:9]).close()
    assert not verify(tmp_path / "s.nxs").ok
