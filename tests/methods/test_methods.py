"""What holds for every method of the table, and every argument that none of them takes."""

import inspect
import random
import warnings
from functools import partial

import numpy as np
import pytest
from small_networks import chain, layers, nested, wrap

import course_utils as cu
from course_utils.backend import keras, tf

EVERY_METHOD = pytest.mark.parametrize("key", cu.METHODS)
HEAT = np.eye(2)
FUNCTIONS = {
    **{key: method.compute for key, method in cu.METHODS.items()},
    "make_gradcam_heatmap": cu.make_gradcam_heatmap,
    "integrated_gradients": cu.integrated_gradients,
    "get_feature_maps": lambda classifier, image, _: cu.get_feature_maps(classifier, image),
    "completeness_gap": lambda classifier, image, class_index: cu.completeness_gap(
        classifier, image, np.zeros((8, 8, 3)), class_index
    ),
    "deletion_curve": lambda classifier, image, class_index: cu.deletion_curve(
        classifier, image, HEAT, class_index
    ),
    "insertion_curve": lambda classifier, image, class_index: cu.insertion_curve(
        classifier, image, HEAT, class_index
    ),
    "occlusion_map": cu.occlusion_map,
}


@EVERY_METHOD
def test_a_row_of_the_table_is_whole(key):
    method = cu.METHODS[key]
    assert method.title and method.answers and method.misleads
    assert method.paper.startswith(("https://arxiv.org/abs/", "https://doi.org/"))
    options = inspect.signature(method.compute).parameters
    counts = [option.default for name, option in options.items() if name.startswith("num_")]
    assert [method.num_gradients] == (counts or [1])


@EVERY_METHOD
@pytest.mark.filterwarnings("error")  # SmoothGrad's: the answer survives the default noise
def test_a_map_lies_in_0_to_1_and_has_its_size(embedded, chelsea, key, capsys):
    method = cu.METHODS[key]
    heatmap = method.compute(embedded, chelsea, 285)
    assert heatmap.shape == ((7, 7) if method.formula else (224, 224))
    assert heatmap.dtype == np.float32
    assert heatmap.min() >= 0 and heatmap.max() == 1
    assert "%|" not in capsys.readouterr().err  # no bar unless it is asked for


@EVERY_METHOD
def test_more_of_the_heat_is_on_the_object_when_its_class_is_asked_for(embedded, key):
    image = cu.load_image("cat_and_coffee")  # the cat on the left half, the cup on the right

    def share_on_left(name):
        heatmap = cu.METHODS[key].compute(embedded, image, cu.class_index(name))
        heat = cu.resize_heatmap(heatmap, (300, 600))
        return heat[:, :300].sum() / heat.sum()

    assert share_on_left("Egyptian cat") > share_on_left("espresso") + 0.02


@EVERY_METHOD
def test_no_class_means_the_first_ranked(tiny, picture, key):
    compute, best = cu.METHODS[key].compute, int(tiny.logits(picture)[0].argmax())
    expected = compute(tiny, picture, best)
    assert np.abs(compute(tiny, picture, (best + 1) % 3) - expected).max() > 1e-3
    for _ in range(2):  # plain, then compiled
        np.testing.assert_allclose(compute(tiny, picture), expected, atol=1e-5)


@EVERY_METHOD
@pytest.mark.parametrize(
    "dtype, atol", [("float16", 5e-3), ("mixed_float16", 5e-3), ("mixed_bfloat16", 0.03)]
)
def test_half_precision_gives_nearly_the_same_map(picture, key, dtype, atol):
    def build(dtype):
        conv = layers.Conv2D(4, 3, activation="tanh", dtype=dtype)
        pool = layers.GlobalAveragePooling2D(dtype=dtype)
        model = chain([conv, pool, layers.Dense(3, activation="softmax", dtype=dtype)])
        generator = np.random.default_rng(3)
        model.set_weights([generator.normal(0, 0.3, w.shape) for w in model.get_weights()])
        return wrap(model)

    whole, half = (cu.METHODS[key].compute(build(d), picture, 2) for d in ("float32", dtype))
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, whole, atol=atol)


