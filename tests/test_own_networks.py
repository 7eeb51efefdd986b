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


def ends(*steps):
    return chain([conv(), *steps])


def sequential():
    return keras.Sequential([keras.Input((8, 8, 3)), conv(), *head(2, "softmax")])


def nested():
    base = chain([conv(), layers.BatchNormalization()], name="base")
    return chain([base, *head(3, "softmax")])


def augmented():
    steps = [layers.RandomFlip(), layers.RandomRotation(0.5), layers.Rescaling(1 / 255)]
    return chain([*steps, conv(), layers.Dropout(0.5), *head(3, "softmax")])


def one_sigmoid():
    return ends(*head(1, "sigmoid"))


def one_sigmoid_as_a_layer():
    return ends(*head(1, None), layers.Activation("sigmoid"))


def open_size():
    return chain([conv(), *head(3, "softmax")], (None, None, 3))


def gray():
    return chain([conv(), *head(3, "softmax")], (8, 8, 1))


NETWORKS = {
    "sequential": sequential,
    "nested": nested,
    "augmented": augmented,
    "one sigmoid": one_sigmoid,
    "one sigmoid as a layer": one_sigmoid_as_a_layer,
    "several sigmoids": lambda: ends(*head(3, "sigmoid")),
    "gray": gray,
    "open size": open_size,
    "many classes": lambda: ends(*head(20_000, "softmax")),
}
any_network = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def two_bases():
    """Two models used as layers, whose own layers have the same names."""
    left, right = (chain([conv("first"), conv()], name=name) for name in ("left", "right"))
    inputs = keras.Input((8, 8, 3))
    joined = layers.Concatenate(name="both")([left(inputs), right(inputs)])
    pooled = layers.GlobalAveragePooling2D()(joined)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(pooled))


def two_outputs():
    model = sequential()
    return keras.Model(model.inputs, [model.outputs[0], model.layers[0].output])


def subclassed():
    class Mine(keras.Model):
        def call(self, inputs):
            return inputs

    return Mine()


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


def segmenting(activation="softmax"):
    return ends(layers.Conv2D(3, 1, activation=activation, name="pixels"))


def wrap(make, preprocess_input=None, **options):
    keras.utils.set_random_seed(0)
    size = (8, 8) if make is open_size else None
    return cu.ImageClassifier("mine", make(), preprocess_input, input_size=size, **options)


@any_network
@pytest.mark.parametrize("key", cu.METHODS)
@pytest.mark.filterwarnings("ignore:.* finds nothing")
def test_every_method_takes_it(make, key):
    classifier = wrap(make)
    for class_index in (None, 0, 1):
        heatmap = cu.METHODS[key].compute(classifier, IMAGE, class_index)
        assert heatmap.shape == (8, 8) and heatmap.dtype == np.float32
        assert np.isfinite(heatmap).all() and 0 <= heatmap.min() <= heatmap.max() <= 1


@pytest.mark.parametrize("make", [one_sigmoid, gray])
def test_it_paints_a_class(make):
    classifier = wrap(make, lambda images: images / 255)
    start, painted = (cu.visualize_class(classifier, 1, num_steps=n) for n in (1, 30))
    logits = classifier.logits([start, painted])[:, 1]
    assert painted.ndim == 3 and painted.shape[2] == 3 and logits[1] > logits[0]


@any_network
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


@any_network
def test_it_can_forget(make):
    classifier = wrap(make)
    *_, (name, copy) = cu.randomized_copies(classifier, images=[IMAGE])
    assert name == "conv" and copy.class_names == classifier.class_names
    assert np.abs(copy.logits(IMAGE) - classifier.logits(IMAGE)).max() > 0.1


