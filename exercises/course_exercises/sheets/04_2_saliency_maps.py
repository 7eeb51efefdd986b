# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Exercises 4.2: Saliency maps
#
# These exercises go with chapter [4.2](../../notebooks/04_2_saliency_maps.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import numpy as np
import tensorflow as tf

# %% [markdown]
# ## 4.2a Saliency from memory (10 minutes)
#
# How much does the logit of a class change with each pixel?
# $ M_{ij} = \max_k \left| \partial y^c / \partial x_{ijk} \right| $, divided by its maximum. `model` ends in logits: the
# softmax has been taken off.


# %%
def saliency_map(model, inputs, class_index):
    """Return vanilla saliency in [0, 1], (H, W).

    model: a Keras model that ends in logits.
    inputs: a float tensor (1, H, W, 3), one preprocessed picture.
    """
    # solution
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logit = model(inputs)[0, class_index]
    magnitude = tf.reduce_max(tf.abs(tape.gradient(logit, inputs)[0]), axis=-1)
    return magnitude / tf.reduce_max(magnitude)


# %% tags=["catalog"]
from course_exercises.task import Task
from course_exercises.tiny import last_ranked, tiny_network

TASKS: dict[str, Task] = {}


def pictures_and_classes(generator):
    for size, low, high in [((6, 9), -1, 1), ((7, 7), -2, 0)]:
        model = tiny_network(generator, size, activation=None)
        inputs = tf.constant(generator.uniform(low, high, (1, *size, 3)), tf.float32)
        case = f"a picture of {size[0]} x {size[1]} pixels from {low} to {high}"
        yield case, model, inputs, last_ranked(model, inputs)


def gradient_of(model, inputs, class_index):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logit = model(inputs)[0, class_index]
    return tape.gradient(logit, inputs)[0].numpy()


def without_magnitude(model, inputs, class_index):
    """The magnitude is missing: a strongly negative gradient matters as much as a positive one."""
    largest = gradient_of(model, inputs, class_index).max(axis=-1)
    return largest / largest.max()


def magnitude_too_late(model, inputs, class_index):
    """You take the magnitude after the largest color is chosen. Take it first: -2 counts more than 1."""
    largest = np.abs(gradient_of(model, inputs, class_index).max(axis=-1))
    return largest / largest.max()


def summed_colors(model, inputs, class_index):
    """You add up or average the three colors. Take the largest one."""
    total = np.abs(gradient_of(model, inputs, class_index)).sum(axis=-1)
    return total / total.max()


def not_scaled(model, inputs, class_index):
    """Not divided by the maximum: the brightest pixel should be 1."""
    return np.abs(gradient_of(model, inputs, class_index)).max(axis=-1)


def times_input(model, inputs, class_index):
    """That is gradient times input: to first order a share of the logit. Saliency is the gradient alone."""
    product = np.abs(gradient_of(model, inputs, class_index) * inputs[0]).max(axis=-1)
    return product / product.max()


def of_the_first_ranked(model, inputs, class_index):
    """You explain the class that the network ranks first, not `class_index`."""
    return saliency_map(model, inputs, int(np.argmax(model(inputs)[0])))


def of_the_probability(model, inputs, class_index):
    """You put a softmax behind the logits. That is the probability's gradient, which mixes in the other
    classes.
    """
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        probability = tf.nn.softmax(model(inputs))[0, class_index]
    magnitude = np.abs(tape.gradient(probability, inputs)[0]).max(axis=-1)
    return magnitude / magnitude.max()


