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
# # Exercises 7: Is the heatmap right?
#
# These exercises go with chapter [7](../../notebooks/07_is_the_heatmap_right.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import numpy as np

# %% [markdown]
# ## 7a A deletion curve (25 minutes)
#
# If a heatmap is right, the answer must suffer when the hottest pixels go. Cover them, hottest first, in `num_steps`
# portions of equally many pixels. What's covered stays covered. A covered pixel takes its colors from `fill`, a picture
# of the same size (a gray one, or a blurred copy). Ask `predict` before the first portion and after each.


# %%
def deletion_curve(predict, image, heatmap, fill, num_steps):
    """Return what `predict` says with 0, 1, ..., num_steps portions covered, (num_steps + 1,).

    predict: function of a picture, float (H, W, 3), to the probability of the class, a number.
    heatmap: float array (H, W), without ties. num_steps divides the number of its pixels.
    """
    # solution
    order = np.argsort(-heatmap.ravel()).reshape(num_steps, -1)
    picture = image.copy()
    values = [predict(picture)]
    for pixels in order:
        rows, columns = np.unravel_index(pixels, heatmap.shape)
        picture[rows, columns] = fill[rows, columns]
        values.append(predict(picture))
    return values


# %% tags=["catalog"]
from course_exercises.task import Task

TASKS: dict[str, Task] = {}


def pictures_with_heatmaps(generator):
    for shape, num_steps in [((6, 8), 6), ((9, 4), 4), ((5, 10), 10)]:
        image, fill = generator.random((2, *shape, 3))
        heatmap = generator.normal(size=shape)
        case = f"a picture of {shape[0]} x {shape[1]} pixels, {num_steps} steps"
        yield case, network(generator, shape), image, heatmap, fill, num_steps
    image, fill = generator.random((2, 4, 6, 3))
    heatmap = -generator.random((4, 6)) - 0.1
    yield "a heatmap that is negative everywhere", network(generator, (4, 6)), image, heatmap, fill, 3


def network(generator, shape):
    """A network of one layer: the probability that a weighted sum of the pixels makes."""
    weights = generator.normal(size=(*shape, 3)) * 4 / np.sqrt(np.prod(shape))

    def predict(picture):
        picture = np.asarray(picture, float)
        if picture.shape != weights.shape:
            raise ValueError(f"The network reads a picture {weights.shape}, not {picture.shape}.")
        return 1 / (1 + np.exp(-(picture * weights).sum()))

    return predict


def curve(predict, start, order, fill, cumulative=True):
    """What `predict` says while portions of pixels take their colors from `fill`."""
    picture = start.copy()
    values = [predict(picture)]
    for pixels in order:
        if not cumulative:
            picture = start.copy()
        rows, columns = np.unravel_index(pixels, start.shape[:2])
        picture[rows, columns] = fill[rows, columns]
        values.append(predict(picture))
    return np.array(values)


def portions(heatmap, num_steps):
    return np.argsort(-heatmap.ravel()).reshape(num_steps, -1)


def coldest_first(predict, image, heatmap, fill, num_steps):
    """You begin with the *coldest* pixels: `np.argsort` puts the smallest first."""
    return curve(predict, image, portions(-heatmap, num_steps), fill)


def uncovered_again(predict, image, heatmap, fill, num_steps):
    """You uncover each portion before the next one. What is covered stays covered."""
    return curve(predict, image, portions(heatmap, num_steps), fill, cumulative=False)


def always_black(predict, image, heatmap, fill, num_steps):
    """You cover with black, which may look like something to the network. Take the colors from `fill`."""
    return curve(predict, image, portions(heatmap, num_steps), 0 * fill)


def without_the_start(predict, image, heatmap, fill, num_steps):
    """The first value is missing: the picture with nothing covered."""
    return deletion_curve(predict, image, heatmap, fill, num_steps)[1:]


def without_the_end(predict, image, heatmap, fill, num_steps):
    """The last value is missing: the picture with everything covered."""
    return deletion_curve(predict, image, heatmap, fill, num_steps)[:-1]


def spoils_the_image(predict, image, heatmap, fill, num_steps):
    """You paint on the picture that you were given, and it stays covered for everyone. Work on a copy."""
    values = deletion_curve(predict, image, heatmap, fill, num_steps)
    image[:] = fill
    return values


