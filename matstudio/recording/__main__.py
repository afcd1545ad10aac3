"""`python -m matstudio.recording RUN_DIRECTORY`."""

import logging
import os
import sys

from matstudio.bus.processes import main
from matstudio.bus.rundir import RECORDER
from matstudio.recording.filethread import unclosed
from matstudio.recording.process import body

if __name__ == "__main__":
    code = main(RECORDER, body)
    if unclosed:
        logging.shutdown()
        os._exit(1)
    sys.exit(code)
