"""Examines an answer.

In: a task and a function. Out: a `Report`: the function was called with fresh arrays, and this
property of its result fails.
"""

import copy
import functools
import inspect
import re
import traceback
import warnings
from itertools import islice
from types import CodeType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_exercises.task import Task

DONE, TRIED, OPEN = "done", "tried", "open"
_COURSE = ("course_utils", "course_exercises")

IS_FUNCTION = "it is a function"
IS_OWN = "it is your own work"
RUNS = "it runs"
LEAVES = "it leaves what it is given as it is"
SHAPE = "the result has the right shape"
VALUES = "the values are right"
FIXED = (IS_FUNCTION, IS_OWN, RUNS, LEAVES, SHAPE, VALUES)  # beside a task's own properties

_NO_GRADIENT = (
    "The gradient is None: the tape has not seen how one depends on the other. Call `tape.watch` "
    "on a tensor before the model runs, compute inside `with` (`model(x)`, not "
    "`model.predict(x)`), and take the gradient by that very tensor."
)
_NO_TENSOR = (
    "The tape follows tensors only. `model.predict(x)` and `.numpy()` give NumPy arrays: call "
    "`model(x)` inside `with`, and take the gradient of what it returns."
)


class Report(NamedTuple):
    """What an examination has found.

    Attributes:
        status: "done"; "tried", if a property fails; "open", if nothing is written yet.
        passed: The properties that hold in all cases.
        failed: The first one that does not, or "".
        case: In which case it fails, or "".
        hint: What is probably wrong, or "".
        values: What the function has returned in each case, if all is well.
    """

    status: str
    passed: tuple[str, ...] = ()
    failed: str = ""
    case: str = ""
    hint: str = ""
    values: tuple[NDArray, ...] = ()


class Outcome(NamedTuple):
    """What came of one call: values, or an error."""

    case: str
    arguments: tuple
    values: NDArray | None  # the result as an array; None after an error
    error: BaseException | None  # what was raised, or why the result is no array of numbers
    changed: str  # the argument that it has changed; "settings of" it if the weights are as before
    returned: bool  # whether the result is an argument, unchanged


class NoNumbers(Exception):
    """A result that cannot be compared with numbers."""


def examine(task: Task, function: Any, seed: int) -> Report:
    """Say whether a function solves a task, and if not, what is wrong.

    Args:
        task: `Task`.
        function: The answer. It must not use the course's own functions.
        seed: Of the random arrays.

    Returns:
        `Report`. It never tells an expected value.
    """
    if not callable(function):
        hint = f"Hand over the function itself, without parentheses, not {_described(function)}."
        return Report(TRIED, failed=IS_FUNCTION, hint=hint)
    if name := _used_of_the_course(function):
        hint = f"{name} is the course's own. Write the steps yourself."
        return Report(TRIED, failed=IS_OWN, hint=hint)
    found = _run(task, function, seed)
    if any(isinstance(outcome.error, NotImplementedError) for outcome in found):
        return Report(OPEN, failed=RUNS, hint="It is not written yet.")
    return _compare(task, found, _run_quietly(task, task.solution, seed), seed)


def results_of(task: Task, seed: int) -> list[NDArray]:
    """Return what the solution of a task returns, for each case."""
    return [outcome.values for outcome in _run_quietly(task, task.solution, seed)]


def _used_of_the_course(function):
    """Return the name of what a function uses of the course, or "".

    Looks at the names in its code, and in that of the notebook's functions it refers to. It is for
    those who have not read the exercise, not for cheats: nothing hinders those from copying.
    """
    rest = [function, type(function).__call__]
    for value in rest:  # it grows
        value = _unwrapped(value)
        home = getattr(value, "__module__", None) or getattr(value, "__name__", "")
        if str(home).startswith(_COURSE):
            return getattr(value, "__name__", type(value).__name__)
        if not inspect.isfunction(value) or home != _unwrapped(function).__module__:
            continue
        names = list(_names_in(value.__code__))
        if imported := [name for name in names if name.startswith(_COURSE)]:
            return imported[0]
        enclosed = inspect.getclosurevars(value).nonlocals
        used = [*enclosed.values(), *(value.__globals__.get(name) for name in names)]
        rest += [one for one in used if not any(one is other for other in rest)]
    return ""