def by_magnitude(predict, image, heatmap, fill, num_steps):
    """You order by magnitude, but what speaks against the class isn't hot. Keep the sign."""
    return curve(predict, image, portions(np.abs(heatmap), num_steps), fill)


def that_is_insertion(predict, image, heatmap, fill, num_steps):
    """That is insertion: you start with everything covered. Deletion starts with the whole picture."""
    return curve(predict, fill, portions(heatmap, num_steps), image)


TASKS["7a"] = Task(
    deletion_curve,
    pictures_with_heatmaps,
    [
        coldest_first,
        uncovered_again,
        always_black,
        without_the_start,
        without_the_end,
        spoils_the_image,
        by_magnitude,
        that_is_insertion,
    ],
    {
        "it begins with the whole picture": lambda values, predict, image, heatmap, fill, num_steps: (
            np.isclose(values[0], predict(image), rtol=1e-3)
        ),
        "it ends with everything covered": lambda values, predict, image, heatmap, fill, num_steps: (
            np.isclose(values[-1], predict(fill), rtol=1e-3)
        ),
    },
)

# %% [markdown]
# ## 7b One number for a curve (10 minutes)
#
# A deletion curve should fall early, so the *area* under it should be small. The curve runs from 0 (nothing covered) to
# 1 (everything), in equal steps, and straight lines join its values. A constant curve of 0.7 has an area of 0.7.


# %%
def area(values):
    """Return the area under a curve over [0, 1], a number.

    values: float array (n,), n is 2 or more, at equal distances; the first at 0, the last at 1.
    """
    # solution
    return ((values[:-1] + values[1:]) / 2).mean()


# %% tags=["catalog"]


def curves(generator):
    for count in (2, 5, 29):
        yield f"{count} values", np.sort(generator.random(count) ** 3)[::-1].copy()
    yield "a constant curve", np.full(7, generator.uniform(0.3, 0.9))
    yield "logits that are all negative", -3 - generator.random(6)


def mean_of_values(values):
    """That is the mean of the values. The first and the last one count only half: lines run to them from one
    side.
    """
    return values.mean()


def sum_of_values(values):
    """That is a sum: it grows with the number of steps. Multiply by the width of a step."""
    return values.sum()


def steps_of_one(values):
    """Your steps have the width 1. The whole curve runs from 0 to 1, so n values make n - 1 narrow steps."""
    return ((values[:-1] + values[1:]) / 2).sum()


def left_values(values):
    """You take the value at the left end of each step. Take the mean of both ends."""
    return values[:-1].mean()


def right_values(values):
    """You take the value at the right end of each step. Take the mean of both ends."""
    return values[1:].mean()


def one_step_too_many(values):
    """You divide by the number of values. There is one step fewer than there are values."""
    return ((values[:-1] + values[1:]) / 2).sum() / len(values)


def nothing_negative(values):
    """You cut off what is negative. Logits can be, and then so is the area."""
    return area(np.maximum(values, 0))


def the_fall(values):
    """You take the area *between* the curve and its start. The area under the curve is asked for."""
    return values[0] - area(values)


TASKS["7b"] = Task(
    area,
    curves,
    [
        mean_of_values,
        sum_of_values,
        steps_of_one,
        left_values,
        right_values,
        one_step_too_many,
        nothing_negative,
        the_fall,
    ],
    {
        "it lies between the smallest and the largest value": lambda value, values: (
            values.min() - 1e-6 <= value <= values.max() + 1e-6
        ),
    },
)

# %% [markdown]
# ## 7c A sanity check (15 minutes)
#
# Give a network's layers random weights, and it knows nothing. A heatmap that stays the same doesn't show what they knew.
# How alike are the maps before and after? The chapter takes Pearson's correlation. Take *Spearman's rank correlation*: replace
# each value by its rank (0 for the smallest, 1 for the next, …), and take Pearson's correlation of the ranks. Only the order
# counts then, not how bright a map is.


# %%
def rank_correlation(before, after):
    """Return Spearman's rank correlation of two maps, a number from -1 to 1.

    before, after: float arrays (h, w), without ties.
    """
    # solution
    ranks = [np.argsort(np.argsort(heatmap.ravel())) for heatmap in (before, after)]
    return np.corrcoef(*ranks)[0, 1]


# %% tags=["catalog"]


