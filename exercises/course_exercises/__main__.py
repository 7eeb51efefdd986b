"""The command `python -m course_exercises grade FOLDER`: a table of what students handed in."""

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Examine a folder of handed-in notebooks, and print a table (CSV) of what is done in each.

    Args:
        arguments: List of str; None takes the command line's.

    Returns:
        0, or 1 after a sentence on the error stream about what went wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m course_exercises",
        description="Examine a folder of handed-in notebooks: a table (CSV). The random arrays "
        "come from COURSE_SEED, a whole number that students do not know; without it, from chance.",
    )
    parser.add_argument("command", choices=["grade"])
    parser.add_argument("folder", type=Path, help="NAME.ipynb for each student, or a folder NAME")
    parser.add_argument("--seconds", type=float, default=120, help="time for a notebook (120)")
    parser.add_argument("--gigabytes", type=float, default=3, help="memory for a notebook (3)")
    parser.add_argument("--jobs", type=int, default=2, help="how many run at once (2)")
    options = parser.parse_args(arguments)
    if sys.platform == "win32":
        print("Grading needs Linux or macOS, for its limits of time and memory.", file=sys.stderr)
        return 1
    from course_exercises.grade import grade_folder, write_table

    try:
        write_table(
            grade_folder(options.folder, options.seconds, options.gigabytes, options.jobs),
            sys.stdout,
        )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
