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
# Three questions are still open. **What in a photograph of a rocket looks like a drilling platform? What does
# an astronaut have in common with a bobsled? And what makes a picture of a cat and a cup a cat?** Each gets its
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
# The signed map of chapter 4.1: Grad-CAM before its ReLU
classifier = cu.load_classifier()
logits_model = classifier.logits_model
layer = logits_model.get_layer(classifier.last_conv_layer_name)
maps_and_logits = keras.Model(logits_model.input, [layer.output, logits_model.output])


def signed_map(image, name):
    inputs = tf.constant(classifier.preprocess(image))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        maps, logits = maps_and_logits(inputs)
        logit = logits[0, cu.class_index(name)]
    weights = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
    return tf.reduce_sum(weights * maps[0], axis=-1).numpy()


# %% [markdown]
# ### The rocket
#
# The network says *drilling platform* with 0.56, and *missile* with 0.06. Where does each of them come from?


# %% tags=["live"]
# Subtract two signed maps of the rocket: drilling platform rather than missile
def rather_than(image, name, other):
    return signed_map(image, name) - signed_map(image, other)


rocket = cu.load_image("rocket")
difference = rather_than(rocket, "drilling platform", "missile")
cu.plot_heatmap(rocket, {"drilling platform minus missile": difference})

# %% [markdown]
# *Signed difference for the rocket, drilling platform minus missile: the towers on both sides, and
# even more the sky beside them, speak for drilling platform; the rocket in the middle speaks for missile.*
#
# **Predict, then run.** Here the rocket in the middle speaks for *missile*. In the signed map of *drilling platform*
# alone: does the middle speak for it or against it?
#
# <details><summary>Answer</summary>
#
# For it, with 4.0 logits, nearly as much as the sides. But it speaks for *missile* still more, by 0.7: that is all the
# difference shows. The sides decide; they bring 2.9.
#
# </details>

# %% tags=["live"]
# Sum up the middle and the sides, of the difference and of drilling platform alone
alone = signed_map(rocket, "drilling platform")
for title, signed in {"difference": difference, "drilling platform alone": alone}.items():
    middle = signed[:, 2:5].sum()
    sides = signed.sum() - middle
    print(f"{title}: sides {sides:+.1f}, middle {middle:+.1f}, together {signed.sum():+.1f}")

# %% [markdown]
# Is it the towers, steel lattices against the sky? An experiment tells: paint them out. To compare, paint out strips of
# the same width beside them.
#
# **Predict, then run.** What does the network say without the towers? And without the strips?
#
# <details><summary>Answer</summary>
#
# Without the towers *missile*, with 0.26; without the strips still *drilling platform*, with 0.36. So it is the towers.
# The heatmap has pointed to them, and even more to the sky beside them: its cells are large.
#
# </details>

# %% tags=["live"]
# Paint out the towers, then strips beside them, in the color of the sky
sky = np.median(rocket[:40], axis=(0, 1))
painted = {}
for name, left in {"without towers": 0, "without strips": 102}.items():
    picture = painted[name] = rocket.copy()
    picture[:, left : left + 102] = picture[:, 538 - left : 640 - left] = sky
    best = classifier.top_predictions(picture, k=1)[0]
    print(f"{name}: {best.label} {best.probability:.2f}")

