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
# # 7 Is the heatmap right?
#
# ← [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) · [contents](../README.md#the-chapters) · [8 Your own network](08_your_own_network.ipynb) → · 40 minutes
#
# Below are four maps of a cat. Two come from the network. **Two have never seen it. Which?** A heatmap that looks
# right proves nothing: our eyes find the cat in anything that lies on the cat. So this chapter tests maps by experiment,
# and each test ends in a verdict.
#
# **What you will learn**
#
# - how deletion and insertion test a heatmap, and how a map that knows nothing passes them;
# - how to get an answer without any gradient, by covering one place after another;
# - how to find out whether a map depends on what the network has learned.
#
# **You need:** chapters 4.1, 4.2 and 5.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter, sobel

# %%
classifier = cu.load_classifier()
cat = cu.class_index("Egyptian cat")
chelsea = cu.load_image("chelsea", size=(224, 224))  # as the network sees it


def blind_maps(image):
    """Three maps that do not know the network: edges, nearness to the middle, random numbers."""
    gray = image.mean(axis=2)
    across = np.abs(np.linspace(-1, 1, 224))
    return {
        "edges": np.hypot(sobel(gray, axis=0), sobel(gray, axis=1)),
        "center": 2 - across[:, np.newaxis] ** 2 - across**2,
        "random": np.random.default_rng(0).random((7, 7)),
    }


def all_maps(image, class_index):
    """Two maps of the network, and the three that do not know it; each divided by its maximum."""
    maps = {
        "Grad-CAM": cu.make_gradcam_heatmap(classifier, image, class_index),
        "saliency": cu.compute_saliency_map(classifier, image, class_index),
        **blind_maps(image),
    }
    return {name: heatmap / heatmap.max() for name, heatmap in maps.items()}


