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
        self.reports, self.batches = [], []
        self.reached, self.go = threading.Event(), threading.Event()
        self.worker = Worker(lambda share: None, self.report, self.report)

    def report(self, work, result):
        self.reports.append((work, str(result)))

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


@pytest.mark.parametrize("newer", ["b", None])
def test_an_older_computation_ends_at_its_next_batch_and_reports_nothing(log, newer):
    log.start("a")
    assert log.reached.wait(60)
    assert log.worker.is_busy_with("a")
    log.start(newer) if newer else log.worker.stop()
    assert (log.worker.is_busy_with("a"), log.worker.is_busy_with("b")) == (False, bool(newer))
    log.finish()
    assert log.reports == ([("b", "B")] if newer else [])
    assert [batch for work, batch in log.batches if work == "a"] == [0]


def test_what_runs_to_its_end_is_reported_though_nobody_waits(log):
    """Its work is done: it would be a waste to drop it."""
    log.worker.start("a", lambda progress: log.reached.set() or log.go.wait(60))
    assert log.reached.wait(60)
    log.worker.stop()
    log.finish()
    assert log.reports == [("a", "True")]


def test_on_colab_there_is_no_thread(log, monkeypatch):
    """Colab's page would not learn of it: https://github.com/googlecolab/colabtools/issues/3373."""
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr(threading.Thread, "start", None)
    log.go.set()
    log.start("a")
    log.worker.start("b", lambda progress: 1 / 0)
    assert log.reports == [("a", "A"), ("b", "division by zero")]


ENDS_WHILE_COMPUTING = """
import atexit, threading, time
from course_utils.explorers.worker import Worker

def compute(progress):
    for batch in progress(range(10**9)):
        time.sleep(0.01)

reported = []
worker = Worker(lambda share: None, *2 * [lambda *report: reported.append(report)])
worker.start("a", compute)
atexit.register(lambda: print(reported, threading.active_count()))
"""


def test_python_ends_while_a_thread_computes():
    """It waits for the thread's batch: TensorFlow aborts where a thread is cut off."""
    command = [sys.executable, "-c", ENDS_WHILE_COMPUTING]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "[] 1\n"), ran.stderr
