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
# # Exercises 6: What a channel looks for
#
# These exercises go with chapter [6](../../notebooks/06_what_a_channel_looks_for.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import numpy as np
import tensorflow as tf

# %% [markdown]
# ## 6a Knock out a channel (10 minutes)
#
# What do the logits lose without a channel of the *last* layer? The network averages its last feature maps, one number
# for each channel, and a dense layer with weights `W` and bias `b` turns these into logits. So no network has to run. Leave
# the maps as they are: others still need them.


# %%
def logits_without(maps, W, b, channel):
    """Return the logits, (classes,), with one channel of the last feature maps set to zero.

    maps: float array (h, w, channels); W: (channels, classes); b: (classes,).
    """
    # solution
    means = maps.mean(axis=(0, 1))
    means[channel] = 0
    return means @ W + b


# %% tags=["catalog"]
from course_exercises.task import Task
from course_exercises.tiny import last_ranked, tiny_network

TASKS: dict[str, Task] = {}


def last_maps(generator):
    for shape, classes, channel in [((7, 7, 6), 5, 4), ((4, 9, 5), 5, 0), ((3, 3, 8), 12, 7)]:
        maps = np.abs(generator.normal(size=shape))
        W, b = generator.normal(size=(shape[-1], classes)), generator.normal(size=classes)
        yield "{} x {} places and {} channels".format(*shape), maps, W, b, channel
    maps = -generator.random((5, 4, 6)) - 0.5
    W, b = generator.normal(size=(6, 7)), generator.normal(size=7)
    yield "maps that are negative everywhere", maps, W, b, 2


def spoiled_maps(maps, W, b, channel):
    """You set the channel to zero in the maps that you were given, and so for everyone. Average first: the
    means are your own.
    """
    maps[:, :, channel] = 0
    return maps.mean(axis=(0, 1)) @ W + b


def all_channels(maps, W, b, channel):
    """The channel is still on: these are the network's own logits."""
    return maps.mean(axis=(0, 1)) @ W + b


def the_change(maps, W, b, channel):
    """That is how much the logits change. The logits themselves are asked for."""
    return -maps[..., channel].mean() * W[channel]


def the_channel_alone(maps, W, b, channel):
    """You have switched off all channels but this one."""
    return maps[..., channel].mean() * W[channel] + b


def no_bias(maps, W, b, channel):
    """The bias is missing."""
    return logits_without(maps, W, 0, channel)


def summed(maps, W, b, channel):
    """You add up each map. The network averages it."""
    means = maps.sum(axis=(0, 1))
    means[channel] = 0
    return means @ W + b


def the_class(maps, W, b, channel):
    """You have switched off a class: classes are the second axis of W, channels the first."""
    if channel >= len(b):
        return maps.mean(axis=(0, 1)) @ W + b
    kept = np.where(np.arange(len(b)) == channel, 0, W)
    return maps.mean(axis=(0, 1)) @ kept + b


TASKS["6a"] = Task(
    logits_without,
    last_maps,
    [spoiled_maps, all_channels, the_change, the_channel_alone, no_bias, summed, the_class],
)

# %% [markdown]
# ## 6b Until the answer changes (20 minutes)
#
# The chapter switches off channel after channel, in one order and in another, until another class is first. Take the first
# order: with all channels on, one class is first, and a channel's share in its logit is the channel's mean times its weight
# for that class. The largest share goes first; a share can be negative. How many channels are off when the answer changes?
# If it never does, return the number of channels.


# %%
def channels_to_flip(maps, W, b):
    """Return how many channels, the strongest first, must be off for another class to be first.

    maps: float array (h, w, channels); W: (channels, classes); b: (classes,).
    """
    # solution
    means = maps.mean(axis=(0, 1))
    first = (means @ W + b).argmax()
    for count, channel in enumerate(np.argsort(-means * W[:, first]), start=1):
        means[channel] = 0
        if (means @ W + b).argmax() != first:
            return count
    return len(means)


# %% tags=["catalog"]


