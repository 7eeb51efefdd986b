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
# # Exercises 11: From where to what
#
# These exercises go with chapter [11](../../notebooks/11_from_where_to_what.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import numpy as np

# %% [markdown]
# ## 11a One round of the factorization (15 minutes)
#
# The chapter writes a table as a product, $V \approx W H$, of numbers that are never negative. Do one round for $W$, which
# says how much of each concept there is at each place; $H$ stays. Multiply each number by what it should be over what it is:
#
# $$ W_{pk} \leftarrow W_{pk} \; \frac{(V H^T)_{pk}}{(W H H^T)_{pk}} . $$
#
# Then look: the distance from $V$ to $W H$ has become smaller, as it does in every round.


# %%
def next_amounts(V, W, H):
    """Return the next W, (places, concepts). Leave the arrays as they are.

    V: float array (places, channels); W: (places, concepts); H: (concepts, channels); all > 0.
    """
    # solution
    return W * (V @ H.T) / (W @ H @ H.T)


# %% tags=["catalog"]
from course_exercises.task import Task

TASKS: dict[str, Task] = {}


def tables(generator):
    for places, channels, concepts in [(9, 7, 3), (5, 12, 2), (16, 6, 4)]:
        case = f"{places} places, {channels} channels, {concepts} concepts"
        yield case, *(0.1 + generator.random(s) for s in sizes(places, channels, concepts))
    V, W, H = (0.1 + generator.random(shape) for shape in sizes(6, 8, 3))
    yield "a table with empty places", V * (np.arange(6) > 1)[:, None], W, H


def sizes(places, channels, concepts):
    return (places, channels), (places, concepts), (concepts, channels)


def ratio_alone(V, W, H):
    """That is the factor, what it should be over what it is. Multiply W by it."""
    return (V @ H.T) / (W @ H @ H.T)


def upside_down(V, W, H):
    """Your factor is upside down: what it is over what it should be. The distance grows."""
    return W * (W @ H @ H.T) / np.maximum(V @ H.T, 1e-9)


def step_of_the_gradient(V, W, H):
    """You add a step along the gradient. Then numbers can become negative: multiply instead."""
    return W + 0.1 * (V @ H.T - W @ H @ H.T)


def without_what_it_is(V, W, H):
    """You multiply by what it should be, and don't divide by what it is, W H times H transposed."""
    return W * (V @ H.T)


def other_factor(V, W, H):
    """That is the next H. W is asked for: a row for each place."""
    return H * (W.T @ V) / (W.T @ W @ H)


def of_the_whole_table(V, W, H):
    """You have one factor for everything. Each number of W has its own."""
    return W * (V @ H.T).sum() / (W @ H @ H.T).sum()


def spoiled(V, W, H):
    """You change the W that you were given. Make a new array: `W * ...`, not `W *= ...`."""
    W *= (V @ H.T) / (W @ H @ H.T)
    return W


def squared(V, W, H):
    """Your numbers jump too far: the factor is taken twice."""
    return W * ((V @ H.T) / (W @ H @ H.T)) ** 2


TASKS["11a"] = Task(
    next_amounts,
    tables,
    [
        ratio_alone,
        upside_down,
        step_of_the_gradient,
        without_what_it_is,
        other_factor,
        of_the_whole_table,
        spoiled,
        squared,
    ],
    {
        "no number is negative": lambda result, V, W, H: (result >= 0).all(),
        "the distance has become smaller": lambda result, V, W, H: (
            np.linalg.norm(V - result @ H) < np.linalg.norm(V - W @ H)
        ),
    },
)

# %% [markdown]
# ## 11b How rough is a picture? (10 minutes)
#
# Many pictures have nearly the same maps. The chapter prefers the smooth ones, by their *total variation*: how much
# neighboring pixels differ. Add up the magnitudes of all differences between a pixel and the one below it, and between a
# pixel and the one to its right, each color by itself. A picture of one color has 0.


