"""Measure the methods' speed beside tf-keras-vis and print it as Markdown: `make bench`.

Each section is a function that returns rows; `SECTIONS` lists them. Both libraries are warm, run in
this one process, and take turns, so that a busy moment of the machine hits both.
`python benchmarks/run.py explorer_rows` runs one section.
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

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

import course_utils as cu
from course_utils.backend import keras, tf
from course_utils.engine.folding import find_folds, fold_calls
from course_utils.engine.graph import needed_calls, output_of, run_calls
from course_utils.networks.classifier import runner_of

with warnings.catch_warnings(action="ignore"):  # SciPy's, of a module that tf-keras-vis uses
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

CAT = 285
TURNS = 9
SAMPLES = ["coffee", "astronaut", "rocket", "cat_and_coffee", "chelsea"]
OURS_PER_TURN = 3  # in a row, as when a slider moves


class Comparison(NamedTuple):
    """A call that both libraries know: lists of seconds, and how many times faster we must be."""

    call: str
    theirs: list
    ours: list
    target: float

    header = ("call", "tf-keras-vis", "ours", "times faster", "to reach", "met")

    @property
    def cells(self):
        """The row as text."""
        ratio = median(self.theirs) / median(self.ours)
        return (
            self.call,
            in_words(median(self.theirs)),
            in_words(median(self.ours)),
            f"{ratio:.1f}" if ratio < 100 else f"{ratio:.0f}",
            f"{self.target:g}",
            "yes" if ratio >= self.target else f"no, misses by {1 - ratio / self.target:.0%}",
        )


class Limit(NamedTuple):
    """A call of ours beside a yardstick: lists of seconds, and how many times as long it may be."""

    call: str
    yardstick: list
    ours: list
    limit: float

    header = ("call", "yardstick", "ours", "times the yardstick", "at most", "met")

    @property
    def cells(self):
        """The row as text."""
        ratio = median(self.ours) / median(self.yardstick)
        return (
            self.call,
            in_words(median(self.yardstick)),
            in_words(median(self.ours)),
            f"{ratio:.2f}",
            f"{self.limit:g}",
            "yes" if ratio <= self.limit else f"no, misses by {ratio / self.limit - 1:.0%}",
        )


class FirstCall(NamedTuple):
    """The first calls of a fresh classifier beside plain TensorFlow without compiling: seconds."""

    call: str
    plain: list
    ours: list
    second: list
    limit: float

    header = ("call", "plain TensorFlow", "our first call", "more", "at most", "met", "our second")

    @property
    def cells(self):
        """The row as text."""
        more = median(self.ours) - median(self.plain)
        return (
            self.call,
            in_words(median(self.plain)),
            in_words(median(self.ours)),
            f"{more:+.2f} s",
            f"{self.limit:+.2f} s",
            "yes" if more <= self.limit else f"no, misses by {more - self.limit:.2f} s",
            in_words(median(self.second)),
        )


class Reaction(NamedTuple):
    """How long an explorer takes from a control's new value to the finished bytes: seconds."""

    move: str
    ours: list
    limit: float

    header = ("move of an explorer", "median", "95th percentile", "at most", "met")

    @property
    def cells(self):
        """The row as text."""
        slow = quantiles(self.ours, n=20, method="inclusive")[-1]
        return (
            self.move,
            in_words(median(self.ours)),
            in_words(slow),
            in_words(self.limit),
            "yes" if slow <= self.limit else f"no, misses by {slow / self.limit - 1:.0%}",
        )


class Usual(NamedTuple):
    """The usual way to look at a layer beside our explorer's: lists of seconds."""

    way: str
    usual: list
    ours: list

    header = ("64 feature maps", "it takes", "our explorer", "times faster")

    @property
    def cells(self):
        """The row as text."""
        usual, ours = median(self.usual), median(self.ours)
        return self.way, in_words(usual), in_words(ours), f"{usual / ours:.0f}"


class Memory(NamedTuple):
    """How much memory the process holds before and after many moves: bytes."""

    moves: int
    before: int
    after: int

    header = ("moves of both explorers", "memory before", "after")

    @property
    def cells(self):
        """The row as text."""
        return str(self.moves), f"{self.before / 1e6:.0f} MB", f"{self.after / 1e6:.0f} MB"


def in_words(seconds):
    """Write a duration with about three digits: 2.13 ms, 28.4 ms, 450 ms, 9.70 s."""
    if seconds >= 1:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    digits = max(0, 2 - int(np.floor(np.log10(seconds * 1000))))
    return f"{seconds * 1000:.{digits}f} ms"