@any_network
def test_both_explorers_take_it_and_name_its_classes(make):
    names = [f"thing {i}" for i in range(wrap(make).num_classes)]
    classifier = wrap(make, class_names=names)
    cu.LayerExplorer(classifier, IMAGE)
    explorer = cu.ClassExplorer(classifier, IMAGE)
    best = classifier.top_predictions(IMAGE, k=1)[0]
    assert best.label.startswith("thing ")
    assert explorer.classes.label.startswith(f"1. {best.label} ")


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
    "make",
    [
        NETWORKS["several sigmoids"],
        lambda: ends(chain(head(3, "sigmoid"), (8, 8, 4), name="nested head")),
        lambda: ends(*head(3, None), keras.ops.sigmoid),
    ],
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
    classifier = cu.ImageClassifier("mine", model, None, input_size=(6.0, 9))
    assert classifier.input_size == (6, 9) and classifier.model is model
    assert cu.make_gradcam_heatmap(classifier, IMAGE).shape == (6, 9)


# What is computed is the user's network


def scaled():
    """Functional, with a call() of its own."""

    class Scaled(keras.Model):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs / 255, training=training)

    model = sequential()
    return Scaled(model.inputs[0], model.outputs[0])


class LessTheMean(layers.Layer):
    def call(self, inputs):
        return inputs - keras.ops.mean(inputs, axis=0, keepdims=True)


class Noisy(layers.Layer):
    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=SEEDS)


class SaysAnother(layers.Dense):
    """Its activation is not the last thing that it computes."""

    def call(self, inputs):
        return super().call(inputs) * 0.5 + 0.1


class OwnSoftmax(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3))

    def call(self, inputs):
        return keras.ops.softmax(inputs @ self.kernel)


SEEDS = keras.random.SeedGenerator(0)
POOL = layers.GlobalAveragePooling2D


@pytest.mark.parametrize(
    "make, words",
    [
        (scaled, r"class Scaled, whose own call\(\) hides.*keras.Model\(inputs, model.call"),
        (lambda: ends(POOL(), LessTheMean(), layers.Dense(3)), "a layer looks at all of it"),
        (lambda: ends(POOL(), Noisy(), layers.Dense(3)), "differently each time"),
        (lambda: ends(POOL(), SaysAnother(3, "softmax", name="half")), r"'half' \(SaysAnother\)"),
        (lambda: ends(POOL(), OwnSoftmax()), "look like probabilities.*can't be found"),
        (segmenting, r"gives maps, \(None, 8, 8, 3\).*GlobalAveragePooling2D"),
    ],
)
def test_a_network_that_is_not_the_sum_of_its_layers_is_refused_with_the_cause(make, words):
    with pytest.raises(ValueError, match=words):
        wrap(make, lambda images: images / 255)


def test_random_preprocessing_and_that_of_a_whole_batch_are_refused():
    for unfit in (
        lambda images: images - images.mean(),
        lambda images: images * np.random.default_rng().uniform(0.5, 1),
    ):
        with pytest.raises(ValueError, match="preprocess_input.*whole batch.*random"):
            wrap(sequential, unfit)
    wrap(sequential, lambda images: images - images.mean(axis=(1, 2, 3), keepdims=True))


@pytest.mark.parametrize(
    "last", [lambda x: 1 + x[:, :3] / 999, lambda x: 0 * x[:, :3], lambda x: -x[:, :3]]
)
def test_a_last_layer_that_cannot_be_seen_into_may_give_logits(last):
    classifier = wrap(lambda: ends(POOL(), layers.Lambda(last)))
    expected = classifier.model(classifier.preprocess(IMAGE))
    np.testing.assert_allclose(classifier.logits(IMAGE), expected, rtol=1e-5)


def test_the_advice_for_a_call_of_its_own_works():
    model, inputs = scaled(), keras.Input((8, 8, 3))
    classifier = cu.ImageClassifier("mine", keras.Model(inputs, model.call(inputs)))
    np.testing.assert_allclose(classifier.predict(IMAGE), model(classifier.preprocess(IMAGE)), 1e-5)
    assert classifier.last_conv_layer_name == "conv"


