"""The web book's explorers compute and say what Python does: their modules, run by node."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils.backend import keras
from course_utils.display import pictures, words
from course_utils.display.tiles import scale_to_bytes, to_gray
from course_utils.explorers.faithfulness_explorer import FILLS, FRACTIONS
from course_utils.io.imagenet import imagenet_classes, search_classes
from course_utils.methods.baselines import center_map, edge_map
from course_utils.methods.convolution import first_convolution
from course_utils.methods.faithfulness import FaithfulnessCurve, cover
from course_utils.methods.scaling import scale_to_unit
from course_utils.methods.table import METHODS

FOLDER = Path(__file__).parent
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None, reason="No node here: the page was NOT compared with Python."
)
SIZES = [(1, 1), (3, 500), (7, 5), (224, 224), (225, 223), (300, 300), (301, 449), (640, 90)]


def ask(*questions):
    """Return node's answers to [(task, options)], see compare.mjs."""
    asked = json.dumps([[task, plain(options)] for task, options in questions])
    command = [NODE, str(FOLDER / "compare.mjs")]
    return json.loads(subprocess.run(command, input=asked, check=True, stdout=-1, text=True).stdout)


def plain(options):
    return {
        key: value.ravel().tolist() if isinstance(value, np.ndarray) else value
        for key, value in options.items()
    }


def channels_first(maps):
    return np.ascontiguousarray(maps.transpose(2, 0, 1))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def maps(rng):
    """Feature maps (h, w, channels) behind a ReLU6, with a silent and a saturated channel."""
    values = np.clip(rng.normal(1, 3, (5, 7, 12)), 0, 6).astype(np.float32)
    values[:, :, 3], values[:, :, 4] = 0, 6
    return values


def test_node_finds_the_numbers_worked_out_by_hand():
    subprocess.run([NODE, "--test", str(FOLDER / "explorers.test.mjs")], check=True)


@pytest.mark.parametrize("height, width", SIZES)
def test_pictures_are_resized_as_by_pillow_to_the_last_bit(rng, height, width):
    image = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    wanted = Image.fromarray(image[:, :, :3]).resize((224, 224), Image.Resampling.BICUBIC)
    size = {"width": width, "height": height, "newWidth": 224, "newHeight": 224}
    [found] = ask(("resize", {"pixels": image, **size}))
    np.testing.assert_array_equal(found, np.asarray(wanted).ravel())


def test_pictures_turn_gray_as_in_python(rng):
    image = rng.integers(0, 256, (20, 30, 4), dtype=np.uint8)
    [found] = ask(("gray", {"pixels": image}))
    wanted = to_gray(np.ascontiguousarray(image[:, :, :3]))
    np.testing.assert_array_equal(np.reshape(found, image.shape)[:, :, :3], wanted)


@pytest.mark.parametrize(
    "options, start, means",
    [
        ({"padding": "same", "activation": "relu"}, -1, (123.68, 116.779, 103.939)),
        ({"strides": 2, "use_bias": False, "padding": "same"}, 0, (127, 127, 127)),
    ],
)
def test_a_convolution_is_that_of_python(rng, options, start, means):
    layer = keras.layers.Conv2D(4, 3, bias_initializer="random_normal", name="first", **options)
    model = keras.Sequential([keras.Input((12, 10, 3)), layer])
    image = rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)

    def prepare(images):
        return images[..., ::-1] - np.float32(means[::-1])

    found, kernels = first_convolution(model, image, prepare), layer.kernel.numpy()
    about = {
        "relu": found.relu,
        "colors": found.colors,
        "filters": 4,
        "size": (3, 3),
        "places": found.maps.shape[:2],
        "start": start,
        "step": layer.strides[0],
        "means": means[::-1],
        "deviation": 1,
    }
    weights = np.concatenate([np.moveaxis(kernels, 3, 0).ravel(), found.bias])
    places = [(0, 0, 0), (1, 2, 3), (3, 5, 4), (2, *np.subtract(found.maps.shape[:2], 1).tolist())]
    picture = {"pixels": image, "height": 12, "width": 10}
    asked = {"about": about, "weights": weights, "places": places, **picture}
    [answers] = ask(("convolution", asked))
    for place, answer in zip(places, answers, strict=True):
        filter_index, row, column = place
        assert answer["words"] == words.describe_products(found, *place)
        np.testing.assert_array_equal(answer["patch"], found.patches[row, column].ravel())
        products = found.patches[row, column] * found.kernels[..., filter_index]
        np.testing.assert_array_equal(answer["products"], products.ravel())
        np.testing.assert_allclose(answer["map"], found.maps[..., filter_index].ravel(), atol=1e-3)


