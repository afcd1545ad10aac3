"""`python -m matstudio.modelhost RUN_DIRECTORY`."""

import sys

from matstudio.bus import processes, rundir
from matstudio.modelhost.host import main

if __name__ == "__main__":
    sys.exit(processes.main(rundir.MODELHOST, main))
