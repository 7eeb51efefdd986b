"""The commands of `python -m course_utils`: doctor, fetch, survey."""

import argparse
import contextlib
import io
import os
import sys
import textwrap
from pathlib import Path

from course_utils import __version__
from course_utils.doctor import FIX, Row, examine

_CONNECT_SECONDS = 20
_SUBJECT_COLUMN, _FINDING_COLUMN, _WIDTH = 6, 18, 80


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: List of str; None takes the command line's.

    Returns:
        The exit code: 0, 1 where something is to fix or could not be fetched, 130 if interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m course_utils", description="Help for the course's set-up."
    )
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    commands.add_parser("doctor", help="say what works here, and what to do where it does not")
    fetcher = commands.add_parser("fetch", help="download what a class will need")
    fetcher.add_argument("name", help="vgg16 or another network, or caltech101")
    surveyor = commands.add_parser(
        "survey", help="find the strongest examples of every channel in a folder of pictures"
    )
    surveyor.add_argument("folder", help="where the pictures are, also in folders of it")
    surveyor.add_argument("--network", default="auto", help="vgg16_no_top, embedded, ...")
    surveyor.add_argument("--layers", nargs="+", metavar="LAYER", help="default: all convolutions")
    surveyor.add_argument("--output", metavar="DIR", help="default: FOLDER-survey; goes on there")
    surveyor.add_argument("--workers", type=int, metavar="N", help="processes; default: threads")
    surveyor.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster")
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        if options.command == "survey":
            return survey(options)
        return run_doctor() if options.command == "doctor" else fetch(options.name)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def run_doctor() -> int:
    """Print what `doctor.examine` finds. Returns 1 if something is to fix, else 0."""
    print(f"course_utils {__version__}, {Path(__file__).parent}\n")
    count = 0
    for row in examine():
        print(format_row(row), flush=True)
        count += row.mark == FIX
    print(f"\nTo fix: {count}." if count else "\nThe course works here.")
    return int(count > 0)


def format_row(row: Row) -> str:
    """Return a `doctor.Row` as lines for a screen; commands are not wrapped."""
    indent = " " * _FINDING_COLUMN
    head = f"{row.mark:<{_SUBJECT_COLUMN}}{row.subject}".ljust(_FINDING_COLUMN)
    lines = [_wrap(row.finding, head)]
    for line in row.advice.splitlines():
        lines.append(indent + line if line.startswith(" ") else _wrap(line, indent))
    return "\n".join(lines)


def _wrap(text, start):
    return textwrap.fill(
        text, _WIDTH, initial_indent=start, subsequent_indent=" " * _FINDING_COLUMN,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def survey(options: argparse.Namespace) -> int:
    """Look through a folder of pictures; see `run_survey`.

    Args:
        options: The command line's.

    Returns:
        0, or 1 after a sentence on the error stream about what went wrong.
    """
    return _in_words(lambda: _survey(options))


def _survey(options):
    """Return what to tell about it."""
    from course_utils.methods.survey import run_survey

    output = options.output or f"{Path(options.folder).resolve().name}-survey"
    with _dask(options.workers, options.scheduler):
        found = run_survey(options.folder, output, options.network, options.layers)
    channels = sum(len(table.values) for table in found.examples.values())
    read = len(found.names) - len(found.skipped)
    lines = [f"skipped {name}: {reason}" for name, reason in found.skipped.items()]
    lines += [
        f"{found.network}: the strongest of {read} pictures for each of {channels} channels in "
        f"{len(found.examples)} layers.",
        f"In Python: cu.load_survey({str(output)!r})",
    ]
    return "\n".join(lines)


@contextlib.contextmanager
def _dask(workers, address):
    """Have Dask compute in threads, in processes, or on a cluster."""
    try:
        import dask.diagnostics

        if address:
            import distributed
    except ModuleNotFoundError as error:
        raise ValueError(
            f"A survey runs on Dask, and {error.name} is not installed here: "
            "python -m pip install 'dask[distributed]'"
        ) from error
    if not address:
        options = {"scheduler": "processes", "num_workers": workers} if workers else {}
        if workers:
            os.environ["TF_NUM_INTRAOP_THREADS"] = "1"  # the processes share the cores
        with dask.config.set(options), dask.diagnostics.ProgressBar():
            yield
        return
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"No Dask cluster answers at {address!r} within {_CONNECT_SECONDS} seconds. "
            "'dask scheduler' prints its address; 'dask worker ADDRESS' joins it."
        ) from error
    with client:
        yield


def fetch(name: str) -> int:
    """Download a network's weights, or the pictures of Caltech-101, into the cache.

    Args:
        name: As for `load_classifier`; or "caltech101".

    Returns:
        0, or 1 after a sentence on the error stream about what went wrong.
    """
    return _in_words(lambda: _fetch(name))


def _in_words(run):
    """Print what `run` returns, or in a sentence what went wrong. Returns the exit code."""
    try:
        print(run())
    except ImportError as error:
        reason = str(error).splitlines()[0]
        print(f"{reason}\nSee: python -m course_utils doctor", file=sys.stderr)
        return 1
    except ValueError as error:  # DownloadError is one
        print(error, file=sys.stderr)
        return 1
    return 0


def _fetch(name):
    """Return what to tell about it."""
    from course_utils.io.collections import caltech101_folder
    from course_utils.io.images import SAMPLES

    if name.lower() == "caltech101":
        return f"caltech101 is in the folder\n  {caltech101_folder()}"
    if name in SAMPLES:
        return f"{name} is installed with the course: nothing to fetch."
    from course_utils.networks.registry import (
        EMBEDDED,
        cached_weights,
        download_weights,
        resolve_name,
    )

    name = resolve_name(name)
    if name == EMBEDDED:
        return f"{name} is part of the package: nothing to fetch."
    cached = cached_weights(name)
    path = cached or download_weights(name)
    share = "To share it, let others read this folder, and set COURSE_CACHE to it for them:\n  "
    happened = "was there already" if cached else "is downloaded"
    return f"{name} {happened}: {path.name}\n{share}{path.parent}"


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(errors="backslashreplace")  # a folder's name that the screen cannot show
    sys.exit(main())