def rivals(generator):
    for size, channels, count in [((4, 4), 60, 8), ((3, 7), 40, 5), ((5, 2), 50, 12)]:
        yield f"{size[0]} x {size[1]} places and {channels} channels", *a_close_race(generator, size, channels, count)
    maps, W = generator.random((4, 4, 6)), generator.random((6, 3))
    yield "an answer that never changes", maps, W, np.array([9.0, 0, 0])
    order = generator.permutation(4)  # two channels speak for class 1; without the third, class 2 wins
    W = np.array([[0, 1, 0], [0, 0.5, 0], [0, -0.3, -4], [0, -1, 0]])[order]
    maps = 1 + 0.1 * generator.random((3, 5, 4))
    yield "an answer that changes late", maps, W, np.array([-2, 1.2, 2.5])


def a_close_race(generator, size, channels, least):
    """Maps and weights for which other ways of choosing channels give another count."""
    while True:
        maps = generator.random((*size, channels)) * generator.exponential(size=channels)
        W, b = generator.normal(size=(channels, 6)), generator.normal(size=6)
        W[:, 2] += 0.35
        answers = [wrong(maps, W, b) for wrong in WAYS]
        if len({channels_to_flip(maps, W, b), *answers}) == 1 + len(WAYS) and min(answers) > 0:
            return maps, W, b


def flips(maps, W, b, strength, cumulative=True):
    means = maps.mean(axis=(0, 1))
    whole = means.copy()
    first = (means @ W + b).argmax()
    for count, channel in enumerate(np.argsort(-strength(means, W, first)), start=1):
        if not cumulative:
            means = whole.copy()
        means[channel] = 0
        if (means @ W + b).argmax() != first:
            return count
    return len(means)


def by_activation(maps, W, b):
    """You begin with the most active channels. Active for what? Multiply by the weight for the class."""
    return flips(maps, W, b, lambda means, W, first: means)


def by_weight(maps, W, b):
    """You begin with the largest weights. A channel that is silent on this picture contributes nothing:
    multiply by its mean.
    """
    return flips(maps, W, b, lambda means, W, first: W[:, first])


def weakest_first(maps, W, b):
    """You begin with the weakest channels: `np.argsort` puts the smallest first."""
    return flips(maps, W, b, lambda means, W, first: -means * W[:, first])


def by_magnitude(maps, W, b):
    """You order by magnitude, so channels that speak *against* the class go early, too. Keep the sign."""
    return flips(maps, W, b, lambda means, W, first: np.abs(means * W[:, first]))


def one_too_few(maps, W, b):
    """Off by one: the channel that changes the answer counts."""
    count = channels_to_flip(maps, W, b)
    return count - 1


def one_at_a_time(maps, W, b):
    """You switch each channel on again before the next one. They stay off."""
    return flips(maps, W, b, lambda means, W, first: means * W[:, first], cumulative=False)


def without_bias(maps, W, b):
    """The bias is missing: it decides, too, which class is first."""
    return channels_to_flip(maps, W, 0 * b)


def positive_only(maps, W, b):
    """You stop when the shares become negative. Go on, in the same order, until the answer changes."""
    means = maps.mean(axis=(0, 1))
    first = (means @ W + b).argmax()
    count = channels_to_flip(maps, W, b)
    return count if count <= (means * W[:, first] > 0).sum() else len(means)


WAYS = [by_activation, by_weight, weakest_first, by_magnitude, one_too_few, one_at_a_time, without_bias]
TASKS["6b"] = Task(channels_to_flip, rivals, [*WAYS, positive_only])

# %% [markdown]
# ## 6c Climb (20 minutes)
#
# This is bare gradient ascent: change the picture so that the logit of a class rises. In each of `num_steps` steps, add
# `step_size` times the gradient, divided by its root mean square, $\sqrt{\text{mean}(g^2)}$. That way a step is equally long
# whether the gradient is weak or strong. `model` ends in logits.


# %%
def climb(model, inputs, class_index, num_steps, step_size):
    """Return the picture after the climb, (1, H, W, 3).

    model: a Keras model that ends in logits.
    inputs: a float tensor (1, H, W, 3), the picture to start from.
    """
    # solution
    picture = inputs
    for _ in range(num_steps):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            logit = model(picture)[0, class_index]
        gradient = tape.gradient(logit, picture)
        picture = picture + step_size * gradient / tf.sqrt(tf.reduce_mean(gradient**2))
    return picture


# %% tags=["catalog"]


