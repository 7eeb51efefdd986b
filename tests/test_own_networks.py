"""Networks that people bring along: every method and both explorers take them."""

import numpy as np
import pytest
from small_networks import chain, layers

import course_utils as cu
from course_utils.backend import keras

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)


def conv(name="conv"):
    return layers.Conv2D(4, 3, padding="same", activation="relu", name=name)


def head(units, activation):
    return [layers.GlobalAveragePooling2D(), layers.Dense(units, activation=activation)]


def base(shape):
    return chain([conv(), layers.BatchNormalization()], shape, name="base")


def subclassed():
    class Mine(keras.Model):
        def call(self, inputs):
            return inputs

    return Mine()


def sequential():
    return keras.Sequential([keras.Input((8, 8, 3)), conv(), *head(2, "softmax")])


def nested():
    return chain([base((8, 8, 3)), *head(3, "softmax")])


def augmented():
    steps = [layers.RandomFlip(), layers.RandomRotation(0.5), layers.Rescaling(1 / 255)]
    return chain([*steps, conv(), layers.Dropout(0.5), *head(3, "softmax")])


def one_sigmoid():
    return chain([conv(), *head(1, "sigmoid")])


def one_sigmoid_as_a_layer():
    return chain([conv(), *head(1, None), layers.Activation("sigmoid")])


def several_sigmoids():
    return chain([conv(), *head(3, "sigmoid")])


def sigmoids_in_a_nested_head():
    return chain([conv(), chain(head(3, "sigmoid"), (8, 8, 4), name="head")])


def sigmoids_without_a_layer():
    return chain([conv(), *head(3, None), keras.ops.sigmoid])


def two_bases():
    """Two models used as layers, whose own layers have the same names."""
    left, right = (chain([conv("first"), conv()], name=name) for name in ("left", "right"))
    inputs = keras.Input((8, 8, 3))
    joined = layers.Concatenate(name="both")([left(inputs), right(inputs)])
    pooled = layers.GlobalAveragePooling2D()(joined)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(pooled))


def channels_first():
    """As converters from PyTorch write it, behind an input that has the channels last."""
    options = {"data_format": "channels_first"}
    conv = layers.Conv2D(4, 3, name="conv", **options)
    end = [layers.GlobalAveragePooling2D(**options), layers.Dense(3)]
    return chain([layers.Permute((3, 1, 2)), conv, *end])


def standardized():
    """It divides each picture by its own deviation."""

    def standardize(x):
        mean, deviation = (
            f(x, axis=(1, 2, 3), keepdims=True) for f in (keras.ops.mean, keras.ops.std)
        )
        return (x - mean) / deviation

    maps = layers.Conv2D(4, 3, activation="tanh", name="conv")  # a ReLU may hide a NaN
    return chain([layers.Lambda(standardize), maps, *head(3, "softmax")])


def gray():
    return chain([conv(), *head(3, "softmax")], (8, 8, 1))


def open_size():
    return chain([conv(), *head(3, "softmax")], (None, None, 3))


def many_classes():
    return chain([conv(), *head(20_000, "softmax")])


NETWORKS = [sequential, nested, augmented, one_sigmoid, one_sigmoid_as_a_layer, several_sigmoids,
            gray, open_size, many_classes]  # fmt: skip


def wrap(make, preprocess_input=None, **options):
    keras.utils.set_random_seed(0)
    size = {"input_size": (8, 8)} if make is open_size else {}
    return cu.ImageClassifier("mine", make(), preprocess_input, **size, **options)


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("key", cu.METHODS)
@pytest.mark.filterwarnings("ignore:.* finds nothing")
def test_every_method_takes_it(make, key):
    classifier = wrap(make)
    options = {} if cu.METHODS[key].num_gradients == 1 else {"progress": False}
    for class_index in (None, 0, 1):
        heatmap = cu.METHODS[key].compute(classifier, IMAGE, class_index, **options)
        assert heatmap.shape == (8, 8) and heatmap.dtype == np.float32
        assert np.isfinite(heatmap).all() and 0 <= heatmap.min() <= heatmap.max() <= 1


@pytest.mark.parametrize("make", NETWORKS)
def test_integrated_gradients_are_complete(make):
    classifier = wrap(make, lambda images: images / 255)
    attributions = cu.integrated_gradients(classifier, IMAGE, 1, num_steps=200)
    assert cu.completeness_gap(classifier, IMAGE, attributions, 1) < 0.05


@pytest.mark.parametrize("make", [one_sigmoid, gray])
def test_it_paints_a_class(make):
    classifier = wrap(make, lambda images: images / 255)
    start, painted = (cu.visualize_class(classifier, 1, num_steps=n) for n in (1, 30))
    logits = classifier.logits([start, painted])[:, 1]
    assert painted.ndim == 3 and painted.shape[2] == 3 and logits[1] > logits[0]


