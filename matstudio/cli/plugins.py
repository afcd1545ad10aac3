"""`matstudio plugins`."""

from __future__ import annotations

import argparse
import json

from matstudio import plugins as found
from matstudio.cli.main import UsageError


def plugins(arguments: argparse.Namespace) -> None:
    """Switch a plugin off or on, then say what plugins there are."""
    for name in filter(None, (arguments.off, arguments.on)):
        if name not in {p.name for p in found.found()}:
            raise UsageError(f"no plugin {name!r}, only {', '.join(p.name for p in found.found())}")
    if arguments.off:
        found.Switches().switch_off(arguments.off, "by the operator")
    if arguments.on:
        found.Switches().switch_on(arguments.on)
    found.refresh()
    rows = [
        {
            "name": p.name,
            "version": p.manifest.version if p.manifest else "",
            "brings": p.manifest.claims() if p.manifest else [],
            "source": p.source,
            "state": p.problem or (f"off: {p.off}" if p.off else "on"),
        }
        for p in found.found()
    ]
    if arguments.json:
        print(json.dumps({"plugins": rows, "folder": str(found.user_folder())}, indent=1, ensure_ascii=False))
        return
    for row in rows:
        print(f"{row['name']} {row['version']} ({row['source']}): {', '.join(row['brings'])}; {row['state']}")
    print(f"your own: {found.user_folder()}")