# %%
def total_variation(picture):
    """Return the total variation of a picture, a number.

    picture: float array (height, width, colors).
    """
    # solution
    down, across = np.diff(picture, axis=0), np.diff(picture, axis=1)
    return np.abs(down).sum() + np.abs(across).sum()


# %% tags=["catalog"]


def pictures(generator):
    for shape in [(5, 7, 3), (6, 4, 1), (3, 9, 2)]:
        yield "{} x {} pixels, {} colors".format(*shape), generator.random(shape)
    yield "a picture of one color", np.full((4, 6, 3), generator.random(3))


def squares(picture):
    """You add up squares. Magnitudes are asked for: they let an edge be sharp."""
    return (np.diff(picture, axis=0) ** 2).sum() + (np.diff(picture, axis=1) ** 2).sum()


def with_signs(picture):
    """You add up the differences with their signs, and they cancel. Take magnitudes first."""
    return np.diff(picture, axis=0).sum() + np.diff(picture, axis=1).sum()


def down_only(picture):
    """You compare a pixel with the one below it only. The one to its right is missing."""
    return np.abs(np.diff(picture, axis=0)).sum()


def across_only(picture):
    """You compare a pixel with the one to its right only. The one below it is missing."""
    return np.abs(np.diff(picture, axis=1)).sum()


def between_colors(picture):
    """You also take differences between the colors of a pixel: `np.diff` takes the *last* axis unless told.
    Rows are axis 0, columns axis 1.
    """
    return total_variation(picture) + np.abs(np.diff(picture)).sum()


def around_the_edge(picture):
    """You compare the last row with the first, and the last column with the first, as `np.roll` does. They
    aren't neighbors.
    """
    down, across = picture - np.roll(picture, 1, axis=0), picture - np.roll(picture, 1, axis=1)
    return np.abs(down).sum() + np.abs(across).sum()


def averaged(picture):
    """You average. Add the differences up."""
    return np.abs(np.diff(picture, axis=0)).mean() + np.abs(np.diff(picture, axis=1)).mean()


def colors_first(picture):
    """You average the colors first. Red and green may differ in opposite ways: take each color by itself."""
    return total_variation(picture.mean(axis=2, keepdims=True))


def diagonal(picture):
    """You compare a pixel with the one below it *and* to its right. There are two neighbors, not one."""
    return np.abs(picture[1:, 1:] - picture[:-1, :-1]).sum()


TASKS["11b"] = Task(
    total_variation,
    pictures,
    [
        squares,
        with_signs,
        down_only,
        across_only,
        between_colors,
        around_the_edge,
        averaged,
        colors_first,
        diagonal,
    ],
    {"it isn't negative": lambda result, picture: result >= 0},
)

# %% [markdown] tags=["picture"]
# ## Your concepts
#
# Turn the table around, $V^T \approx H^T W^T$, and your round for $W$ is a round for $H$ as well. A hundred of both split the
# maps of the cat and the cup into three. Which is which?

# %% tags=["picture"]
if __name__ == "__main__":
    # Three concepts of the cat and the cup, found by your rounds, and how rough each map is
    classifier, pair = cu.load_classifier(), cu.load_image("cat_and_coffee")
    last = classifier.last_conv_layer_name
    V = cu.get_feature_maps(classifier, pair, [last])[last].reshape(49, -1) + 1e-6
    generator = np.random.default_rng(0)
    W, H = 0.1 + generator.random((49, 3)), 0.1 + generator.random((3, V.shape[1]))
    for _ in range(100):
        W = next_amounts(V, W, H)
        H = next_amounts(V.T, H.T, W.T).T
    concepts = {}
    for number, heatmap in enumerate((W / W.max(axis=0)).T.reshape(3, 7, 7), start=1):
        roughness = total_variation(heatmap[..., np.newaxis])
        concepts[f"concept {number}, roughness {roughness:.0f}"] = heatmap
    cu.plot_heatmap(pair, concepts)
