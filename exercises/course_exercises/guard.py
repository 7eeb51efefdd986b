"""Switches the course's own functions off while an answer is examined."""

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType

import course_utils

_PACKAGE = Path(course_utils.__file__).parent
_OFF = tuple(str(_PACKAGE / wing) for wing in ("methods", "networks", "display", "explorers"))


class OwnFunctionCalled(Exception):
    """An answer has called what it should have written."""


@contextmanager
def without_the_course(solutions: Collection[CodeType], called: list[str]) -> Iterator[None]:
    """Make the course's methods raise, however an answer got hold of them.

    A profile function sees every call of this thread, also through a name that was imported long
    ago, and leaves those of other threads, for example an explorer's, alone.

    Args:
        solutions: Code of further functions that raise.
        called: Gets the name of each function called. An answer may catch the error, but not this.
    """

    def watch(frame, event, _):
        code = frame.f_code
        is_off = id(code) in numbers or code.co_filename.startswith(_OFF)
        if event != "call" or not is_off:
            return
        if not _is_import(frame):
            called.append(code.co_name)
            raise OwnFunctionCalled(f"{code.co_name} is the course's own function.")

    # Codes of the same text are equal, and a right answer may have the solution's text.
    numbers = {id(code) for code in solutions}
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)


def _is_import(frame):
    """Tell whether a module is being imported: a name of the course loads it at its first use."""
    while frame:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(_OFF):
            return True
        frame = frame.f_back
    return False