def take_turns(theirs, ours, turns=TURNS, ours_per_turn=OURS_PER_TURN, warm_up=3):
    """Time two functions of a running number; return a list of seconds for each."""
    count = itertools.count()
    for _ in range(warm_up):  # ours is compiled at its second call
        ours(next(count))
    if warm_up:
        theirs(next(count))
    seconds = [], []
    for _ in range(turns):
        for function, times, repeats in (
            (theirs, seconds[0], 1),
            (ours, seconds[1], ours_per_turn),
        ):
            for _ in range(repeats):
                times.append(timed(function, next(count)))
    return seconds


def timed(function, *args):
    """Return how many seconds a call takes."""
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


class Pictures:
    """A cat, shifted by another number of pixels each time: nothing of it is remembered."""

    def __init__(self):
        cat = cu.load_image("chelsea")
        self.pictures = [np.roll(cat, shift, axis=1) for shift in range(64)]

    def __getitem__(self, number):
        return self.pictures[number % len(self.pictures)]


def gradcam_rows(embedded, pictures):
    """Grad-CAM and Grad-CAM++, as the tutorial calls tf-keras-vis."""
    rows = []
    for name, their_class in (("grad_cam", Gradcam), ("grad_cam++", GradcamPlusPlus)):
        title = cu.METHODS[name].title
        peer = their_class(embedded.model, model_modifier=ReplaceToLinear(), clone=True)

        def theirs(image, class_index, peer=peer):
            inputs = embedded.preprocess(image)
            peer(CategoricalScore([class_index]), inputs, penultimate_layer=-1)

        def ours(image, class_index, name=name):
            cu.make_gradcam_heatmap(embedded, image, class_index, method=name)

        new_picture = take_turns(
            lambda i, f=theirs: f(pictures[i], CAT), lambda i, f=ours: f(pictures[i], CAT)
        )
        other_class = take_turns(
            lambda i, f=theirs: f(pictures[0], i), lambda i, f=ours: f(pictures[0], i)
        )
        rows.append(Comparison(f"{title}, new picture", *new_picture, 12))
        rows.append(Comparison(f"{title}, another class of it", *other_class, 100))
    return rows


def yardstick_rows(embedded, pictures):
    """Grad-CAM of a new picture beside one compiled forward pass plus the head's gradient."""
    dense = embedded.model.get_layer("predictions")
    graph = runner_of(embedded).graph
    last = output_of(graph, "top_activation")
    calls = fold_calls(needed_calls(graph.calls, [last]), [last], find_folds(graph))  # as ours are

    @tf.function(input_signature=[tf.TensorSpec(graph.input.shape, tf.float32)])
    def forward_and_head(inputs):
        [maps] = run_calls(calls, [(graph.input, inputs)], [last])
        with tf.GradientTape() as tape:
            tape.watch(maps)
            logits = tf.reduce_mean(maps, axis=(1, 2)) @ dense.kernel + dense.bias
            score = logits[0, CAT]
        return maps, tape.gradient(score, maps)

    def yardstick(number):
        maps, gradient = forward_and_head(tf.constant(embedded.preprocess(pictures[number])))
        return maps.numpy(), gradient.numpy()

    def ours(number):
        cu.make_gradcam_heatmap(embedded, pictures[number], CAT)

    seconds = take_turns(yardstick, ours, turns=30, ours_per_turn=1)
    return [Limit("Grad-CAM, beside one compiled forward pass plus head", *seconds, 1.2)]


def saliency_rows(embedded, pictures):
    """Vanilla saliency and SmoothGrad."""
    peer = Saliency(embedded.model, model_modifier=ReplaceToLinear(), clone=True)

    def theirs(number, **options):
        peer(CategoricalScore([CAT]), embedded.preprocess(pictures[number]), **options)

    vanilla = take_turns(theirs, lambda i: cu.compute_saliency_map(embedded, pictures[i], CAT))
    smooth = take_turns(
        lambda i: theirs(i, smooth_samples=20, smooth_noise=0.2),
        lambda i: cu.smooth_grad(embedded, pictures[i], CAT, num_samples=20),
        turns=2,
        warm_up=0,  # it was the same functions that ran just now
    )
    return [Comparison("saliency", *vanilla, 6), Comparison("SmoothGrad, 20 samples", *smooth, 12)]


