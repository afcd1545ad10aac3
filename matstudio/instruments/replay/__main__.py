"""`python -m matstudio.instruments.replay replay:PATH[:PATH ...]`: whether that can be played.

Exit code 0, or 2 with one line that says why not.
"""

import sys

from matstudio.instruments.replay.material import load


def main(argv: list[str]) -> int:
    """Open what is named and close it again."""
    if len(argv) != 1:
        print("usage: python -m matstudio.instruments.replay replay:PATH", file=sys.stderr)
        return 2
    try:
        load(argv[0]).close()
    except (ValueError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
