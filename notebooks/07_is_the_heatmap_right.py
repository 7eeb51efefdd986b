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
# ← [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) · [contents](../README.md#the-chapters) · [8 Your own network](08_your_own_network.ipynb) → · 60 minutes
#
# Below are four maps of a cat. Two come from a network. **Two know nothing of it. Which?** A heatmap that looks
# right proves nothing: our eyes find the cat in anything that lies on it. So let's test them.
#
# **What you will learn**
#
# - how deletion and insertion test a heatmap, and how a map that knows nothing passes them;
# - how to get a map without any gradient, by covering one place after another;
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

from itertools import combinations, permutations, product

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata
from skimage import data

# %% jupyter={"source_hidden": true}
# @title The four maps
classifier = cu.load_classifier()
cat = cu.class_index("Egyptian cat")
chelsea = cu.load_image("chelsea", size=(224, 224))  # as the network sees it


def all_maps(image, class_index):
    """Two maps of the network, and three that don't know it: edges, center, random."""
    blind = {name: blind_map(image) for name, blind_map in cu.BASELINE_MAPS.items()}
    return {
        "Grad-CAM": cu.make_gradcam_heatmap(classifier, image, class_index),
        "saliency": cu.compute_saliency_map(classifier, image, class_index),
        **blind,
    }


def draw(panels, pictures, size=(224, 224)):
    """Draw maps with their titles; what is brighter than 99 of 100 pixels has full color."""
    for axes, (title, heatmap) in zip(panels, pictures.items()):
        bright = np.clip(heatmap / np.percentile(heatmap, 99), 0, 1)
        axes.imshow(cu.resize_heatmap(bright, size))
        axes.set_title(title)
        axes.axis("off")


maps = all_maps(chelsea, cat)
letters = dict(zip("ABCD", ["center", "Grad-CAM", "edges", "saliency"]))
figure, panels = plt.subplot_mosaic("PPAB;PPCD", figsize=(6.4, 3.5), layout="constrained")
panels["P"].imshow(chelsea)
panels["P"].axis("off")
draw([panels[letter] for letter in letters], {x: maps[name] for x, name in letters.items()})
plt.show()

# %% [markdown]
# *The cat Chelsea and four maps of her: A and B are smooth regions around the middle, C draws the cat, D is made of dots.*
#
# <details><summary>Answer</summary>
#
# A is nearness to the middle of the picture, C an edge filter: neither knows the network. B is Grad-CAM, D saliency.
# Photographers put their cat in the middle, and a cat has edges: that's enough to look right.
#
# </details>
#
# ## Cover what it points at
#
# A map claims: *these pixels matter most*. So cover them, hottest first, and watch the probability. If the claim is right,
# it falls early: **deletion**. Or start from a blur and show the hottest pixels first, and it rises early: **insertion**.
# The area under each curve sums it up: small is good for deletion, large for insertion.
# ([Petsiuk et al., 2018](https://arxiv.org/abs/1806.07421) cover with gray and insert into a blur, in 224 steps; we blur
# in both, in 28.)
#
# **Predict, then run.** The network says *Egyptian cat* with 0.77. Cover the quarter of the pixels that Grad-CAM finds
# hottest. What's left?
#
# <details><summary>Answer</summary>
#
# All of it: 0.80. One eye, a cheek and most of the nose are gone, but the rest is enough.
#
# </details>

# %% tags=["live"]
# Cover the hottest quarter of the pixels with the blurred picture
width = 224 / 20  # of the blur
blurred = gaussian_filter(chelsea.astype(float), (width, width, 0)).round().astype(np.uint8)
heat = cu.resize_heatmap(maps["Grad-CAM"], (224, 224))
rank = rankdata(-heat, method="ordinal").reshape(224, 224, 1)  # 1 for the hottest pixel
covered = np.where(rank <= rank.size / 4, blurred, chelsea)
print(f"whole {classifier.predict(chelsea)[0, cat]:.2f}")
print(f"without the hottest quarter {classifier.predict(covered)[0, cat]:.2f}")
Image.fromarray(covered).resize((448, 448))

