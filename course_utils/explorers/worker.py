"""One slow computation at a time, in a thread, so that sliders answer meanwhile."""

import sys
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple


class _Stopped(Exception):
    """Raised between two batches of a job whose result is no longer wanted."""


class _Job(NamedTuple):
    work: Hashable
    stopped: threading.Event


class Worker:
    """Runs the newest computation that was asked for; an older one ends at its next batch.

    Args:
        show: Called with a share from 0 to 1 as a computation goes on.
        finish: Called with (work, result), in the thread, for every computation that ran to its
            end, even one that is no longer wanted.
        fail: Called with (work, error), in the thread.
    """

    def __init__(self, show: Callable, finish: Callable, fail: Callable):
        self._show, self._finish, self._fail = show, finish, fail
        self._job: _Job | None = None
        self._threads: list[threading.Thread] = []

    def is_busy_with(self, work: Hashable) -> bool:
        """Tell whether this is what is being computed."""
        return self._job is not None and self._job.work == work

    def start(self, work: Hashable, compute: Callable[[Callable], Any]) -> None:
        """Compute something in a thread, in place of what is being computed.

        Args:
            work: Which computation it is.
            compute: Function that gets `progress`, a function that takes batches and yields them.
        """
        self.stop()
        job = self._job = _Job(work, threading.Event())
        self._show(0)
        if "google.colab" in sys.modules:
            self._run(job, compute)  # Colab shows nothing of what a thread sets: colabtools #3373
            return
        # Python waits for it at its end: TensorFlow aborts where a daemon's thread is cut off.
        thread = threading.Thread(target=self._run, args=(job, compute))
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def stop(self) -> None:
        """Let the computation end at its next batch."""
        if self._job:
            self._job.stopped.set()
            self._job = None

    def wait(self) -> None:
        """Wait until no thread computes any more."""
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            alive[0].join()

    def _run(self, job, compute):
        def progress(batches: Sequence) -> Iterable:
            for number, batch in enumerate(batches):
                _stop_at_exit()
                if job.stopped.is_set():
                    raise _Stopped
                self._show(number / len(batches))
                yield batch

        try:
            result = compute(progress)
            _stop_at_exit()
            self._finish(job.work, result)
        except _Stopped:
            pass
        except Exception as error:
            self._fail(job.work, error)


def _stop_at_exit():
    """Stop this thread's job when Python has come to its end and waits for its threads."""
    if not threading.main_thread().is_alive():
        raise _Stopped