def test_one_name_makes_the_output_a_value():
    classifier = wrap(lambda: ends(*head(1, None)), class_names=["age"])
    expected = classifier.model(classifier.preprocess(IMAGE)).numpy()
    assert abs(expected[0, 0]) > 1 and not classifier.has_probabilities
    np.testing.assert_allclose(classifier.predict(IMAGE), expected, rtol=1e-5)
    assert (classifier.num_classes, classifier.top_predictions(IMAGE)[0].label) == (1, "age")
    heat = np.random.default_rng(1).random((3, 3))
    curve = cu.deletion_curve(classifier, IMAGE, heat, num_steps=4)
    np.testing.assert_allclose(curve.probabilities[0], expected[0, 0], rtol=1e-5)
    explorer = cu.ClassExplorer(classifier, IMAGE)
    assert explorer.classes.label == f"1. age {expected[0, 0]:.4g}"
    assert f"age: value {expected[0, 0]:.4g}." in explorer._sentence
    named = cu.ImageClassifier("logit", classifier.model, class_names=["young", "old"])
    assert named.num_classes == 2


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", None])
@pytest.mark.filterwarnings("error:The structure of `inputs`")  # Keras's, of a list of inputs
def test_the_recipe_for_a_segmentation_works(activation):
    model, k = segmenting(activation), 1
    average = keras.layers.GlobalAveragePooling2D()(model.outputs[0])[:, k : k + 1]
    classifier = wrap(lambda: keras.Model(model.inputs, average), class_names=["sky"])
    places = model(classifier.preprocess(IMAGE)).numpy()[0, ..., k]
    np.testing.assert_allclose(classifier.predict(IMAGE)[0, 0], places.mean(), rtol=1e-5)
    if places.max() > 0:
        expected = np.maximum(places, 0) / places.max()
        np.testing.assert_allclose(cu.make_gradcam_heatmap(classifier, IMAGE), expected, atol=1e-5)
    if activation:  # unnamed, an average of probabilities would be taken for a logit
        with pytest.raises(ValueError, match="value needs one name"):
            wrap(lambda: keras.Model(model.inputs, average))


def test_the_recipe_for_a_picture_and_a_table_works():
    image, table, values = keras.Input((8, 8, 3)), keras.Input((2,)), [0.5, 2.0]
    joined = layers.Concatenate()([POOL()(conv()(image)), table])
    model = keras.Model([image, table], layers.Dense(3, activation="softmax")(joined))
    with pytest.raises(ValueError, match="has 2 inputs.*keras.Model.image, model"):
        cu.ImageClassifier("mine", model)
    image = keras.Input((8, 8, 3))
    other = keras.layers.Lambda(lambda x: keras.ops.tile([values], (keras.ops.shape(x)[0], 1)))
    classifier = wrap(lambda: keras.Model(image, model([image, other(image)])))
    batch = classifier.preprocess(IMAGE)
    np.testing.assert_allclose(classifier.predict(IMAGE), model([batch, np.array([values])]), 1e-4)
    assert cu.make_gradcam_heatmap(classifier, IMAGE).shape == (8, 8)


def test_a_backbone_of_several_outputs_and_a_head_of_several_inputs():
    first = conv("first")
    second = layers.Conv2D(4, 3, name="second")
    backbone_input = keras.Input((None, None, 3))
    maps = first(backbone_input)
    backbone = keras.Model(backbone_input, [maps, second(maps)], name="backbone")
    a, b = keras.Input((8, 8, 4)), keras.Input((6, 6, 4))
    joined = layers.Concatenate()([POOL()(a), POOL()(b)])
    top = keras.Model({"a": a, "b": b}, layers.Dense(3, activation="softmax")(joined))
    inputs = keras.Input((8, 8, 3))
    outputs = backbone(inputs)
    classifier = wrap(lambda: keras.Model(inputs, top({"b": outputs[1], "a": outputs[0]})))
    batch = classifier.preprocess(IMAGE)
    np.testing.assert_allclose(classifier.predict(IMAGE), classifier.model(batch), atol=1e-6)
    maps = cu.get_feature_maps(classifier, IMAGE, ["first", "second"])
    assert [m.shape for m in maps.values()] == [(8, 8, 4), (6, 6, 4)]
    np.testing.assert_allclose(maps["first"], first(batch)[0], rtol=1e-5)