# %% [markdown]
# *Chelsea without that quarter: blur covers one eye, a cheek and most of the nose.*
#
# Now in 28 steps, from none of the pixels to all.

# %% tags=["live"]
# Cover more and more of the hottest pixels (deletion); show only these (insertion)
fractions = np.linspace(0, 1, 29)
is_hot = [rank <= fraction * rank.size for fraction in fractions]
deletion = classifier.predict([np.where(hot, blurred, chelsea) for hot in is_hot])[:, cat]
insertion = classifier.predict([np.where(hot, chelsea, blurred) for hot in is_hot])[:, cat]
print(f"area, deletion:  {np.trapezoid(deletion, fractions):.2f}")
print(f"area, insertion: {np.trapezoid(insertion, fractions):.2f}")

# %%
# Deletion as a strip of pictures; cu.deletion_curve computes the same
by_library = cu.deletion_curve(classifier, chelsea, maps["Grad-CAM"], cat)
assert np.allclose(by_library.probabilities, deletion, atol=0.02)
strip = [np.where(is_hot[step], blurred, chelsea) for step in (0, 7, 14, 21, 28)]
cu.draw_strip(strip, deletion, "Probability of Egyptian cat, the hottest pixels blurred")

# %% [markdown]
# *Chelsea with none, a quarter, half, three quarters and all of the pixels blurred, hottest first. Above: her probability stays
# near 0.8 until more than a quarter is gone, and is near 0 at the half.*
#
# Deletion 0.30, insertion 0.61. Is that good? A number alone says little. It needs company: maps that know nothing.
#
# **Predict, then run.** On the cat: does Grad-CAM beat the edge filter at deletion? And the center at insertion?
#
# <details><summary>Answer</summary>
#
# No, and no again. The edge filter has 0.13 at deletion, and Grad-CAM 0.30 (small is good). The center, which hasn't even
# seen the picture, has 0.62 at insertion, and Grad-CAM 0.61.
#
# </details>


# %% tags=["live"]
# Compute both areas for all five maps, on the cat
def areas(image, class_index, fill="blur", **more):
    for name, heatmap in (all_maps(image, class_index) | more).items():
        deleted = cu.deletion_curve(classifier, image, heatmap, class_index, fill=fill)
        inserted = cu.insertion_curve(classifier, image, heatmap, class_index, fill=fill)
        print(f"{name:9s} deletion {deleted.area:.2f}   insertion {inserted.area:.2f}")


areas(chelsea, cat)

# %% tags=["live"]
# The same on a cup of coffee
coffee, espresso = cu.load_image("coffee", size=(224, 224)), cu.class_index("espresso")
areas(coffee, espresso)

# %% [markdown]
# On the cat the edge filter wins at deletion. (Our guess: without its edges nothing looks like a cat.) On the coffee it's the
# worst.
#
# We covered with a blur. Does the fill matter? Here is black, and with it a map of random dots.

# %%
# The areas for the cat again, with black
areas(chelsea, cat, fill="black", dots=np.random.default_rng(0).random((224, 224)))

# %% [markdown]
# The fill changes who wins. With black, saliency has 0.03 at deletion, and so do the dots: black dots ruin this picture,
# wherever they are.
#
# ## Two objects
#
# So take a picture with two objects, and ask for the one on the right. (*Cells* is saliency averaged over 7 x 7 cells,
# like Grad-CAM's. *Blob* is one more blind map, nearness to the middle of the right half.)


# %%
# The areas for espresso on the cat and the cup, with two fills
def in_cells(heatmap):
    return heatmap.reshape(7, 32, 7, 32).mean(axis=(1, 3))


def blob(row, column):
    rows, columns = np.ogrid[0:1:224j, 0:1:224j]
    return 2 - np.hypot(rows - row, columns - column)


pair = cu.load_image("cat_and_coffee", size=(224, 224))
saliency = cu.compute_saliency_map(classifier, pair, espresso)
for fill in ["blur", "black"]:
    print(f"covered with {fill}")
    areas(pair, espresso, fill, cells=in_cells(saliency), blob=blob(0.5, 0.75))

