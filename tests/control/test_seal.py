"""The site key finds any edit, also one after which the whole chain was hashed anew."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matstudio.control import seal
from matstudio.control.audit import AuditWriter, Link, append, canonical, first_hash, read_log, verify

KEY = bytes(range(32))


def log(n=8, key=KEY):
    entries, link = [], Link()
    for i in range(n):
        entry, link = append(
            link, t=float(i), wall=1e9 + i, kind="write", who="pid", text=f"heater {i}", data={"value": i}
        )
        entries.append(seal.sealed(entry, key))
    return entries


def again(entries):
    """The chain hashed anew, as a forger without the key would."""
    out, link = [], Link()
    for e in entries:
        made, link = append(link, **{k: e[k] for k in ("t", "wall", "kind", "who", "text", "data")})
        out.append(made | {"mac": e.get("mac", "0" * 64)})
    return out


def test_a_sealed_log_is_good_and_another_key_says_no():
    entries = log()
    assert verify(entries) == []
    assert seal.check(entries, KEY) == []
    assert seal.check(entries, bytes(32)) == ["entries 1 to 8: not sealed with this site's key"]
    assert seal.check(log(3, None), KEY) == ["entries 1 to 3: not sealed with this site's key"]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["byte", "remove", "swap", "insert", "truncate", "value"]), st.booleans())
def test_any_edit_is_found(tmp_path_factory, seed, how, anew):
    folder = tmp_path_factory.getbasetemp() / "heads"
    rng, entries = random.Random(seed), log()
    first, before = entries[0]["hash"], list(entries)
    heads = seal.Heads(KEY, folder)
    if not folder.exists():
        heads.keep(first, entries[-1])
    i = rng.randrange(len(entries) - 1)
    if how == "byte":
        line = bytearray(canonical(entries[i]))
        line[rng.randrange(len(line))] ^= 1 << rng.randrange(8)
        try:
            entries[i] = json.loads(bytes(line))
        except ValueError:
            return  # no entry at all: `read_log` names the line
        if not isinstance(entries[i], dict) or entries[i] == before[i]:
            return
    elif how == "remove":
        del entries[i]
    elif how == "swap":
        entries[i], entries[i + 1] = entries[i + 1], entries[i]
    elif how == "insert":
        entries.insert(i, dict(entries[i]))
    elif how == "truncate":
        del entries[i + 1 :]
    else:
        entries[i] = entries[i] | {"data": {"value": 99}}
    if anew and how != "truncate":
        try:
            entries = again(entries)
        except KeyError:
            return  # a key was lost: `verify` says so
        if [e["hash"] for e in entries] == [e["hash"] for e in before]:
            return
        assert verify(entries) == []  # without the key it passes
    assert verify(entries) or seal.check(entries, KEY) or heads.missing(entries)


def test_cut_off_is_seen_by_what_lies_beside_the_key(tmp_path):
    entries, heads = log(), seal.Heads(KEY, tmp_path)
    assert "does not know where the log ends" in heads.missing(entries)
    heads.keep(entries[0]["hash"], entries[5])
    assert heads.missing(entries) == ""  # it has gone on since
    assert heads.missing(entries[:4]) == "cut off after entry 4: the log had come to entry 6"
    path = next(tmp_path.glob("*.json"))
    path.write_text(path.read_text().replace('"n": 6', '"n": 3'))
    assert "damaged" in heads.missing(entries[:4])


def test_the_key_is_its_owners_alone(tmp_path):
    path = tmp_path / "site.key"
    assert seal.load_key(path) is None
    seal.make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(seal.load_key(path)) == 32
    with pytest.raises(ValueError, match="there is a site key already"):
        seal.make_key(path)
    path.chmod(0o640)
    with pytest.raises(ValueError, match="others may read it"):
        seal.load_key(path)
    path.chmod(0o600)
    path.write_text("abc\n")
    with pytest.raises(ValueError, match="not a site key of 64 hexadecimal digits"):
        seal.load_key(path)


def test_the_writer_keeps_the_head(tmp_path):
    entries, heads, path = log(), seal.Heads(KEY, tmp_path / "heads"), tmp_path / "audit.jsonl"
    writer = AuditWriter(path, lambda entry: heads.keep(first_hash(path), entry))
    for entry in entries:
        writer.write(entry)
    writer.close()
    found, problems = read_log(path)
    assert (problems, found, heads.missing(found)) == ([], entries, "")
    assert heads.missing(found[:-1]) == "cut off after entry 7: the log had come to entry 8"


def test_the_head_of_a_line(runtime):
    line = canonical(log(2)[-1])
    assert seal.head_of_line(line) == {}
    seal.make_key()
    assert seal.head_of_line(line)["audit"]["n"] == 2
    assert seal.head_of_line(b"{}") == {}
