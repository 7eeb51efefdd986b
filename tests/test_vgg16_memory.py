"""Binder has 2 GB: chapters run under a limit (see conftest.py), and VGG16 fits as well."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_networks import write_legacy_weights

import course_utils as cu
from course_utils.backend import keras

ROOT = Path(__file__).parents[1]
DENSE = ("fc1", 25088, 4096), ("fc2", 4096, 4096), ("predictions", 4096, 1000)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc are Linux's")

# A chapter's cells with VGG16, whatever the chapter asks for. The limit on allocations is the test.
WITH_VGG16 = """
import os, resource, sys
os.environ["MPLBACKEND"] = "agg"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # as on Binder: without it convolutions take more
resource.setrlimit(resource.RLIMIT_DATA, (1_700_000_000, 1_700_000_000))
import course_utils as cu
from course_utils.networks import registry
chapter, weights = sys.argv[1:]
registry.fetch_file = lambda *_: weights
os.environ["COURSE_MODEL"] = "vgg16"
text = open(chapter, encoding="utf-8").read()
listing = "vgg16 = VGG16(weights=weights, input_shape=(side, side, 3), classifier_activation=None)"
assert text.count(listing) == 1  # a second VGG16 of 0.2 GB
text = text.replace(listing, "vgg16, side = classifier.logits_model, 224")
names = {}
exec(compile(text, chapter, "exec"), names)
print(names["classifier"])
"""


@pytest.fixture
def weights(tmp_path):
    """A file of VGG16's trained convolutions and dense layers of noise, 553 MB."""
    file, options = cu.weights_path("vgg16_no_top"), {"input_shape": (224, 224, 3)}
    model = keras.applications.VGG16(include_top=False, weights=file, **options)
    arrays, generator = {x.name: x.get_weights() for x in model.layers}, np.random.default_rng(0)
    for name, num_inputs, units in DENSE:
        kernel = generator.standard_normal((num_inputs, units), np.float32)
        kernel *= np.sqrt(2 / num_inputs)
        arrays[name] = [kernel, np.zeros(units, np.float32)]
    write_legacy_weights(tmp_path / "vgg16.h5", arrays)
    yield tmp_path / "vgg16.h5"
    (tmp_path / "vgg16.h5").unlink()


def test_vgg16_runs_chapter_4_1_in_1_7_gb(weights):
    path = ROOT / "notebooks/04_1_grad_cam.py"
    command = [sys.executable, "-W", "ignore", "-c", WITH_VGG16, path, weights]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "<ImageClassifier vgg16: 138,357,544 parameters>"
