"""Right answers of another shape than ours pass: loops, einsum, tensors, lists, an object."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_exercises.check import examine_answer
from course_exercises.examine import DONE


def count_in_a_loop(height, width, channels_in, channels_out):
    total = 0.0
    for _ in range(channels_out):
        total += height * width * channels_in + 1
    return total  # a float


def one_number_by_scipy(inputs, kernels, biases, filter_index, row, column):
    from scipy.ndimage import correlate

    kernel, (*_, channels) = kernels[..., filter_index], inputs.shape
    maps = [correlate(inputs[..., c], kernel[..., c], mode="constant") for c in range(channels)]
    return np.maximum(sum(maps)[row, column] + biases[filter_index], 0)


def max_pool_by_tensorflow(maps):
    return tf.nn.max_pool2d(maps[None], 2, 2, "VALID")[0]


def max_pool_in_loops(maps):
    height, width, channels = maps.shape
    return [
        [
            [maps[2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c].max() for c in range(channels)]
            for j in range(width // 2)
        ]
        for i in range(height // 2)
    ]


def softmax_by_tensorflow(logits):
    return tf.nn.softmax(logits)


def without_softmax_by_clone(model):
    """A copy of the whole network, whose last layer is linear."""

    def copy(layer):
        settings = layer.get_config()
        if layer is model.layers[-1]:
            settings["activation"] = "linear"
        return layer.__class__.from_config(settings)

    clone = keras.models.clone_model(model, clone_function=copy)
    clone.set_weights(model.get_weights())
    return clone


def probability_gradient_by_tape(logits, gradients, class_index):
    """The chain rule: softmax's own derivative, from TensorFlow, times the logits' gradients."""
    z = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(z)
        p = tf.nn.softmax(z)[class_index]
    return tf.einsum("k,khwc->hwc", tape.gradient(p, z), gradients)


def grad_cam_by_einsum(maps, gradients):
    weights = np.einsum("hwk->k", np.float32(gradients))  # a sum: scaling makes it the mean
    heatmap = np.einsum("hwk,k->hw", np.float32(maps), weights).clip(min=0)
    return heatmap / (heatmap.max() + 1e-12)


def grad_cam_in_loops(maps, gradients):
    height, width, channels = maps.shape
    total = [[0.0] * width for _ in range(height)]
    for k in range(channels):
        alpha = sum(map(float, gradients[:, :, k].ravel())) / (height * width)
        for i in range(height):
            for j in range(width):
                total[i][j] += alpha * maps[i, j, k]
    largest = max(0, *(value for row in total for value in row))
    return [[max(value, 0) / largest if largest else 0 for value in row] for row in total]


@tf.function
def hires_cam_compiled(model, inputs, class_index, layer_name):
    """Compiled; the layers are walked through, without a second model."""
    x = inputs
    with tf.GradientTape() as tape:
        for layer in model.layers[1:-1]:
            x = layer(x)
            if layer.name == layer_name:
                maps = x
                tape.watch(maps)
        last = model.layers[-1]
        logits = tf.linalg.matmul(x, last.kernel) + last.bias
        logit = logits[0, class_index]
    heatmap = tf.nn.relu(tf.reduce_sum(maps * tape.gradient(logit, maps), -1))[0]
    return tf.math.divide_no_nan(heatmap, tf.reduce_max(heatmap))


def grad_cam_from_the_maps_on(model, prepare, photo, class_index, layer_name):
    """Only the layers behind the maps are on the tape; the mean and the sum are one product."""
    layer = model.get_layer(layer_name)
    maps = keras.Model(model.input, layer.output)(prepare(photo))
    behind = model.layers[model.layers.index(layer) + 1 :]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(maps)
        x = maps
        for one in behind:
            x = one(x)
        logit = tf.gather(x[0], class_index)
    heatmap = tf.einsum("hwk,ijk->hw", maps[0], tape.gradient(logit, maps)[0])
    heatmap = tf.maximum(heatmap, 0)
    return tf.math.divide_no_nan(heatmap, tf.reduce_max(heatmap))


def center_by_scipy(heatmap, height, width):
    from scipy.ndimage import center_of_mass

    if not np.any(heatmap):
        return [height / 2, width / 2]
    row, column = center_of_mass(heatmap)
    rows, columns = heatmap.shape
    return [(row + 0.5) * height / rows, (column + 0.5) * width / columns]


class Samples:
    """An object that can be called; it counts up in its own way."""

    def __call__(self, smooth, least):
        for power in range(30):
            one, other = (np.ravel(smooth(2**power, seed)) for seed in (1, 0))
            one, other = one - one.mean(), other - other.mean()
            if one @ other / np.sqrt(one @ one * (other @ other)) >= least:
                return np.int64(2**power)


def logits_by_masking(maps, W, b, channel):
    mask = np.ones(maps.shape[-1])
    mask[channel] = 0
    return [float(np.sum(maps.mean((0, 1)) * mask * W[:, c]) + b[c]) for c in range(len(b))]


def overlap_by_masks(one, other, count):
    masks = [m >= np.sort(m, axis=None)[-count] for m in (one, other)]
    return np.logical_and(*masks).sum() / np.logical_or(*masks).sum()


def deletion_one_by_one(predict, image, heatmap, fill, num_steps):
    """Masks in place of indices; the curve is filled from its end."""
    order = heatmap.ravel().argsort()[::-1]
    values = np.zeros(num_steps + 1, np.float32)
    for step in reversed(range(num_steps + 1)):
        mask = np.zeros(heatmap.size, bool)
        mask[order[: step * heatmap.size // num_steps]] = True
        values[step] = predict(np.where(mask.reshape(heatmap.shape)[..., None], fill, image))
    return values


def spearman_by_scipy(before, after):
    from scipy.stats import spearmanr

    return spearmanr(before, after, axis=None).statistic


ANSWERS = [
    ("2a", count_in_a_loop),
    ("3b", one_number_by_scipy),
    ("3c", max_pool_by_tensorflow),
    ("3c", max_pool_in_loops),
    ("4.0a", softmax_by_tensorflow),
    ("4.0b", without_softmax_by_clone),
    ("4.0c", probability_gradient_by_tape),
    ("4.1a", grad_cam_by_einsum),
    ("4.1a", grad_cam_in_loops),
    ("4.1b", hires_cam_compiled),
    ("4.1c", center_by_scipy),
    ("4.1d", grad_cam_from_the_maps_on),
    ("4.2b", Samples()),
    ("6a", logits_by_masking),
    ("5c", overlap_by_masks),
    ("7a", deletion_one_by_one),
    ("7b", lambda values: np.trapezoid(values, np.linspace(0, 1, len(values)))),
    ("7c", spearman_by_scipy),
]


@pytest.mark.parametrize("task, answer", ANSWERS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_right_answer_of_another_shape_passes(task, answer):
    report = examine_answer(task, answer, seed=11)
    assert report.status == DONE, report
