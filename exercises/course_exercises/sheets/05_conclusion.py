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
# # Exercises 5: Reading heatmaps
#
# These exercises go with chapter [5](../../notebooks/05_conclusion.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import numpy as np

# %% [markdown]
# ## 5a Why this name rather than that one? (10 minutes)
#
# Map the *difference* of two logits, with its sign. The network averages its last feature maps over their $Z$ places, and
# a dense layer with weights $w^c_k$ computes the logits, so a class's signed map is
# $S^c_{ij} = \sum_k \frac{w^c_k}{Z} A^k_{ij}$ (chapter 4.1). The map that you return adds up to the lead of the one class
# over the other, apart from the biases.


# %%
def lead_map(maps, W, class_index, other):
    """Return the signed map of one class minus that of the other, (h, w).

    maps: float array (h, w, channels), the last feature maps; W: (channels, classes).
    """
    # solution
    height, width, _ = maps.shape
    return maps @ (W[:, class_index] - W[:, other]) / (height * width)


# %% tags=["catalog"]
from course_exercises.task import Task

TASKS: dict[str, Task] = {}


def two_classes(generator):
    for shape, classes, one, other in [((7, 7, 6), 4, 2, 0), ((4, 9, 5), 6, 1, 5), ((6, 6, 3), 3, 0, 2)]:
        maps, W = np.abs(generator.normal(size=shape)), generator.normal(size=(shape[-1], classes))
        yield "{} x {} places and {} channels".format(*shape), maps, W, one, other
    maps = -generator.random((3, 5, 4)) - 0.1
    yield "maps that are negative everywhere", maps, generator.normal(size=(4, 3)), 1, 0


def signed(maps, W, class_index):
    return maps @ W[:, class_index] / np.prod(maps.shape[:2])


def only_for(maps, W, class_index, other):
    """You keep what is positive. What speaks for the other class is negative: keep the sign."""
    return np.maximum(lead_map(maps, W, class_index, other), 0)


def relu_of_each(maps, W, class_index, other):
    """You take the ReLU of each map before the difference, so what speaks *against* a class is lost."""
    one, two = (np.maximum(signed(maps, W, index), 0) for index in (class_index, other))
    return one - two


def scaled_each(maps, W, class_index, other):
    """You scale each map to its own maximum before the difference. Then both classes look equally strong,
    and the sum is no longer the lead.
    """
    one, two = (signed(maps, W, index) for index in (class_index, other))
    return one / np.abs(one).max() - two / np.abs(two).max()


def not_divided(maps, W, class_index, other):
    """Not divided by the number of places: the sum is Z times the lead."""
    return lead_map(maps, W, class_index, other) * np.prod(maps.shape[:2])


def other_way_round(maps, W, class_index, other):
    """The sign is turned around: it's the first class minus the other."""
    return lead_map(maps, W, other, class_index)


def magnitude(maps, W, class_index, other):
    """You take the magnitude, which hides for which of the two a place speaks."""
    return np.abs(lead_map(maps, W, class_index, other))


def one_class_alone(maps, W, class_index, other):
    """That's the map of the one class alone. Subtract the other's."""
    return signed(maps, W, class_index)


TASKS["5a"] = Task(
    lead_map,
    two_classes,
    [
        only_for,
        relu_of_each,
        scaled_each,
        not_divided,
        other_way_round,
        magnitude,
        one_class_alone,
    ],
    {
        "its sum is the lead, apart from the biases": lambda lead, maps, W, one, other: np.isclose(
            lead.sum(), maps.mean(axis=(0, 1)) @ (W[:, one] - W[:, other]), rtol=1e-3, atol=1e-5
        ),
    },
)

# %% [markdown]
# ## 5b More heat than by chance? (10 minutes)
#
# 66% of the heat is on the shark. Is that a lot? If the box around it is 66% of the picture, it's nothing. Divide the
# share of the heat in a box by the share of the cells in it: 1 is chance, 2 is twice as much. What is negative is not
# heat. The box holds the rows from `top` up to, but not including, `bottom`, as a slice does, and the columns from `left`
# up to `right`. Where there is no heat at all, return 0.


