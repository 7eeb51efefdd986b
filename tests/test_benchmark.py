"""The benchmark's arithmetic. How fast something is, no test decides."""

import sys
from pathlib import Path

import numpy as np
import pytest

from course_utils.methods.class_activation import maps_and_gradients

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import run as bench  # noqa: E402


@pytest.mark.parametrize(
    "seconds, words",
    [(0.00213, "2.13 ms"), (0.0284, "28.4 ms"), (0.45, "450 ms"), (9.7, "9.70 s"), (12, "12.0 s")],
)
def test_durations_in_words(seconds, words):
    assert bench.in_words(seconds) == words


@pytest.mark.parametrize(
    "row, cells",
    [
        (
            bench.Comparison("call", [1.625, 99, 0], [0.1, 0.125, 3], 12),
            ("call", "1.62 s", "125 ms", "13.0", "12", "yes"),
        ),
        (
            bench.Comparison("call", [1.125], [0.125], 12),
            ("call", "1.12 s", "125 ms", "9.0", "12", "no, misses by 25%"),
        ),
        (
            bench.Limit("call", [0.1], [0.11], 1.2),
            ("call", "100 ms", "110 ms", "1.10", "1.2", "yes"),
        ),
        (
            bench.Limit("call", [0.1], [0.15], 1.2),
            ("call", "100 ms", "150 ms", "1.50", "1.2", "no, misses by 25%"),
        ),
        (
            bench.FirstCall("call", [1.0], [2.5], [0.1], 1),
            ("call", "1.00 s", "2.50 s", "+1.50 s", "+1.00 s", "no, misses by 0.50 s", "100 ms"),
        ),
        (
            bench.Reaction("move", [0.01] * 99 + [9], 0.015),
            ("move", "10.0 ms", "10.0 ms", "15.0 ms", "yes"),
        ),
        (
            bench.Reaction("move", [0.01] * 90 + [0.018] * 10, 0.015),
            ("move", "10.0 ms", "18.0 ms", "15.0 ms", "no, misses by 20%"),
        ),
        (bench.Usual("way", [4.0], [0.01]), ("way", "4.00 s", "10.0 ms", "400")),
        (bench.Memory(1000, 800_000_000, 812_000_000), ("1000", "800 MB", "812 MB")),
    ],
)
def test_a_row_says_what_was_measured_and_whether_it_will_do(row, cells):
    assert row.cells == cells
    assert bench.to_markdown([row]).splitlines()[2] == f"| {' | '.join(cells)} |"


def test_every_call_gets_another_picture_and_both_take_turns():
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


def test_the_yardstick_computes_what_ours_does(embedded, monkeypatch):
    monkeypatch.setattr(bench, "take_turns", lambda *functions, **_: functions)
    pictures = bench.Pictures()
    [row] = bench.yardstick_rows(embedded, pictures)
    maps, gradients = row.yardstick(0)
    expected = maps_and_gradients(embedded, pictures[0], bench.CAT)
    np.testing.assert_allclose(maps[0], expected[0], atol=1e-4)
    np.testing.assert_allclose(gradients[0], expected[1], atol=1e-6)


def test_spread():
    assert bench.spread([1.0, 2.0, 4.0, 6.0, 8.0]) == 0.5
