"""`python -m matstudio.instruments.serve RUN_DIRECTORY`: the device server of a run."""

from __future__ import annotations

import logging
import sys
import threading
from functools import partial

from matstudio import plugins
from matstudio.bus import processes
from matstudio.bus.rundir import DEVICE, Run
from matstudio.instruments.real.config import KINDS
from matstudio.instruments.server import serve_source

log = logging.getLogger(__name__)


def body(run: Run, stop: threading.Event) -> None:
    """Serve the run's instrument until `stop` is set.

    Raises:
        ValueError, OSError: there is no such instrument, or its file cannot be read; one line.
    """
    kind, _, argument = run.instrument.partition(":")
    if kind == "twin":
        from matstudio.instruments.twin.server import serve
    elif kind == "replay":
        from matstudio.instruments.replay.server import serve
    elif kind in KINDS:
        from matstudio.instruments.real.serve import serve
    else:
        serve = partial(_serve_plugin, kind, argument)
    serve(run, stop)


def _serve_plugin(name: str, argument: str, run: Run, stop: threading.Event) -> None:
    """Serve an instrument that a plugin brings."""
    found = plugins.entry("instrument", name)
    if found is None:
        raise ValueError(f"no instrument {run.instrument!r}: twin, replay:FILE or one of a plugin in use")
    plugin, entry = found
    try:
        source = plugins.load(plugin, entry.source)(argument, run.clock, run.options)
    except Exception as error:  # the border to a plugin
        log.exception("instrument %s", name)
        raise ValueError(f"{name} of plugin {plugin.name}: {type(error).__name__}: {error}") from None
    serve_source(run, source, stop)


def main() -> int:
    """Exit code of the process: 0 done, 2 the instrument cannot be served."""
    try:
        return processes.main(DEVICE, body)
    except (ValueError, OSError) as error:
        print(f"device: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