def of_all_logits(model, inputs, class_index):
    """You take the gradient of all logits together: `tape.gradient` adds them up. Choose the class first."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logits = model(inputs)
    magnitude = np.abs(tape.gradient(logits, inputs)[0]).max(axis=-1)
    return magnitude / magnitude.max()


TASKS["4.2a"] = Task(
    saliency_map,
    pictures_and_classes,
    [
        without_magnitude,
        magnitude_too_late,
        summed_colors,
        not_scaled,
        times_input,
        of_the_first_ranked,
        of_the_probability,
        of_all_logits,
    ],
    {
        "no value is negative": lambda heatmap, *_: heatmap.min() >= 0,
        "the largest value is 1": lambda heatmap, *_: np.isclose(heatmap.max(), 1),
    },
)

# %% [markdown]
# ## 4.2b SmoothGrad until two seeds agree (15 minutes)
#
# How many samples are enough? `smooth(num_samples, seed)` gives you a SmoothGrad map. Try 1, 2, 4, 8, … samples. Compute
# the map with seed 0 and with seed 1, and return the first number of samples at which both agree: Pearson's
# correlation of all their values is `least` or more. Each call is expensive, so stop when you have it.


# %%
def samples_needed(smooth, least):
    """Return the first of 1, 2, 4, 8, ... samples with which the maps of seeds 0 and 1 agree.

    smooth: function (num_samples, seed) to a float array (H, W).
    """
    # solution
    num_samples = 1
    while np.corrcoef(smooth(num_samples, 0).ravel(), smooth(num_samples, 1).ravel())[0, 1] < least:
        num_samples *= 2
    return num_samples


# %% tags=["catalog"]


def noisy_maps(generator):
    for size, noise, least in [
        ((9, 9), 2.0, 0.9),
        ((6, 13), 5.0, 0.8),
        ((12, 8), 1.0, 0.97),
        ((7, 7), 9.0, 0.7),
    ]:
        yield (
            f"maps of {size[0]} x {size[1]}, correlation {least}",
            Smoother(generator, size, noise),
            least,
        )
    smooth = Smoother(generator, (8, 10), 12.0)
    smooth.signal += np.linspace(0, 8, 10)  # its rows are alike
    yield "maps that grow to the right", smooth, 0.9
    yield "maps that agree at once", Smoother(generator, (8, 6), 0.1), 0.9
    smooth = Smoother(generator, (7, 9), 20.0)
    smooth.chances[1] = -smooth.chances[0]
    yield "maps that are nearly each other's negative at first", smooth, 0.8


class Smoother:
    """A method whose chance part falls with the root of the number of samples, as SmoothGrad's does."""

    def __init__(self, generator, size, noise):
        self.signal = generator.random(size) + np.linspace(0, 2, size[0])[:, None]
        self.chances = [0.5 * noise * generator.normal(size=size) for _ in range(2)]
        self.seeds = []  # of all calls

    def __call__(self, num_samples, seed):
        if len(self.seeds) == 100:
            raise RuntimeError("100 calls and no end: does your number of samples grow?")
        self.seeds.append(int(seed))
        return self.compute(num_samples, seed)

    def compute(self, num_samples, seed):
        """Return the map, and count nothing."""
        return self.signal + self.chances[seed % 2] / np.sqrt(num_samples)


def agreement(smooth, num_samples):
    return np.corrcoef(smooth(num_samples, 0).ravel(), smooth(num_samples, 1).ravel())[0, 1]


def has_both_seeds(count, smooth, least):
    if len(set(smooth.seeds)) == 1:
        return "Both maps have the same seed, so they always agree: that says nothing about chance."
    return set(smooth.seeds) == {0, 1}


def wastes_no_call(count, smooth, least):
    """Each call is expensive. An answer that ends too early or too late is none of our business here."""
    most, calls = 2 * (int(np.log2(samples_needed(smooth.compute, least))) + 1), len(smooth.seeds)
    return calls <= most or (
        f"You call `smooth` {calls} times; {most} would do. Keep both maps in variables, and stop at the first "
        "agreement."
    )


def the_correlation(smooth, least):
    """You return the correlation. Return the number of samples."""
    return agreement(smooth, samples_needed(smooth, least))


def one_too_far(smooth, least):
    """You double once more after the maps agree."""
    return 2 * samples_needed(smooth, least)


def one_too_few(smooth, least):
    """You return the last number at which they did *not* agree."""
    return samples_needed(smooth, least) // 2


def counted_by_one(smooth, least):
    """You try 1, 2, 3, 4, ... Double the number each time: that needs far fewer calls."""
    num_samples = 1
    while agreement(smooth, num_samples) < least:
        num_samples += 1
    return num_samples


def first_rows(smooth, least):
    """`np.corrcoef` of two maps correlates their *rows*. Make each map one long row first: `.ravel()`."""
    num_samples = 1
    while np.corrcoef(smooth(num_samples, 0), smooth(num_samples, 1))[0, 1] < least:
        num_samples *= 2
    return num_samples


def never_grows(smooth, least):
    """You ask for the same number of samples again and again: double it in the loop, `num_samples *= 2`."""
    while agreement(smooth, 1) < least:
        pass
    return 1


