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
# # 5 Conclusion
#
# ← [4.2 Saliency maps](04_2_saliency_maps.ipynb) · [contents](../README.md#the-chapters) · 20 minutes
#
# **What you will learn**
#
# - what each method of this course answers, what it costs, and how well it separates two objects;
# - why a convincing heatmap is not proof, and a test that every method must pass;
# - where to read on.
#
# **You need:** chapters 4.1 and 4.2.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import warnings

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown

# %% [markdown]
# ## All methods on one picture
#
# We take the picture with two objects, so that each method can be asked twice: for *Egyptian cat*, on the
# left half, and for *espresso*, on the right.

# %%
classifier = cu.load_classifier()
image = cu.load_image("cat_and_coffee")
cat = cu.class_index("Egyptian cat")
cup = cu.class_index("espresso")

# %% [markdown]
# `cu.METHODS` is the table of this course's methods. `compute` takes a classifier, a picture and a class,
# and returns a map in [0, 1]. Of Integrated Gradients that is the magnitude for each pixel.

# %%
methods = {method.title: method for method in cu.METHODS.values()}
options = {"SmoothGrad": {"noise_level": 0.1}}  # as in chapter 4.2


def compute_all(classifier, class_index):
    """Return {title: heatmap} of all methods."""
    return {
        title: method.compute(classifier, image, class_index, **options.get(title, {}))
        for title, method in methods.items()
    }


for_cat, for_cup = compute_all(classifier, cat), compute_all(classifier, cup)


# %%
def draw_pairs(first, second, words):
    """Draw the heatmaps of all methods over the picture, two beside each other."""
    num_rows = (len(methods) + 1) // 2
    size = 9, 5 * num_rows / 3
    figure, panels = plt.subplots(num_rows, 4, figsize=size, layout="constrained")
    for axes in panels.flat:
        axes.axis("off")
    pairs = [(name, word, maps[name]) for name in methods for word, maps in zip(words, [first, second])]
    for axes, (name, word, heatmap) in zip(panels.flat, pairs):
        bright = np.clip(heatmap / (np.percentile(heatmap, 99) or 1), 0, 1)
        axes.imshow(cu.overlay_heatmap(image, bright, alpha=0.7, cmap="viridis"))
        axes.set_title(f"{name}:\n{word}", fontsize="small")
    plt.show()


draw_pairs(for_cat, for_cup, ["Egyptian cat", "espresso"])


