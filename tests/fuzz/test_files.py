"""Mutated files: one clear line or data; soon, in little memory, without a crash, and never unpickled.

In the long form 10,000 mutations, of real files too (`python tests/fuzz/campaign.py FIRST:END` does a part of them).
"""

from __future__ import annotations

from pathlib import Path

import campaign
import corpus
import hdf5_edits
import mutate
import numpy as np
import pytest

CI = 300


def test_mutated_files(tmp_path: Path, long: bool) -> None:
    files = corpus.make(tmp_path / "made")
    figures = campaign.run(range(10_000 if long else CI), corpus.Corpus(files + (corpus.real() if long else [])))
    print(figures.text())
    assert figures.faults == []
    assert figures.outcomes["refused"] > figures.mutations / 10
    assert figures.outcomes["opened"] > figures.mutations / 10


def test_the_files_that_are_made_open_as_they_are(tmp_path: Path) -> None:
    with campaign.workshop() as (_, mark, server):
        for i, path in enumerate(corpus.make(tmp_path / "made")):
            told = server.ask(path=str(path), kind=corpus.kind_of(path), seed=8 * i)
            assert told["outcome"] == "opened", f"{path.name}: {told['line']}"
        assert not mark.exists()


def test_a_seed_is_always_the_same_file(tmp_path: Path) -> None:
    files = corpus.make(tmp_path / "made")
    for seed in (1, 2, 3, 17):
        first, second = (campaign.mutant(seed, corpus.Corpus(files), folder(tmp_path / name)) for name in "ab")
        assert first[1:] == second[1:]
        if first[1].suffix not in (".nxs", ".hspy"):  # HDF5 keeps the time
            assert first[0].read_bytes() == second[0].read_bytes()


def folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


FAULTS = {
    "mark": ("os.system('touch \"$MATSTUDIO_FUZZ_MARK\"')", "unpickled"),
    "crash": ("os.kill(os.getpid(), 11)", "SIGSEGV"),
    "slow": ("sum(range(10**8))", "of processor"),
    "memory": ("x = bytearray(2_500_000_000); x[::4096] = bytes(len(x[::4096]))", "GB"),
    "raise": ("raise KeyError('x')", "KeyError"),
    "lines": ("raise r.ReaderError(path, 'x').with_traceback(None) from None", ""),
    "silent": ("raise r.ReaderError('', '')", "not one line that names the file"),
}


def test_the_server_sees_each_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the test: each kind of fault, made on purpose by the name of the file, is found."""
    body = "".join(f"        if path.stem == {name!r}: {program}\n" for name, (program, _) in FAULTS.items())
    site = folder(tmp_path / "site")
    (site / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'server.py' in ' '.join(sys.orig_argv):\n"
        "    import matstudio.instruments.readers as r\n"
        f"    def bad(path, load=True):\n{body}        raise r.ReaderError(path, 'no')\n"
        "    r.open_file = bad\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setattr(campaign, "MOST_SECONDS", 0.5)
    with campaign.workshop() as (_, mark, server):
        for name, (_, says) in FAULTS.items():
            told = server.ask(path=str(tmp_path / f"{name}.xy"), kind="xy", seed=3)
            wrong = campaign._wrong(told, mark)
            assert says in wrong if says else not wrong, f"{name}: {wrong!r}"


def test_mutations_change_something() -> None:
    random = np.random.default_rng(1)
    raw = b"1.5 2.5\n3.5 4.5\n" * 40
    changed = [mutate.mutated(raw, "xy", random, raw[::-1])[0] != raw for _ in range(200)]
    assert sum(changed) > 180
    assert len(hdf5_edits._EDITS) > 10
