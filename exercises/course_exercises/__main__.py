"""The command `python -m course_exercises grade FOLDER`: a table of what students handed in."""

import argparse
import sys
from pathlib import Path

_DESCRIPTION = """\
Examine a folder of handed-in notebooks and print a table (CSV) of what is done in each.

The random arrays come from the environment variable COURSE_SEED, a whole number that students do
not know; without it, from chance.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: List of str; None takes the command line's.

    Returns:
        0, or 1 after a sentence on the error stream about what went wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m course_exercises", description="Exercises, for lecturers."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    grader = commands.add_parser(
        "grade",
        help="examine a folder of handed-in notebooks: a table",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    grader.add_argument("folder", type=Path, help="NAME.ipynb for each student, or a folder NAME")
    grader.add_argument("--seconds", type=float, default=120, help="time for a notebook (120)")
    grader.add_argument("--gigabytes", type=float, default=3, help="memory for a notebook (3)")
    grader.add_argument("--jobs", type=int, default=2, help="how many run at once (2)")
    options = parser.parse_args(arguments)
    if sys.platform == "win32":
        print("Grading needs Linux or macOS, for its limits of time and memory.", file=sys.stderr)
        return 1
    from course_exercises.fence import Limits
    from course_exercises.grade import grade_folder, write_table

    try:
        limits = Limits(options.seconds, options.gigabytes)
        grades = grade_folder(options.folder, limits, options.jobs)
        write_table(grades, sys.stdout)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