def test_a_softmax_over_a_single_output_is_refused():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(1, activation="softmax"))
    with pytest.raises(ValueError, match="always 1.*activation='sigmoid'"):
        cu.ImageClassifier("mine", model)


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("fill", ["blur", "mean", "black", "road"])
def test_covering_takes_it(make, fill):
    """The whole picture, one of another size, has the logits and probabilities it always has."""
    classifier, heat = wrap(make), np.random.default_rng(1).random((3, 3))
    for class_index in (None, 0, 1):
        index = classifier.logits(IMAGE)[0].argmax() if class_index is None else class_index
        logit, probability = (f(IMAGE)[0, index] for f in (classifier.logits, classifier.predict))
        deleted = cu.deletion_curve(classifier, IMAGE, heat, class_index, 4, fill)
        inserted = cu.insertion_curve(classifier, IMAGE, heat, class_index, 4, fill)
        np.testing.assert_allclose([deleted.logits[0], inserted.logits[-1]], logit, rtol=1e-4)
        whole = [deleted.probabilities[0], inserted.probabilities[-1]]
        np.testing.assert_allclose(whole, [probability] * 2, rtol=1e-4)
        np.testing.assert_allclose(deleted.logits[-1], inserted.logits[0], rtol=1e-4)
        heatmap = cu.occlusion_map(classifier, IMAGE, class_index, 4, 4, fill)
        assert heatmap.shape == (2, 2) and np.isfinite(heatmap).all() and heatmap.any()


@pytest.mark.parametrize("make", NETWORKS)
def test_it_can_forget(make):
    classifier = wrap(make)
    *_, (name, copy) = cu.randomized_copies(classifier, images=[IMAGE])
    assert name == "conv" and copy.class_names == classifier.class_names
    assert np.abs(copy.logits(IMAGE) - classifier.logits(IMAGE)).max() > 0.1


@pytest.mark.parametrize("make", NETWORKS)
def test_both_explorers_take_it_and_name_its_classes(make):
    names = [f"thing {i}" for i in range(wrap(make).num_classes)]
    classifier = wrap(make, class_names=names)
    cu.LayerExplorer(classifier, IMAGE)
    explorer = cu.ClassExplorer(classifier, IMAGE)
    best = classifier.top_predictions(IMAGE, k=1)[0]
    assert best.label.startswith("thing ")
    assert explorer.classes.label.startswith(f"1. {best.label} {best.probability:.1%}")


@pytest.mark.parametrize("make", [one_sigmoid, one_sigmoid_as_a_layer])
def test_one_sigmoid_is_two_classes(make):
    classifier = wrap(make, lambda images: images / 255, class_names=["no", "yes"])
    expected = float(classifier.model(classifier.preprocess(IMAGE))[0, 0])
    probabilities = classifier.predict(IMAGE)[0]
    np.testing.assert_allclose(probabilities, [1 - expected, expected], atol=1e-6)
    assert {p.label for p in classifier.top_predictions(IMAGE)} == {"no", "yes"}
    against, for_it = (cu.integrated_gradients(classifier, IMAGE, i) for i in (0, 1))
    np.testing.assert_allclose(against, -for_it, atol=1e-6)


@pytest.mark.parametrize(
    "make", [several_sigmoids, sigmoids_in_a_nested_head, sigmoids_without_a_layer]
)
def test_several_sigmoids_judge_each_class_by_itself(make):
    classifier = wrap(make, lambda images: images / 255)
    expected = classifier.model(classifier.preprocess(IMAGE)).numpy()
    assert 0.1 < expected.min() and expected.max() < 0.9  # large logits give a softmax the same
    np.testing.assert_allclose(classifier.predict(IMAGE), expected, atol=1e-6)


def test_a_gray_network_sees_the_pictures_brightness():
    classifier = wrap(gray)
    flat = np.full((9, 7, 3), (255, 0, 0), np.uint8)
    batch = classifier.preprocess(flat)
    assert batch.shape == (1, 8, 8, 1) and set(batch.ravel()) == {76.0}  # 0.299 of red


def test_a_size_left_open_is_filled_in():
    model = open_size()
    classifier = cu.ImageClassifier("mine", model, None, input_size=(6, 9))
    assert classifier.input_size == (6, 9) and classifier.model is model
    assert cu.make_gradcam_heatmap(classifier, IMAGE).shape == (6, 9)