@EVERY_METHOD
def test_a_network_that_diverged_is_refused(tiny, picture, key):
    tiny.model.set_weights([np.full_like(weights, np.nan) for weights in tiny.model.get_weights()])
    with pytest.raises(ValueError, match="NaN or infinite"):
        cu.METHODS[key].compute(tiny, picture, 1)


def test_nothing_that_belongs_to_the_caller_changes(seeded, picture):
    def random_states():
        return random.getstate(), np.random.get_state()[1].tobytes(), float(tf.random.uniform(()))

    model, image = nested(), picture.copy()
    image.flags.writeable = False
    config, weights = model.get_config(), model.get_weights()
    keras.utils.set_random_seed(5)
    expected = random_states()
    keras.utils.set_random_seed(5)
    classifier = wrap(model)
    with warnings.catch_warnings(action="ignore"):
        for function in FUNCTIONS.values():
            function(classifier, image, 1)
    assert random_states() == expected
    assert model.get_config() == config
    assert all(map(np.array_equal, model.get_weights(), weights))
    np.testing.assert_array_equal(image, picture)


# What none of them takes: (arguments, words of the message)

BAD_IMAGES = [
    (np.zeros((1, 9, 9, 3), np.uint8), r"One picture is expected.* not uint8 \(1, 9, 9, 3\)"),
    (np.zeros((9, 9, 3)), r"not float64 \(9, 9, 3\).*load_image"),
    (np.zeros((9, 9), np.uint8), r"not uint8 \(9, 9\)"),
    (np.zeros((0, 9, 3), np.uint8), r"not uint8 \(0, 9, 3\)"),
    ("chelsea", "load_image"),
]
BAD_OPTIONS = [
    (cu.make_gradcam_heatmap, {"method": "saliency"}, "one of grad_cam, .*, not 'saliency'"),
    (cu.make_gradcam_heatmap, {"method": ["grad_cam"]}, r"not \['grad_cam'\]"),
    (cu.make_gradcam_heatmap, {"layer_name": "cinv"}, "called 'cinv'.*'conv'"),
    (cu.make_gradcam_heatmap, {"layer_name": "pool"}, "'pool' has no height and width.*'conv'"),
    (cu.get_feature_maps, {"layer_names": "conv"}, r"a list of names: \['conv'\]"),
    (cu.get_feature_maps, {"layer_names": ["conv", "convv"]}, "called 'convv'.*'conv'"),
    (cu.integrated_gradients, {"baseline": np.zeros((2, 2, 3))}, r"not float64 \(2, 2, 3\)"),
    (cu.integrated_gradients, {"num_steps": 0}, "num_steps must be a whole number, 1 or more"),
    (cu.smooth_grad, {"num_samples": 2.5}, "num_samples must be a whole number, 1 or more"),
    (cu.smooth_grad, {"noise_level": -0.1}, "noise_level must be a number, 0 or more, not"),
    (partial(cu.deletion_curve, heatmap=HEAT), {"num_steps": 0}, "num_steps must be a whole"),
    (cu.occlusion_map, {"fill": "Blur"}, "fill must be one of blur, mean, black, road, not 'Blur'"),
]


@pytest.mark.parametrize("image, words", BAD_IMAGES)
def test_what_is_no_picture_is_refused(tiny, image, words):
    with pytest.raises(ValueError, match=words):
        cu.make_gradcam_heatmap(tiny, image, 1)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_refuses_a_batch_and_a_model_and_a_class_that_is_not_there(
    tiny, picture, name
):
    function = FUNCTIONS[name]
    with pytest.raises(ValueError, match="of a batch, take"):
        function(tiny, picture[None], 1)
    with pytest.raises(ValueError, match=r"not Functional.*cu.ImageClassifier\('mine', model"):
        function(tiny.model, picture, 1)
    if name != "get_feature_maps":
        with pytest.raises(ValueError, match="from 0 to 2.*great white shark"):
            function(tiny, picture, 3)


@pytest.mark.parametrize("function, options, words", BAD_OPTIONS)
def test_a_bad_option_is_refused(tiny, picture, function, options, words):
    with pytest.raises(ValueError, match=words):
        function(tiny, picture, **options)


def test_a_network_without_convolutions_is_told_so(picture):
    classifier = wrap(chain([layers.Flatten(), layers.Dense(3)]))
    with pytest.raises(ValueError, match="no feature maps"):
        cu.make_gradcam_heatmap(classifier, picture)