# %% [markdown]
# Deletion is near zero for all: the espresso has only 0.08 to lose. At insertion with blur, Grad-CAM has 0.22 and the center
# 0.03, so Grad-CAM knows the network! Then look at the last line: the blob has 0.22 too, and with black 0.56 to Grad-CAM's
# 0.38. Telling left from right is all it takes.
#
# ## Many pictures
#
# So let's take 28: seven photographs alone, and all 21 pairs of them side by side, where we ask for the class of one. The
# blind maps are edges, edges in cells, and a blob on the photograph that we ask for. A win has to be by more than
# 0.01. With four steps a curve, this takes a minute or two.
#
# **Predict, then run.** In how many of the seven single photographs does Grad-CAM beat the edge filter, at insertion with
# blur, and in how many does it lose? And in the 21 pairs?
#
# <details><summary>Answer</summary>
#
# It wins four of the single ones and loses three. Of the pairs it wins 14 and loses none.
#
# </details>


# %%
# All areas, for two maps of the network and three blind ones, on 7 photographs and 21 pairs
def compete(image, class_index, across):
    """Return {(curve, fill, map): its area, with a sign so that more is better}."""
    edges = cu.BASELINE_MAPS["edges"](image)
    competitors = {
        "Grad-CAM": cu.make_gradcam_heatmap(classifier, image, class_index),
        "saliency in cells": in_cells(cu.compute_saliency_map(classifier, image, class_index)),
        "edges": edges,
        "edges in cells": in_cells(edges),
        "blob": blob(0.5, across),
    }
    found = {}
    for fill, (name, heatmap) in product(["blur", "black"], competitors.items()):
        question = classifier, image, heatmap, class_index, 4, fill
        found["insertion", fill, name] = cu.insertion_curve(*question).area
        found["deletion", fill, name] = -cu.deletion_curve(*question).area
    return found


names = ["great_white_shark", "chelsea", "coffee", "astronaut", "rocket"]
images = [cu.load_image(name, size=(224, 224)) for name in names]
others = [cu.load_image(p, size=(224, 224)) for p in [data.camera(), data.stereo_motorcycle()[0]]]
photos = [*images, *others]
first = classifier.predict(photos).argmax(axis=1).tolist()
singles = [compete(photo, index, 0.5) for photo, index in zip(photos, first)]
pairs = []
for number, (a, b) in enumerate(combinations(range(7), 2)):  # a stands left, right, left ...
    sides, across = ([a, b], 0.25) if number % 2 == 0 else ([b, a], 0.75)
    mosaic = cu.load_image(np.hstack([photos[i] for i in sides]), size=(224, 224))
    pairs.append(compete(mosaic, first[a], across))


# %%
# How often does a map win, and how often does it lose, against each blind one?
def score(tables, curve, fill, name, rival):
    gaps = np.array([found[curve, fill, name] - found[curve, fill, rival] for found in tables])
    return f"{(gaps > 0.01).sum():2d} : {(gaps < -0.01).sum()}"


rivals, names = ["edges", "edges in cells", "blob"], ["Grad-CAM", "saliency in cells"]
print(f"{'insertion, won : lost against':38s}" + "".join(f"{rival:>16s}" for rival in rivals))
for tables, name, fill in product([singles, pairs], names, ["blur", "black"]):
    scores = "".join(f"{score(tables, 'insertion', fill, name, r):>16s}" for r in rivals)
    print(f"{f'of {len(tables)}, {name}, with {fill}':38s}{scores}")
scores = [score(pairs, "deletion", fill, "Grad-CAM", "blob") for fill in ["blur", "black"]]
print("deletion, of 21, Grad-CAM against the blob:", *scores)

