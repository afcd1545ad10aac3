"""docs/messages.md shows the commands that there are."""

import re
from pathlib import Path

from matstudio.bus.messages import COMMANDS

DOC = Path(__file__).resolve().parents[2] / "docs" / "messages.md"


def test_the_table_is_the_one_in_the_code():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \| ([^|]+) \| ([\d.]+) \|$", DOC.read_text(), re.MULTILINE)
    told = {name: (fields, float(seconds)) for name, fields, seconds in rows}
    assert set(told) == set(COMMANDS)
    for name, command in COMMANDS.items():
        fields, seconds = told[name]
        assert seconds == command.timeout_s
        assert all(field in fields for field in command.fields), name