def _unwrapped(value):
    """Return the function inside of a `functools.partial`, a decorator or a `tf.function`."""
    while isinstance(value, functools.partial):
        value = value.func
    return inspect.unwrap(value) if callable(value) else value


def _names_in(code):
    """Yield the names of globals, attributes and imported modules in a function's code."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _run(task, function, seed, count=None):
    """Call a function in the first `count` cases of a task; None takes all."""
    cases = islice(task.cases(np.random.default_rng(seed)), count)
    return [_call(task, function, case, tuple(rest)) for case, *rest in cases]


def _run_quietly(task, function, seed, count=None):
    """Run one of the catalog's functions, whose warnings concern nobody."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return _run(task, function, seed, count)


def _call(task, function, case, arguments):
    names = inspect.signature(task.solution).parameters
    before = [_snapshot(argument) for argument in arguments]
    values, error, returned = None, None, False
    try:
        result = function(*arguments)
        returned = any(result is argument for argument in arguments)
        if task.use and callable(result):
            result = task.use(result, *arguments)
        elif task.use and result is not None:
            raise NoNumbers(f"It returns {_described(result)}, which is no model.")
        values = _to_values(result)  # a copy: the answer may use its array again
    except (Exception, SystemExit) as caught:
        error = caught
    changed = [
        change
        for name, argument, old in zip(names, arguments, before, strict=True)
        if (change := _find_change(name, argument, old))
    ]
    if values is not None and not task.use:
        arrays = [argument for argument in arguments if isinstance(argument, np.ndarray)]
        returned = returned or any(close(values, array) for array in arrays)
    return Outcome(case, arguments, values, error, "".join(changed[:1]), returned)


def _snapshot(value):
    """Return a copy of what a call could change: an array, a list, a model's layers and weights."""
    if hasattr(value, "get_weights") and hasattr(value, "get_config"):
        return [str(value.get_config()), *map(np.array, value.get_weights())]
    return copy.deepcopy(value) if isinstance(value, np.ndarray | list | dict) else None


def _find_change(name, value, old):
    """Return the name of what a call has changed, or ""."""
    try:
        new = _snapshot(value)
    except Exception:  # Keras cannot write down each setting: `activation = None` makes it raise
        return f"settings of {name}"
    if _same(new, old):
        return ""
    is_model = hasattr(value, "get_weights")
    return f"settings of {name}" if is_model and _same(new[1:], old[1:]) else name


def _same(one, other):
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return one == other


def _to_values(result):
    """Return a result as a new array of numbers: lists, tensors and single numbers are welcome."""
    if result is None:
        raise NoNumbers("It returns nothing. Does it end in `return ...`?")
    try:
        values = np.array(result)
    except Exception as error:
        raise NoNumbers(f"No array can be made of {_described(result)}.") from error
    if values.dtype.kind not in "biuf":
        raise NoNumbers(f"It returns {_described(result)}, not numbers.")
    return values


def _compare(task, found, expected, seed):
    """Look at one property after the other, in all cases."""
    sentences = [RUNS, LEAVES, SHAPE, *task.properties, VALUES]
    passed: list[str] = []
    for sentence in sentences:
        for number, (outcome, right) in enumerate(zip(found, expected, strict=True)):
            verdict = _look_at(task, sentence, outcome, right)
            if verdict is not True:
                hint = verdict or _diagnose(task, found, number, seed)
                hint = hint or _plain_hint(sentence, outcome, right)
                return Report(TRIED, tuple(passed), sentence, outcome.case, hint)
        passed.append(sentence)
    return Report(DONE, tuple(passed), values=tuple(outcome.values for outcome in found))