def test_class_activation_maps_are_those_of_python(rng, maps):
    gradients = rng.normal(0, 1, maps.shape).astype(np.float32)
    formulas = {key: row.formula for key, row in METHODS.items() if row.formula}
    arrays = {"maps": channels_first(maps), "gradients": channels_first(gradients)}
    found = ask(*(("cam", {"method": key, **arrays, "positions": 35}) for key in formulas))
    for heatmap, formula in zip(found, formulas.values(), strict=True):
        wanted = scale_to_unit(np.maximum(formula(maps, gradients), 0))
        np.testing.assert_allclose(np.reshape(heatmap, (5, 7)), wanted, atol=1e-5)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_a_head_is_at_its_optimum(rng, num_classes):
    averages = rng.random((23, 40)) ** 3
    averages[4], averages[:, 7] = averages[3], 0  # a picture twice, and a silent channel
    classes = np.arange(23) % num_classes
    asked = {"averages": averages.tolist(), "classes": classes, "count": num_classes}
    [[*kernel, bias]] = ask(("head", asked))
    logits = averages @ np.transpose(kernel) + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    errors = powers / powers.sum(axis=1, keepdims=True) - np.eye(num_classes)[classes]
    np.testing.assert_allclose(errors.sum(axis=0), 0, atol=1e-5)  # the slope of each bias
    np.testing.assert_allclose(errors.T @ averages + kernel, 0, atol=1e-5)  # and of the kernel


def test_tiles_and_bright_pixels_are_those_of_python(rng, maps):
    heat = rng.random((20, 30)).astype(np.float32) ** 4
    first = channels_first(maps)
    options = {"maps": first, "positions": 35}
    found, bright = ask(("bytes", options), ("brighten", {"values": heat}))
    wanted = scale_to_bytes(maps).ravel().astype(int)
    assert np.abs(np.array(found) - wanted).max() <= 1  # of 255: Python rounds halves to even
    np.testing.assert_allclose(np.reshape(bright, heat.shape), pictures.brighten(heat), atol=1e-5)


def test_sentences_are_those_of_python(rng, maps):
    layer = {"name": "block1", "kind": "ReLU", "size": [5, 7, 12], "field": [7, 9]}
    heat = rng.random((6, 9)).astype(np.float32) ** 3
    channels = (0, 3, 4)
    found = ask(
        *(
            ("layer", {"layer": layer, "maps": channels_first(maps), "channel": channel})
            for channel in channels
        ),
        ("heatmap", {"values": heat, "height": 6, "width": 9}),
        ("heatmap", {"values": 0 * heat, "height": 6, "width": 9}),
        ("pages", {"channels": 80, "onPage": pictures.PAGE}),
        ("none", {"text": 'a "giraffe"', "labels": ["a", "b"]}),
    )
    described = words.describe_layer("block1", "ReLU", maps, (7, 9))
    wanted = [[described, words.describe_channel(maps, channel)] for channel in channels]
    wanted += [words.describe_heatmap(heat), words.describe_heatmap(0 * heat)]
    wanted += [words.page_names(80), words.explain_no_class('a "giraffe"', ["a", "b"])]
    assert found == wanted


def test_maps_that_never_saw_the_network_are_those_of_python(rng):
    image = rng.integers(0, 256, (12, 17, 3), dtype=np.uint8)
    options = {"pixels": image, "height": 12, "width": 17}
    edges, center = ask(*(("blind", {"map": name, **options}) for name in ("edges", "center")))
    np.testing.assert_allclose(np.reshape(edges, (12, 17)), edge_map(image), atol=1e-6)
    np.testing.assert_allclose(np.reshape(center, (12, 17)), center_map(image), atol=1e-6)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("fraction", [0, 0.25, 1])
@pytest.mark.parametrize("rest", [False, True])
def test_covered_pictures_are_those_of_python(rng, fill, fraction, rest):
    noise = rng.normal(size=(60, 80, 3)).cumsum(axis=0).cumsum(axis=1)
    image = np.clip(128 + 4 * noise, 0, 255).astype(np.uint8)
    heatmap = np.maximum(rng.normal(size=(3, 4)), 0).astype(np.float32)  # of zeros the first come
    options = {"pixels": image, "height": 60, "width": 80, "heatmap": heatmap, "size": (3, 4)}
    [found] = ask(
        ("covered", {**options, "fill": fill, "count": round(fraction * 4800), "rest": rest})
    )
    wanted = cover(image, heatmap, fraction, fill, rest).ravel().astype(int)
    difference = np.abs(np.array(found) - wanted)
    assert difference.max() <= (1 if fill == "blur" else 0)  # float32 or float64 sums
    assert difference.mean() < 0.001


def test_a_sentence_about_curves_is_that_of_python(rng):
    curves = rng.random((2, 29)).astype(np.float32)
    described = [FaithfulnessCurve(FRACTIONS, curve, curve) for curve in curves]
    deletion, insertion = curves.tolist()
    options = {"title": "Edges", "deletion": deletion, "insertion": insertion}
    found = ask(*(("covering", {**options, "step": step}) for step in range(29)))
    assert found == [words.describe_covering("Edges", step, *described) for step in range(29)]


def test_a_search_finds_what_python_finds_in_the_same_order():
    labels = [c.label for c in imagenet_classes()]
    texts = ["cat", "shark", "Great White", "dog", "ox", "no such thing", "crane", "tiger-cat"]
    texts += [" Tiger cat ", "tigercat", "hen-of", "'", "(", "o'c", "\u00e9", "7", "s_b", ""]
    texts += sorted({word for label in labels for word in label.split("_")})[::20]
    found = ask(*(("search", {"text": text, "labels": labels}) for text in texts))
    assert found == [[c.class_index for c in search_classes(text)] for text in texts]
