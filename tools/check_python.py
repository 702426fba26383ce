"""Say in one line whether this Python can run the collection. Works on any Python 3.

python tools/check_python.py
"""

import re
import sys
from pathlib import Path


def main() -> int:
    """Return 0 if the running Python is in the range of pyproject.toml; else say so, return 1."""
    text = (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.search(r'^requires-python = "([^"]+)"', text, re.MULTILINE).group(1)
    low, high = (tuple(map(int, bound.split("."))) for bound in re.findall(r"[\d.]+", wanted))
    if low <= sys.version_info[:3] < high:
        return 0
    print(
        "Python {}.{}.{} cannot run this collection: its packages need Python {}. "
        "Install such a Python and name it, for example: make PYTHON=python3.12 test".format(
            *sys.version_info[:3], wanted
        ),
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
