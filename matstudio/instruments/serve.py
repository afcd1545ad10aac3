"""`python -m matstudio.instruments.serve RUN_DIRECTORY`: the device server of a run."""

from __future__ import annotations

import sys
import threading

from matstudio.bus import processes
from matstudio.bus.rundir import DEVICE, Run


def body(run: Run, stop: threading.Event) -> None:
    """Serve the run's instrument until `stop` is set.

    Raises:
        ValueError, OSError: there is no such instrument, or its file cannot be read; one line.
    """
    kind = run.instrument.partition(":")[0]
    if kind == "twin":
        from matstudio.instruments.twin.server import serve
    elif kind == "replay":
        from matstudio.instruments.replay.server import serve
    else:
        raise ValueError(f"no instrument {run.instrument!r}: twin or replay:FILE")
    serve(run, stop)


def main() -> int:
    """Exit code of the process: 0 done, 2 the instrument cannot be served."""
    try:
        return processes.main(DEVICE, body)
    except (ValueError, OSError) as error:
        print(f"device: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
