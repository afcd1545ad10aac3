"""`python -m matstudio.ui RUN_DIRECTORY`."""

import sys

from matstudio.ui.app import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