def starts(generator):
    inputs = tf.constant(generator.normal(size=(1, 5, 9, 3)), tf.float32)
    model = tiny_network(generator, (5, 9), activation=None)
    yield "a picture of 5 x 9 pixels, 3 steps", model, inputs, last_ranked(model, inputs), 3, 0.8
    inputs = tf.constant(-generator.random((1, 6, 6, 3)), tf.float32)
    model = tiny_network(generator, (6, 6), activation=None)
    yield "a negative picture, 1 step", model, inputs, 3, 1, 0.3


def slope(model, picture, class_index):
    with tf.GradientTape() as tape:
        tape.watch(picture)
        logit = model(picture)[0, class_index]
    return tape.gradient(logit, picture)


def climb_by(model, inputs, class_index, num_steps, step_size, scale):
    picture = inputs
    for _ in range(num_steps):
        gradient = slope(model, picture, class_index)
        picture = picture + step_size * gradient / scale(gradient)
    return picture


def downhill(model, inputs, class_index, num_steps, step_size):
    """You walk down: the logit falls. Add the gradient."""
    return climb(model, inputs, class_index, num_steps, -step_size)


def not_divided(model, inputs, class_index, num_steps, step_size):
    """The gradient is not divided by its root mean square, so your steps are short where it is weak."""
    return climb_by(model, inputs, class_index, num_steps, step_size, lambda g: 1.0)


def by_the_norm(model, inputs, class_index, num_steps, step_size):
    """You divide by the root of the *sum* of squares, which grows with the picture. Take their mean."""
    return climb_by(model, inputs, class_index, num_steps, step_size, tf.norm)


def by_the_largest(model, inputs, class_index, num_steps, step_size):
    """You divide by the largest value. Its root mean square is asked for."""
    return climb_by(
        model, inputs, class_index, num_steps, step_size, lambda g: tf.reduce_max(tf.abs(g))
    )


def by_the_spread(model, inputs, class_index, num_steps, step_size):
    """You divide by the standard deviation, which takes the mean away first. Take the root of mean(g²)."""
    return climb_by(model, inputs, class_index, num_steps, step_size, tf.math.reduce_std)


def straight_on(model, inputs, class_index, num_steps, step_size):
    """You take the gradient once, at the start. Take it anew at each step: the slope changes on the way."""
    return climb(model, inputs, class_index, 1, num_steps * step_size)


def one_too_many(model, inputs, class_index, num_steps, step_size):
    """That is one step too many."""
    return climb(model, inputs, class_index, num_steps + 1, step_size)


def of_the_first_ranked(model, inputs, class_index, num_steps, step_size):
    """You climb for the class that the network ranks first, not for `class_index`."""
    return climb(model, inputs, int(np.argmax(model(inputs)[0])), num_steps, step_size)


def rises(picture, model, inputs, class_index, num_steps, step_size):
    """A first short step cannot miss; several long ones may."""
    if num_steps > 1:
        return True
    change = tf.constant(picture, tf.float32) - inputs
    return float(tf.reduce_sum(change * slope(model, inputs, class_index))) > 0


TASKS["6c"] = Task(
    climb,
    starts,
    [
        downhill,
        not_divided,
        by_the_norm,
        by_the_largest,
        by_the_spread,
        straight_on,
        one_too_many,
        of_the_first_ranked,
    ],
    {"it goes uphill": rises},
)

# %% [markdown] tags=["picture"]
# ## Your pineapple
#
# Now your climb on the real network, from gray: what does it paint, and is the network sure?

# %% tags=["picture"]
if __name__ == "__main__":
    # What your climb paints for pineapple, and what the network says of it
    import matplotlib.pyplot as plt

    classifier, pineapple = cu.load_classifier(), cu.class_index("pineapple")
    gray = tf.constant(0.01 * np.random.default_rng(0).standard_normal((1, 224, 224, 3)), tf.float32)
    painted = climb(classifier.logits_model, gray, pineapple, 40, 0.02)
    picture = np.clip(128 * painted[0] + 127, 0, 255).astype(np.uint8)  # the network's numbers are (x - 127) / 128
    best = classifier.top_predictions(picture, k=1)[0]
    plt.imshow(picture)
    plt.axis("off")
    plt.title(f"{best.label} {best.probability:.2f}")
    plt.show()
