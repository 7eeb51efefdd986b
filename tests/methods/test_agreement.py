"""Our maps beside those of tf-keras-vis, before either is stretched over the picture."""

import gc
import warnings

import numpy as np
import pytest

import course_utils as cu
from course_utils.backend import keras
from course_utils.engine.runner import to_array
from course_utils.networks.classifier import runner_of

with warnings.catch_warnings(action="ignore"):  # SciPy's, of a module that tf-keras-vis uses
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

# tf-keras-vis calls models with a list of inputs, and Keras and SciPy say what they think of it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
    pytest.mark.filterwarnings("ignore:.*scipy.ndimage:DeprecationWarning"),
]

THEIRS = {"grad_cam": Gradcam, "grad_cam++": GradcamPlusPlus, "layer_cam": Layercam}
SAME_FORMULA = ["grad_cam", "layer_cam"]
LAST_CONV = "top_conv"  # the one that tf-keras-vis takes unless told otherwise


@pytest.fixture(scope="module")
def vgg16():
    model = keras.applications.VGG16(weights=None)
    yield cu.ImageClassifier("vgg16", model, keras.applications.vgg16.preprocess_input)
    gc.collect()  # its 550 MB, before the tests that follow


def correlation(first, second):
    assert first.shape == second.shape
    return np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]


def their_heatmap(classifier, image, class_index, layer_name, method):
    method = THEIRS[method](classifier.logits_model, clone=False)
    return method(
        CategoricalScore([class_index]),
        classifier.preprocess(image),
        penultimate_layer=layer_name,
        seek_penultimate_conv_layer=False,
        expand_cam=False,
    )[0]


def heatmap_agreement(classifier, image, class_index, layer_name, method):
    ours = cu.make_gradcam_heatmap(classifier, image, class_index, layer_name, method)
    theirs = their_heatmap(classifier, image, class_index, layer_name, method)
    return correlation(ours, theirs)


def saliency_agreement(classifier, image, class_index):
    ours = cu.compute_saliency_map(classifier, image, class_index)
    saliency = Saliency(classifier.logits_model, clone=False)
    theirs = saliency(CategoricalScore([class_index]), classifier.preprocess(image))[0]
    return correlation(ours, theirs)


@pytest.mark.parametrize("method", SAME_FORMULA)
@pytest.mark.parametrize(
    "layer_name", ["top_activation", "top_conv", "block5c_add", "block3b_expand_activation"]
)
@pytest.mark.parametrize("class_index", [285, 967])
def test_heatmap_on_the_embedded_network(embedded, class_index, layer_name, method):
    image = cu.load_image("cat_and_coffee")
    assert heatmap_agreement(embedded, image, class_index, layer_name, method) >= 0.9999


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_saliency_on_the_embedded_network(embedded, name):
    image = cu.load_image(name)
    assert saliency_agreement(embedded, image, 285) >= 0.9999


@pytest.mark.parametrize("method", SAME_FORMULA)
def test_as_the_tutorial_calls_it(embedded, chelsea, method):
    """A copy of the network, its softmax replaced, the last convolution sought by tf-keras-vis."""
    theirs = THEIRS[method](embedded.model, model_modifier=ReplaceToLinear(), clone=True)(
        CategoricalScore([285]),
        embedded.preprocess(chelsea),
        penultimate_layer=-1,
        expand_cam=False,
    )[0]
    ours = cu.make_gradcam_heatmap(embedded, chelsea, 285, LAST_CONV, method)
    assert correlation(ours, theirs) >= 0.9999


@pytest.mark.parametrize("method", SAME_FORMULA)
@pytest.mark.parametrize("layer_name", ["block5_conv3", "block3_conv3"])
def test_heatmap_on_vgg16(vgg16, chelsea, layer_name, method):
    assert heatmap_agreement(vgg16, chelsea, 285, layer_name, method) >= 0.9999


def test_saliency_on_vgg16(vgg16, chelsea):
    assert saliency_agreement(vgg16, chelsea, 285) >= 0.9999


# Grad-CAM++ has several readings: ours is the paper's (test_class_activation.py), not theirs.


def test_grad_cam_plus_plus_differs(embedded, chelsea):
    assert 0.9 < heatmap_agreement(embedded, chelsea, 285, LAST_CONV, "grad_cam++") < 0.99


def test_why_grad_cam_plus_plus_differs(embedded, chelsea):
    """tf-keras-vis divides the alphas of a channel by their sum. With that, both agree."""
    pair = runner_of(embedded).maps_and_gradients(chelsea, LAST_CONV, 285)
    maps, gradients = map(to_array, pair)
    alphas = np.where(gradients != 0, 1 / (2 + maps.sum(axis=(0, 1)) * gradients), 0)
    sums = alphas.sum(axis=(0, 1))
    weights = (alphas * np.maximum(gradients, 0)).sum(axis=(0, 1)) / np.where(sums == 0, 1, sums)
    theirs = their_heatmap(embedded, chelsea, 285, LAST_CONV, "grad_cam++")
    assert correlation(np.maximum(maps @ weights, 0), theirs) >= 0.9999


def test_grad_cam_plus_plus_is_the_same_before_global_average_pooling(embedded, chelsea):
    """A channel's gradients are all equal there, and so small that every alpha is near 1/2."""
    result = heatmap_agreement(embedded, chelsea, 285, "top_activation", "grad_cam++")
    assert result >= 0.999
