"""The memory is bounded by bytes, and the newest entry is always there."""

import numpy as np
import pytest

from course_utils.backend import tf
from course_utils.engine import memory


@pytest.fixture(autouse=True)
def small_memory(monkeypatch):
    monkeypatch.setattr(memory, "LIMIT", 1000)
    monkeypatch.setattr(memory, "_entries", type(memory._entries)())


def test_what_was_not_used_for_longest_makes_room():
    for key in "abc":
        memory.keep(key, [np.zeros(50, np.float32), {"x": tf.zeros(30)}])  # 320 bytes
    assert memory.recall("a") is not None
    memory.keep("d", np.zeros(80, np.float32))
    assert [memory.recall(key) is not None for key in "abcd"] == [True, False, True, True]


def test_a_value_larger_than_the_memory_stays_until_another_comes():
    memory.keep("large", np.zeros(500, np.float32))
    assert memory.recall("large") is not None
    memory.keep("small", True)
    assert memory.recall("large") is None and memory.recall("small") is True