@pytest.mark.parametrize(
    "model, options, words",
    [
        (subclassed, {}, "'mine' is of the class Mine.*model.call"),
        (channels_first, {}, "'conv' takes the channels first.*channels_last"),
        (open_size, {}, "None, None.*input_size=.height, width"),
        (open_size, {"input_size": 224}, r"input_size must be \(height, width\), not 224"),
        (open_size, {"input_size": (8, 8, 3)}, r"\(height, width\), not \(8, 8, 3\)"),
        (sequential, {"input_size": (9, 9)}, "input_size is .9, 9.*8, 8, 3.*Leave it out"),
        (sequential, {"class_names": ["one"]}, "2 names.*not 1: .'one'"),
        (sequential, {"class_names": [*range(1000)]}, r"2 names.*not 1000: \[0, 1, .*\.\.\.\]"),
        (sequential, {"class_names": 2}, "2 names.*not 2"),
        (sequential, {"class_names": "ab"}, "2 names.*'ab'"),
        (one_sigmoid, {"class_names": ["yes"]}, "2 names.*contrary"),
    ],
)
def test_what_cannot_be_served_is_said(model, options, words):
    with pytest.raises(ValueError, match=words):
        cu.ImageClassifier("mine", model(), None, **options)


def test_layers_of_the_same_name_are_told_apart():
    classifier = wrap(two_bases, lambda images: images / 255)
    names = ["left/first", "left/conv", "right/first", "right/conv"]
    assert classifier.conv_layer_names == [*names, "both"]
    maps = cu.get_feature_maps(classifier, IMAGE, ["left/first", "right/first"])
    batch = classifier.preprocess(IMAGE)
    for side in ("left", "right"):
        expected = classifier.model.get_layer(side).get_layer("first")(batch)[0]
        np.testing.assert_allclose(maps[f"{side}/first"], expected, atol=1e-6)
    assert [name for name, _ in cu.randomized_copies(classifier, names, [IMAGE])] == names[::-1]
    cu.LayerExplorer(classifier, IMAGE)
    with pytest.raises(ValueError, match="'conv'.*'left/conv'"):
        cu.make_gradcam_heatmap(classifier, IMAGE, layer_name="conv")


@pytest.mark.parametrize("policy, layer", [("float16", "first"), ("mixed_float16", "second")])
def test_a_channel_of_half_precision_is_painted(policy, layer):
    keras.utils.set_random_seed(0)
    steps = [
        layers.Conv2D(4, 3, padding="same", activation="relu", dtype=policy, name=name)
        for name in ("first", "second")
    ]
    model = chain([*steps, *head(3, "softmax")])
    classifier = cu.ImageClassifier("mine", model, lambda images: images / 255)
    painted = [cu.visualize_channel(classifier, layer, 1, 16, num_steps=n) for n in (1, 30)]
    start, end = (cu.get_feature_maps(classifier, p, [layer])[layer][..., 1] for p in painted)
    assert end.mean() > start.mean()


@pytest.mark.parametrize(
    "preprocess_input, words",
    [
        (lambda images: np.repeat(images, 2, axis=1), r"keep the shape.*8, 8, 3.*16, 8, 3"),
        (lambda images: images[0], r"keep the shape.*1, 8, 8, 3.*\(8, 8, 3\)"),
        (lambda images: images / images.std(), "NaN or infinite.*deviation"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_preprocessing_that_does_not_fit_is_refused(preprocess_input, words):
    classifier = wrap(sequential, preprocess_input)
    with pytest.raises(ValueError, match=words):
        cu.integrated_gradients(classifier, IMAGE)


def test_names_in_the_place_of_the_preprocessing_are_sent_to_their_own():
    with pytest.raises(ValueError, match="preprocess_input.*'cat', 'dog'.*class_names="):
        cu.ImageClassifier("mine", sequential(), ["cat", "dog"])


def test_a_network_that_standardizes_each_picture_never_gives_nan():
    classifier, heat = wrap(standardized), np.eye(3)
    with pytest.raises(ValueError, match="deviation.*fill='blur'"):
        cu.deletion_curve(classifier, IMAGE, heat, fill="black")
    assert np.isfinite(cu.deletion_curve(classifier, IMAGE, heat, fill="blur").logits).all()
    attributions = cu.integrated_gradients(classifier, IMAGE, 1)
    assert np.isfinite(attributions).all()
    with pytest.raises(ValueError, match="deviation.*another baseline"):
        cu.completeness_gap(classifier, IMAGE, attributions, 1)


@pytest.mark.parametrize(
    "call",
    [lambda m: cu.make_gradcam_heatmap(m, IMAGE), lambda m: cu.ClassExplorer(m, IMAGE)],
)
def test_a_model_in_place_of_a_classifier_is_answered_with_the_line_to_write(call):
    with pytest.raises(ValueError, match=r"cu\.ImageClassifier\('mine', model, preprocess_input\)"):
        call(sequential())
