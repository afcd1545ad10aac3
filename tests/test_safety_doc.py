"""docs/safety.md names tests that there are."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMED = re.findall(r"`([\w/]*test_\w+\.py)(?:::(\w+))?`", (ROOT / "docs" / "safety.md").read_text())


def test_every_test_that_is_named_exists():
    assert len(NAMED) > 20
    for path, name in NAMED:
        assert path.startswith("tests/"), path
        assert (ROOT / path).is_file(), path
        if name:
            body = ast.parse((ROOT / path).read_text()).body
            assert name in {f.name for f in body if isinstance(f, ast.FunctionDef)}, f"{path}::{name}"


def test_every_hazard_and_limit_is_complete():
    rows = re.findall(r"^\|(.+)\|$", (ROOT / "docs" / "safety.md").read_text(), re.MULTILINE)
    assert all(len(re.split(r"(?<!\\)\|", row)) == 3 for row in rows)