# %% [markdown]
# Alone, a photograph doesn't decide: Grad-CAM beats the edge filter in four of seven and loses in two or three. In pairs,
# deletion hardly tells maps apart, since the class asked for has little to lose. At insertion Grad-CAM wins 14 to 17 of these
# 21 against both edge maps, and never loses. Even the blob, which was told the side, loses more than it wins. Saliency in
# cells gets ahead of the edges, but not of the blob. (That's no law: on a pair that isn't among the 21, a portrait of Grace
# Hopper beside a clock, the edges win.)
#
# ## The slow answer: occlusion
#
# Deletion follows a map. **Occlusion** makes one, without any gradient: cover one place after another with a gray
# square, and write down by how much the logit drops ([Zeiler and Fergus, 2013](https://arxiv.org/abs/1311.2901)). That
# takes 65 forward passes.

# %% tags=["live"]
# Cover one square after another with gray: by how much does the logit drop?
occlusion = cu.occlusion_map(classifier, pair, espresso)
print(f"{occlusion.size} squares, {occlusion.min():.1f} to {occlusion.max():.1f}")
cu.plot_heatmap(cu.load_image("cat_and_coffee"), {"drop in the logit": occlusion})

# %% [markdown]
# *Occlusion for espresso on the cat and the cup: covering the cup costs up to 2.9 logits, and the wood right of it more than
# 2; on the cat a square costs 0.9 at most, and some cost less than nothing.*
#
# (Squares are cut off at the border, so the border is underestimated.) And on Chelsea alone?

# %% tags=["live"]
# Ask the same about Chelsea alone; then cover her whole face
alone = cu.occlusion_map(classifier, chelsea, cat)
print(f"{alone.size} squares, {alone.min():.1f} to {alone.max():.1f}")
without_face = chelsea.copy()
without_face[60:200, 45:195] = 127  # both eyes and the nose
print(f"without her face: {classifier.predict(without_face)[0, cat]:.2f}")

# %% [markdown]
# No square costs even one logit: cover an eye, and there's another; cover the whole face, and there's the fur. What one
# square can't hide, occlusion doesn't see. It has a blind spot too, just a different one.
#
# ## Does it depend on what the network has learned?
#
# Destroy what the network has learned, from the top down, and compute the map again. If it's the same, it didn't depend
# on that ([Adebayo et al., 2018](https://arxiv.org/abs/1810.03292)). `cu.randomized_copies` gives a layer and all that come
# after it new random weights. (Batch normalization recomputes its means and variances, or the picture would get lost.)
#
# A test that nothing can fail is worth nothing. So the edge filter takes part, which never looks at the network. And so does
# **Guided Backpropagation** ([Springenberg et al., 2014](https://arxiv.org/abs/1412.6806)), once popular for its sharp
# pictures: the gradient at the pixels, but at every ReLU it drops what is negative on the way back.


# %% jupyter={"source_hidden": true}
# @title A copy of a model with guided ReLUs
@tf.custom_gradient
def guided_relu(x):
    """ReLU6, whose gradient passes only where it's positive."""
    return tf.clip_by_value(x, 0, 6), lambda g: tf.where((x > 0) & (x < 6) & (g > 0), g, 0)


def guide(layer):
    """Copy a layer; a ReLU becomes a guided one."""
    if isinstance(layer, keras.layers.ReLU):
        return keras.layers.Activation(guided_relu, name=layer.name)
    return layer.from_config(layer.get_config())


def guided(model):
    copy = keras.models.clone_model(model, clone_function=guide)
    copy.set_weights(model.get_weights())
    return copy


# %%
# The methods to test: each a function from a classifier to its maps of five pictures
def gradient(model, image, class_index):
    """Return the gradient of a logit at the pixels, with its sign."""
    inputs = tf.constant(classifier.preprocess(image))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        logit = model(inputs)[0, class_index]
    return tape.gradient(logit, inputs)[0].numpy()


def gradients(model):
    return np.array([gradient(model, i, c) for i, c in zip(images, classes)])


def magnitude(model):
    return np.abs(gradients(model)).max(axis=-1)


def grad_cam(network):
    heatmaps = (cu.make_gradcam_heatmap(network, i, c) for i, c in zip(images, classes))
    return [cu.resize_heatmap(heatmap, (224, 224)) for heatmap in heatmaps]


