"""How long the explorers take from a control's new value to the finished bytes.

    python benchmarks/explorers.py

`rows()` returns what this prints, for the table of all benchmarks.
"""

import os
import resource
import statistics
import time

os.environ.setdefault("COURSE_OFFLINE", "1")

import course_utils as cu

SAMPLES = ["chelsea", "coffee", "astronaut", "rocket", "cat_and_coffee"]


def milliseconds(action):
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)


def sweep(control, values):
    """Set a control to each value in turn; returns the times in ms."""
    return [milliseconds(lambda v=value: setattr(control, "value", v)) for value in values]


def percentile_95(times):
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def subplot_grid(maps):
    """The tutorial's way: 64 feature maps as 8 x 8 subplots, drawn to PNG."""
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, grid = plt.subplots(8, 8, figsize=(8, 8))
    for axes, channel in zip(grid.flat, range(64), strict=True):
        axes.imshow(maps[:, :, channel], cmap="viridis")
        axes.set_xticks([])
        axes.set_yticks([])
    figure.savefig(io.BytesIO(), format="png")
    plt.close(figure)


def memory():
    """Peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def rows():
    """Measure; returns [(what, milliseconds, limit in ms or None, remark)]."""
    classifier = cu.load_classifier("embedded")
    image = cu.load_image("chelsea")
    started = []
    started.append(milliseconds(lambda: cu.LayerExplorer(classifier, image)))
    layers = cu.LayerExplorer(classifier, image)
    started.append(milliseconds(lambda: cu.ClassExplorer(classifier, image)))
    classes = cu.ClassExplorer(classifier, image)

    by_layer = sweep(layers.layer, layers.layer.options)
    layers.layer.value = "top_activation"
    by_channel = sweep(layers.channel, range(0, 1280, 7))
    by_picture = sweep(layers.picture, SAMPLES * 3)
    by_class = sweep(classes.classes, [index for _, index in classes.classes.options][1:])
    by_class_picture = sweep(classes.picture, SAMPLES * 3)

    before = memory()
    for _ in range(7):
        sweep(layers.layer, layers.layer.options)
    for name in SAMPLES:
        classes.picture.value = name
        sweep(classes.classes, [index for _, index in classes.classes.options])
    moved, grown = 7 * len(layers.layer.options) + 5 * 20, memory() - before

    maps = cu.get_feature_maps(classifier, image, ["block2a_expand_activation"])
    grid = milliseconds(lambda: subplot_grid(maps["block2a_expand_activation"]))
    typical = statistics.median(by_layer)
    return [
        ("LayerExplorer: start", started[0], 3000, "once"),
        ("ClassExplorer: start", started[1], 3000, "once, after a LayerExplorer"),
        (
            "LayerExplorer: another layer",
            percentile_95(by_layer),
            15,
            "95th percentile, all layers",
        ),
        ("LayerExplorer: another channel", percentile_95(by_channel), 15, "95th percentile"),
        ("LayerExplorer: another picture", percentile_95(by_picture), 80, "95th percentile"),
        ("ClassExplorer: another class", percentile_95(by_class), 15, "95th percentile, Grad-CAM"),
        ("ClassExplorer: another picture", percentile_95(by_class_picture), 80, "95th percentile"),
        ("8 x 8 subplots of one layer", grid, None, f"{grid / typical:.0f} times another layer"),
        (f"memory after {moved} moves", grown, None, "MB more at the peak, not milliseconds"),
    ]


if __name__ == "__main__":
    for what, value, limit, remark in rows():
        allowed = f"at most {limit}" if limit else ""
        print(f"{what:32s} {value:8.1f} ms  {allowed:12s} {remark}")