# %%
# Both paintings
figure, panels = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
for axes, (name, picture) in zip(panels, painted.items()):
    axes.imshow(picture)
    axes.set_title(name, fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *The rocket without the two large towers, a missile for the network, and without strips of the same width beside them,
# masts and all, still a drilling platform.*

# %% [markdown]
# ### The astronaut
#
# *Bobsled* has 0.20, *football helmet* 0.17. Why does she get either?
#
# **Predict, then run.** Which thing in the photograph looks more like a bobsled than like a football helmet: the
# helmet, the suit, or the flag?
#
# <details><summary>Answer</summary>
#
# No single one. The helmet's corner speaks for *football helmet*, with 2.0 logits. The 40 other cells bring *bobsled* 2.1, none of
# them more than 0.16. To the network a little of everything looks like a bobsled, and the small amounts add up.
#
# </details>

# %% tags=["live"]
# Ask the same of the astronaut: bobsled rather than football helmet
astronaut = cu.load_image("astronaut")
difference = rather_than(astronaut, "bobsled", "football helmet")
helmet = difference[4:, 4:].sum()
print(f"helmet's corner, 9 cells {helmet:+.1f}; 40 others {difference.sum() - helmet:+.1f}")
print(f"largest cell {difference.max():+.2f}")
cu.plot_heatmap(astronaut, {"bobsled minus football helmet": difference})

# %% [markdown]
# *Signed difference for the astronaut, bobsled minus football helmet: the helmet in the lower right corner
# speaks for football helmet, the flag and the suit a little for bobsled rather than for football helmet.*
#
# Alone, *bobsled* is hot between the suit and the helmet (chapter 4). But there *football helmet* is hotter in most
# cells. What is left for *bobsled* is spread thinly over the flag, the suit and the background.

# %% [markdown]
# ### The cat and the cup
#
# In the picture with two objects *Egyptian cat* has 0.16 and *espresso* 0.08.

# %% tags=["live"]
# Ask it of the cat and the cup: Egyptian cat rather than espresso
pair = cu.load_image("cat_and_coffee")
difference = rather_than(pair, "Egyptian cat", "espresso")
cat, seam, cup = difference[:, :3].sum(), difference[:, 3].sum(), difference[:, 4:].sum()
print(f"cat's side {cat:+.1f}, the seam {seam:+.1f}, cup's side {cup:+.1f}")
print(f"together {difference.sum():+.1f}")
cu.plot_heatmap(pair, {"Egyptian cat minus espresso": difference})

# %% [markdown]
# *Signed difference for the cat and the cup, Egyptian cat minus espresso: all of the cat's side speaks for the
# cat, all of the cup's side for the espresso.*
#
# Each side votes for its own object, with about seven logits, and the cat wins by less than one. So low probabilities
# do not mean that the network is lost: it sees both, and softmax makes them share.

# %% [markdown]
# ## All methods on one picture
#
# `cu.METHODS` is the table of this course's methods, in the order of the chapters. `compute` takes a
# classifier, a picture and a class, and returns a map in [0, 1]. We give SmoothGrad and Integrated Gradients what
# they need to converge (chapter 4.2).

# %%
# All methods of the table, for tiger shark
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
# pixel maps, SmoothGrad draws the animal, saliency and Integrated Gradients are dots, on it and around it.*

# %%
# How much of each map lies in a box around the shark: rows and columns of the photograph
inside = np.s_[80:320, 130:690]
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
# What each method answers, gets wrong, and costs
rows = ["| method | it answers | it gets wrong | gradients |", "|---|---|---|---|"]
rows += [
    f"| [{m.title}]({m.paper}) | {m.answers} | {m.misleads} | {m.num_gradients} |"
    for m in cu.METHODS.values()
]
Markdown("\n".join(rows))

# %% [markdown]
# (Gradients: how many the method takes unless you ask for more. For SmoothGrad and Integrated Gradients ask for 320 and
# 300, as above.) No column picks a winner: the methods answer different questions.

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
#    flank turned the tiger shark into a great white; blurring the head did not. The idea that it was the
#    *stripes* failed its test (chapter 4.2).
#
# A heatmap that passes shows what the logit depends on. *Why* stays your hypothesis.
#
# Here ends the tutorial that this course follows. Part two goes on: what a channel looks for (chapter 6), whether a
# heatmap is right (chapter 7), and your own network (chapter 8).
#
# ## Further reading
#
# - the papers of the methods, linked in the table above
# - Sanity checks for saliency maps, in which the weights are replaced by random ones layer by layer, from the top
#   (chapter 7): Adebayo et al., <https://arxiv.org/abs/1810.03292>
# - CAM: Zhou et al., <https://arxiv.org/abs/1512.04150>
# - Feature visualization (chapter 6): Olah et al.,
#   <https://distill.pub/2017/feature-visualization>
# - A book on the whole field: Molnar, *Interpretable Machine Learning*,
#   <https://christophm.github.io/interpretable-ml-book>

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/05_conclusion.ipynb)
#
# ← [4.2 Saliency maps](04_2_saliency_maps.ipynb) · [contents](../README.md#the-chapters) · [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) →
