"""`python -m matstudio.bus.background ARGUMENTS...`: become `python ARGUMENTS...` in the background.

That is: at low priority, with SIGINT as the system has it (a parent that was started by `&` ignores it), and
interrupted when the thread that started it ends (on Linux).
"""

from __future__ import annotations

import os
import signal
import sys

from matstudio.bus import processes

NICE = 7
"""A fifth of the share of any other session, where every core is busy."""


def main() -> None:
    """Become another Python program."""
    processes.set_priority(NICE)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    processes.die_with_parent(signal.SIGINT)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])


if __name__ == "__main__":
    main()