# %%
def share_on_left(heatmap):
    """Return how much of a heatmap's sum lies on the left half of the picture."""
    stretched = cu.resize_heatmap(heatmap, image.shape[:2])
    return float(stretched[:, : image.shape[1] // 2].sum() / (stretched.sum() or 1))


on_cat = {name: share_on_left(for_cat[name]) for name in methods}
on_cup = {name: 1 - share_on_left(for_cup[name]) for name in methods}
print("                      cat: on the cat   espresso: on the cup     sum - 100 %")
for name in methods:
    print(f"{name:21s} {on_cat[name]:15.0%} {on_cup[name]:22.0%} {on_cat[name] + on_cup[name] - 1:17.0%}")

# %% [markdown]
# A method that ignored the class would draw the same map twice, and its two numbers would add up to
# 100 %, for example 70 and 30. What is above 100 % is the part of the heat that changes sides with the
# class; a change within one half does not show. Compare the last column with the pictures: which pairs
# can you tell apart?

# %% [markdown]
# ### For or against?
#
# The pixel methods are drawn as magnitudes. For Saliency and SmoothGrad the lost sign only says whether a
# pixel should get brighter or darker to raise the logit. For Integrated Gradients it says more: whether
# the pixel speaks for the class or *against* it. So we ask.

# %%
middle = classifier.input_size[1] // 2
for name, index in [("Egyptian cat", cat), ("espresso", cup)]:
    attributions = cu.integrated_gradients(classifier, image, index)
    left, right = attributions[:, :middle].sum(), attributions[:, middle:].sum()
    gap = cu.completeness_gap(classifier, image, attributions, index)
    print(f"{name:13s} cat's half {left:+5.1f}   cup's half {right:+5.1f} logits   gap {gap:.0%}")

# %% [markdown]
# Read the signs, but only where the sum is larger than the error: the gap is a share of the total gain, so
# a gap of 10 % of 6 logits is 0.6. A half with a clear minus speaks against the class, measured from
# black. So light on the cup in the map for the cat need not be an error: it can be evidence *against* the
# cat. The magnitude alone does not tell.

# %% [markdown]
# ## A heatmap is not proof
#
# All these maps look as if they had to do with what the network has learned. Do they? Shuffle the
# weights: within each layer they swap places, also from one kernel to another. Nearly all that the
# network has learned is gone. A map that stays the same did not depend on learning in the first place
# ([Adebayo et al., 2018](https://arxiv.org/abs/1810.03292)).


# %%
def shuffle(model, seed):
    """Let the weights of each layer swap places; biases and normalization stay."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        for array in weights:
            if array.ndim > 1:
                generator.shuffle(array.reshape(-1))
        layer.set_weights(weights)


# %% [markdown]
# One shuffle may resemble the trained network by chance, so we take three. A classifier remembers what it
# has computed, so after each shuffle the model is wrapped as a new one. Shuffling changes the model for
# good: to run a cell above again, or this one, first run the cell with `load_classifier` again.

# %%
warnings.filterwarnings("ignore", ".* finds nothing")  # then the map is all zeros

from_shuffled = []
for seed in range(3):
    shuffle(classifier.model, seed)
    shuffled = cu.ImageClassifier("shuffled", classifier.model, classifier.preprocess_input)
    best = shuffled.top_predictions(image, k=1)[0]
    print(f"a shuffled network says: {best.label} {best.probability:.2f}")
    from_shuffled.append(compute_all(shuffled, cat))

# %%
draw_pairs(for_cat, from_shuffled[0], ["trained", "shuffled"])

# %% [markdown]
# To compare fine maps with coarse ones, we shrink all to a grid of 7 x 7. Without that the pixel methods
# would pass for the wrong reason: two noisy maps never agree pixel by pixel.


# %%
def likeness(a, b):
    """Return the correlation of two maps on a 7 x 7 grid; 0 where one of them is all zeros."""
    a, b = (cu.resize_heatmap(heatmap, (7, 7)).ravel() for heatmap in (a, b))
    return float(np.corrcoef(a, b)[0, 1]) if a.any() and b.any() else 0.0


sanity = {name: [likeness(for_cat[name], maps[name]) for maps in from_shuffled] for name in methods}
for name, values in sanity.items():
    print(f"{name:21s} trained and shuffled, three times:", *(f"{value:5.1f}" for value in values))

# %% [markdown]
# A value near 1 in all three columns would be a warning: such a map does not need what the network has
# learned. Lower values scatter by chance, since there are only 49 cells: that is why one column would
# prove nothing. But chance scatters around 0. Values above 0 in all three columns hint that a part of the
# map follows the picture, whatever the network has learned. (A map that is all zeros counts as 0.)
#
# A low value is necessary, not sufficient: a map of pure noise passes as well. And a correlation compares
# shapes, not levels. With EfficientNet-Lite0, LayerCAM's map of the shuffled network is bright all over.
# Its number does not say so; the picture does. Look at both.
#
# In the paper, plain gradients and Grad-CAM pass. Guided Backpropagation, which draws the edges of the
# picture, fails.

# %% [markdown]
# ## The methods in one table
#
# Made from what this chapter has measured.

# %%
print(f"{'method':21s} {'map':>9s} {'gradients':>10s} {'on cat':>7s} {'on cup':>7s} {'shuffled':>13s}")
for name, method in methods.items():
    gradients = method.num_gradients
    size = "{} x {}".format(*for_cat[name].shape)
    low, high = min(sanity[name]), max(sanity[name])
    print(f"{name:21s} {size:>9s} {gradients:10d} {on_cat[name]:7.0%} {on_cup[name]:7.0%} "
          f"{low:5.1f} to {high:4.1f}")

# %%
rows = ["| method | it answers | it gets wrong |", "|---|---|---|"]
rows += [f"| [{m.title}]({m.paper}) | {m.answers} | {m.misleads} |" for m in methods.values()]
Markdown("\n".join(rows))

# %% [markdown]
# No column of numbers picks a winner. They answer different questions, and each number comes from
# one picture.

# %% [markdown]
# ## What to remember
#
# - First the question, then the method: region or pixel, small change or total gain.
# - Test every heatmap. Does it change with the class? With the weights? Does covering the hottest place
#   cost more than covering the coldest?
# - A heatmap that passes shows what the logit is sensitive to. *Why* stays your hypothesis.
#
# ## Further reading
#
# - the papers of the methods, linked in the table above
# - CAM: Zhou et al., <https://arxiv.org/abs/1512.04150>
# - Sanity checks for saliency maps: Adebayo et al., <https://arxiv.org/abs/1810.03292>
# - Feature visualization, another way to look inside: Olah et al.,
#   <https://distill.pub/2017/feature-visualization>
# - A book on the whole field: Molnar, *Interpretable Machine Learning*,
#   <https://christophm.github.io/interpretable-ml-book>

# %% [markdown] tags=["navigation"]
# ← [4.2 Saliency maps](04_2_saliency_maps.ipynb) · [contents](../README.md#the-chapters)