def begins_with_two(smooth, least):
    """You begin with 2 samples. A single one may be enough: begin with 1."""
    return max(2, samples_needed(smooth, least))


def without_the_sign(smooth, least):
    """Maps that are each other's negative don't agree: keep the sign."""
    num_samples = 1
    while abs(agreement(smooth, num_samples)) < least:
        num_samples *= 2
    return num_samples


TASKS["4.2b"] = Task(
    samples_needed,
    noisy_maps,
    [
        the_correlation,
        one_too_far,
        one_too_few,
        counted_by_one,
        first_rows,
        never_grows,
        begins_with_two,
        without_the_sign,
    ],
    {
        "it compares the seeds 0 and 1": has_both_seeds,
        "it is a power of two": lambda count, *_: count >= 1 and float(np.log2(count)).is_integer(),
        "with so many samples the maps agree": (
            lambda count, smooth, least: agreement(smooth.compute, int(count)) >= least
        ),
        "it makes no call more than needed": wastes_no_call,
    },
)

# %% [markdown]
# ## 4.2c Integrated Gradients from any baseline (20 minutes)
#
# A black baseline gives a black pixel no attribution, whatever it does. So take the baseline as an argument:
#
# $$ \text{IG}_i = (x_i - x'_i) \, \frac{1}{n} \sum_{s=0}^{n-1} \frac{\partial F}{\partial x_i}
# \Big( x' + \frac{s + \frac12}{n} \, (x - x') \Big) . $$
#
# The gradients are taken at the *middles* of $n$ equal parts. `model` ends in logits, and $F$ is the logit of the class.


# %%
def integrated_gradients(model, inputs, baseline, class_index, num_steps):
    """Return Integrated Gradients with their sign, (H, W, 3).

    model: a Keras model that ends in logits.
    inputs, baseline: float tensors (1, H, W, 3), preprocessed pictures.
    """
    # solution
    total = tf.zeros_like(inputs)
    for step in range(num_steps):
        point = baseline + (step + 0.5) / num_steps * (inputs - baseline)
        with tf.GradientTape() as tape:
            tape.watch(point)
            logit = model(point)[0, class_index]
        total += tape.gradient(logit, point)
    return ((inputs - baseline) * total / num_steps)[0]


# %% tags=["catalog"]


def pictures_and_baselines(generator):
    for size, class_index, num_steps, distance in [((5, 9), 3, 3, 3), ((6, 6), 0, 4, 0.01)]:
        model = tiny_network(generator, size, activation=None)
        start = -3 * generator.random((1, *size, 3))
        end = start + distance * generator.normal(size=start.shape)
        case = f"pictures of {size[0]} x {size[1]} pixels, {num_steps} steps"
        case += ", a baseline close to the picture" if distance < 1 else ""
        yield case, model, np_tensor(end), np_tensor(start), class_index, num_steps


def np_tensor(values):
    return tf.constant(values, tf.float32)


def path_gradient(model, inputs, baseline, class_index, positions):
    """The mean gradient at these positions of the path."""
    points = tf.concat(
        [baseline + position * (inputs - baseline) for position in positions], axis=0
    )
    with tf.GradientTape() as tape:
        tape.watch(points)
        logits = model(points)[:, class_index]
    return tape.gradient(logits, points).numpy().mean(axis=0)


def middles(num_steps):
    return (np.arange(num_steps) + 0.5) / num_steps


def from_black(model, inputs, baseline, class_index, num_steps):
    """You ignore the baseline and start from zeros."""
    return inputs[0] * path_gradient(model, inputs, 0 * inputs, class_index, middles(num_steps))


def times_the_picture(model, inputs, baseline, class_index, num_steps):
    """The path starts at the baseline, but you multiply by the picture. Multiply by the difference."""
    return inputs[0] * path_gradient(model, inputs, baseline, class_index, middles(num_steps))


def average_gradient(model, inputs, baseline, class_index, num_steps):
    """That is the mean gradient on the way. Multiply it by the way: picture less baseline."""
    return path_gradient(model, inputs, baseline, class_index, middles(num_steps))


def not_divided(model, inputs, baseline, class_index, num_steps):
    """The gradients are added up, but not averaged: divide by the number of steps."""
    return num_steps * integrated_gradients(model, inputs, baseline, class_index, num_steps)