def faithfulness_rows(embedded, pictures):
    """A deletion curve beside plain predictions of as many pictures."""
    heatmap = cu.make_gradcam_heatmap(embedded, pictures[0], CAT)
    batch = np.stack([cu.load_image(pictures[i], embedded.input_size) for i in range(29)])
    seconds = take_turns(
        lambda _: embedded.predict(batch),
        lambda i: cu.deletion_curve(embedded, pictures[i], heatmap, CAT),
        ours_per_turn=1,
    )
    return [Limit("deletion curve, 28 steps, beside 29 predictions", *seconds, 1.3)]


def vgg16_rows(_, pictures):
    """Grad-CAM of VGG16 with random weights, without a second copy of them for tf-keras-vis."""
    vgg16 = cu.load_classifier("vgg16", weights="random")
    peer = Gradcam(vgg16.logits_model, clone=False)

    def theirs(image, class_index):
        inputs = vgg16.preprocess(image)
        peer(CategoricalScore([class_index]), inputs, penultimate_layer="block5_conv3")

    def ours(image, class_index):
        cu.make_gradcam_heatmap(vgg16, image, class_index)

    new_picture = take_turns(lambda i: theirs(pictures[i], CAT), lambda i: ours(pictures[i], CAT))
    other_class = take_turns(lambda i: theirs(pictures[0], i), lambda i: ours(pictures[0], i))
    return [
        Comparison("VGG16, Grad-CAM, new picture", *new_picture, 3),
        Comparison("VGG16, Grad-CAM, another class of it", *other_class, 14),
    ]


def feature_visualization_rows(embedded, _):
    """Pictures for channels and a class by gradient ascent: same network, size and steps."""
    vgg16, steps = keras.applications.vgg16, 30
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
        seconds = take_turns(
            lambda i, f=peer, c=channel: f(lambda maps: maps[..., c], steps=steps),
            lambda i, m=model, n=layer_name, c=channel: cu.visualize_channel(
                m, n, c, num_steps=steps, seed=i, preprocess_input=vgg16.preprocess_input
            ),
            turns=3,
            ours_per_turn=1,
            warm_up=1,
        )
        call = f"VGG16, a channel of {layer_name}, {size} pixels, {steps} steps"
        rows.append(Comparison(call, *seconds, 5))
    peer = ActivationMaximization(embedded.model, model_modifier=ReplaceToLinear(), clone=True)
    seconds = take_turns(
        lambda i: peer(CategoricalScore([CAT]), input_range=(-1, 1), steps=steps),
        lambda i: cu.visualize_class(embedded, CAT, num_steps=steps, seed=i),
        turns=3,
        ours_per_turn=1,
        warm_up=1,
    )
    return [*rows, Comparison(f"a class, 224 pixels, {steps} steps", *seconds, 5)]


def first_call_rows(embedded, pictures):
    """What the first call of a session costs, which is not compiled, and the second, which is."""
    logits_model, image = embedded.logits_model, pictures[0]
    layer = embedded.model.get_layer("top_activation")
    both = keras.Model(logits_model.inputs, [layer.output, logits_model.outputs[0]])
    inputs = tf.constant(embedded.preprocess(image))

    def plain_grad_cam():
        with tf.GradientTape() as tape:
            maps, logits = both([inputs])
            score = logits[0, CAT]
        return tf.einsum("nhwc,nc->nhw", maps, tf.reduce_mean(tape.gradient(score, maps), (1, 2)))

    def plain_gradients(batches, size):
        for _ in range(batches):
            batch = tf.repeat(inputs, size, axis=0)
            with tf.GradientTape() as tape:
                tape.watch(batch)
                scores = logits_model([batch])[:, CAT]
            tape.gradient(scores, batch).numpy()

    cases = {
        "Grad-CAM": (cu.make_gradcam_heatmap, plain_grad_cam),
        "saliency": (cu.compute_saliency_map, lambda: plain_gradients(1, 1)),
        "SmoothGrad, 20 samples": (cu.smooth_grad, lambda: plain_gradients(4, 5)),
    }
    rows = []
    for title, (function, plain) in cases.items():
        seconds = [], [], []
        plain()
        for _ in range(3):
            fresh = cu.ImageClassifier("fresh", embedded.model, embedded.preprocess_input)
            seconds[0].append(timed(plain))
            seconds[1].append(timed(function, fresh, image, CAT))
            seconds[2].append(timed(function, fresh, pictures[1], CAT))
        rows.append(FirstCall(title, *seconds, 1.0))
    return rows