def _look_at(task, sentence, outcome, right):
    """Tell whether a property holds; those before it in the list do. A text is a hint: it fails."""
    if sentence == RUNS:
        return outcome.error is None
    if sentence == LEAVES:
        return not outcome.changed
    if sentence == SHAPE:
        return outcome.values.shape == right.values.shape
    if sentence == VALUES:
        return close(outcome.values, right.values)
    verdict = task.properties[sentence](np.asarray(outcome.values, float), *outcome.arguments)
    return verdict if isinstance(verdict, str) else bool(verdict)


def close(values: NDArray, right: Any) -> bool:
    """Tell whether values are right: whole numbers exactly, others up to float32's rounding."""
    right = np.asarray(right)
    if values.shape != right.shape:
        return False
    if right.dtype.kind in "biu" or right.size == 0:
        return np.array_equal(values, right)
    finite = np.abs(right[np.isfinite(right)])
    scale = finite.max() if finite.size else 0.0
    return np.allclose(values, right, rtol=1e-3, atol=1e-4 * scale + 1e-9, equal_nan=True)


def _diagnose(task, found, number, seed):
    """Return the hint of what an answer behaves like, or ""."""
    if all(outcome.returned and not outcome.changed for outcome in found):
        return "It returns what it was given."
    best, hint = 0, ""
    for wrong in task.wrong:
        if not _alike(found[number], _run_quietly(task, wrong, seed, number + 1)[-1]):
            continue
        count = sum(map(_alike, found, _run_quietly(task, wrong, seed)))
        if found[number].error and count < len(found):
            continue  # many slips raise the same error
        if count > best:
            best, hint = count, " ".join((inspect.getdoc(wrong) or "").split())
        if count == len(found):
            break
    if not hint and _is_constant(found):
        return "It returns the same, whatever it is given."
    return hint


def _is_constant(found):
    values = [outcome.values for outcome in found]
    if any(value is None or not np.isfinite(value).all() for value in values):
        return False
    same_number = len(np.unique(np.concatenate([value.ravel() for value in values]))) == 1
    return same_number or len({value.tobytes() for value in values}) == 1


def _alike(one, other):
    if one.error or other.error:
        return type(one.error) is type(other.error) and _words(one.error) == _words(other.error)
    return one.changed == other.changed and close(one.values, other.values)


def _words(error):
    """Return an error's message without its numbers."""
    return re.findall(r"[A-Za-z]+", str(error))


def _plain_hint(sentence, outcome, right):
    """Return what can be said where no wrong answer behaves like this one."""
    if sentence == RUNS:
        if isinstance(outcome.error, NoNumbers):
            return str(outcome.error)
        return _no_gradient_hint(outcome.error) or _raised(outcome.error)
    if sentence == LEAVES:
        return f"It changes {outcome.changed!r}, which others still need. Work on a copy."
    if sentence == SHAPE:
        return f"It returns the shape {outcome.values.shape}; {right.values.shape} is asked for."
    if not np.isfinite(outcome.values).all():
        return "Some values are NaN or infinite. Is something divided by zero?"
    return ""


def _raised(error):
    """Say what an answer has raised, and in which of its own lines."""
    _, *frames = traceback.extract_tb(error.__traceback__)
    own = [frame.line for frame in frames if frame.filename == frames[0].filename]
    where = f" (in the line: {own[-1]})" if own and own[-1] else ""
    message = (str(error).splitlines() or [""])[0][:200]
    return f"It raises {type(error).__name__}: {message}{where}"


def _no_gradient_hint(error):
    """Return a hint if an answer that takes a gradient has none, or ""."""
    codes = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)][1:]
    own = [code for code in codes if code.co_filename == codes[0].co_filename]
    if not any("gradient" in code.co_names for code in own):
        return ""
    if "None" in str(error):
        return _NO_GRADIENT
    # '_id' is what TensorFlow misses where it is given a NumPy array
    return _NO_TENSOR if "'_id'" in str(error) else ""


def _described(value):
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__} {tuple(shape)}" if shape is not None else type(value).__name__
