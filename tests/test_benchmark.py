"""The benchmark's arithmetic. How fast something is, no test decides."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import course_utils as cu
from course_utils.gradcam import feature_maps_and_gradients

PATH = Path(__file__).parents[1] / "benchmarks" / "run.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "seconds, words",
    [(0.00213, "2.13 ms"), (0.0284, "28.4 ms"), (0.45, "450 ms"), (9.7, "9.70 s"), (12, "12.0 s")],
)
def test_durations_in_words(bench, seconds, words):
    assert bench.in_words(seconds) == words


@pytest.mark.parametrize(
    "theirs, ratio, met",
    [(1.625, "13.0", "yes"), (1.5, "12.0", "yes"), (1.125, "9.0", "no, misses by 25%")],
)
def test_comparison(bench, theirs, ratio, met):
    row = bench.Comparison("call", [theirs, 99, 0], [0.1, 0.125, 3], 12)
    assert row.cells == ("call", bench.in_words(theirs), "125 ms", ratio, "12", met)


@pytest.mark.parametrize(
    "ours, ratio, met", [(0.11, "1.10", "yes"), (0.18, "1.80", "no, misses by 50%")]
)
def test_limit(bench, ours, ratio, met):
    row = bench.Limit("call", [0.1], [ours], 1.2)
    assert row.cells == ("call", "100 ms", bench.in_words(ours), ratio, "1.2", met)


@pytest.mark.parametrize(
    "ours, more, met", [(1.5, "+0.50 s", "yes"), (2.5, "+1.50 s", "no, misses by 0.50 s")]
)
def test_first_call(bench, ours, more, met):
    row = bench.FirstCall("call", [1.0], [ours], [3.0], 1.0)
    assert row.cells[3:] == (more, "+1.00 s", met, "3.00 s")


@pytest.mark.parametrize("slow, met", [(0.012, "yes"), (0.0225, "no, misses by 50%")])
def test_reaction(bench, slow, met):
    row = bench.Reaction("move", [0.01] * 90 + [slow] * 10, 0.015)
    assert row.cells == ("move", "10.0 ms", bench.in_words(slow), "15.0 ms", met)


def test_usual_way(bench):
    assert bench.Usual("way", [4.0], [0.01]).cells == ("way", "4.00 s", "10.0 ms", "400")


def test_memory(bench):
    assert bench.Memory(1000, 800_000_000, 812_000_000).cells == ("1000", "800 MB", "812 MB")


def test_every_call_gets_another_picture_and_both_take_turns(bench):
    calls = []
    theirs, ours = bench.take_turns(
        lambda i: calls.append(("theirs", i)),
        lambda i: calls.append(("ours", i)),
        turns=2,
        ours_per_turn=2,
        warm_up=3,
    )
    names, numbers = zip(*calls, strict=True)
    assert names == ("ours",) * 3 + ("theirs",) + ("theirs", "ours", "ours") * 2
    assert len(set(numbers)) == len(numbers)
    assert (len(theirs), len(ours)) == (2, 4)


def test_the_yardstick_runs_the_folded_network_as_ours_does(bench, embedded, monkeypatch):
    """Unfolded it takes longer, and would hide that much of a slowdown of ours."""
    monkeypatch.setattr(bench, "take_turns", lambda *functions, **_: functions)
    pictures, runs = bench.Pictures(), []
    [row] = bench.yardstick_rows(embedded, pictures)
    run = cu.ImageClassifier.run
    monkeypatch.setattr(cu.ImageClassifier, "run", lambda *args: runs.append(args) or run(*args))
    maps, gradients = row.yardstick(0)
    assert len(runs) == 1  # traced once
    expected = feature_maps_and_gradients(embedded, pictures[0], bench.CAT)
    np.testing.assert_allclose(maps[0], expected[0], atol=1e-4)
    np.testing.assert_allclose(gradients[0], expected[1], atol=1e-6)


def test_table(bench):
    rows = [bench.Comparison("a", [1.0], [0.1], 5), bench.Comparison("b", [1.0], [0.1], 20)]
    lines = bench.to_markdown(rows).splitlines()
    assert lines[0] == "| call | tf-keras-vis | ours | times faster | to reach | met |"
    assert [line.count("|") for line in lines] == [7] * 4
    assert lines[3] == "| b | 1.00 s | 100 ms | 10.0 | 20 | no, misses by 50% |"


def test_spread(bench):
    assert bench.spread([1.0, 2.0, 4.0, 6.0, 8.0]) == 0.5


def test_machine(bench):
    line = bench.describe_machine()
    assert "tf-keras-vis 0." in line and "TensorFlow 2." in line and "cores" in line
