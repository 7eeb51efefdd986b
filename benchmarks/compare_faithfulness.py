"""Compare the curves with Xplique's, and ROAD's imputation with pytorch-grad-cam's.

For development; each library in an environment of its own, from the course's folder:

    python3.11 -m venv /tmp/xplique
    /tmp/xplique/bin/python -m pip install --editable . xplique==2.0.2
    /tmp/xplique/bin/python benchmarks/compare_faithfulness.py xplique

    python3.11 -m venv /tmp/road
    /tmp/road/bin/python -m pip install --editable . grad-cam==1.5.7 torch==2.13.0
    /tmp/road/bin/python benchmarks/compare_faithfulness.py road

Each prints a table with the largest difference of every row, and fails where one is too large:
1e-3 for probabilities and areas, 1e-4 of the range of colors for imputed pixels.
"""

import sys
import time

import numpy as np

import course_utils as cu

PICTURES = ("chelsea", "coffee")
NUM_STEPS = 28


def maps_of(classifier, image):
    """Return two heatmaps as coarse and as fine as they come, no two pixels of them equal."""
    heatmaps = {
        "Grad-CAM": cu.make_gradcam_heatmap(classifier, image),
        "saliency": cu.compute_saliency_map(classifier, image),
    }
    noise = np.random.default_rng(0).random(classifier.input_size)
    return {
        name: cu.resize_heatmap(heatmap, classifier.input_size) + np.float64(1e-4) * noise
        for name, heatmap in heatmaps.items()
    }


def compare_curves():
    """Same steps, order and baseline: the curves' points, and the areas under them."""
    import tensorflow as tf
    from xplique.metrics import Deletion, Insertion

    classifier = cu.load_classifier("embedded")
    worst = 0.0
    print("| picture | map | fill | curve | ours | Xplique | area differs by | a point by |")
    print("|---|---|---|---|---|---|---|---|")
    for name in PICTURES:
        image = cu.load_image(name)
        target = np.argmax(classifier.logits(image))
        inputs = classifier.preprocess(image)
        small = cu.load_image(image, classifier.input_size)
        for title, heatmap in maps_of(classifier, image).items():
            for fill in ("black", "mean", "blur"):
                baseline = classifier.preprocess(cu.cover(small, heatmap, 1, fill))
                for ours, theirs in (
                    (cu.deletion_curve, Deletion),
                    (cu.insertion_curve, Insertion),
                ):
                    curve = ours(classifier, image, heatmap, num_steps=NUM_STEPS, fill=fill)
                    metric = theirs(
                        lambda batch: classifier.model(tf.convert_to_tensor(batch)),
                        inputs,
                        tf.one_hot([target], classifier.num_classes),
                        baseline_mode=lambda _, baseline=baseline: baseline,
                        steps=NUM_STEPS,
                    )
                    points = metric.detailed_evaluate(heatmap[np.newaxis])
                    counts = np.rint(curve.fractions * heatmap.size)
                    np.testing.assert_array_equal(counts, list(points))
                    by_point = np.abs(curve.probabilities - np.array(list(points.values()))).max()
                    area = metric.evaluate(heatmap[np.newaxis])
                    differences = abs(curve.area - area), by_point
                    worst = max(worst, *differences)
                    print(
                        f"| {name} | {title} | {fill} | {theirs.__name__} | {curve.area:.4f} | "
                        f"{area:.4f} | {differences[0]:.1e} | {differences[1]:.1e} |"
                    )
    return worst, 1e-3


def compare_imputation():
    """The hottest fifth, half, and four fifths missing, without noise."""
    import torch
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    from course_utils.methods.imputation import impute

    classifier = cu.load_classifier("embedded")
    worst = 0.0
    print("| picture | map | missing | largest difference | ours | pytorch-grad-cam |")
    print("|---|---|---|---|---|---|")
    for name in PICTURES:
        image = cu.load_image(name)
        small = cu.load_image(image, classifier.input_size) / 255
        for title, heatmap in maps_of(classifier, image).items():
            for share in (0.2, 0.5, 0.8):
                missing = heatmap > np.quantile(heatmap, 1 - share)
                start = time.perf_counter()
                ours = impute(small, missing)
                between = time.perf_counter()
                theirs = NoisyLinearImputer(noise=0)(
                    torch.tensor(small.transpose(2, 0, 1), dtype=torch.float32),
                    torch.tensor(~missing, dtype=torch.float32),
                )
                end = time.perf_counter()
                difference = np.abs(ours - theirs.numpy().transpose(1, 2, 0)).max()
                worst = max(worst, difference)
                print(
                    f"| {name} | {title} | {missing.mean():.0%} | {difference:.1e} | "
                    f"{between - start:.2f} s | {end - between:.2f} s |"
                )
    return worst, 1e-4


if __name__ == "__main__":
    compare = {"xplique": compare_curves, "road": compare_imputation}[sys.argv[1]]
    largest, limit = compare()
    print(f"\nThe largest difference is {largest:.1e}; it may be {limit:g}.")
    sys.exit(largest > limit)
