"""`python -m matstudio` is the `matstudio` command."""

import sys

from matstudio.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