def left_ends(model, inputs, baseline, class_index, num_steps):
    """You take the gradient at the beginning of each part, the baseline included. Take the middles."""
    positions = np.arange(num_steps) / num_steps
    return (inputs - baseline)[0] * path_gradient(model, inputs, baseline, class_index, positions)


def right_ends(model, inputs, baseline, class_index, num_steps):
    """You take the gradient at the end of each part. Take the middles."""
    positions = (np.arange(num_steps) + 1) / num_steps
    return (inputs - baseline)[0] * path_gradient(model, inputs, baseline, class_index, positions)


def both_ends(model, inputs, baseline, class_index, num_steps):
    """Your points go from the baseline to the picture, both included, as `np.linspace` makes them. Take the
    middles of equal parts.
    """
    positions = np.linspace(0, 1, num_steps)
    return (inputs - baseline)[0] * path_gradient(model, inputs, baseline, class_index, positions)


def backward(model, inputs, baseline, class_index, num_steps):
    """The sign is turned around: the path goes from the baseline to the picture, so it's picture minus baseline."""
    return -integrated_gradients(model, inputs, baseline, class_index, num_steps)


def by_the_inputs(model, inputs, baseline, class_index, num_steps):
    """You differentiate by `inputs`. That brings in a factor (s + 1/2) / n: watch the *point* on the path."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        points = tf.concat([baseline + p * (inputs - baseline) for p in middles(num_steps)], axis=0)
        logits = model(points)[:, class_index]
    return ((inputs - baseline) * tape.gradient(logits, inputs) / num_steps)[0]


def last_gradient(model, inputs, baseline, class_index, num_steps):
    """You keep only the last gradient: add them up with `+=`."""
    last = path_gradient(model, inputs, baseline, class_index, middles(num_steps)[-1:])
    return (inputs - baseline)[0] * last / num_steps


def path_from_black(model, inputs, baseline, class_index, num_steps):
    """Your path starts at black, not at the baseline."""
    return (inputs - baseline)[0] * path_gradient(
        model, inputs, 0 * inputs, class_index, middles(num_steps)
    )


def no_parentheses(model, inputs, baseline, class_index, num_steps):
    """`s + 0.5 / n` needs parentheses: `(s + 0.5) / n`."""
    positions = np.arange(num_steps) + 0.5 / num_steps
    return (inputs - baseline)[0] * path_gradient(model, inputs, baseline, class_index, positions)


def adds_up(attributions, model, inputs, baseline, class_index, num_steps):
    if np.abs(inputs - baseline).max() > 0.5:
        return True  # far apart, a few steps are not enough
    gain = (model(inputs) - model(baseline))[0, class_index]
    return np.isclose(attributions.sum(), gain, rtol=0.05, atol=0.01)


TASKS["4.2c"] = Task(
    integrated_gradients,
    pictures_and_baselines,
    [
        from_black,
        times_the_picture,
        average_gradient,
        not_divided,
        left_ends,
        right_ends,
        both_ends,
        backward,
        by_the_inputs,
        last_gradient,
        path_from_black,
        no_parentheses,
    ],
    {
        "with a baseline close by, they add up to the logit's gain": adds_up,
    },
)

# %% [markdown] tags=["picture"]
# ## Your maps
#
# Now your functions on the whole network and the shark: saliency, and Integrated Gradients from a white baseline instead of a black
# one. Does the sum reach the gain? If not, what do you change? Then try another baseline, or your own picture.

# %% tags=["picture"]
if __name__ == "__main__":
    # Your saliency and your Integrated Gradients for tiger shark
    classifier, shark = cu.load_classifier(), cu.load_image("great_white_shark")
    model, tiger = classifier.logits_model, cu.class_index("tiger shark")
    inputs = tf.constant(classifier.preprocess(shark))
    white = tf.constant(classifier.preprocess(np.full_like(shark, 255)))
    attributions = np.sum(integrated_gradients(model, inputs, white, tiger, 20), axis=-1)
    maps = {"your saliency": saliency_map(model, inputs, tiger), "your Integrated Gradients": np.abs(attributions)}
    gain = float((model(inputs) - model(white))[0, tiger])
    print(f"sum of the attributions {attributions.sum():.1f}, gain of the logit {gain:.1f}")
    cu.plot_heatmap(shark, {f"{name} (1.0: 99th percentile)": np.clip(m / np.percentile(m, 99), 0, 1) for name, m in maps.items()})
