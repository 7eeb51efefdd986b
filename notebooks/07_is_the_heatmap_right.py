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
# Below are four maps of a cat. Two come from a network. **Two know nothing of it. Which?** A heatmap that looks
# right proves nothing: our eyes find the cat in anything that lies on the cat. So this chapter tests maps by experiment.
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

from functools import partial
from itertools import permutations

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.ndimage import gaussian_filter, sobel

# %% jupyter={"source_hidden": true}
# @title The four maps
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
figure, panels = plt.subplots(1, 5, figsize=(9.9, 2.3), layout="constrained")
panels[0].imshow(chelsea)
panels[0].axis("off")
for axes, (letter, name) in zip(panels[1:], letters.items()):
    bright = np.clip(maps[name] / np.percentile(maps[name], 99), 0, 1)
    axes.imshow(cu.resize_heatmap(bright, (224, 224)))
    axes.set_title(letter, fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *The cat Chelsea, and four maps of her: A and B are smooth regions around the middle, C draws the cat, and D is made of
# dots.*
#
# <details><summary>Answer</summary>
#
# A is nearness to the middle of the picture, and C an edge filter: neither knows the network. B is Grad-CAM, D
# saliency. C looks most like a cat. Photographers put their cat in the middle, and a cat has edges: that is enough to
# look right.
#
# </details>

# %% [markdown]
# ## Cover what it points at
#
# A map is a claim: *these pixels matter most*. So cover them, hottest first, and watch the probability. If the claim is
# right, it falls early. This is **deletion**. The other way around, start from nothing and show the hottest pixels
# first: **insertion**. If the claim is right, the probability rises early
# ([Petsiuk et al., 2018](https://arxiv.org/abs/1806.07421)). We sum up each curve by the area under it: small
# is good for deletion, large for insertion.
#
# What do we cover with? Here with the blurred picture.
#
# **Predict, then run.** The network says *Egyptian cat* with 0.77. Cover the quarter of the pixels that Grad-CAM finds
# hottest. What is left of the 0.77?
#
# <details><summary>Answer</summary>
#
# All of it: 0.80. One eye, a cheek and most of the nose are gone, and the network is as sure of its cat as before.
# What is left is enough.
#
# </details>

# %% tags=["live"]
# Cover the hottest quarter of the pixels with the blurred picture
blurred = gaussian_filter(chelsea.astype(float), (11.2, 11.2, 0)).round().astype(np.uint8)
heat = cu.resize_heatmap(maps["Grad-CAM"], (224, 224))
rank = np.argsort(np.argsort(-heat, axis=None, kind="stable")).reshape(224, 224, 1)
covered = np.where(rank < rank.size / 4, blurred, chelsea)
print(f"whole {classifier.predict(chelsea)[0, cat]:.2f}")
print(f"without the hottest quarter {classifier.predict(covered)[0, cat]:.2f}")
Image.fromarray(covered)

# %% [markdown]
# *Chelsea without the quarter of the pixels that Grad-CAM finds hottest: blur covers one eye, a cheek and most of the
# nose.*
#
# `rank` is 0 for the hottest pixel, 1 for the next, and so on. Now the same in 28 steps, from none of the pixels to all.

# %% tags=["live"]
# Cover more and more of the hottest pixels (deletion); show only these (insertion)
fractions = np.linspace(0, 1, 29)
is_hot = [rank < fraction * rank.size for fraction in fractions]
deletion = classifier.predict([np.where(hot, blurred, chelsea) for hot in is_hot])[:, cat]
insertion = classifier.predict([np.where(hot, chelsea, blurred) for hot in is_hot])[:, cat]
print(f"area, deletion:  {np.trapezoid(deletion, fractions):.2f}")
print(f"area, insertion: {np.trapezoid(insertion, fractions):.2f}")

# %%
# Both curves; cu.deletion_curve and cu.insertion_curve compute the same
by_library = cu.deletion_curve(classifier, chelsea, maps["Grad-CAM"], cat)
assert np.allclose(by_library.probabilities, deletion, atol=0.02)
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(100 * fractions, deletion, color="#d06000", label="deletion: hottest covered")
axes.plot(100 * fractions, insertion, color="#267ebe", label="insertion: only the hottest shown")
axes.set_xlabel("pixels, hottest first, in percent")
axes.set_ylim(0, 1)
axes.set_title("Probability of Egyptian cat, by Grad-CAM", fontsize="medium")
axes.legend()
plt.show()

# %% [markdown]
# *Deletion and insertion by Grad-CAM: the cat's probability stays near 0.8 until 30% are covered, and is near 0 at the
# half; with only the hottest half shown it is 0.9, more than for the whole picture.*
#
# Deletion 0.30, insertion 0.61. Is that good? A number alone does not tell. It needs company.
#
# ## Beside maps that know nothing
#
# Here are all five maps, on the cat and on a cup of coffee.
#
# **Predict, then run.** On the cat: does Grad-CAM beat the edge filter at deletion? And the center at insertion?
#
# <details><summary>Answer</summary>
#
# No, and no again. The edge filter, which knows nothing of the network, has 0.13 at deletion, and Grad-CAM 0.30 (small is good).
# The center, which has not even seen the picture, has 0.62 at insertion, and Grad-CAM 0.61. So a good number does not
# prove that a map knows the network.
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
# For the edges on the cat our guess is that holes along them make a picture unlike any cat. On the coffee the edge filter
# is the worst of all at deletion, and Grad-CAM the best, together with the center.
#
# ### Another fill
#
# Blur is one choice. Here is the cat's picture with the hottest quarter covered in four ways. *Road* replaces each pixel
# by a weighted mean of its neighbors, plus a little noise, so that the hole is hard to see
# ([Rong et al., 2022](https://arxiv.org/abs/2202.00449)).

# %%
# The hottest quarter of Grad-CAM, covered in four ways
figure, panels = plt.subplots(1, 4, figsize=(9.8, 2.8), layout="constrained")
for axes, fill in zip(panels, ["blur", "mean", "black", "road"]):
    covered = cu.cover(chelsea, maps["Grad-CAM"], 0.25, fill)
    axes.imshow(covered)
    axes.set_title(f"{fill}: {classifier.predict(covered)[0, cat]:.2f}", fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *Chelsea with the hottest quarter of Grad-CAM covered by blur, by the mean color, by black, and by road, with the
# probability of Egyptian cat that is left: 0.77 to 0.82. The whole picture has 0.77.*

# %%
# The areas for the cat again, with black
areas(chelsea, cat, fill="black", dots=np.random.default_rng(0).random((224, 224)))

# %% [markdown]
# No fill lowers the probability: what is left is enough. But in the list the fill changes who wins. With black, saliency
# wins at deletion with 0.03. Random dots get the same: black dots ruin the picture, wherever they are.
#
# ## Two objects
#
# The center does well because photographers aim. So take a picture with two objects, and ask for the one on the right.

# %%
# The areas for espresso on the cat and the cup, with two fills
pair = cu.load_image("cat_and_coffee", size=(224, 224))
saliency = cu.compute_saliency_map(classifier, pair, espresso)
in_cells = saliency.reshape(7, 32, 7, 32).mean(axis=(1, 3))  # of the same size as Grad-CAM's
for fill in ["blur", "black"]:
    print(f"covered with {fill}")
    areas(pair, espresso, fill, cells=in_cells)

# %% [markdown]
# (*Cells* is saliency, averaged over cells of the size of Grad-CAM's. Deletion is near zero for all: the espresso has a
# probability of 0.08 to lose.)
#
# With blur, Grad-CAM has 0.22 at insertion, the center 0.03, and the other blind maps 0.01. With black, the center comes
# closer, but stays behind. And saliency has 0.01 in pixels, but in cells it nearly equals Grad-CAM: scattered pixels are no
# picture, whatever they know.
#
# **The verdict.** At insertion, on a picture where the middle does not help, and with two fills, Grad-CAM beats all blind
# maps. So does saliency in cells; in pixels it fails.

# %% [markdown]
# ## The slow answer: occlusion
#
# Deletion follows a map. **Occlusion** makes one, without any gradient: cover one place after another with a gray
# square, and write down by how much the logit drops ([Zeiler and Fergus, 2013](https://arxiv.org/abs/1311.2901)). Grad-CAM
# takes one forward and one backward pass; this takes 65 forward passes, one for the whole picture and 64 for the squares.

# %% tags=["live"]
# Cover one square after another with gray: by how much does the logit drop?
occlusion = cu.occlusion_map(classifier, pair, espresso)
print(f"{occlusion.size} squares, {occlusion.min():.1f} to {occlusion.max():.1f}")
cu.plot_heatmap(pair, {"espresso: drop in the logit": occlusion})

# %% [markdown]
# *Occlusion for espresso on the cat and the cup: covering the cup costs up to 2.9 logits, covering the cat little, or less
# than nothing.*


# %%
# How much is the slow answer like the fast one?
def likeness(a, b):
    """Return the correlation of two maps on a grid of 7 x 7; 0 if one of them is constant."""
    a, b = (cu.resize_heatmap(np.float32(m), (7, 7)).ravel() for m in (a, b))
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else 0.0


grad_cam = cu.make_gradcam_heatmap(classifier, pair, espresso)
print(f"likeness to Grad-CAM: {likeness(occlusion, grad_cam):.1f}")

# %% tags=["live"]
# Ask the same about Chelsea alone; then cover her whole face
alone = cu.occlusion_map(classifier, chelsea, cat)
print(f"{alone.size} squares, {alone.min():.1f} to {alone.max():.1f}")
without_face = chelsea.copy()
without_face[60:200, 45:195] = 127  # both eyes and the nose
print(f"without her face: {classifier.predict(without_face)[0, cat]:.2f}")

# %% [markdown]
# The slow answer and the fast one agree on the cup. For Chelsea alone no square costs even one logit: cover an eye, and
# there is another; cover the whole face, and there is the fur. What one square cannot hide, occlusion does not see. So it
# has a blind spot as well, only another one.

# %% [markdown]
# ## Does it depend on what the network has learned?
#
# Last, the hardest test, and the simplest idea: destroy what the network has learned, layer by layer from the top, and
# compute the map again. A map that stays the same did not depend on learning
# ([Adebayo et al., 2018](https://arxiv.org/abs/1810.03292)).
#
# `cu.randomized_copies` makes such networks: copies in which a layer and all that come after it got new random
# weights. Batch normalization recomputes its means and variances, from the six sample pictures. With the old ones the
# picture would get lost on the way through the random layers, and every map would change for that reason alone.
#
# A test is worth something only if something can fail it. So the edge filter takes part: it never looks at the network, and
# must fail. And so does **Guided Backpropagation** ([Springenberg et al., 2014](https://arxiv.org/abs/1412.6806)), a
# method that was popular for its sharp pictures: it is the gradient at the pixels, but at every ReLU it drops what is
# negative on the way back.


# %%
# The methods to test: two of this course, Guided Backpropagation, and the edge filter
@tf.custom_gradient
def guided_relu(x):
    """ReLU6, whose gradient passes only where it is positive."""

    def gradient(upstream):
        return tf.where((x > 0) & (x < 6) & (upstream > 0), upstream, 0)

    return tf.clip_by_value(x, 0, 6), gradient


class GuidedReLU(keras.layers.Layer):
    def call(self, x):
        return guided_relu(x)


def replace_relu(layer):
    if isinstance(layer, keras.layers.ReLU):
        return GuidedReLU(name=layer.name)
    return layer.__class__.from_config(layer.get_config())


def guided_backpropagation(classifier):
    """Return a function from a picture and a class to the magnitude of the guided gradient."""
    model = keras.models.clone_model(classifier.logits_model, clone_function=replace_relu)
    model.set_weights(classifier.logits_model.get_weights())

    def method(image, class_index):
        inputs = tf.constant(classifier.preprocess(image))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            logit = model(inputs)[0, class_index]
        return np.abs(tape.gradient(logit, inputs)[0]).max(axis=-1)

    return method


methods = {  # for each, a function from a classifier to a function of a picture and a class
    "Grad-CAM": lambda classifier: partial(cu.make_gradcam_heatmap, classifier),
    "saliency": lambda classifier: partial(cu.compute_saliency_map, classifier),
    "Guided Backpropagation": guided_backpropagation,
    "edges": lambda classifier: lambda image, class_index: blind_maps(image)["edges"],
}


# %% [markdown]
# How similar is similar? Maps of two *different* photographs resemble each other, too: things are in the middle, and edges are
# where things are. So we take five pictures, each with its own first class, and compare each map with that of another
# picture. There are 44 ways to give each of the five the map of another one. They tell what chance gives. The
# rule: a method passes if, with the upper half of the network random, the mean likeness of its maps is no higher than the highest
# of these 44.

# %%
# What chance gives: the likeness of maps of two different pictures
names = ["great_white_shark", "chelsea", "coffee", "astronaut", "rocket"]
images = [cu.load_image(name, size=(224, 224)) for name in names]
classes = classifier.predict(images).argmax(axis=1).tolist()


def five_maps(name, classifier):
    """Return a method's maps of the five pictures."""
    return list(map(methods[name](classifier), images, classes))


trained = {name: five_maps(name, classifier) for name in methods}
swaps = [swap for swap in permutations(range(5)) if all(i != j for i, j in enumerate(swap))]
by_chance = {}
for name, maps_of in trained.items():
    pairs = np.array([[likeness(a, b) for b in maps_of] for a in maps_of])
    means = [pairs[range(5), swap].mean() for swap in swaps]
    by_chance[name] = max(means)
    low, high = (round(float(value), 1) + 0.0 for value in (min(means), max(means)))
    print(f"{name:22s} by chance, mean of five: {low} to {high}")

# %% [markdown]
# **Predict, then run.** The upper half of the network gets random weights. Which of the four methods gives maps like
# before: Grad-CAM, saliency, Guided Backpropagation, edges?
#
# <details><summary>Answer</summary>
#
# The edges, of course, with a likeness of 1.0. And Guided Backpropagation, with 0.9: whatever its sharp pictures show, it
# is not what the upper half has learned. Grad-CAM has forgotten all, 0.0. Saliency has 0.6, a little more than chance.
#
# </details>

# %% tags=["live"]
# Let the network forget, from the top down, and compute all maps again
stops = ["predictions", "top_conv", "block6a_expand_conv", "stem_conv"]
forgotten = {"trained": trained}
for stop, copy in cu.randomized_copies(classifier, stops):
    forgotten[stop] = {name: five_maps(name, copy) for name in methods}
    del copy  # one network at a time is enough for the memory
for name, found in forgotten["block6a_expand_conv"].items():  # the upper half is random
    kept = np.mean([likeness(a, b) for a, b in zip(trained[name], found)])
    print(f"{name:22s} {kept:z.1f}, {'passes' if kept <= by_chance[name] else 'fails'}")

# %%
# The same at all four stops
figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
colors = dict(zip(methods, ["#440154", "#31688e", "#35b779", "#d06000"]))
for name in methods:
    kept = [
        np.mean([likeness(a, b) for a, b in zip(trained[name], found[name])])
        for found in forgotten.values()
    ]
    print(f"{name:22s} all random {kept[-1]:z.1f}")
    axes.plot(list(forgotten), kept, marker="o", color=colors[name], label=name)
axes.set_title(
    "Likeness to the trained network's maps; this layer and all above it are random",
    fontsize="medium",
)
axes.tick_params(axis="x", rotation=20)
axes.set_ylim(-0.2, 1.1)
axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
plt.show()

# %% [markdown]
# *Likeness of four kinds of maps to those of the trained network, mean of five pictures, as more and more layers have
# forgotten: Grad-CAM's falls at once, saliency's gradually, Guided Backpropagation's stays above 0.9 until the upper half
# is random, and that of the edges is 1 throughout.*

# %%
# Three methods' maps of the shark, before and after
figure, panels = plt.subplots(2, 3, figsize=(9.4, 6.6), layout="constrained")
half_random = forgotten["block6a_expand_conv"]
for row, (which, found) in zip(panels, [("trained", trained), ("upper half random", half_random)]):
    for axes, name in zip(row, ["Grad-CAM", "saliency", "Guided Backpropagation"]):
        shark_map = found[name][0]
        bright = np.clip(shark_map / np.percentile(shark_map, 99), 0, 1)
        axes.imshow(cu.resize_heatmap(bright, (224, 224)))
        axes.set_title(f"{name}: {which}", fontsize="medium")
        axes.axis("off")
plt.show()

# %% [markdown]
# *Grad-CAM, saliency and Guided Backpropagation for the shark, from the trained network and from one whose upper half is
# random: Grad-CAM has lost the shark, saliency's dots lie all over the picture, and Guided Backpropagation draws the same
# shark as before.*
#
# The upper half is where the classes are told apart. With random weights there the network knows no shark any more, and
# Guided Backpropagation draws it all the same. If you had seen only the first picture, you would have praised the explanation.
#
# Saliency changes, but slowly. On the shark it forgets, as you see; the mean of five pictures is still 0.6. A gradient
# passes through the lower layers as well, and these have not forgotten where the picture has contrast.
# (In the paper, with other networks and compared pixel by pixel, plain gradients pass.)

# %% [markdown]
# ## The verdicts
#
# | map | insertion, two objects | forgets with the network |
# |---|---|---|
# | Grad-CAM | passes | passes |
# | saliency | passes in cells, fails in pixels | fails, narrowly |
# | Guided Backpropagation | not tried | fails |
# | edges, center, random | fail | never look at the network |
#
# And the rules that follow:
#
# 1. Sanity first. A map that stays the same with random weights has failed; no other test can save it.
# 2. A number of deletion or insertion counts only beside those of maps that know nothing.
# 3. Take two fills at least, and one picture where the middle does not help.
# 4. Compare maps of one resolution: single pixels and large cells do not play the same game.
# 5. The curves test the *order* of the pixels, and nothing else: neither the sign nor the strength.

# %% [markdown]
# ## Explore: how much is covered
#
# Drag *Pixels*. Change the *Map*, the *Fill*, and the picture: where does an edge filter win?

# %%
# The explorer, for espresso on the cat and the cup
explorer = cu.FaithfulnessExplorer(classifier, "cat_and_coffee")
explorer.choose(cu.class_index("espresso"))
explorer

# %% [markdown]
# *The explorer on the cat and the cup, with Grad-CAM for espresso: the map, the picture with the hottest quarter covered,
# the hottest quarter alone, and both curves.*

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %% [markdown]
# ## Your heatmap looks wrong: ten causes
#
# Each of these has been made, and asked about, many times. The picture is the cat and the cup, and the class is
# *espresso*: the heat belongs on the cup.


# %%
# The right heatmap for espresso, and ten wrong ones
def cam(model, inputs, index=espresso, layer_name=classifier.last_conv_layer_name, training=False):
    """The signed map of chapter 4.1, for the output of any model."""
    maps_and_scores = keras.Model(model.input, [model.get_layer(layer_name).output, model.output])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        maps, scores = maps_and_scores(inputs, training=training)
        score = scores[0, index]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2))
    return tf.reduce_sum(weights * maps[0], axis=-1).numpy()


