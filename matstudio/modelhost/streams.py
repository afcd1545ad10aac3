"""What the models can be run over in some files, and which models there are for it.

    python -m matstudio.modelhost.streams FILE ...

prints `{"streams": {name: {"kind", "frames", "models": [names]}}, "inputs": n}` as one line of JSON, for the window, in
a process of its own. Of many inputs only the first `MOST` are looked at.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

MOST = 8


def streams(arguments: Sequence[str]) -> dict[str, Any]:
    """The streams of these files, of the same name counted together.

    Raises:
        ValueError, OSError: one cannot be read; one line.
    """
    from matstudio.modalities.base import modality
    from matstudio.modelhost.inputs import groups, open_input

    found: dict[str, Any] = {}
    inputs = groups(arguments)
    for paths in inputs[:MOST]:
        source = open_input(paths)
        try:
            for name, film in source.films.items():
                new = {"kind": str(film.kind), "frames": 0, "models": list(modality(film.kind).offered())}
                found.setdefault(name, new)["frames"] += len(film.at)
        finally:
            source.close()
    return {"streams": found, "inputs": len(inputs)}


def main() -> int:
    """Print them; 2 and one line where a file cannot be read."""
    try:
        print(json.dumps(streams(sys.argv[1:])))
    except (ValueError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
