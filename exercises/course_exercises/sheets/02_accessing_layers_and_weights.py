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
# # Exercises 2: Layers and weights
#
# These exercises go with chapter [2](../../notebooks/02_accessing_layers_and_weights.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import numpy as np

# %% [markdown]
# ## 2a Count on paper (5 minutes)
#
# How many parameters does a convolution have? Its filters are `height` x `width` and read `channels_in` channels. There are
# `channels_out` of them, each with a bias. Don't look up the formula. Think of one filter.


# %%
def count_parameters(height, width, channels_in, channels_out):
    """Return the number of parameters of a convolution, an int."""
    # solution
    return (height * width * channels_in + 1) * channels_out


# %% tags=["catalog"]
from course_exercises.task import Task

TASKS: dict[str, Task] = {}


def convolutions(generator):
    for height, width in [(3, 3), (5, 5), (3, 7), (1, 1)]:
        channels_in, channels_out = (int(n) for n in generator.choice(np.arange(2, 500), 2, False))
        case = f"filters of {height} x {width}, {channels_in} channels in, {channels_out} out"
        yield case, height, width, channels_in, channels_out


def no_bias(height, width, channels_in, channels_out):
    """The biases are missing, one for each filter."""
    return height * width * channels_in * channels_out


def one_bias(height, width, channels_in, channels_out):
    """You count a single bias. Each filter has its own."""
    return height * width * channels_in * channels_out + 1


def bias_for_each_input(height, width, channels_in, channels_out):
    """You count a bias for each input channel. A filter adds up all its channels and then one bias."""
    return (height * width + 1) * channels_in * channels_out


def one_channel_in(height, width, channels_in, channels_out):
    """A filter has weights for *each* input channel: it's a block, not a square."""
    return (height * width + 1) * channels_out


def square_filter(height, width, channels_in, channels_out):
    """Your filters are square. Height and width may differ."""
    return (height**2 * channels_in + 1) * channels_out


def one_filter(height, width, channels_in, channels_out):
    """That's a single filter. There are `channels_out` of them."""
    return height * width * channels_in + 1


def exchanged(height, width, channels_in, channels_out):
    """Input and output channels are exchanged: there is a bias for each *output* channel."""
    return (height * width * channels_out + 1) * channels_in


TASKS["2a"] = Task(
    count_parameters,
    convolutions,
    [no_bias, one_bias, bias_for_each_input, one_channel_in, square_filter, one_filter, exchanged],
    {"it is a whole number": lambda count, *_: count == int(count)},
)

# %% [markdown]
# ## 2b Kernels as pictures (15 minutes)
#
# Turn VGG16's first kernels into color pictures. Their three input channels are blue, green, red; a picture wants red,
# green, blue. A weight of 0 becomes mid-gray, 0.5, and one scale serves *all* filters: the weight with the largest
# magnitude becomes 1 if it's positive and 0 if it's negative.


# %%
def kernel_patches(kernels):
    """Return pictures in [0, 1] of the kernels, in the same order and shape.

    kernels: float array (height, width, 3, filters), the channels are blue, green, red.
    """
    # solution
    rgb = kernels[:, :, ::-1]
    return 0.5 + 0.5 * rgb / np.abs(rgb).max()


# %% tags=["catalog"]


def kernels_of_layers(generator):
    for shape in [(3, 3, 3, 8), (5, 4, 3, 3), (1, 1, 3, 6)]:
        case = "{3} filters of {0} x {1}".format(*shape)
        yield case, generator.normal(size=shape) * generator.exponential(size=shape[-1])
    yield "weights that are all negative", -generator.random((3, 3, 3, 4)) - 0.2


def still_blue_green_red(kernels):
    """The colors are still in the order blue, green, red: reverse the third axis."""
    return 0.5 + 0.5 * kernels / np.abs(kernels).max()


def other_axis(kernels):
    """You reverse the wrong axis. The shape reads height, width, channels, filters."""
    return 0.5 + 0.5 * kernels[..., ::-1] / np.abs(kernels).max()


def each_its_own_scale(kernels):
    """Each filter has its own scale, so a faint one looks strong. Use one scale for all."""
    rgb = kernels[:, :, ::-1]
    return 0.5 + 0.5 * rgb / np.abs(rgb).max(axis=(0, 1, 2))


