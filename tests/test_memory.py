"""Binder has 2 GB: chapters run under a limit (see conftest.py), and VGG16 fits as well."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc are Linux's")

# A chapter's cells with VGG16, whatever the chapter asks for. A limit on all that is allocated: a
# peak that nobody could have seen between two looks counts as well.
WITH_VGG16 = """
import os, resource, sys
os.environ["MPLBACKEND"] = "agg"
resource.setrlimit(resource.RLIMIT_DATA, (1_700_000_000, 1_700_000_000))
import course_utils as cu
load_classifier = cu.load_classifier
cu.load_classifier = lambda *_: load_classifier("vgg16", weights="random")
text = open(sys.argv[1], encoding="utf-8").read()
copying = "GradcamPlusPlus(model, model_modifier=ReplaceToLinear(), clone=True)"
assert text.count(copying) == 1  # tf-keras-vis's copy of VGG16 takes 0.6 GB more
text = text.replace(copying, "GradcamPlusPlus(classifier.logits_model, clone=False)")
names = {}
exec(compile(text, sys.argv[1], "exec"), names)
print(names["classifier"])
status = open("/proc/self/status").read()
print("VmHWM kB:", status.split("VmHWM:")[1].split()[0])
"""


def test_a_cell_that_takes_too_much_memory_fails(tmp_path):
    shutil.copy(ROOT / "conftest.py", tmp_path)
    cells = ["import numpy as np", "np.ones(300_000_000).sum()"]  # 2.4 GB
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "large.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "large.ipynb"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 1 and "1 failed, 1 passed" in ran.stdout, ran.stdout
    assert "MemoryError" in ran.stdout and "GB of 1.70 GB allowed" in ran.stdout


def test_vgg16_runs_chapter_4_1_in_1_7_gb():
    path = ROOT / "notebooks/04_1_grad_cam.py"
    command = [sys.executable, "-W", "ignore", "-c", WITH_VGG16, path]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    *_, classifier, peak = ran.stdout.splitlines()
    assert classifier == "<ImageClassifier vgg16: 138,357,544 parameters>"
    assert int(peak.removeprefix("VmHWM kB: ")) * 1024 < 1_700_000_000