def explorer_rows(embedded, pictures):
    """The explorers' sliders, and the subplots that they replace."""
    image = pictures[0]
    layers, classes = cu.LayerExplorer(embedded, image), cu.ClassExplorer(embedded, image)
    by_layer = sweep(layers.layer, layers.layer.options)
    layers.layer.value = embedded.last_conv_layer_name
    rows = [
        Reaction("another layer, all of them", by_layer, 0.015),
        Reaction("another channel", sweep(layers.channel, range(0, 1280, 7)), 0.015),
        Reaction("another class, Grad-CAM", sweep_classes(classes), 0.015),
        Reaction("another picture, all layers at once", sweep(layers.picture, SAMPLES * 6), 0.08),
        Reaction("another picture, its classes", sweep(classes.picture, SAMPLES * 6), 0.08),
    ]
    maps = cu.get_feature_maps(embedded, image).items()
    six = [(name, array) for name, array in maps if array.shape[-1] >= 64][:6]
    subplots, redraw = subplots_and_interact(dict(six))
    rows.append(Usual("8 x 8 subplots, as in the tutorial", subplots, by_layer))
    rows.append(Usual("interact(), which redraws them", redraw, by_layer))
    moves, before = 0, resident_bytes()
    while moves < 1000:
        moves += len(sweep(layers.layer, layers.layer.options)) + len(sweep_classes(classes))
    rows.append(Memory(moves, before, resident_bytes()))
    return rows


def sweep(control, values):
    """Set a control to each value in turn; return the seconds that each took."""
    return [timed(setattr, control, "value", value) for value in values]


def sweep_classes(explorer):
    """Visit the classes of an explorer's slider that it has not shown yet."""
    return sweep(explorer.classes, [index for _, index in explorer.classes.options][1:])


def subplots_and_interact(maps):
    """Time both for each layer of `maps`; return two lists of seconds."""

    def draw(name):
        figure, grid = plt.subplots(8, 8, figsize=(8, 8))
        for channel, axes in enumerate(grid.flat):
            axes.imshow(maps[name][:, :, channel], cmap="viridis")
            axes.set_xticks([])
            axes.set_yticks([])
        figure.savefig(io.BytesIO(), format="png")  # as a notebook does to show it
        plt.close(figure)

    plt.switch_backend("agg")
    first, *others = maps
    slider = ipywidgets.SelectionSlider(options=list(maps))
    ipywidgets.interactive(draw, name=slider)
    return [timed(draw, name) for name in maps], sweep(slider, [*others, first])


def resident_bytes():
    """Return how much memory this process holds, in bytes; Linux only, elsewhere 0."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if status.exists() else 0


SECTIONS = (
    gradcam_rows,
    yardstick_rows,
    saliency_rows,
    faithfulness_rows,
    vgg16_rows,
    feature_visualization_rows,
    first_call_rows,
    explorer_rows,
)


def to_markdown(rows):
    """Write rows of one kind as a table."""
    lines = [rows[0].header, ["---"] * len(rows[0].header), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def spread(seconds):
    """Return how far the middle half of some durations reaches from their median, as a share."""
    low, middle, high = quantiles(seconds, n=4, method="inclusive")
    return max(high - middle, middle - low) / middle


def describe_machine():
    """Name the processor and the versions."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    versions = [f"Python {platform.python_version()}", f"TensorFlow {tf.__version__}"]
    versions += [f"{name} {version(name)}" for name in ("keras", "tf-keras-vis", "numpy")]
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}; {', '.join(versions)}"


def main():
    """Run all sections and print their tables."""
    warnings.simplefilter("ignore")  # of tf-keras-vis's calls, and where a heatmap is all zeros
    start = time.perf_counter()
    embedded, pictures = cu.load_classifier("embedded"), Pictures()
    rows = []
    sections = {section.__name__: section for section in SECTIONS}
    for section in map(sections.get, sys.argv[1:] or sections):
        print(f"{section.__doc__.splitlines()[0]} ...", file=sys.stderr, flush=True)
        rows += section(embedded, pictures)
    for kind in (Comparison, Limit, FirstCall, Reaction, Usual, Memory):
        if some := [row for row in rows if isinstance(row, kind)]:
            print(to_markdown(some), end="\n\n")
    compared = [times for row in rows for times in row if isinstance(times, list)]
    print(f"Medians after warm-up, in {time.perf_counter() - start:.0f} s on {describe_machine()}.")
    print(
        "The middle half of a call's measurements reaches "
        f"{median(map(spread, compared)):.0%} from their median, at worst "
        f"{max(map(spread, compared)):.0%}."
    )


if __name__ == "__main__":
    main()