def stretched(kernels):
    """You stretch from minimum to maximum, so a weight of 0 is no longer mid-gray."""
    rgb = kernels[:, :, ::-1]
    return (rgb - rgb.min()) / np.ptp(rgb)


def by_the_largest(kernels):
    """You divide by the largest weight. A negative one may have a larger magnitude, and then it leaves [0, 1]."""
    rgb = kernels[:, :, ::-1]
    return 0.5 + 0.5 * rgb / rgb.max()


def no_gray(kernels):
    """Your pictures go from -1 to 1. A color can't be negative: put 0 at 0.5."""
    rgb = kernels[:, :, ::-1]
    return rgb / np.abs(rgb).max()


def up_to_255(kernels):
    """Your pictures go up to 255. They should stay in [0, 1]."""
    return 255 * kernel_patches(kernels)


def magnitudes(kernels):
    """You show the magnitude, so positive and negative weights look alike."""
    rgb = np.abs(kernels[:, :, ::-1])
    return rgb / rgb.max()


TASKS["2b"] = Task(
    kernel_patches,
    kernels_of_layers,
    [
        still_blue_green_red,
        other_axis,
        each_its_own_scale,
        stretched,
        by_the_largest,
        no_gray,
        up_to_255,
        magnitudes,
    ],
    {
        "no value is below 0": lambda patches, kernels: patches.min() >= -1e-6,
        "no value is above 1": lambda patches, kernels: patches.max() <= 1 + 1e-6,
        "some value is 0 or 1": lambda patches, kernels: np.isclose(np.abs(patches - 0.5).max(), 0.5),
    },
)

# %% [markdown]
# ## 2c Opposite kernels (20 minutes)
#
# The chapter found two kernels that are nearly each other's negative. Find such a pair: the two filters whose *directions*
# are most opposite. The direction of a filter is all its weights in a row, divided by the root of their sum of squares.
# The likeness of two directions is the sum of their products, their *cosine*, from -1 (opposite) to 1 (the same).


# %%
def most_opposite(kernels):
    """Return (i, j) with i < j, the two filters with the smallest likeness.

    kernels: float array (height, width, channels, filters).
    """
    # solution
    rows = kernels.reshape(-1, kernels.shape[-1])
    directions = rows / np.linalg.norm(rows, axis=0)
    likeness = directions.T @ directions
    return tuple(sorted(np.unravel_index(likeness.argmin(), likeness.shape)))


# %% tags=["catalog"]


def layers_with_pairs(generator):
    for shape in [(3, 3, 3, 20), (5, 5, 2, 12), (2, 3, 4, 31)]:
        case = "{3} filters of {0} x {1} that read {2} channels".format(*shape)
        yield case, with_pairs(generator, shape)
    for case, scale, power in [
        ("a strong pair, and a faint one that is nearly opposite", 8, 1),
        ("a faint pair with few large weights", 0.001, 5),
    ]:
        kernels = generator.normal(size=(3, 4, 3, 15))
        a, b, c, d = generator.permutation(15)[:4]
        kernels[..., a] = scale * kernels[..., a] ** power
        kernels[..., b] = -0.9 * kernels[..., a]
        kernels[..., c] *= 0.1 if power == 1 else 1
        kernels[..., d] = 0.3 * np.abs(kernels[..., c]).max() * generator.normal(size=(3, 4, 3)) - kernels[..., c]
        yield case, kernels


def with_pairs(generator, shape):
    """Filters with one opposite pair, and a pair for each way to go wrong."""
    a, b, c, d, e, f, g, h, m, n = generator.permutation(shape[-1])[:10]
    kernels = generator.normal(size=shape)

    def draw():
        return generator.normal(size=shape[:-1])

    kernels[..., b] = -0.02 * kernels[..., a] + 0.001 * draw()  # opposite, and faint
    kernels[..., c] = 9 * draw()
    kernels[..., d] = -5 * kernels[..., c] + 30 * draw()  # the largest negative product
    kernels[..., f] = 1.5 * kernels[..., e]  # the same direction
    u = draw()
    u -= u.mean()
    kernels[..., g], kernels[..., h] = 3 + u, 3 - u  # opposite but for their mean
    v = draw()
    kernels[..., m] = v
    w = draw()
    kernels[..., n] = w - v * (v * w).sum() / (v * v).sum()  # at a right angle
    return kernels


