"""What a student sees of a check, and what a check is not fooled by."""

import re
import sys

import numpy as np
import pytest

import course_utils as cu
from course_exercises import check as check_module
from course_exercises.check import examine_answer
from course_exercises.examine import DONE, LEAVES, RUNS, SHAPE, TRIED, VALUES
from course_exercises.task import list_tasks


@pytest.fixture(autouse=True)
def fresh_sheet(monkeypatch):
    monkeypatch.setattr(check_module, "_status", {})


def area(values):
    """The right answer to task 7b."""
    return np.trapezoid(values) / (len(values) - 1)


def open_task(values):
    raise NotImplementedError


def test_a_right_answer_is_done(capsys):
    cu.check("7b", area)
    printed = capsys.readouterr().out
    assert re.fullmatch(r"7b One number for a curve: done\. \(seed \d+\)\n", printed)


def test_a_wrong_answer_hears_what_holds_what_fails_and_why(capsys):
    cu.check("7b", np.mean, seed=5)
    head, *holding, fails, hint = capsys.readouterr().out.splitlines()
    assert head == "7b One number for a curve: not yet. (seed 5)"
    assert holding[0] == f"  ok     {RUNS}" and f"  ok     {SHAPE}" in holding
    assert fails.startswith(f"  FAILS  {VALUES}, for ")
    assert hint.startswith("  Hint:  That is the mean of the values.")


def test_each_check_has_new_arrays_unless_it_is_repeated(capsys):
    seen = []

    def spy(values):
        seen.append(values.tobytes())
        return area(values)

    for seed in (None, None, 7, 7):
        seen.append("next")
        cu.check("7b", spy, seed=seed)
    one, other, seventh, again = " ".join(map(str, seen)).split("next")[1:]
    assert one != other and seventh.strip() == again.strip()
    assert len(set(re.findall(r"seed (\d+)", capsys.readouterr().out))) == 3


def test_the_sheet_tells_what_is_done_tried_and_open(capsys):
    cu.check("7a", lambda *arguments: open_task(1))
    cu.check("7b", area)
    cu.check("7b", np.mean)  # what is done stays done
    cu.check("7c", np.mean)
    capsys.readouterr()
    cu.check()
    *rows, count = capsys.readouterr().out.splitlines()
    assert [row.split()[-0] for row in rows] and len(rows) == len(list_tasks())
    marks = {row[4:].split()[0]: row[:3] for row in rows}
    assert (marks["7a"], marks["7b"], marks["7c"], marks["2a"]) == ("[ ]", "[x]", "[-]", "[ ]")
    assert count.startswith(f"1 of {len(list_tasks())} done.")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("7d", area), r"no task '7d'\. There are: 2a, "),
        (("4.1A", area), r"Did you mean '4\.1a'"),
        ((7, area), "There is no task 7"),
        (("7b",), r"check\('7b', area\)"),
    ],
)
def test_a_slip_says_what_is_right(arguments, message):
    with pytest.raises(ValueError, match=message):
        cu.check(*arguments)


# What an answer may do

MAPS = "4.1a"


def right(maps, gradients):
    heatmap = np.maximum(maps @ gradients.mean(axis=(0, 1)), 0)
    return heatmap / (heatmap.max() or 1)


def changes_its_input(maps, gradients):
    heatmap = right(maps, gradients)
    gradients -= 1
    return heatmap


buffer = np.zeros(10_000)


def reuses_its_array(maps, gradients):
    """The same memory for every result; each check must look at it at once."""
    heatmap = right(maps, gradients)
    result = buffer[: heatmap.size].reshape(heatmap.shape)
    result[:] = heatmap
    return result


def calls_the_course(maps, gradients):
    return cu.METHODS["grad_cam"].formula(maps, gradients)


imported_long_ago = cu.METHODS["grad_cam"].formula


def calls_an_old_name(maps, gradients):
    return right(imported_long_ago(maps, gradients)[..., None], gradients[..., :1])


def imports_it_inside(maps, gradients):
    from course_utils.methods import table

    return table.METHODS["grad_cam"].formula(maps, gradients)


def divides(maps, gradients):
    return 1 / 0


def returns_text(maps, gradients):
    return "heatmap"


def returns_ragged(maps, gradients):
    return [[1, 2], [3]]


def slightly_wrong(maps, gradients):
    return right(maps, gradients) + 0.01


def one_axis_too_many(maps, gradients):
    return right(maps, gradients)[np.newaxis]


def right_but_in_one_case(maps, gradients):
    return right(maps, gradients) if maps.min() >= 0 else np.zeros(maps.shape[:2])


