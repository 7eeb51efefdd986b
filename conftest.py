"""The environment of every test and of every chapter's kernel: a lesson without a network.

Chapters run under a memory limit, since a Binder session has 2 GB for the kernel and JupyterLab.
"""

import os
import re
import sys
from pathlib import Path

import matplotlib.font_manager  # noqa: F401  lists the fonts now: in a chapter it would be printed
import pytest

# Before anything imports TensorFlow; the kernels that nbval starts inherit it.
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", COURSE_MODEL="embedded", COURSE_OFFLINE="1")
os.environ.pop("MPLBACKEND", None)  # a value from the shell would change what a chapter shows

KERNEL_BYTES = 1_700_000_000
_peaks = {}  # bytes of memory, by chapter


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Run a chapter's cell under the limit, which alone decides; note what its kernel has used."""
    kernel = getattr(item.parent, "kernel", None)
    if kernel is None or sys.platform != "linux":
        return (yield)
    import resource

    pid = kernel.km.provisioner.pid
    resource.prlimit(pid, resource.RLIMIT_DATA, (KERNEL_BYTES, KERNEL_BYTES))
    result = yield
    _peaks[item.path.stem] = peak_memory(pid)
    return result


def peak_memory(pid):
    """Return the most memory that a process has held so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def pytest_sessionfinish(session):
    """Hand the peaks over, from a process that runs a part of the tests."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peaks"] = _peaks


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Take what such a process has handed over."""
    _peaks.update(getattr(node, "workeroutput", {}).get("peaks", {}))


def pytest_terminal_summary(terminalreporter):
    """Print each chapter's peak."""
    if _peaks:
        terminalreporter.section("memory of the chapters' kernels")
        for chapter, peak in _peaks.items():
            terminalreporter.line(
                f"{chapter:34s} {peak / 1e9:.2f} GB of {KERNEL_BYTES / 1e9:.2f} GB allowed"
            )
