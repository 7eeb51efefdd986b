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
# # Exercises 10: What fools a network
#
# These exercises go with chapter [10](../../notebooks/10_what_fools_a_network.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import numpy as np

# %% [markdown]
# ## 10a One step (10 minutes)
#
# Somebody has computed the gradient of *great white minus tiger shark* at every number of a picture. Change each number by
# `size` gray levels in the direction that raises this lead; where the gradient is 0, leave it. The result is a picture
# again: whole numbers from 0 to 255, uint8.


# %%
def step(image, gradient, size):
    """Return the changed picture, uint8 (h, w, 3).

    image: uint8 (h, w, 3); gradient: float array (h, w, 3); size: int, in gray levels.
    """
    # solution
    changed = image.astype(int) + size * np.sign(gradient).astype(int)
    return np.clip(changed, 0, 255).astype(np.uint8)


# %% tags=["catalog"]
from course_exercises.task import Task

TASKS: dict[str, Task] = {}


def pictures_and_gradients(generator):
    for shape, size in [((6, 5, 3), 1), ((4, 9, 3), 3), ((7, 7, 3), 2)]:
        image = generator.integers(10, 245, shape).astype(np.uint8)
        image[0], image[-1] = 0, 255  # there a step may lead out of the range
        gradient = generator.normal(size=shape)
        gradient[1, :2] = 0
        yield "{} x {} pixels, step {}".format(*shape[:2], size), image, gradient, size
    image = generator.integers(10, 245, (5, 4, 3)).astype(np.uint8)
    yield "a gradient of 0 everywhere", image, np.zeros((5, 4, 3)), 2
    yield "a gradient that is negative everywhere", image, -generator.random((5, 4, 3)) - 0.1, 1


def downhill(image, gradient, size):
    """You go the other way: this lowers the lead. Add the step."""
    return step(image, -gradient, size)


def along_the_gradient(image, gradient, size):
    """You add the gradient itself. Every number takes a step of the same size: the gradient's sign."""
    return np.clip(np.rint(image + size * gradient), 0, 255).astype(np.uint8)


def wrapped(image, gradient, size):
    """0 minus 1 has become 255, or 255 plus 1 has become 0: a uint8 goes around in a circle. Compute with
    whole numbers, clip to 0 to 255, and turn the result into uint8 last.
    """
    return (image.astype(int) + size * np.sign(gradient).astype(int)).astype(np.uint8)


def one_level(image, gradient, size):
    """You take one gray level, whatever `size` says."""
    return step(image, gradient, 1)


def zero_is_up(image, gradient, size):
    """Where the gradient is 0 you take a step, too. Leave these numbers as they are: `np.sign` does."""
    return step(image, np.where(gradient >= 0, 1, -1), size)


def only_up(image, gradient, size):
    """You only raise numbers. Where the gradient is negative, a step down raises the lead."""
    return step(image, np.maximum(gradient, 0), size)


def up_and_halves(image, gradient, size):
    """Your result isn't uint8: `.astype(np.uint8)` makes it a picture again."""
    return step(image, gradient, size) / 255


TASKS["10a"] = Task(
    step,
    pictures_and_gradients,
    [downhill, along_the_gradient, wrapped, one_level, zero_is_up, only_up, up_and_halves],
    {
        "no number changes by more than `size`": lambda changed, image, gradient, size: (
            np.abs(np.asarray(changed, float) - image).max() <= size
        ),
    },
)

# %% [markdown]
# ## 10b Put the tiles together (15 minutes)
#
# Somebody has cut a picture into tiles, n in a row and n in a column, and says in which order to put them together. Place 0 is
# in the upper left, place 1 to its right, and so on, row by row. Place `p` gets tile `order[p]`.


# %%
def put_together(tiles, order):
    """Return the picture, (n * h, n * w, 3).

    tiles: array (n * n, h, w, 3); order: int array of n * n, a permutation.
    """
    # solution
    n = round(len(tiles) ** 0.5)
    rows = [np.hstack(tiles[order[n * row : n * row + n]]) for row in range(n)]
    return np.vstack(rows)


# %% tags=["catalog"]
def tiles_and_orders(generator):
    for n, (height, width) in [(3, (2, 5)), (2, (4, 3)), (4, (3, 2))]:
        order = generator.permutation(n * n)
        while (order == np.argsort(order)).all():  # it must matter which way it is read
            order = generator.permutation(n * n)
        tiles = generator.integers(0, 256, (n * n, height, width, 3)).astype(np.uint8)
        yield f"{n} x {n} tiles of {height} x {width} pixels", tiles, order
    yield "a single tile", generator.integers(0, 256, (1, 3, 4, 3)).astype(np.uint8), np.array([0])


def not_shuffled(tiles, order):
    """You don't use `order`: place p gets tile order[p]."""
    return put_together(tiles, np.arange(len(tiles)))


def other_way_round(tiles, order):
    """You read `order` the other way: tile p goes to place order[p]. Place p gets tile order[p]."""
    return put_together(tiles, np.argsort(order))


def column_by_column(tiles, order):
    """You fill the places column by column. Place 1 is to the right of place 0."""
    n = round(len(tiles) ** 0.5)
    return put_together(tiles, np.asarray(order).reshape(n, n).T.ravel())


def reshaped(tiles, order):
    """A single reshape puts the rows of one tile beside each other. A row of the picture runs through n tiles."""
    n = round(len(tiles) ** 0.5)
    return tiles[order].reshape(n * tiles.shape[1], n * tiles.shape[2], 3)


def one_row(tiles, order):
    """You put all tiles into one row. There are n in a row, and n rows."""
    return np.hstack(tiles[order])


def upside_down(tiles, order):
    """The first row of tiles belongs at the top."""
    return put_together(
        tiles, np.asarray(order).reshape(round(len(tiles) ** 0.5), -1)[::-1].ravel()
    )


TASKS["10b"] = Task(
    put_together,
    tiles_and_orders,
    [not_shuffled, other_way_round, column_by_column, reshaped, one_row, upside_down],
    {
        "no pixel is lost or new": lambda picture, tiles, order: np.array_equal(
            np.sort(np.ravel(picture)), np.sort(np.ravel(tiles))
        ),
    },
)

# %% [markdown] tags=["picture"]
# ## Your two pictures
#
# One gray level, and sixteen shuffled tiles: does either change the shark's name?

# %% tags=["picture"]
if __name__ == "__main__":
    # The shark after your step, and from your shuffled tiles, each with its answer
    import matplotlib.pyplot as plt
    import tensorflow as tf

    classifier = cu.load_classifier()
    tiger, white = cu.class_index("tiger shark"), cu.class_index("great white shark")
    shark = cu.load_image("great_white_shark", size=classifier.input_size)
    inputs = tf.Variable(classifier.preprocess(shark))
    with tf.GradientTape() as tape:
        logits = classifier.logits_model(inputs)[0]
        lead = logits[white] - logits[tiger]
    changed = step(shark, tape.gradient(lead, inputs)[0].numpy(), 1)
    tiles = [tile for row in np.vsplit(shark, 4) for tile in np.hsplit(row, 4)]
    shuffled = put_together(np.stack(tiles), np.random.default_rng(0).permutation(16))
    figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.5), layout="constrained")
    for axes, picture in zip(panels, [shark, changed, shuffled], strict=True):
        best = classifier.top_predictions(picture, k=1)[0]
        axes.imshow(picture)
        axes.set_title(f"{best.label} {best.probability:.2f}")
        axes.axis("off")
    plt.show()
