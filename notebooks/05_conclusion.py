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
# ← [4.2 Saliency maps](04_2_saliency_maps.ipynb) · [contents](../README.md#the-chapters) · [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) → · 20 minutes
#
# Three questions are still open. **Which part of a rocket looks like a drilling platform? What does an
# astronaut have in common with a bobsled? And what makes a picture of a cat and a cup a cat?** Each gets its
# picture. Then come all methods side by side, and the rules for reading them.
#
# **What you will learn**
#
# - how to ask "why this name rather than that one?";
# - what each method of this course answers, and what it costs;
# - how to read a heatmap without fooling yourself.
#
# **You need:** chapters 4.1 and 4.2.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import Markdown

# %% [markdown]
# ## Why this name rather than that one?
#
# A logit has no zero, and what raises all logits alike says nothing about the answer. So we ask about
# *differences*: the signed map of one class minus that of another (chapter 4.1). For this network its sum is the
# lead of the first class, apart from the biases. Note what it hides: what speaks for both classes cancels out.

# %%
classifier = cu.load_classifier()
logits_model = classifier.logits_model
layer = logits_model.get_layer(classifier.last_conv_layer_name)
maps_and_logits = keras.Model(logits_model.input, [layer.output, logits_model.output])


def signed_map(image, class_index):
    """Grad-CAM before its ReLU, as in chapter 4.1."""
    inputs = tf.constant(classifier.preprocess(image))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        maps, logits = maps_and_logits(inputs)
        logit = logits[0, class_index]
    weights = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
    return tf.reduce_sum(weights * maps[0], axis=-1).numpy()


def rather_than(image, name, other):
    """Return the signed map of one class minus that of another."""
    return signed_map(image, cu.class_index(name)) - signed_map(image, cu.class_index(other))


# %% [markdown]
# ### The rocket
#
# The network says *drilling platform* with 0.56, and *missile* with 0.06. Look at the photograph and guess
# where each of them comes from.

# %%
rocket = cu.load_image("rocket")
difference = rather_than(rocket, "drilling platform", "missile")
cu.plot_heatmap(rocket, {"drilling platform minus missile": difference})

# %% [markdown]
# *Signed difference for the rocket, drilling platform minus missile: the towers on both sides, and the sky and the masts
# beside them, speak for drilling platform; the rocket in the middle speaks for missile.*

# %%
sides = np.delete(difference, [2, 3, 4], axis=1)
alone = signed_map(rocket, cu.class_index("drilling platform"))
print(f"drilling platform leads by {difference.sum():.1f} logits:")
print(
    f"two columns at each side (towers) {sides.sum():+.1f}, "
    f"three in the middle (rocket) {difference.sum() - sides.sum():+.1f}"
)
print(
    f"drilling platform alone: sides {np.delete(alone, [2, 3, 4], axis=1).sum():+.1f}, "
    f"middle {alone[:, 2:5].sum():+.1f}"
)

# %% [markdown]
# The last line shows what the difference hides: the middle speaks for *drilling platform* as well, with four logits.
# But it speaks for *missile* a little more, by 0.7. So the sides decide. Is it the towers, steel lattices against the
# sky? Paint them out. To compare, paint out strips of the same width beside them. Guess both answers.