def pair_by(kernels, table):
    """The pair i < j at which a table of pairs is smallest."""
    table = np.where(np.eye(len(table), dtype=bool), np.inf, table)
    return tuple(sorted(np.unravel_index(table.argmin(), table.shape)))


def rows_of(kernels, scaled=True):
    rows = kernels.reshape(-1, kernels.shape[-1])
    return rows / np.linalg.norm(rows, axis=0) if scaled else rows


def not_divided(kernels):
    """You compare the filters, not their directions: strong ones win. Divide each by its length first."""
    rows = rows_of(kernels, scaled=False)
    return pair_by(kernels, rows.T @ rows)


def most_alike(kernels):
    """That pair is most *alike*. We want the smallest likeness, near -1."""
    rows = rows_of(kernels)
    return pair_by(kernels, -rows.T @ rows)


def right_angle(kernels):
    """That pair is nearest to 0: those two have nothing in common. Opposite is -1, so keep the sign."""
    rows = rows_of(kernels)
    return pair_by(kernels, np.abs(rows.T @ rows))


def mean_taken_away(kernels):
    """You subtract each filter's mean, as `np.corrcoef` does, and part of its color goes with it."""
    return pair_by(kernels, np.corrcoef(rows_of(kernels).T))


def rows_mixed_up(kernels):
    """Your rows mix the filters: they are the *last* axis. `kernels.reshape(-1, filters)` keeps it."""
    rows = kernels.reshape(kernels.shape[-1], -1)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return pair_by(kernels, rows @ rows.T)


def larger_first(kernels):
    """It's the right pair, but the smaller index should come first."""
    return most_opposite(kernels)[::-1]


def flat_index(kernels):
    """`argmin` counts through the whole table, row by row. `np.unravel_index` turns that into row and column."""
    rows = rows_of(kernels)
    return (rows.T @ rows).argmin()


def by_the_sum_of_squares(kernels):
    """You divide by the sum of squares. Divide by its *root*."""
    rows = rows_of(kernels, scaled=False)
    rows = rows / (rows**2).sum(axis=0)
    return pair_by(kernels, rows.T @ rows)


def far_apart(kernels):
    """You add up how far the weights of two directions lie apart. Their likeness is the sum of their
    products.
    """
    rows = rows_of(kernels)
    return pair_by(kernels, -np.abs(rows[:, :, None] - rows[:, None]).sum(axis=0))


def are_two_filters(pair, kernels):
    if pair[0] == pair[1]:
        return "Both are the same filter, and that likeness is the largest. We want the *smallest*."
    return ((0 <= pair) & (pair < kernels.shape[-1])).all()


TASKS["2c"] = Task(
    most_opposite,
    layers_with_pairs,
    [
        not_divided,
        most_alike,
        right_angle,
        mean_taken_away,
        rows_mixed_up,
        larger_first,
        flat_index,
        by_the_sum_of_squares,
        far_apart,
    ],
    {"they are two filters": are_two_filters},
)

# %% [markdown] tags=["picture"]
# ## Your kernels
#
# Now your three functions on VGG16's first layer. Do you see why the numbered two are opposite?

# %% tags=["picture"]
if __name__ == "__main__":
    # VGG16's first kernels, counted, painted and compared by you
    import keras
    import matplotlib.pyplot as plt

    vgg16 = keras.applications.VGG16(include_top=False, weights=cu.weights_path("vgg16_no_top"))
    kernels = vgg16.get_layer("block1_conv1").get_weights()[0]
    patches, pair = kernel_patches(kernels), most_opposite(kernels)

    figure, panels = plt.subplots(4, 16, figsize=(9.6, 3.4), layout="constrained")
    for index, axes in enumerate(panels.flat):
        axes.imshow(patches[:, :, :, index])
        axes.set_title(index if index in pair else " ", fontsize="small")
        axes.axis("off")
    figure.suptitle(f"{count_parameters(*kernels.shape):,} parameters; {pair[0]} and {pair[1]} are opposite")
    plt.show()