def positive(heatmap):
    """ReLU, and the maximum at 1."""
    heatmap = np.maximum(heatmap, 0)
    return heatmap / (heatmap.max() or 1)


model = classifier.logits_model
copy = keras.models.clone_model(model)  # in training mode a model changes
copy.set_weights(model.get_weights())
inputs = tf.constant(classifier.preprocess(pair))
signed = cam(model, inputs)
right = positive(signed)
crop = pair[56:168, 56:168]
early = classifier.key_layer_names[0]
wrong = {
    "right": right,
    "1 another class (966)": positive(cam(model, inputs, espresso - 1)),
    "2 the probability": positive(cam(classifier.model, inputs)),
    "3 an early layer": positive(cam(model, inputs, layer_name=early)),
    "4 raw pixels": positive(cam(model, tf.constant(pair[np.newaxis].astype("float32")))),
    "5 blue, green, red": positive(cam(model, tf.constant(classifier.preprocess(pair[..., ::-1])))),
    "6 training mode": positive(cam(copy, inputs, training=True)),
    "7 no ReLU, min to max": (signed - signed.min()) / np.ptp(signed),
    "8 rows for columns": right.T,
    "9 cut, drawn on the whole": positive(cam(model, tf.constant(classifier.preprocess(crop)))),
    "10 divided by the mean": np.clip(right / right.mean(), 0, 1),
}
figure, panels = plt.subplots(3, 4, figsize=(9.8, 8), layout="constrained")
gray = np.repeat(pair.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
for axes in panels.flat:
    axes.axis("off")
for axes, (title, heatmap) in zip(panels.flat, wrong.items()):
    axes.imshow(cu.overlay_heatmap(gray, heatmap))
    axes.set_title(title, fontsize="medium")
plt.show()

# %% [markdown]
# *The right heatmap for espresso on the cat and the cup, and ten wrong ones.*

# %%
# How much of the heat is on the cup's half?
half = 112
for title, heatmap in wrong.items():
    stretched = cu.resize_heatmap(np.float32(heatmap), (224, 224))
    print(
        f"{title:26s} {stretched[:, half:].sum() / stretched.sum():4.0%} of the heat on the cup's half"
    )

# %% [markdown]
# | | cause | what to do |
# |---|---|---|
# | 1 | another class: counted one off, or a name that occurs twice | look the index up by name (chapter 4) |
# | 2 | the probability's gradient instead of the logit's | take the softmax off (chapter 4.2) |
# | 3 | an early layer | take the last one with height and width (chapter 4.1) |
# | 4 | raw pixels | preprocess as in training (chapter 3) |
# | 5 | color channels swapped | know your reader: OpenCV gives blue, green, red |
# | 6 | training mode: batch normalization uses the one picture's own statistics | call the model with `training=False`, or `predict` |
# | 7 | scaled from minimum to maximum: what speaks against the class gets the color of zero, and zero gets heat | ReLU first, or a signed color map |
# | 8 | rows and columns exchanged | height first; test with a picture that is not square |
# | 9 | the network saw a cut-out, the heatmap lies on the whole picture | draw it on what the network saw |
# | 10 | another scale: all that is above the mean has full heat | divide by the maximum, and say so |
#
# Causes 1, 2, 5, 7, 9 and 10 still put 79% or more of the heat on the cup's half; most of them you would not notice. So
# look at the steps, not at the picture.

# %% [markdown]
# ## What to remember
#
# - A heatmap that looks right proves nothing. Test it beside maps that know nothing.
# - Deletion and insertion test the order of the pixels. Their numbers depend on the fill and on the picture.
# - Randomize the network: a map that does not change does not explain it.
#
# ## Where these tests mislead
#
# - A covered picture is like none that the network has seen. Part of each fall is the hole's doing, not the map's.
# - To pass is necessary, not sufficient: a map of pure noise changes with the weights, too.
# - On a grid of 7 x 7 cells chance is large. One picture proves nothing; take many.
#
# **Next:** chapter 8 opens your own network.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/07_is_the_heatmap_right.ipynb)
#
# ← [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) · [contents](../README.md#the-chapters) · [8 Your own network](08_your_own_network.ipynb) →
