"""Runs a handed-in notebook behind a fence, and asks it.

In: the sources of its cells. Out: a `Run`, whose `ask` sends a line to `hand_in` in there and
returns the line that comes back.

The fence is bubblewrap (`bwrap`, Linux): no network, nobody's files but Python's and the course's,
which cannot be changed, no other processes, an empty folder in memory. When the process ends, all
that it has started ends with it. A thread here watches time, memory and the number of processes.
"""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

import course_exercises
import course_utils

_PACKAGES = [Path(package.__path__[0]) for package in (course_utils, course_exercises)]
_SYSTEM = "/usr /bin /sbin /lib /lib64 /etc/alternatives /etc/fonts /etc/ld.so.cache /etc/localtime"
_HOME = "/notebook"
_DISK = 100_000_000  # bytes in each folder that a notebook can write to
_MOST_PROCESSES = 100
_RESERVE = 2e9  # bytes for two more processes, and for the examination
_LONGEST_LINE = 20_000_000  # bytes, more than any right answer has
_COMMAND = [sys.executable, "-m", "course_exercises.hand_in"]


def fence() -> list[str]:
    """Return the beginning of a command line that fences in the command which follows it."""
    python = [sys.prefix, sys.base_prefix, Path(sys.executable).resolve().parents[1]]
    seen = dict.fromkeys(map(str, [*_SYSTEM.split(), *python, *_PACKAGES]))
    size = ["--size", str(_DISK), "--tmpfs"]
    return [
        *"bwrap --unshare-all --die-with-parent --new-session --cap-drop ALL".split(),
        *"--proc /proc --dev /dev --remount-ro /dev".split(),
        *[*size, "/dev/shm", *size, "/tmp", *size, _HOME],
        *(word for folder in seen for word in ("--ro-bind-try", folder, folder)),
        *f"--remount-ro / --chdir {_HOME} --".split(),
    ]


def environment(home: str) -> dict[str, str]:
    """Return all the environment variables that a notebook gets."""
    return {
        "HOME": home,
        "TMPDIR": home,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": ":".join(str(package.parent) for package in _PACKAGES),
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "COURSE_OFFLINE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PIP_NO_INDEX": "1",  # a line `!pip install ...` ends at once
    }


@cache
def missing_fence() -> str:
    """Return why there is no fence on this computer, or ""."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed (for Linux: apt install bubblewrap)"
    command = [*fence(), sys.executable, "-c", "import course_exercises.hand_in"]
    run = subprocess.run(command, env=environment(_HOME), capture_output=True, text=True)
    return "".join(run.stderr.splitlines()[-1:]) if run.returncode else ""


class Run:
    """A notebook that runs in a process of its own. What it says is never believed.

    Attributes:
        end: Why it has ended, or "".
    """

    def __init__(self, seconds: float, gigabytes: float):
        """Start the process; see `grade.grade_folder` for its limits."""
        self._seconds, self._most_bytes = seconds, gigabytes * 1e9 + _RESERVE
        self.end = ""
        self._deadline = math.inf
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        fenced = not missing_fence()
        self._process: Any = subprocess.Popen(
            [*fence(), *_COMMAND] if fenced else _COMMAND,
            env=environment(_HOME if fenced else self._folder.name),
            cwd=self._folder.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._root = psutil.Process(self._process.pid)
        Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop("")
        self._process.wait()
        with suppress(OSError), self._process.stdin, self._process.stdout:
            self._folder.cleanup()

    def ask(self, **message: Any) -> dict:
        """Send a line of JSON and return the one that comes back; {} if none comes, see `end`."""
        self._deadline = time.monotonic() + self._seconds
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline(_LONGEST_LINE))
        except (OSError, ValueError, RecursionError):
            answer = {}
        self._deadline = math.inf
        if not isinstance(answer, dict) or not answer:
            self.stop("ended before it answered")
            return {}
        return answer

    def stop(self, reason: str) -> None:
        """End the process with all that it has started."""
        self.end = self.end or reason
        for process in self._family():
            with suppress(OSError, psutil.Error):  # it has just ended
                if process.is_running():  # and no other has its number
                    os.killpg(os.getpgid(process.pid), signal.SIGKILL)

    def _family(self):
        """Return the process and all that it has started."""
        with suppress(psutil.Error):
            return [self._root, *self._root.children(recursive=True)]
        return []

    def _watch(self):
        while self._process.poll() is None:
            family = self._family()
            if time.monotonic() > self._deadline:
                self.stop(f"stopped after {self._seconds:g} s")
            elif len(family) > _MOST_PROCESSES:
                self.stop("starts too many processes")
            elif _memory(family) > self._most_bytes:
                self.stop("takes too much memory")
            time.sleep(0.1)


def _memory(family):
    """Return how many bytes of memory processes take together."""
    total = 0
    for process in family:
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total