# %%
def heat_in_box(heatmap, top, bottom, left, right):
    """Return how many times more heat is in a box than by chance, a number.

    heatmap: float array (h, w), with its sign.
    """
    # solution
    heat = np.maximum(heatmap, 0)
    if heat.sum() == 0:
        return 0.0
    inside = heat[top:bottom, left:right]
    return inside.sum() / heat.sum() * heat.size / inside.size


# %% tags=["catalog"]


def boxes(generator):
    for shape, box in [((7, 7), (1, 4, 2, 7)), ((5, 12), (0, 2, 6, 11)), ((20, 9), (7, 19, 1, 4))]:
        case = f"{shape[0]} x {shape[1]} cells, rows {box[0]}:{box[1]}, columns {box[2]}:{box[3]}"
        yield case, generator.normal(0.3, 1, size=shape), *box
    yield "a map that is negative everywhere", -generator.random((6, 8)) - 0.1, 1, 3, 2, 6


def ratio(heat, inside):
    return inside.sum() / heat.sum() * heat.size / inside.size if heat.any() else 0.0


def with_its_sign(heatmap, top, bottom, left, right):
    """What is negative is not heat: it speaks against the class. Keep what is positive."""
    return ratio(heatmap, heatmap[top:bottom, left:right])


def with_magnitude(heatmap, top, bottom, left, right):
    """You take the magnitude, so what speaks against the class counts as heat."""
    return ratio(np.abs(heatmap), np.abs(heatmap)[top:bottom, left:right])


def the_share_alone(heatmap, top, bottom, left, right):
    """That's the share of the heat. Divide it by the share of the cells, which is what chance would give."""
    heat = np.maximum(heatmap, 0)
    return heat[top:bottom, left:right].sum() / (heat.sum() or 1)


def the_cells_alone(heatmap, top, bottom, left, right):
    """That's the share of the cells. Divide the share of the heat by it."""
    return (bottom - top) * (right - left) / heatmap.size


def rows_and_columns(heatmap, top, bottom, left, right):
    """Rows and columns are exchanged."""
    heat = np.maximum(heatmap, 0)
    inside = heat[left:right, top:bottom]
    return ratio(heat, inside) if inside.size else 0.0


def one_more(heatmap, top, bottom, left, right):
    """Your box includes row `bottom` or column `right`; a slice stops before them."""
    heat = np.maximum(heatmap, 0)
    return ratio(heat, heat[top : bottom + 1, left : right + 1])


def beside_the_box(heatmap, top, bottom, left, right):
    """You compare the heat inside with the heat *outside*. Divide by the heat of the whole map."""
    heat = np.maximum(heatmap, 0)
    inside = heat[top:bottom, left:right]
    return inside.sum() / max(heat.sum() - inside.sum(), 1e-9) * heat.size / inside.size


def zero_divided(heatmap, top, bottom, left, right):
    """Where there is no heat at all, its sum is 0, and you divide by it."""
    heat = np.maximum(heatmap, 0)
    inside = heat[top:bottom, left:right]
    return inside.sum() / heat.sum() * heat.size / inside.size


TASKS["5b"] = Task(
    heat_in_box,
    boxes,
    [
        with_its_sign,
        with_magnitude,
        the_share_alone,
        the_cells_alone,
        rows_and_columns,
        one_more,
        beside_the_box,
        zero_divided,
    ],
    {
        "it is a number, not NaN": lambda value, *_: np.isfinite(value).all(),
        "it is not negative": lambda value, *_: value >= 0,
    },
)

# %% [markdown]
# ## 5c Ask for a second class (15 minutes)
#
# A map that stays the same when the class changes doesn't explain the class. How much do two maps share? Take the hottest
# `count` cells of each, and divide the number of cells that both have by the number of cells that at least one has
# (*intersection over union*): 1 is the same cells, 0 no cell in common.


