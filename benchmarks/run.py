"""Measure the methods beside tf-keras-vis and beside plain Keras, as Markdown: `make bench`.

Goes in: nothing, or sections (`python benchmarks/run.py gradcam_rows`). Comes out: a table.
All calls of a row are warm and take turns in one process, so that a busy moment hits all of them.

The yardstick is what plain Keras needs, compiled by `tf.function`, for the same numbers: a forward
pass, and a gradient where the method takes one. Milliseconds depend on the processor; how many
yardsticks a call takes hardly does. Batch normalization is folded in ours, so it may be below 1.
"""

import io
import itertools
import os
import platform
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

import course_utils as cu
from course_utils.backend import keras, tf

with warnings.catch_warnings(action="ignore"):  # SciPy's, of a module that tf-keras-vis uses
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

CAT = 285
_numbers = itertools.count()  # of pictures: what has been computed for one is remembered
TURNS, OURS_PER_TURN = 9, 3  # several of ours in a row, as when a slider moves
SAMPLES = ["coffee", "astronaut", "rocket", "cat_and_coffee", "chelsea"]
HEADER = (
    "call",
    "tf-keras-vis",
    "yardstick",
    "ours",
    "95th percentile",
    "times faster",
    "yardsticks",
)


class Row(NamedTuple):
    """A call: lists of seconds that ours, tf-keras-vis and the yardstick take; empty: not had."""

    call: str
    ours: list
    theirs: list = []
    yardstick: list = []

    def cells(self):
        """The row as text, in the order of `HEADER`."""
        ours = median(self.ours)
        faster = f"{median(self.theirs) / ours:.1f}" if self.theirs else ""
        yardsticks = f"{ours / median(self.yardstick):.2f}" if self.yardstick else ""
        slow = quantiles(self.ours, n=20, method="inclusive")[-1]
        durations = [in_words(median(s)) if s else "" for s in (self.theirs, self.yardstick)]
        return self.call, *durations, in_words(ours), in_words(slow), faster, yardsticks


def in_words(seconds):
    """Write a duration with three digits: 2.13 ms, 28.4 ms, 450 ms, 9.70 s."""
    return f"{seconds:#.3g} s" if seconds >= 1 else f"{seconds * 1000:#.3g} ms".replace(". ", " ")


def measure(call, ours, theirs=None, yardstick=None, turns=TURNS, ours_per_turn=OURS_PER_TURN):
    """Time functions of a running number in turns, and return a `Row`."""
    count, functions = _numbers, [(ours, ours_per_turn), (theirs, 1), (yardstick, 1)]
    for function, _ in functions:
        for _ in range(3 if function else 0):  # ours is compiled at its second call
            function(next(count))
    seconds = [], [], []
    for _ in range(turns):
        for (function, repeats), times in zip(functions, seconds, strict=True):
            times += [timed(function, next(count)) for _ in range(repeats if function else 0)]
    return Row(call, *seconds)


def timed(function, *args):
    """Return how many seconds a call takes."""
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


