"""`matstudio bench`."""

from __future__ import annotations

import argparse
import json

from matstudio.bench.rows import report, table
from matstudio.cli.main import CheckFailed, UsageError
from matstudio.modalities.base import load

BENCHES = {"twin": "matstudio.bench.twin:bench", "reconstruction": "matstudio.bench.reconstruction:bench"}


def bench(arguments: argparse.Namespace) -> None:
    """Run one bench, or all, and print its rows."""
    if arguments.name is not None and arguments.name not in BENCHES:
        raise UsageError(f"no bench {arguments.name!r}, only {', '.join(BENCHES)}")
    missed = []
    for name in [arguments.name] if arguments.name else BENCHES:
        rows = load(BENCHES[name])()
        print(json.dumps(report(name, rows)) if arguments.json else table(name, rows), flush=True)
        missed += [r.id for r in rows if not r.passed]
    if missed:
        raise CheckFailed(f"missed: {', '.join(missed)}")