# %%
sky = np.median(rocket[:40].reshape(-1, 3), axis=0)
width = rocket.shape[1]
figure, panels = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
for axes, (name, start) in zip(panels, {"without towers": 0, "without strips": 0.16}.items()):
    painted = rocket.copy()
    left, right = int(start * width), int((start + 0.16) * width)
    painted[:, left:right] = painted[:, width - right : width - left] = sky
    best = classifier.top_predictions(painted, k=1)[0]
    label = best.label.replace("_", " ")
    print(f"{name}: {label} {best.probability:.2f}")
    axes.imshow(painted)
    axes.set_title(f"{name}: {label}", fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *The rocket without its two large towers is a missile; without strips of the same width beside them it stays a drilling
# platform.*
#
# So the towers say *drilling platform*. The heatmap has pointed to them, and to the sky beside them: its cells are large.

# %% [markdown]
# ### The astronaut
#
# *Bobsled* has 0.20, *football helmet* 0.17. Why does she get either?

# %%
astronaut = cu.load_image("astronaut")
difference = rather_than(astronaut, "bobsled", "football helmet")
cu.plot_heatmap(astronaut, {"bobsled minus football helmet": difference})

# %% [markdown]
# *Signed difference for the astronaut, bobsled minus football helmet: the helmet in the lower right corner
# speaks for football helmet, the flag and the suit a little for bobsled rather than for football helmet.*

# %%
helmet = difference[4:, 4:]
print(
    f"the helmet's corner (9 cells): {helmet.sum():+.1f}, the other 40 cells: {difference.sum() - helmet.sum():+.1f}"
)
print(f"largest cell of the other 40: {difference.max():+.2f}")

# %% [markdown]
# Alone, *bobsled* is hot between the suit and the helmet (chapter 4). But there *football helmet* is as strong or
# stronger. What is left for *bobsled* is spread thinly over the flag, the suit and the background, nowhere more than
# 0.2, and it ends a hair ahead. No single thing in the picture looks like a bobsled to us. To the network a little of
# everything does, and the small amounts add up.

# %% [markdown]
# ### The cat and the cup
#
# In the picture with two objects *Egyptian cat* has 0.16 and *espresso* 0.08.

# %%
pair = cu.load_image("cat_and_coffee")
difference = rather_than(pair, "Egyptian cat", "espresso")
cu.plot_heatmap(pair, {"Egyptian cat minus espresso": difference})

# %% [markdown]
# *Signed difference for the cat and the cup, Egyptian cat minus espresso: all of the cat's side speaks for the
# cat, all of the cup's side for the espresso.*

# %%
print(
    f"cat's side (three columns) {difference[:, :3].sum():+.1f}, the seam {difference[:, 3].sum():+.1f}, "
    f"cup's side {difference[:, 4:].sum():+.1f}, together {difference.sum():+.1f}"
)

# %% [markdown]
# Each side votes for its own object, with about seven logits, and the cat wins by less than one. That is why
# the probabilities were low: the network is not lost, it sees both, and softmax makes it choose.

# %% [markdown]
# ## All methods on one picture
#
# `cu.METHODS` is the table of this course's methods, in the order of the chapters. `compute` takes a
# classifier, a picture and a class, and returns a map in [0, 1]. We give SmoothGrad and Integrated Gradients what
# they need to converge (chapter 4.2).

# %%
shark = cu.load_image("great_white_shark")
tiger = cu.class_index("tiger shark")
enough = {
    "smooth_grad": {"num_samples": 320, "noise_level": 0.1},
    "integrated_gradients": {"num_steps": 300},
}
heatmaps = {
    method.title: method.compute(classifier, shark, tiger, **enough.get(key, {}))
    for key, method in cu.METHODS.items()
}

bright = {title: np.clip(m / np.percentile(m, 99), 0, 1) for title, m in heatmaps.items()}
cu.plot_heatmap(shark, bright)

# %% [markdown]
# *All methods of the course for tiger shark. The class activation maps cover the body as a smooth region; of the
# pixel maps, SmoothGrad draws the animal, saliency and Integrated Gradients are scattered dots on it.*

# %%
inside = np.s_[80:320, 130:690]  # rows and columns of the photograph: a box around the shark
area = np.zeros(shark.shape[:2])
area[inside] = 1
print(f"the box around the shark is {area.mean():.0%} of the picture; on it lies of")
for title, heatmap in heatmaps.items():
    stretched = cu.resize_heatmap(heatmap, shark.shape[:2])
    height, width = heatmap.shape
    print(
        f"{title:21s} {(stretched * area).sum() / stretched.sum():4.0%}   ({height} x {width} values)"
    )

# %% [markdown]
# Read the numbers with care: they say how much of a map lies in the box, of which more than half is water, and not how
# good the map is. A map may be right to look at the water, if the network does.

# %%
rows = ["| method | it answers | it gets wrong | gradients |", "|---|---|---|---|"]
rows += [
    f"| [{m.title}]({m.paper}) | {m.answers} | {m.misleads} | {m.num_gradients} |"
    for m in cu.METHODS.values()
]
Markdown("\n".join(rows))

# %% [markdown]
# (Gradients: how many the method takes unless you ask for more. For SmoothGrad and Integrated Gradients ask for 320 and
# 300, as above.) No column picks a winner. They answer
# different questions.

# %% [markdown]
# ## How to read a heatmap
#
# 1. **First the question, then the method.** Region or pixel? This class, or this class rather than that one?
#    Small change or total gain?
# 2. **Read the logit beside the map.** Each map is scaled to its own maximum: *missile* on the shark is as bright
#    as *tiger shark* (chapter 4.1).
# 3. **Look at what speaks against.** The cup's side took 1.32 logits from the cat, and Grad-CAM's ReLU hid it
#    (chapter 4.1).
# 4. **Count the cells.** A smooth overlay of 49 numbers has no outlines.
# 5. **Ask how much is chance.** Two seeds of SmoothGrad with 20 samples agreed at 0.6 only; ten steps of
#    Integrated Gradients gave a wrong sum (chapter 4.2).
# 6. **Ask for a second class.** A map that stays the same when the class changes does not explain the class.
# 7. **Test it.** Change the picture where the map points, and somewhere else, and look at the logit. Blurring the
#    flank turned the tiger shark into a great white; blurring the head did not. That it was the *stripes* failed its
#    test (chapter 4.2).
#
# A heatmap that passes shows what the logit depends on. *Why* stays your hypothesis.
#
# Here the tutorial ends that this course follows. Part two goes on: what a channel looks for (chapter 6), whether a
# heatmap is right (chapter 7), and your own network (chapter 8).
#
# ## Further reading
#
# - the papers of the methods, linked in the table above
# - Sanity checks for saliency maps, in which the weights are replaced by random ones layer by layer, from the top:
#   Adebayo et al., <https://arxiv.org/abs/1810.03292>. Plain gradients and Grad-CAM pass, Guided Backpropagation fails
# - CAM: Zhou et al., <https://arxiv.org/abs/1512.04150>
# - Feature visualization, another way to look inside: Olah et al.,
#   <https://distill.pub/2017/feature-visualization>
# - A book on the whole field: Molnar, *Interpretable Machine Learning*,
#   <https://christophm.github.io/interpretable-ml-book>

# %% [markdown] tags=["navigation"]
# ← [4.2 Saliency maps](04_2_saliency_maps.ipynb) · [contents](../README.md#the-chapters) · [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) →