@pytest.mark.parametrize(
    "names",
    [{0: "cat", 1: "dog"}, {"dog": 1, "cat": 0}, {"1": "dog", "0": "cat"}, [b"cat", b"dog"]],
)
def test_names_mean_what_their_numbers_say(names):
    assert wrap(sequential, class_names=names).class_names == ("cat", "dog")


@pytest.mark.parametrize(
    "model, options, words",
    [
        (sequential, {"class_names": {"cat", "dog"}}, "in the order of the outputs.*not {"),
        (sequential, {"class_names": {1: "cat", 2: "dog"}}, "number the classes 0, 1, 2"),
        (lambda: "vgg16", {}, "keras.Model, not 'vgg16'.*load_model"),
        (lambda: keras.Sequential([layers.Dense(3)]), {}, r"model.build\(\(None, "),
        (two_outputs, {}, "has 2 outputs. Choose one"),
        (subclassed, {}, r"class Mine, .*keras.Model\(inputs, model.call\(inputs\)\)"),
        (sequential, {"preprocess_input": ["cat", "dog"]}, "'cat', 'dog'.*class_names="),
        (sequential, {"preprocess_input": lambda x: x[0]}, r"keep the shape.*\(8, 8, 3\)"),
        (lambda: ends(*head(1, "softmax")), {}, "softmax is always 1"),
        (channels_first, {}, "'conv' takes the channels first.*channels_last"),
        (open_size, {}, "None, None.*input_size=.height, width"),
        (open_size, {"input_size": 224}, r"input_size must be \(height, width\), not 224"),
        (sequential, {"input_size": (9, 9)}, "input_size is .9, 9.*8, 8, 3.*Leave it out"),
        (sequential, {"class_names": ["one"]}, "2 names.*not 1: .'one'"),
        (nested, {"class_names": [*range(1000)]}, r"3 names.*not 1000: \[0, 1, .*\.\.\.\][.]$"),
        (sequential, {"class_names": [("n1", "cat"), ("n2", "dog")]}, "in the order.*'n1', 'cat'"),
        (one_sigmoid, {"class_names": ["yes"]}, "2 names.*opposite"),
    ],
)
def test_what_cannot_be_served_is_said(model, options, words):
    with pytest.raises(ValueError, match=words):
        cu.ImageClassifier("mine", model(), **options)


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
    painted = [cu.visualize_channel(classifier, layer, 1, num_steps=n) for n in (1, 30)]
    start, end = (cu.get_feature_maps(classifier, p, [layer])[layer][..., 1] for p in painted)
    assert end.mean() > start.mean()


@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_divides_by_a_pictures_deviation_never_gives_nan():
    """In preprocessing, where black is no baseline, or in a layer."""
    classifier = wrap(sequential, lambda x: x / x.std(axis=(1, 2, 3), keepdims=True))
    with pytest.raises(ValueError, match="NaN or infinite.*deviation"):
        cu.integrated_gradients(classifier, IMAGE)
    classifier, heat = wrap(standardized), np.eye(3)
    with pytest.raises(ValueError, match="deviation.*fill='blur'"):
        cu.deletion_curve(classifier, IMAGE, heat, fill="black")
    assert np.isfinite(cu.deletion_curve(classifier, IMAGE, heat, fill="blur").logits).all()
    attributions = cu.integrated_gradients(classifier, IMAGE, 1)
    assert np.isfinite(attributions).all()
    with pytest.raises(ValueError, match="deviation.*another baseline"):
        cu.completeness_gap(classifier, IMAGE, attributions, 1)
