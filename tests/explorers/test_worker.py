"""One computation at a time: the newest wins, an older one ends at its next batch."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from course_utils.explorers.worker import Worker


class Log:
    """A worker, what it has reported, and computations of three batches that wait at a gate."""

    def __init__(self):
        self.shares, self.results, self.errors, self.batches = [], [], [], []
        self.reached, self.go = threading.Event(), threading.Event()
        self.worker = Worker(
            self.shares.append,
            lambda work, result: self.results.append((work, result)),
            lambda work, error: self.errors.append((work, str(error))),
        )

    def start(self, work):
        def compute(progress):
            for batch in progress(range(3)):
                self.reached.set()
                assert self.go.wait(60)
                self.batches.append((work, batch))
            return work.upper()

        self.worker.start(work, compute)

    def finish(self):
        self.go.set()
        self.worker.wait()


@pytest.fixture
def log():
    log = Log()
    yield log
    log.finish()


def test_a_result_and_the_shares_on_the_way(log):
    log.start("a")
    assert log.worker.is_busy_with("a") and not log.worker.is_busy_with("b")
    log.finish()
    assert log.results == [("a", "A")] and log.errors == []
    assert log.shares == pytest.approx([0, 0, 1 / 3, 2 / 3])


def test_an_older_computation_ends_at_its_next_batch(log):
    log.start("a")
    assert log.reached.wait(60)
    log.start("b")
    assert log.worker.is_busy_with("b")
    log.finish()
    assert log.results == [("b", "B")]
    assert [batch for batch in log.batches if batch[0] == "a"] in ([], [("a", 0)])


def test_a_stopped_one_reports_nothing(log):
    log.start("a")
    assert log.reached.wait(60)
    log.worker.stop()
    assert not log.worker.is_busy_with("a")
    log.finish()
    assert (log.results, log.errors) == ([], [])


def test_what_runs_to_its_end_is_reported_though_nobody_waits(log):
    """Its work is done: it would be a waste to drop it."""
    log.worker.start("a", lambda progress: log.reached.set() or log.go.wait(60))
    assert log.reached.wait(60)
    log.worker.stop()
    log.finish()
    assert log.results == [("a", True)]


def test_an_error_is_reported(log):
    log.worker.start("a", lambda progress: 1 / 0)
    log.finish()
    assert log.errors == [("a", "division by zero")] and log.results == []


def test_on_colab_there_is_no_thread(log, monkeypatch):
    """Colab's page would not learn of it: https://github.com/googlecolab/colabtools/issues/3373."""
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr(threading.Thread, "start", None)
    log.go.set()
    log.start("a")
    assert log.results == [("a", "A")]


ENDS_WHILE_COMPUTING = """
import atexit, itertools, time
from course_utils.explorers.worker import Worker

def compute(progress):
    for batch in progress(range(10**9)):
        time.sleep(0.01)

reported = []
worker = Worker(lambda share: None, *2 * [lambda *report: reported.append(report)])
worker.start("a", compute)
atexit.register(lambda: print("reported:", reported))
"""


def test_python_ends_while_a_thread_computes():
    command = [sys.executable, "-c", ENDS_WHILE_COMPUTING]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "reported: []\n"), ran.stderr