class Pictures:
    """A cat, shifted by another number of pixels each time: nothing of it is remembered."""

    def __init__(self):
        self.cat = cu.load_image("chelsea")

    def __getitem__(self, number):
        return np.roll(self.cat, (number // 400, number), axis=(0, 1))


def compiled_gradient(classifier, layer_name=None):
    """Compile plain Keras: inputs and class to (maps, the logit's gradient at the maps).

    Without a layer the maps are the inputs.
    """
    model = classifier.logits_model
    maps = model.get_layer(layer_name).output if layer_name else model.inputs[0]
    both = keras.Model(model.inputs, [maps, model.outputs[0]])

    @tf.function(reduce_retracing=True)
    def run(inputs, class_index):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            maps, logits = both([inputs])
            scores = logits[:, class_index]
        return maps, tape.gradient(scores, maps if layer_name else inputs)

    def run_on(pictures, class_index):
        inputs = tf.constant(classifier.preprocess(pictures))
        maps, gradients = run(inputs, tf.constant(class_index))
        return maps.numpy(), gradients.numpy()

    return run_on


def gradcam_rows(embedded, pictures):
    """Grad-CAM and Grad-CAM++, as the tutorial calls tf-keras-vis."""
    rows, plain = [], compiled_gradient(embedded, "top_activation")
    for name, their_class in (("grad_cam", Gradcam), ("grad_cam++", GradcamPlusPlus)):
        title = cu.METHODS[name].title
        peer = their_class(embedded.model, model_modifier=ReplaceToLinear(), clone=True)

        def theirs(image, class_index, peer=peer):
            inputs = embedded.preprocess(image)
            peer(CategoricalScore([class_index]), inputs, penultimate_layer=-1)

        def ours(image, class_index, name=name):
            cu.make_gradcam_heatmap(embedded, image, class_index, method=name)

        rows.append(
            measure(
                f"{title}, new picture",
                lambda i, f=ours: f(pictures[i], CAT),
                lambda i, f=theirs: f(pictures[i], CAT),
                lambda i: plain(pictures[i], CAT),
            )
        )
        rows.append(
            measure(
                f"{title}, another class of it",
                lambda i, f=ours: f(pictures[0], i % 1000),
                lambda i, f=theirs: f(pictures[0], i % 1000),
                lambda i: plain(pictures[0], i % 1000),
            )
        )
    return rows


def saliency_rows(embedded, pictures):
    """Vanilla saliency and SmoothGrad."""
    peer = Saliency(embedded.model, model_modifier=ReplaceToLinear(), clone=True)
    plain = compiled_gradient(embedded)

    def theirs(number, **options):
        peer(CategoricalScore([CAT]), embedded.preprocess(pictures[number]), **options)

    return [
        measure(
            "saliency",
            lambda i: cu.compute_saliency_map(embedded, pictures[i], CAT),
            theirs,
            lambda i: plain(pictures[i], CAT),
        ),
        measure(
            "SmoothGrad, 20 samples",
            lambda i: cu.smooth_grad(embedded, pictures[i], CAT, num_samples=20),
            lambda i: theirs(i, smooth_samples=20, smooth_noise=0.05),
            lambda i: [plain(np.stack([pictures[i + k] for k in range(5)]), CAT) for _ in range(4)],
            turns=2,
            ours_per_turn=2,
        ),
    ]


def faithfulness_rows(embedded, pictures):
    """A deletion curve beside plain predictions of as many pictures."""
    heatmap = cu.make_gradcam_heatmap(embedded, pictures[0], CAT)
    batch = np.stack([cu.load_image(pictures[i], embedded.input_size) for i in range(29)])
    return [
        measure(
            "deletion curve, 28 steps",
            lambda i: cu.deletion_curve(embedded, pictures[i], heatmap, CAT),
            yardstick=lambda _: embedded.predict(batch),
            ours_per_turn=1,
        )
    ]


def vgg16_rows(_, pictures):
    """Grad-CAM of VGG16 with random weights, without a second copy of them for tf-keras-vis."""
    model = keras.applications.VGG16(weights=None)
    vgg16 = cu.ImageClassifier("vgg16", model, keras.applications.vgg16.preprocess_input)
    peer, plain = Gradcam(vgg16.logits_model, clone=False), compiled_gradient(vgg16, "block5_conv3")

    def theirs(image, class_index):
        inputs = vgg16.preprocess(image)
        peer(CategoricalScore([class_index]), inputs, penultimate_layer="block5_conv3")

    return [
        measure(
            "VGG16, Grad-CAM, new picture",
            lambda i: cu.make_gradcam_heatmap(vgg16, pictures[i], CAT),
            lambda i: theirs(pictures[i], CAT),
            lambda i: plain(pictures[i], CAT),
        ),
        measure(
            "VGG16, Grad-CAM, another class of it",
            lambda i: cu.make_gradcam_heatmap(vgg16, pictures[0], i % 1000),
            lambda i: theirs(pictures[0], i % 1000),
            lambda i: plain(pictures[0], i % 1000),
        ),
    ]


def feature_visualization_rows(embedded, _):
    """Pictures for channels and a class by gradient ascent: same network, size and steps."""
    vgg16, steps, few = keras.applications.vgg16, 30, {"turns": 3, "ours_per_turn": 1}
    rows = []
    for layer_name, channel, size in (("block3_conv1", 1, 64), ("block5_conv1", 7, 144)):
        model = vgg16.VGG16(
            include_top=False,
            weights=cu.weights_path("vgg16_no_top"),
            input_shape=(size, size, 3),
        )
        peer = ActivationMaximization(
            keras.Model(model.input, model.get_layer(layer_name).output), clone=False
        )
        rows.append(
            measure(
                f"VGG16, a channel of {layer_name}, {size} pixels, {steps} steps",
                lambda i, m=model, n=layer_name, c=channel: cu.visualize_channel(
                    m, n, c, num_steps=steps, seed=i, preprocess_input=vgg16.preprocess_input
                ),
                lambda i, f=peer, c=channel: f(lambda maps: maps[..., c], steps=steps),
                **few,
            )
        )
    peer = ActivationMaximization(embedded.model, model_modifier=ReplaceToLinear(), clone=True)
    plain, gray = compiled_gradient(embedded), np.full((*embedded.input_size, 3), 128, np.uint8)
    row = measure(
        f"a class, 224 pixels, {steps} steps",
        lambda i: cu.visualize_class(embedded, CAT, num_steps=steps, seed=i),
        lambda i: peer(CategoricalScore([CAT]), input_range=(-1, 1), steps=steps),
        lambda i: [plain(gray, CAT) for _ in range(steps)],
        **few,
    )
    return [*rows, row]


def explorer_rows(embedded, pictures):
    """The explorers, from a control's new value to the finished bytes."""
    kinds = cu.LayerExplorer, cu.ConvolutionExplorer, cu.ClassExplorer
    layers, kernels, classes = (kind(embedded, pictures[0]) for kind in kinds)
    maps = cu.get_feature_maps(embedded, pictures[0]).values()
    subplots = [timed(draw_subplots, m) for m in [m for m in maps if m.shape[-1] >= 64][:6]]
    by_layer = sweep(layers.layer, layers.layer.options)
    layers.layer.value = embedded.last_conv_layer_name
    by_class = sweep(classes.classes, [index for _, index in classes.classes.options][1:])
    return [
        Row("another layer (yardstick: 8 x 8 subplots)", by_layer, yardstick=subplots),
        Row("another channel", sweep(layers.channel, range(0, 1280, 7))),
        Row("another place of a convolution", sweep(kernels.row, range(112))),
        Row("another class, Grad-CAM", by_class),
        Row("another picture, all layers at once", sweep(layers.picture, SAMPLES * 6)),
        Row("another picture, its classes", sweep(classes.picture, SAMPLES * 6)),
    ]


def sweep(control, values):
    """Set a control to each value in turn; return the seconds that each took."""
    return [timed(setattr, control, "value", value) for value in values]


def draw_subplots(maps):
    """Draw 64 feature maps as the tutorial does."""
    plt.switch_backend("agg")
    figure, grid = plt.subplots(8, 8, figsize=(8, 8))
    for channel, axes in enumerate(grid.flat):
        axes.imshow(maps[:, :, channel], cmap="viridis")
        axes.set_axis_off()
    figure.savefig(io.BytesIO(), format="png")  # as a notebook does to show it
    plt.close(figure)


SECTIONS = (
    gradcam_rows,
    saliency_rows,
    faithfulness_rows,
    vgg16_rows,
    feature_visualization_rows,
    explorer_rows,
)


def describe_machine():
    """Name the processor and the versions."""
    cpuinfo, processor = Path("/proc/cpuinfo"), platform.processor() or platform.machine()
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        processor = names[0] if names else processor
    packages = ("tensorflow", "keras", "tf-keras-vis", "numpy")
    versions = [f"{name} {version(name)}" for name in packages]
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, " + ", ".join(
        versions
    )


def main():
    """Run the sections and print one table."""
    warnings.simplefilter("ignore")  # of tf-keras-vis's calls, and where a heatmap is all zeros
    embedded, pictures = cu.load_classifier("embedded"), Pictures()
    sections = {section.__name__: section for section in SECTIONS}
    lines = [HEADER, ["---"] * len(HEADER)]
    for section in map(sections.get, sys.argv[1:] or sections):
        print(f"{section.__doc__.splitlines()[0]} ...", file=sys.stderr, flush=True)
        lines += [row.cells() for row in section(embedded, pictures)]
    print("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
    print(f"\nMedians after warm-up on {describe_machine()}.")


if __name__ == "__main__":
    main()
