"""The commands of `python -m course_utils`: doctor, fetch."""

import argparse
import sys
import textwrap
from pathlib import Path

from course_utils import __version__
from course_utils.doctor import FIX, Row, examine

_COLUMN = " " * 18  # where a row's finding begins


def main(arguments: list[str] | None = None) -> int:
    """Run a command, for None the command line's, and return the exit code.

    It's 0; 1 if something has to be fixed, or failed; 130 if interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m course_utils", description="Help for the course's set-up."
    )
    parser.set_defaults(run=lambda _: parser.print_help())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    doctor = commands.add_parser("doctor", help="say what works here, and what to do if it doesn't")
    doctor.set_defaults(run=print_doctor)
    fetcher = commands.add_parser("fetch", help="download the weights that a class will need")
    fetcher.set_defaults(run=fetch)
    fetcher.add_argument("name", help="vgg16, or another network of keras.applications")
    options = parser.parse_args(arguments)
    try:
        return options.run(options) or 0
    except ImportError as error:
        print(f"{error}\nSee: python -m course_utils doctor", file=sys.stderr)
    except ValueError as error:  # DownloadError is one
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return 1


def print_doctor(options: argparse.Namespace) -> int:
    """Print what `doctor.examine` finds. Returns 1 if something is to fix, else 0."""
    print(f"course_utils {__version__}, {Path(__file__).parent}\n")
    for row in examine():
        print(format_row(row), flush=True)
        if row.mark == FIX:
            print("\nFix this first, then run the doctor again.")
            return 1
    print("\nThe course works here.")
    return 0


def format_row(row: Row) -> str:
    """Return a `doctor.Row` as lines for a screen; commands are not wrapped."""
    wrap = textwrap.TextWrapper(80, _COLUMN, _COLUMN, break_long_words=False).fill
    first = wrap(row.finding).removeprefix(_COLUMN)
    advice = [_COLUMN + line if line[0] == " " else wrap(line) for line in row.advice.splitlines()]
    return "\n".join([f"{row.mark:<6}{row.subject}".ljust(len(_COLUMN)) + first, *advice])


def fetch(options: argparse.Namespace) -> None:
    """Download a network's weights into the cache."""
    from course_utils.networks.registry import weights_path

    path = weights_path(options.name)
    print(
        f"{options.name}: {path}\nTo share it, let others read its folder, and set COURSE_CACHE to "
        f"that folder for them:\n  {path.parent}"
    )


if __name__ == "__main__":
    sys.exit(main())