def before_and_after(generator):
    for shape, share in [((7, 7), 0.8), ((4, 11), 0.5), ((12, 5), -0.6)]:
        before = np.exp(1.5 * generator.normal(size=shape))
        after = np.exp(share * np.log(before) + generator.normal(size=shape))
        yield f"maps of {shape[0]} x {shape[1]} cells", before, after
    before = generator.normal(size=(6, 8))
    yield "maps with both signs", before, before**3 + generator.normal(size=(6, 8))
    yield "a map that only gets brighter", before, np.exp(2 * before)
    yield "maps that are negative everywhere", -np.exp(before), -np.exp(generator.normal(size=(6, 8)))


def ranks_of(heatmap):
    return np.argsort(np.argsort(heatmap.ravel()))


def of_the_values(before, after):
    """That is Pearson's correlation of the values, which a few bright cells decide. Replace the values by
    their ranks.
    """
    return np.corrcoef(before.ravel(), after.ravel())[0, 1]


def sorted_once(before, after):
    """`np.argsort` doesn't return ranks. It says where the smallest value stands, then the next. Apply it
    twice: the argsort of the argsort is the rank.
    """
    return np.corrcoef(np.argsort(before.ravel()), np.argsort(after.ravel()))[0, 1]


def sorted_values(before, after):
    """You sort both maps. Then they agree, wherever their values stood: keep the places, replace the values."""
    return np.corrcoef(np.sort(before.ravel()), np.sort(after.ravel()))[0, 1]


def within_rows(before, after):
    """You rank each row by itself. Make the map one long row first: `.ravel()`."""
    ranks = [np.argsort(np.argsort(m, axis=1), axis=1).ravel() for m in (before, after)]
    return np.corrcoef(*ranks)[0, 1]


def of_magnitudes(before, after):
    """You rank the magnitudes. Keep the sign: -2 is colder than 1."""
    return np.corrcoef(ranks_of(np.abs(before)), ranks_of(np.abs(after)))[0, 1]


def one_turned(before, after):
    """The sign is turned around: one of the maps is ranked from the largest."""
    return -rank_correlation(before, after)


def a_distance(before, after):
    """That is 1 less the correlation, a distance. The correlation is asked for."""
    return 1 - rank_correlation(before, after)


def the_whole_table(before, after):
    """`np.corrcoef` returns a table of all pairs. The number stands in row 0, column 1."""
    return np.corrcoef(ranks_of(before), ranks_of(after))


def magnitude_of_it(before, after):
    """You drop the sign of the correlation."""
    return abs(rank_correlation(before, after))


TASKS["7c"] = Task(
    rank_correlation,
    before_and_after,
    [
        of_the_values,
        sorted_once,
        sorted_values,
        within_rows,
        of_magnitudes,
        one_turned,
        a_distance,
        the_whole_table,
        magnitude_of_it,
    ],
    {"it lies between -1 and 1": lambda value, *_: -1 - 1e-6 <= value <= 1 + 1e-6},
)

# %% [markdown] tags=["picture"]
# ## Your curve
#
# Now your three functions on the cat: Grad-CAM's map against a map that only knows the edges. Which curve falls first?

# %% tags=["picture"]
if __name__ == "__main__":
    # Your deletion curves for the cat, with your areas and your rank correlation
    import matplotlib.pyplot as plt

    classifier, cat = cu.load_classifier(), cu.class_index("Egyptian cat")
    chelsea = cu.load_image("chelsea", size=classifier.input_size)
    gray = np.full(chelsea.shape, chelsea.mean())
    cam = cu.make_gradcam_heatmap(classifier, chelsea, cat)
    maps = {"Grad-CAM": cu.resize_heatmap(cam, (224, 224)), "edges": cu.BASELINE_MAPS["edges"](chelsea)}

    def predict(picture):
        return classifier.predict(np.uint8(picture))[0, cat]

    figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
    for name, heatmap in maps.items():
        values = np.array(deletion_curve(predict, chelsea.astype(float), heatmap, gray, 28))
        axes.plot(np.linspace(0, 100, 29), values, label=f"{name}: area {area(values):.2f}")
    axes.set_xlabel("pixels covered, hottest first, in percent")
    axes.set_ylabel("Egyptian cat")
    axes.set_title(f"rank correlation of the two maps {rank_correlation(*maps.values()):.2f}")
    axes.legend()
    plt.show()
