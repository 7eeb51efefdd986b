"""Binder has 2 GB: chapters run under a limit (see conftest.py), and VGG16 fits as well."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc are Linux's")

# A chapter's cells with VGG16, whatever the chapter asks for. The limit on what may be allocated is
# the test: a peak that nobody sees between two looks counts as well.
WITH_VGG16 = """
import os, resource, sys
os.environ["MPLBACKEND"] = "agg"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # as on Binder: without it convolutions take more
resource.setrlimit(resource.RLIMIT_DATA, (1_700_000_000, 1_700_000_000))
import course_utils as cu
load_classifier = cu.load_classifier
cu.load_classifier = lambda *_: load_classifier("vgg16", weights="random")
text = open(sys.argv[1], encoding="utf-8").read()
listing = "vgg16 = VGG16(weights=weights, input_shape=(side, side, 3), classifier_activation=None)"
assert text.count(listing) == 1  # a second VGG16 of 0.2 GB
text = text.replace(listing, "vgg16, side = classifier.logits_model, 224")
names = {}
exec(compile(text, sys.argv[1], "exec"), names)
print(names["classifier"])
"""


def test_vgg16_runs_chapter_4_1_in_1_7_gb():
    path = ROOT / "notebooks/04_1_grad_cam.py"
    command = [sys.executable, "-W", "ignore", "-c", WITH_VGG16, path]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "<ImageClassifier vgg16: 138,357,544 parameters>"
