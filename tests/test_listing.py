"""Chapter 4.1's listing, which a reader pastes into an empty notebook."""

import re
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

import course_utils as cu
from course_utils.backend import keras

ROOT = Path(__file__).parents[1]


def test_the_listing_for_vgg16_stands_alone_and_agrees(tmp_path, monkeypatch):
    chapter = (ROOT / "notebooks/04_1_grad_cam.py").read_text(encoding="utf-8")
    listing = chapter.split("# Grad-CAM for VGG16, complete\n")[1].split("\n# %%")[0]
    here = re.compile(r"^# At home:\n# (path, .*)\n.*$", re.MULTILINE)
    at_home = here.search(listing)[1].replace('"imagenet"', "None")
    listing = here.sub(at_home, listing)
    assert "cu." not in listing and "course_utils" not in listing
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    Image.fromarray(cu.load_image("great_white_shark")).save("shark.jpg")
    names = {}
    exec(listing, names)

    preprocess_input = keras.applications.vgg16.preprocess_input
    classifier = cu.ImageClassifier("vgg16", names["vgg16"], preprocess_input)
    image = np.asarray(names["picture"])
    ours = cu.make_gradcam_heatmap(classifier, image, 2, "block5_conv3")
    expected = keras.ops.image.resize(ours[..., np.newaxis], (224, 224))[..., 0]
    np.testing.assert_allclose(names["heatmap"], expected, atol=1e-3)