methods = {
    "Grad-CAM": grad_cam,
    "saliency": lambda network: magnitude(network.logits_model),
    "Guided Backpropagation": lambda network: magnitude(guided(network.logits_model)),
    "edges": lambda network: [cu.BASELINE_MAPS["edges"](image) for image in images],
}

# %% [markdown]
# Maps of two *different* photographs are alike too, since things are in the middle. How alike are maps if it doesn't
# matter which picture they're of? Give each of five pictures the map of another one. There are 44 ways, each with a
# mean likeness. In this **permutation test** a method passes if its maps before and after are no more alike
# than in the most alike of these 44. We compare on two grids, 7 x 7 cells and single pixels.


# %%
# What chance gives: the likeness of maps of two different pictures
def likeness(a, b, size):
    """Return the correlation of two maps, averaged over size x size cells."""
    a, b = (np.reshape(m, (size, 224 // size, size, 224 // size, -1)).mean((1, 3)) for m in (a, b))
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def chance(found, size):
    """Return the highest mean likeness if each picture gets the map of another."""
    table = np.array([[likeness(a, b, size) for b in found] for a in found])
    swaps = (np.array(s) for s in permutations(range(5)))
    return max(table[range(5), s].mean() for s in swaps if (s != np.arange(5)).all())


classes = first[:5]
trained = {name: method(classifier) for name, method in methods.items()}
for name, found in trained.items():
    by_chance = [chance(found, size) for size in (7, 224)]
    print(f"{name:22s} by chance up to {by_chance[0]:.1f} in cells, {by_chance[1]:.1f} in pixels")

# %% [markdown]
# **Predict, then run.** The upper third of the layers, with 85% of the weights, gets random weights. Which of the four
# methods gives maps like before: Grad-CAM, saliency, Guided Backpropagation, edges?
#
# <details><summary>Answer</summary>
#
# The edges, of course: 1.0. And Guided Backpropagation, 0.9 and 1.0: its sharp pictures don't show what the upper third has
# learned. Grad-CAM forgets everything, 0.0. Saliency keeps 0.6 in cells and 0.3 in pixels, where chance gives 0.4 and 0.1: it
# fails on both grids. (We tried five other photographs: there it passed in cells and failed in pixels.)
#
# </details>

# %% tags=["live"]
# Let the network forget, from the top down to block 6, and compute all maps again
stop = "block6a_expand_conv"  # with all that come after it: a third of the layers
[(_, copy)] = cu.randomized_copies(classifier, [stop])
forgotten = {name: method(copy) for name, method in methods.items()}
for name in methods:
    for size in (7, 224):
        kept = np.mean([likeness(a, b, size) for a, b in zip(trained[name], forgotten[name])])
        by_chance = chance(trained[name], size)
        print(f"{name:22s} {size:3d} x {size:3d}: {kept:z.1f}, chance {by_chance:.1f}")

# %%
# Three methods' maps of the shark, before and after
figure, panels = plt.subplots(2, 3, figsize=(6.4, 5.2), layout="constrained")
for row, (which, found) in zip(panels, {"trained": trained, "random": forgotten}.items()):
    draw(row, {f"{name},\n{which}": found[name][0] for name in list(methods)[:3]})
plt.show()

# %% [markdown]
# *Three kinds of maps for the shark, from the trained network and from one whose upper third is random: Grad-CAM has lost the
# shark, saliency's dots lie all over the picture, and Guided Backpropagation draws the same shark as before.*
#
# The network doesn't know sharks any more, and yet Guided Backpropagation draws one: it recovers the picture, not the
# decision ([Nie et al., 2018](https://arxiv.org/abs/1805.07039)). Saliency fails too. But in the paper plain gradients
# pass. Who's right? Both.
#
# ## What the sign knows
#
# Saliency is the gradient's *magnitude*. The gradient itself has a sign: lighter, or darker?
#
# **Predict, then run.** Compare the gradients before and after. In how many of the values does the sign agree?
#
# <details><summary>Answer</summary>
#
# In half of them: a coin toss. With its sign the gradient forgets completely, 0.0 on both grids.
#
# </details>

# %% tags=["live"]
# Compare the gradients themselves: how alike are they, and how often does the sign agree?
before, after = gradients(classifier.logits_model), gradients(copy.logits_model)
for size in (7, 224):
    kept = np.mean([likeness(a, b, size) for a, b in zip(before, after)])
    print(f"with its sign, {size:3d} x {size:3d}: {kept:z.1f}, chance {chance(before, size):.1f}")
print(f"same sign: {np.mean(np.sign(before) == np.sign(after)):.0%}")

# %%
# 48 x 48 pixels at the rim of the cup: magnitude and sign, before and after
window = np.s_[40:88, 90:138]
figure, panels = plt.subplot_mosaic("PPAB;PPCD", figsize=(6.4, 3.8), layout="constrained")
panels["P"].imshow(images[2][window])
for (title, found), (upper, lower) in zip(
    {"trained": before, "random": after}.items(), ["AC", "BD"]
):
    strength, signed = np.abs(found[2]).max(axis=-1)[window], found[2].mean(axis=-1)[window]
    panels[upper].imshow(strength, vmax=np.percentile(strength, 99))
    panels[upper].set_title(f"magnitude,\n{title}")
    most = np.percentile(np.abs(signed), 99)
    panels[lower].imshow(signed, cmap="RdBu_r", vmin=-most, vmax=most)
    panels[lower].set_title(f"sign,\n{title}")
for axes in panels.values():
    axes.axis("off")
plt.show()

# %% [markdown]
# *The rim of the cup, 48 x 48 pixels. The magnitude is large in the same corners before and after. The sign, red for lighter
# and blue for darker, is a mosaic both times; that half of it has turned, only the number says.*
#
# The paper compares both. The lower layers, which haven't forgotten, keep *where* a pixel matters. *Which way* it matters is
# lost, and that's just what a saliency map leaves out.
#
# ## The verdicts
#
# | map | insertion, these 21 pairs: edges | blob | forgets with the network |
# |---|---|---|---|
# | Grad-CAM | never loses | wins more than it loses | yes |
# | saliency | in cells, wins more than it loses | in cells, loses more | no; with its sign, yes |
#
# ## Explore: how much is covered
#
# Drag *Pixels*, change the *Map*, the *Fill*, the picture: where does an edge filter win? (The curves know one more fill,
# `fill="road"`, which leaves no hole to see: [Rong et al., 2022](https://arxiv.org/abs/2202.00449).)

# %%
# The explorer, for espresso on the cat and the cup
explorer = cu.FaithfulnessExplorer(classifier, "cat_and_coffee")
explorer.choose(cu.class_index("espresso"))
explorer

# %% [markdown]
# *The explorer on the cat and the cup, Grad-CAM for espresso: the map, the picture without its hottest quarter, the
# hottest quarter alone, and both curves.*

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %% [markdown]
# ## What to remember
#
# - A heatmap that looks right proves nothing. A number counts only beside those of blind maps.
# - Take two fills, and many pictures in which the middle isn't the answer.
# - Compare maps of one resolution. The curves test the *order* of the pixels, neither sign nor strength.
# - A map that stays the same with random weights needs a very good reason. And keep the sign.
#
# ## Where these tests mislead
#
# - Part of each fall is the hole's doing. Seven photographs are few, and a mosaic isn't a photograph.
# - Passing isn't enough: pure noise changes with the weights too. And the randomization test is disputed: what was
#   strong below stays strong, so no map can change completely, and it can't rank methods
#   ([Binder et al., 2022](https://arxiv.org/abs/2211.12486)); its verdict depends on the task
#   ([Yona and Greenfeld, 2021](https://arxiv.org/abs/2110.14297)).
#
# **Next:** chapter 8 opens your own network.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/07_is_the_heatmap_right.ipynb)
#
# ← [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) · [contents](../README.md#the-chapters) · [8 Your own network](08_your_own_network.ipynb) →
