"""``python -m mindsight`` is the command ``mindsight``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