@pytest.mark.parametrize(
    "answer, status, failed, hint",
    [
        (right, DONE, "", ""),
        (reuses_its_array, DONE, "", ""),
        (changes_its_input, TRIED, LEAVES, "It changes 'gradients'"),
        (calls_the_course, TRIED, "it is your own work", "course_utils is the course's own"),
        (calls_an_old_name, TRIED, "it is your own work", "grad_cam is the course's own"),
        (imports_it_inside, TRIED, "it is your own work", "course_utils.methods is the course's"),
        (
            lambda *a: calls_an_old_name(*a),
            TRIED,
            "it is your own work",
            "grad_cam is the course's",
        ),
        (imported_long_ago, TRIED, "it is your own work", "grad_cam is the course's own"),
        (cu.compute_saliency_map, TRIED, "it is your own work", "compute_saliency_map is the"),
        (divides, TRIED, RUNS, r"It raises ZeroDivisionError: .* \(in the line: return 1 / 0\)"),
        (lambda *_: sys.exit(), TRIED, RUNS, "It raises SystemExit"),
        (lambda maps: maps, TRIED, RUNS, "It raises TypeError: .* positional argument"),
        (returns_text, TRIED, RUNS, "It returns str, not numbers"),
        (returns_ragged, TRIED, RUNS, "No array can be made of list"),
        (slightly_wrong, TRIED, "no value is above 1", ""),
        (right_but_in_one_case, TRIED, VALUES, ""),
        (one_axis_too_many, TRIED, SHAPE, r"\(1, 7, 7\); \(7, 7\)"),
        (open_task, TRIED, RUNS, "It raises TypeError"),
        (np.ones((2, 2)), TRIED, "it is a function", r"parentheses, not ndarray \(2, 2\)"),
    ],
)
def test_what_an_answer_may_do(answer, status, failed, hint):
    report = examine_answer(MAPS, answer, seed=3)
    assert (report.status, report.failed) == (status, failed), report
    assert re.search(hint, report.hint), report


def softmax_off_for_everyone(model):
    model.layers[-1].activation = None
    return model


def all_nan(logits):
    return np.full(logits.shape, np.nan)


def samples_with(smooth, least, seeds=(0, 1), again=0):
    count = 1
    while True:
        one, other = (smooth(count, seed).ravel() for seed in seeds)
        if np.corrcoef(one, other)[0, 1] >= least:
            break
        count *= 2
    for _ in range(again):
        smooth(count, 0)
    return count


def samples_from_one_seed(smooth, least):
    return samples_with(smooth, least, seeds=(1, 1))


def samples_in_many_calls(smooth, least):
    return samples_with(smooth, least, again=3)


def samples_without_end(smooth, least):
    while True:
        smooth(2, 0)


def forgets_to_watch(model, inputs, class_index):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        logit = model(inputs)[0, class_index]
    return np.abs(tape.gradient(logit, inputs)[0])


def predicts(model, inputs, class_index):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logit = model.predict(inputs, verbose=0)[0, class_index]
    return np.abs(tape.gradient(logit, inputs)[0])


def head_without_weights(model, kernel, bias):
    import keras

    head = keras.layers.Dense(len(bias), activation="softmax")
    return keras.Model(model.input, head(model.layers[-1].input))


def head_on_a_fresh_clone(model, kernel, bias):
    import keras

    clone = keras.models.clone_model(model)
    network = head_without_weights(clone, kernel, bias)
    network.layers[-1].set_weights([kernel, bias])
    return network


def the_same_filter(kernels):
    return 2, 2


@pytest.mark.parametrize(
    "task, answer, failed, hint",
    [
        ("4.0a", all_nan, "all values are numbers", "Some values are NaN"),
        ("4.0b", softmax_off_for_everyone, LEAVES, "You took the softmax off"),
        ("4.2a", forgets_to_watch, RUNS, "The gradient is None: .* `tape.watch`"),
        ("4.2a", predicts, RUNS, r"The tape follows tensors only\. `model.predict"),
        ("4.2b", samples_from_one_seed, "it compares the seeds", "Both maps have the same seed"),
        ("4.2b", samples_in_many_calls, "it makes no call more", r"`smooth` \d+ times; \d+ would"),
        ("4.2b", samples_without_end, RUNS, "100 calls and no end"),
        ("8a", head_without_weights, RUNS, "new head has random weights"),
        ("8a", head_on_a_fresh_clone, RUNS, "`clone_model` copies no weights"),
        ("2c", the_same_filter, "they are two filters", "Both are the same filter"),
    ],
)
def test_a_slip_hears_its_own_hint(task, answer, failed, hint):
    report = examine_answer(task, answer, seed=3)
    assert report.status == TRIED and report.failed.startswith(failed), report
    assert re.search(hint, report.hint), report


def test_nothing_is_told_of_the_right_values(capsys):
    """A report names the case and shapes, but no value: the same words whatever the arrays are."""
    texts = set()
    for seed in range(3):
        cu.check(MAPS, slightly_wrong, seed=seed)
        printed = re.sub(r"seed \d+", "", capsys.readouterr().out)
        texts.add(re.sub(r"\d+ x \d+ places and \d+ channels", "", printed))
    (text,) = texts
    assert not re.search(r"\d\.\d{2}|\[", text)
