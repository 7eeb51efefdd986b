"""budget.toml goes in; a line for each folder that has more lines than it may comes out.

    python -m tools.budget            one line for each such folder
    python -m tools.budget show       all folders

Counted are the lines of the files that people write: Python, JavaScript and style sheets.
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = {".py", ".js", ".mjs", ".css"}


def count(folder):
    """Return how many hand-written lines a folder has."""
    files = (path for path in folder.rglob("*") if path.suffix in KINDS)
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)


def main(arguments):
    """Print the findings; returns the exit code."""
    over = 0
    for folder, allowed in tomllib.loads((ROOT / "budget.toml").read_text("utf-8")).items():
        found = count(ROOT / folder)
        if found > allowed or arguments == ["show"]:
            print(f"{folder}/: {found} lines, {allowed} allowed by budget.toml")
        over += found > allowed
    return int(over > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