# %%
def overlap(one, other, count):
    """Return intersection over union of the hottest `count` cells of two maps, a number.

    one, other: float arrays (h, w), with their sign, without ties.
    """
    # solution
    hottest_one, hottest_other = (set(np.argsort(-m.ravel())[:count]) for m in (one, other))
    return len(hottest_one & hottest_other) / len(hottest_one | hottest_other)


# %% tags=["catalog"]


def pairs_of_maps(generator):
    for shape, count in [((7, 7), 12), ((5, 12), 20), ((14, 9), 40)]:
        one = generator.normal(size=shape)
        other = 0.6 * one + generator.normal(size=shape)
        yield f"{shape[0]} x {shape[1]} cells, the hottest {count}", one, other, count
    one = -generator.random((6, 7)) - 0.1
    yield "maps that are negative everywhere", one, one * generator.uniform(0.4, 1, (6, 7)), 15
    one = generator.normal(size=(4, 5))
    yield "the same map on another scale", one, 3 * one + 1, 7


def hot(heatmap, count, sign=-1):
    return set(np.argsort(sign * heatmap.ravel())[:count])


def coldest(one, other, count):
    """You take the *coldest* cells: `np.argsort` puts the smallest first."""
    a, b = hot(one, count, 1), hot(other, count, 1)
    return len(a & b) / len(a | b)


def of_the_count(one, other, count):
    """You divide by the count. Divide by the number of cells that at least one of the two has."""
    return len(hot(one, count) & hot(other, count)) / count


def of_both(one, other, count):
    """You divide by the cells of both together, and count the common ones twice."""
    return len(hot(one, count) & hot(other, count)) / (2 * count)


def of_the_picture(one, other, count):
    """You divide by the number of all cells of the map."""
    return len(hot(one, count) & hot(other, count)) / one.size


def above_half(one, other, count):
    """You take the cells above half of the maximum. How many these are depends on the map: take `count` of
    each.
    """
    a, b = one > one.max() / 2, other > other.max() / 2
    return (a & b).sum() / max((a | b).sum(), 1)


def by_magnitude(one, other, count):
    """You order by magnitude, so what speaks against the class counts as hot. Keep the sign."""
    a, b = hot(np.abs(one), count), hot(np.abs(other), count)
    return len(a & b) / len(a | b)


def ranks_compared(one, other, count):
    """You compare the lists place by place: the same cell counts only at the same rank. Compare sets."""
    a, b = (np.argsort(-m.ravel())[:count] for m in (one, other))
    return (a == b).sum() / len(set(a) | set(b))


def only_numbers(one, other, count):
    """That's how many cells both have. Divide by the number of cells that at least one has."""
    return len(hot(one, count) & hot(other, count))


TASKS["5c"] = Task(
    overlap,
    pairs_of_maps,
    [
        coldest,
        of_the_count,
        of_both,
        of_the_picture,
        above_half,
        by_magnitude,
        ranks_compared,
        only_numbers,
    ],
    {"it is a share, from 0 to 1": lambda share, *_: 0 <= share <= 1},
)

# %% [markdown] tags=["picture"]
# ## Your map
#
# Now your three functions on the network's last maps and a photograph with two names. Which part says *drilling platform*, and
# which says *missile*? Is the heat in the outer columns, and do the two classes' own maps share their hottest cells? Then change
# the picture and the names.

# %% tags=["picture"]
if __name__ == "__main__":
    # Your lead map of the rocket: drilling platform rather than missile
    classifier, rocket = cu.load_classifier(), cu.load_image("rocket")
    one, other = cu.class_index("drilling platform"), cu.class_index("missile")
    last = classifier.last_conv_layer_name
    maps = cu.get_feature_maps(classifier, rocket, [last])[last]
    W = classifier.model.layers[-1].get_weights()[0]
    lead = lead_map(maps, W, one, other)
    print(f"two columns at the left: {heat_in_box(lead, 0, 7, 0, 2):.1f} times as much heat as by chance")
    shared = overlap(maps @ W[:, one], maps @ W[:, other], 10)
    print(f"hottest ten cells of the two classes: overlap {shared:.2f}")
    cu.plot_heatmap(rocket, {"drilling platform minus missile": lead})