maps = all_maps(chelsea, cat)
letters = dict(zip("ABCD", ["center", "Grad-CAM", "edges", "saliency"]))
figure, panels = plt.subplots(1, 4, figsize=(9.8, 2.8), layout="constrained")
for axes, (letter, name) in zip(panels, letters.items()):
    bright = np.clip(maps[name] / np.percentile(maps[name], 99), 0, 1)
    axes.imshow(cu.resize_heatmap(bright, (224, 224)))
    axes.set_title(letter, fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *Four maps of the cat Chelsea: A and B are smooth regions around the middle, C draws the cat, and D is made of dots.*
#
# A is the distance to the middle of the picture, and C an edge filter: neither has seen the network. B is Grad-CAM, D
# saliency. C looks most like a cat. Photographers put their cat in the middle, and a cat has edges: that is enough to
# look right.

# %% [markdown]
# ## Cover what it points at
#
# A map is a claim: *these pixels matter most*. So cover them, hottest first, and watch the probability. If the claim is
# right, it falls early. This is **deletion**. The other way around, start from nothing and show the hottest pixels
# first: **insertion**. If the claim is right, the probability rises early
# ([Petsiuk et al., 2018](https://arxiv.org/abs/1806.07421)). The number of a curve is the area under it.
#
# What do we cover with? Here with the blurred picture. In plain NumPy, for 28 steps:

# %%
STEPS = 28
blurred = gaussian_filter(chelsea.astype(float), (11, 11, 0)).round().astype(np.uint8)


def curve(heatmap, cover_hottest):
    """Probability of the cat while more and more of the hottest pixels are covered, or shown."""
    heat = cu.resize_heatmap(heatmap, (224, 224)).ravel()
    order = np.argsort(-heat, kind="stable")  # hottest first
    pictures = []
    for count in np.linspace(0, order.size, STEPS + 1).round().astype(int):
        is_hot = np.zeros(order.size, bool)
        is_hot[order[:count]] = True
        covered = is_hot if cover_hottest else ~is_hot
        pictures.append(np.where(covered.reshape(224, 224, 1), blurred, chelsea))
    return classifier.predict(pictures)[:, cat]


fractions = np.linspace(0, 1, STEPS + 1)
deletion, insertion = curve(maps["Grad-CAM"], True), curve(maps["Grad-CAM"], False)
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(100 * fractions, deletion, color="#d06000", label="deletion: hottest covered")
axes.plot(100 * fractions, insertion, color="#267ebe", label="insertion: only the hottest shown")
axes.set_xlabel("pixels, hottest first, in percent")
axes.set_ylim(0, 1)
axes.set_title("Probability of Egyptian cat, by Grad-CAM", fontsize="medium")
axes.legend()
plt.show()

# %% [markdown]
# *Deletion and insertion by Grad-CAM: with the hottest pixels covered the cat's probability falls from 0.77 to 0 by the
# half; with only these shown it rises to 0.7 by the half.*

# %%
by_library = cu.deletion_curve(classifier, chelsea, maps["Grad-CAM"], cat)
assert np.allclose(by_library.probabilities, deletion, atol=0.02)
print(f"area, deletion:  {np.trapezoid(deletion, fractions):.2f}")
print(f"area, insertion: {np.trapezoid(insertion, fractions):.2f}")

# %% [markdown]
# `cu.deletion_curve` and `cu.insertion_curve` do the same. Deletion 0.30, insertion 0.61. Is that good? A number alone
# does not tell. It needs company.
#
# ## Beside maps that know nothing
#
# Here are all five maps, on the cat and on a cup of coffee. Guess which wins where.


# %%
def areas(image, class_index, fill="blur"):
    """Print the areas of deletion and insertion for all five maps."""
    for name, heatmap in all_maps(image, class_index).items():
        deleted = cu.deletion_curve(classifier, image, heatmap, class_index, fill=fill)
        inserted = cu.insertion_curve(classifier, image, heatmap, class_index, fill=fill)
        print(f"   {name:9s} deletion {deleted.area:.2f}   insertion {inserted.area:.2f}")


coffee = cu.load_image("coffee", size=(224, 224))
espresso = cu.class_index("espresso")
for title, image, index in [
    ("Chelsea, Egyptian cat", chelsea, cat),
    ("coffee, espresso", coffee, espresso),
]:
    print(title)
    areas(image, index)

# %% [markdown]
# Read the cat's lines. The edge filter *beats* Grad-CAM at deletion. And the center, which has not even seen the picture,
# equals it at insertion. So on this picture deletion does not reward a map that is right: holes along edges make a
# picture that no cat has, and the probability falls for that reason.
#
# On the coffee the edge filter is the worst of all at deletion, and Grad-CAM the best, together with the center.
#
# ### Another fill
#
# Blur is one choice. Here is the cat's picture with the hottest quarter covered in four ways. *Road* replaces each pixel
# by a weighted mean of its neighbors, plus a little noise, so that the hole is hard to see
# ([Rong et al., 2022](https://arxiv.org/abs/2202.00449)).

# %%
figure, panels = plt.subplots(1, 4, figsize=(9.8, 2.8), layout="constrained")
for axes, fill in zip(panels, ["blur", "mean", "black", "road"]):
    covered = cu.cover(chelsea, maps["Grad-CAM"], 0.25, fill)
    axes.imshow(covered)
    axes.set_title(f"{fill}: {classifier.predict(covered)[0, cat]:.2f}", fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *Chelsea with the hottest quarter of Grad-CAM covered by blur, by the mean color, by black, and by road, with the
# probability of Egyptian cat that is left.*

# %%
print("Chelsea, Egyptian cat, covered with black")
areas(chelsea, cat, fill="black")

# %% [markdown]
# With black, saliency wins at deletion, by far, and is the worst at insertion: scattered black dots ruin any picture,
# wherever they are. The order of the maps depends on the fill.
#
# ## Two objects
#
# The center does well because photographers aim. So take a picture with two objects, and ask for the one on the right.

# %%
pair = cu.load_image("cat_and_coffee", size=(224, 224))
print("cat and cup, espresso")
areas(pair, espresso)

# %% [markdown]
# Now insertion tells them apart: Grad-CAM 0.22, the center 0.03, random 0.04. A map that does not know the class cannot
# know which half to show. (Deletion is near zero for all: the espresso has a probability of 0.08 to lose.)
#
# **The verdict.** At insertion, beside blind maps, on a picture where the middle does not help, Grad-CAM passes;
# saliency, edges, center and random fail. Saliency fails for a reason of its own: it orders single pixels, and a tenth
# of all pixels, scattered, is no picture.

# %% [markdown]
# ## The slow answer: occlusion
#
# Deletion follows a map. **Occlusion** makes one, without any gradient: cover one place after another with a gray
# square, and write down by how much the logit falls ([Zeiler and Fergus, 2013](https://arxiv.org/abs/1311.2901)). Grad-CAM
# takes one forward and one backward pass; this takes 257 forward passes.

# %%
occlusion = cu.occlusion_map(classifier, pair, espresso)
largest = np.abs(occlusion).max()
cu.plot_heatmap(pair, {"espresso: fall of the logit": occlusion})

# %% [markdown]
# *Occlusion for espresso on the cat and the cup: covering the cup costs up to 3.6 logits, covering the cat nothing or
# less than nothing.*


# %%
def likeness(a, b):
    """Return the correlation of two maps on a grid of 7 x 7; 0 if one of them is constant."""
    a, b = (cu.resize_heatmap(np.float32(m), (7, 7)).ravel() for m in (a, b))
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else 0.0


print(f"{occlusion.size} squares, fall of the logit {occlusion.min():.1f} to {occlusion.max():.1f}")
grad_cam = cu.make_gradcam_heatmap(classifier, pair, espresso)
print(f"likeness to Grad-CAM: {likeness(occlusion, grad_cam):.1f}")
alone = cu.occlusion_map(classifier, chelsea, cat)
print(f"Chelsea: fall of the logit {alone.min():.1f} to {alone.max():.1f}")

# %% [markdown]
# The slow answer and the fast one agree on the cup. For Chelsea alone no square costs even one logit: cover an eye, and
# there is another; cover both, and there is the fur. What one square cannot hide, occlusion does not see. So it has a
# blind spot as well, only another one.

# %% [markdown]
# ## Does it depend on what the network has learned?
#
# Last, the hardest test, and the simplest idea: destroy what the network has learned, layer by layer from the top, and
# compute the map again. A map that stays the same did not depend on learning
# ([Adebayo et al., 2018](https://arxiv.org/abs/1810.03292)).
