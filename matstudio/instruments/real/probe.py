"""`python -m matstudio.instruments.real.probe FILE`: what a configuration's device says, and nothing is written to it.

A line of JSON every 0.3 s on standard output, until that is closed: `{"link": why there is no connection or "",
"readings": [{"name", "value", "unit", "quality", "age", "severity"}, ...], "frames": {stream: how many have come}}`. A
configuration that cannot be used ends it with 2 and a line on stderr.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

from matstudio.bus import processes
from matstudio.domain.clock import RealClock
from matstudio.instruments.real.config import ConfigError, load
from matstudio.instruments.real.serve import link
from matstudio.instruments.real.source import RealSource

EVERY_S = 0.3


def main() -> int:
    """Exit code: 0 its output was closed, 2 it cannot be used."""
    processes.die_with_parent()
    clock = RealClock.start()
    try:
        config = load(Path(sys.argv[1]))
        made = link(config, clock)
    except (IndexError, ConfigError) as error:
        print(error or "usage: probe FILE", file=sys.stderr)
        return 2
    made.watching = True
    source = RealSource(config, made, clock)
    frames = dict.fromkeys(config.streams, 0)
    try:
        while True:
            time.sleep(EVERY_S)
            now = clock.now()
            source.step(now)
            for stream in frames:
                while source.expose(stream, 0, now, now) is not None:
                    frames[stream] += 1
            state = source.state()
            readings = [
                {
                    "name": r.name,
                    "value": r.value if math.isfinite(r.value) else None,
                    "unit": r.unit,
                    "quality": r.quality.value,
                    "age": now - r.t if math.isfinite(r.t) else None,
                    "severity": state["severities"].get(r.name, ""),
                }
                for r in source.readings()
            ]
            print(json.dumps({"link": state["link"], "readings": readings, "frames": frames}), flush=True)
    except BrokenPipeError:
        sys.stderr.close()
    finally:
        source.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
