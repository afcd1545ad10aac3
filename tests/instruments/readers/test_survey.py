"""`matstudio formats`: a row for each type of file, and why the others do not open."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from sample_files import OWN

from matstudio.cli.main import main
from matstudio.instruments.readers.survey import BEGIN, END, markdown, renew, survey


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    deep = tmp_path / "data" / "deep"
    deep.mkdir(parents=True)
    for name in ("a.xy", "a.npy", "log.csv", "a.rasx"):
        (deep / name).write_bytes(OWN[name])
    np.save(deep / "stack.npy", np.zeros((3, 4, 5), "u1"))
    (deep / "b.xy.gz").write_bytes(gzip.compress(OWN["a.xy"]))
    for n in (40, 50):
        lines = OWN["a.xy"].decode().splitlines()
        lines[n] = "25"
        (deep / f"bad{n}.xy").write_text("\n".join(lines))
    (deep / "README.md").write_text("notes\n")
    (deep / ".hidden.xy").write_text("no")
    return tmp_path / "data"


def test_a_row_for_each_type_and_a_reason_for_the_rest(folder):
    text = markdown(survey(folder))
    assert text.splitlines()[0] == "6 of 9 files open."
    for row in (
        "| .xy | text | 3 | 1 | columns | diffraction 1D in ° |",
        "| .npy | NumPy | 2 | 2 | npy | image 2D in px; image 2D series in px |",
        "| .xy.gz | gzip | 1 | 1 | columns | diffraction 1D in ° |",
        "| .rasx | zip | 1 | 1 | rasx | diffraction 1D in ° |",
        "| .md | text | 1 | 0 | – | – |",
    ):
        assert row in text
    assert "process values" in text
    reasons = [line for line in text.splitlines() if line.startswith("- ")]
    assert reasons == ["- `deep/bad40.xy` (and 1 like it): line 41: 1 numbers where 2 numbers are expected"]
    assert "(1 notes, lists and facts in .md" in text


def test_the_command_renews_the_table_between_its_marks(folder, tmp_path, capsys):
    out = tmp_path / "formats.md"
    assert main(["formats", str(folder), "--out", str(out)]) == 0
    first = out.read_text()
    assert first.startswith(BEGIN)
    assert first.endswith(END + "\n")
    assert str(folder) not in first
    out.write_text(f"# Title\n\n{first}\nafter\n")
    (folder / "deep" / "a.rasx").unlink()
    assert main(["formats", str(folder), "--out", str(out)]) == 0
    again = out.read_text()
    assert again.startswith("# Title\n\n" + BEGIN)
    assert again.endswith(END + "\n\nafter\n")
    assert ".rasx" not in again
    assert "5 of 8 files open" in again
    other = tmp_path / "other.md"
    other.write_text("mine")
    capsys.readouterr()
    for arguments, said in (
        ([str(folder), "--out", str(other)], "other.md: exists already"),
        ([str(out)], "formats.md: a file, not a folder"),
        ([str(tmp_path / "nowhere")], "nowhere: no such file"),
    ):
        assert main(["formats", *arguments]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert other.read_text() == "mine"


def test_a_document_without_marks_is_the_table_alone():
    assert renew("", "x") == f"{BEGIN}\nx\n{END}\n"
