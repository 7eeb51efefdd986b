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
# # 4.2 Saliency maps
#
# ← [4.1 Grad-CAM](04_1_grad_cam.ipynb) · [contents](../README.md#the-chapters) · [5 Conclusion](05_conclusion.ipynb) → · 40 minutes
#
# From the dorsal fin backward *tiger shark* leads. Grad-CAM has 49 cells to say so. **Can we get closer, down to the
# pixels, and find out whether it is the stripes?** Three methods try, each with a flaw of its own, and the chapter ends
# with an experiment.
#
# **What you will learn**
#
# - how to take the softmax off a network, and what a gradient at the pixels says;
# - how many samples SmoothGrad needs until its map is no longer chance;
# - how Integrated Gradients shares out a logit, and how to check that the sum is right.
#
# **You need:** chapter 4.1.

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
from scipy.ndimage import gaussian_filter1d

# %%
# The network, the photograph, and the two classes
classifier = cu.load_classifier()
shark = cu.load_image("great_white_shark")
tiger, white = cu.class_index("tiger shark"), cu.class_index("great white shark")
inputs = tf.constant(classifier.preprocess(shark))
print(f"photograph {shark.shape}, inputs {inputs.shape}, classes {tiger} and {white}")

# %% [markdown]
# ## Take the softmax off
#
# We explain the logit, not the probability (chapter 4). The model ends in a dense layer that computes both in
# one go. So we cut it in front of that layer, and attach a new one with the same weights and no softmax.

# %% tags=["live"]
# Attach a new last layer with the same weights and no softmax, and compare
model = classifier.model
last = model.layers[-1]
without_softmax = keras.layers.Dense(last.units, name="logits")
logits_model = keras.Model(model.input, without_softmax(last.input))
without_softmax.set_weights(last.get_weights())
logits = logits_model(inputs)
assert np.allclose(tf.nn.softmax(logits), model(inputs), atol=1e-6)
print(f"logits: tiger shark {logits[0, tiger]:.2f}, great white shark {logits[0, white]:.2f}")

# %% [markdown]
# Only the last layer's weights exist twice now, and `model` is as it was. Do not set
# `model.layers[-1].activation = None` on a model that others use: their probabilities would turn into logits.
# `classifier.logits_model` is the same, without any copy.
#
# ## The gradient at the pixels
#
# Change one pixel a little. How much does the logit of the class change? The gradient answers this
# for all pixels at once. For the logit $y^c$ and the picture $x$ with rows $i$, columns $j$ and
# colors $k$, the saliency map is
#
# $$ M_{ij} = \max_k \left| \frac{\partial y^c}{\partial x_{ijk}} \right| $$
#
# ([Simonyan et al., 2013](https://arxiv.org/abs/1312.6034)). It takes one forward and one backward
# pass, and no choice of a layer.


# %% tags=["live"]
# Write the gradient of a class's logit at the pixels as a function, and call it for the shark
def gradient_at(point, class_index):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(point)
        logit = logits_model(point)[0, class_index]
    return tape.gradient(logit, point)


gradient = gradient_at(inputs, tiger)
print(f"gradient {gradient.shape}, positive in {np.mean(gradient > 0):.1f} of its numbers")


# %% tags=["live"]
# Keep the magnitude, the largest of the three colors; draw the brightest 1% at full strength
def brighten(values):
    return np.clip(values / np.percentile(np.abs(values), 99), -1, 1)


magnitude = tf.reduce_max(tf.abs(gradient[0]), axis=-1).numpy()
saliency = magnitude / magnitude.max()
print(f"{saliency.shape}, largest {saliency.max():.0f}, mean {saliency.mean():.2f}")
cu.plot_heatmap(shark, {"Saliency for tiger shark": brighten(saliency)})

# %% [markdown]
# *Saliency for tiger shark: clusters of bright dots, densest around the shark, but with no outline that one could
# recognize. (A dot is a pixel of the network's 224 x 224, stretched to the photograph's width.)*
#
# A few pixels stand out so far that all others look dark beside them. So we draw the brightest 1% at full
# strength and scale the rest to them; the numbers stay as they are. Even so, it is hard to find the shark.
# `cu.compute_saliency_map` is the same computation.


# %%
def correlation(a, b):
    """Return Pearson's correlation of two maps."""
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


by_helper = cu.compute_saliency_map(classifier, shark, tiger)
print(f"correlation with the map above: {correlation(by_helper, saliency):.4f}")
assert correlation(by_helper, saliency) > 0.9999

# %% [markdown]
# ### Why it is noisy
#
# **Predict, then run.** Add a little noise to the photograph, too little to see. The answer stays. How alike are the two
# saliency maps: is their correlation 1.0, 0.9, or less?
#
# <details><summary>Answer</summary>
#
# Less: 0.6, although the photographs correlate at 0.999. Grad-CAM's maps stay the same, at 1.00.
#
# </details>

# %% tags=["live"]
# Add noise to the photograph, ask again, and correlate the photographs, saliency maps, and Grad-CAMs
noisy = shark + np.random.default_rng(0).normal(0, 3, shark.shape)
noisy = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
print(classifier.top_predictions(noisy, k=1)[0].label)
print(f"photographs {correlation(shark, noisy):.3f}")
noisy_saliency = cu.compute_saliency_map(classifier, noisy, tiger)
print(f"saliency {correlation(saliency, noisy_saliency):.1f}")
grad_cams = [cu.make_gradcam_heatmap(classifier, picture, tiger) for picture in (shark, noisy)]
print(f"Grad-CAM {correlation(*grad_cams):.2f}")

# %% [markdown]
# Why do two pictures that look the same have such different maps? A network of ReLUs is *piecewise linear*. It is made
# of many small pieces: within a piece the gradient is constant, and at its border the gradient jumps. A tiny step leads
# to another piece. So the gradient at one point says little about its surroundings.

# %% [markdown]
# ## SmoothGrad
#
# If one point says little, ask many. SmoothGrad averages the gradient over $n$ noisy copies of the
# picture, with its sign, and takes the magnitude afterwards
# ([Smilkov et al., 2017](https://arxiv.org/abs/1706.03825)):
#
# $$ M_{ij} = \max_k \Big| \frac{1}{n} \sum_{s=1}^{n}
# \frac{\partial y^c}{\partial x_{ijk}} (x + \varepsilon_s) \Big| ,
# \qquad \varepsilon_s \sim \mathcal{N}(0, \sigma^2) . $$
#
# What points in random directions cancels out; what agrees stays. We take a $\sigma$ of 0.1 times the
# picture's range.
#
# How many samples? The paper sees little change above 50, by eye; many tutorials take 20. There is a better answer:
# compute the map twice, with other random numbers, and compare. What differs is chance.

# %% tags=["live"]
# Compute SmoothGrad with more and more samples, each with two seeds, and correlate the two maps
counts = [1, 5, 20, 80, 320]
maps, agreement = {}, []
for n in counts:
    maps[n] = cu.smooth_grad(classifier, shark, tiger, n, noise_level=0.1, seed=0)
    again = cu.smooth_grad(classifier, shark, tiger, n, noise_level=0.1, seed=1)
    agreement.append(correlation(maps[n], again))
    print(f"{n} samples: correlation of two seeds {agreement[-1]:.1f}")

# %%
# The same as a curve
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
axes.plot(counts, agreement, marker="o", color="#31688e")
axes.set_xscale("log")
axes.set_xticks(counts, counts)
axes.minorticks_off()
axes.set_ylim(0, 1)
axes.set_xlabel("samples")
axes.set_title("SmoothGrad: correlation of two runs with different seeds", fontsize="medium")
plt.show()

# %% [markdown]
# *The correlation of two SmoothGrad maps rises from 0.4 at one sample over 0.6 at 20 to 0.9 at 320.*
#
# With 20 samples two runs agree at 0.6: a good part of such a map is chance, and another seed draws another map. With
# 320 they agree at 0.9. That is a map one may look at. It costs 320 forward and backward passes.

# %%
# One sample, 20, and 320
cu.plot_heatmap(shark, {f"SmoothGrad, n = {n}": brighten(maps[n]) for n in [1, 20, 320]})

# %% [markdown]
# *SmoothGrad with 1, 20 and 320 samples: the dots gather into lines; with 320 the water is darkest, and the outline of
# the shark, its fins and strokes on the flank stand out.*
#
# Now the shark is there. And look at the flank: behind the brightest part, toward the tail, there are short vertical
# strokes.

# %% [markdown]
# ## The same through tf-keras-vis
#
# `Saliency` computes both maps. As in chapter 4.1, `ReplaceToLinear` takes the softmax off a copy. The class
# calls the model with a list of inputs, so we hand it one that expects a list.

# %%
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

listed = keras.Model(model.inputs, model.outputs)
saliency_object = Saliency(listed, model_modifier=ReplaceToLinear(), clone=True)
theirs = saliency_object(CategoricalScore(tiger), inputs)[0]
print(f"vanilla saliency: correlation {correlation(theirs, saliency):.4f}")
assert correlation(theirs, saliency) > 0.9999

# %% [markdown]
# Its SmoothGrad (`smooth_samples=20`) averages *magnitudes*, while the paper's formula averages signed
# gradients. Magnitudes cannot cancel: what would cancel with its sign adds up without it.

# %% [markdown]
# ## Integrated Gradients
#
# A gradient says what the *next* small change would do. It does not say how the logit came to be as
# high as it is. Integrated Gradients walks from a *baseline* $x'$, here a black picture, to the
# picture $x$, and adds up the gradients on the way
# ([Sundararajan et al., 2017](https://arxiv.org/abs/1703.01365)). Let $F(x)$ be the logit of the class,
# and let $i$ count all the numbers of the picture, each color of each pixel:
#
# $$ \text{IG}_i = (x_i - x'_i) \int_0^1 \frac{\partial F}{\partial x_i}
# \big( x' + t \, (x - x') \big) \, dt . $$
#
# Its attributions are in logits and have a sign. And they are *complete*: they sum to
# $F(x) - F(x')$, what the picture has gained over the baseline. That can be checked.
#
# **Predict, then run.** We take ten steps from black to the photograph. How close does the sum of the attributions come
# to the gain of the logit, 8.4?
#
# <details><summary>Answer</summary>
#
# Not at all: the sum is 58.8, seven times the gain of 8.4. The computation is right. Ten steps are too few.
#
# </details>

# %% tags=["live"]
# Walk from black to the photograph in ten steps, add up the gradients, and compare sum and gain
black = tf.constant(classifier.preprocess(np.zeros_like(shark)))
total = tf.zeros_like(inputs)
for step in range(10):
    point = black + (step + 0.5) / 10 * (inputs - black)
    total += gradient_at(point, tiger)
by_hand = ((inputs - black) * total / 10)[0].numpy()
gain = float(logits_model(inputs)[0, tiger] - logits_model(black)[0, tiger])
print(f"attributions {by_hand.shape}: sum {by_hand.sum():.1f}, gain {gain:.1f}")

# %% [markdown]
# ### How many steps are enough?
#
# The integral is replaced by a sum, so more steps must help. `cu.integrated_gradients` is the same computation, and
# `cu.completeness_gap` compares what the attributions sum to with what they should, $F(x) - F(x')$: a gap of 0.05
# means that 5% is missing or too much.

# %%
# More and more steps
steps = [10, 50, 100, 300]
runs = {n: cu.integrated_gradients(classifier, shark, tiger, num_steps=n) for n in steps}
assert correlation(runs[10], by_hand) > 0.999
for n in steps:
    gap = cu.completeness_gap(classifier, shark, runs[n], tiger)
    print(f"{n:3d} steps: sum {runs[n].sum():5.1f}   gap {gap:.0%}")

# %% [markdown]
# Why are ten steps so far off? Walk along the path and look.

# %%
# The logit along the path
positions = np.linspace(0, 1, 21) ** 2  # closer together near the start
path = [black + np.float32(p) * (inputs - black) for p in positions]
along = np.array([logits_model(point)[0, tiger] for point in path])
half = positions[np.argmax(along - along[0] > gain / 2)]
print(f"half of the gain is reached at {half:.2f}")

figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
axes.plot(positions, along, marker="o", markersize=4, color="#31688e")
axes.set_xlabel("from black (0) to the photograph (1)")
axes.set_title("Logit of tiger shark along the path", fontsize="medium")
axes.set_xlim(0, 1)
plt.show()

# %% [markdown]
# *The logit of tiger shark from black to the photograph: it rises steeply near black and changes little from
# there on.*
#
# Most of the gain comes while the picture is still nearly black. Ten equal steps put a single point on that rise, at
# 0.05. Three hundred put enough there. And look at the right end: that is where the photograph itself lies, where plain
# saliency takes its gradient. The network is *saturated* there: the shark is already recognized, and more light on it
# changes little. So the gradient at the photograph carries little of the gain.
#
# So do not trust a fixed number of steps. Print the gap.

# %% [markdown]
# ### What it shows

# %%
# For and against, pixel by pixel
attributions = runs[300].sum(axis=-1)  # the three colors of a pixel together
positive, negative = attributions[attributions > 0].sum(), attributions[attributions < 0].sum()
print(f"for: {positive:+.0f} logits, against: {negative:+.0f}, together {positive + negative:+.1f}")
cu.plot_heatmap(shark, {"Integrated Gradients": brighten(attributions)})

# %% [markdown]
# *Integrated Gradients for tiger shark: dots for and against the class lie side by side all over the shark's
# body.*
#
# The sum is right, and the map lies on the shark. But read the numbers. Hundreds of logits speak for the tiger
# shark, hundreds against it, and nine are left. What is for and what is against changes from pixel to pixel.
# Pixels do not speak for a shark one by one; only their sum over an area means something. The gap checks only the
# total: errors of single pixels can cancel in it.

# %% [markdown]
# ## Regions and pixels, side by side

# %%
# Four maps of one decision
cu.plot_heatmap(
    shark,
    {
        "Grad-CAM": grad_cams[0],
        "Saliency": brighten(saliency),
        "SmoothGrad, 320 samples": brighten(maps[320]),
        "Integrated Gradients, magnitude": brighten(np.abs(attributions)),
    },
)

# %% [markdown]
# *Four maps for tiger shark: Grad-CAM's region, and the dots of saliency, SmoothGrad and Integrated Gradients.
# SmoothGrad alone draws the animal.*

# %% [markdown]
# ## Is it the stripes?
#
# A map can only raise a suspicion. An experiment can test it: take the stripes away and ask again. On the
# flank the light draws *vertical* strokes. Blurring along the rows wipes them out.
#
# **Predict, then run.** The network says *tiger shark*, 9.21 against 7.95. What does it say when the flank has lost its
# strokes?
#
# <details><summary>Answer</summary>
#
# *Great white shark*, 9.31 against 8.04, and that is right. So it was the stripes? Not so fast: read on.
#
# </details>

# %% tags=["live"]
# Blur the flank along its rows, so that the strokes vanish, and ask again
flank = np.s_[150:300, 300:560]
blurred = shark.copy()
blurred[flank] = gaussian_filter1d(shark, 8, axis=1)[flank]
for picture in (shark, blurred):
    values = classifier.logits(picture)[0]
    print(f"tiger shark {values[tiger]:.2f}, great white {values[white]:.2f}")
cu.plot_predictions(classifier.top_predictions(blurred, k=3), blurred)

# %% [markdown]
# *The photograph with its flank blurred along the rows: the strokes behind the head are gone, and great white shark
# ranks first.*
#
# Something else may have made the difference. Blurring wipes out more than strokes, and any blur may confuse a network. So
# we compare: the head, blurred in the same way; the flank along its columns, which leaves the strokes standing; and
# the whole picture along the rows, which leaves none.


# %%
# The same, and three comparisons
def blur(image, part, axis):
    """Blur a part of a picture along its rows (axis 1) or its columns (axis 0)."""
    blurred = image.copy()
    blurred[part] = gaussian_filter1d(image, 8, axis=axis)[part]
    return blurred


pictures = {
    "photograph": shark,
    "flank, along the rows": blurred,
    "head, along the rows": blur(shark, np.s_[150:300, 40:300], axis=1),
    "flank, along the columns": blur(shark, flank, axis=0),
    "all, along the rows": blur(shark, np.s_[:, :], axis=1),
}
leads = {}
for name, picture in pictures.items():
    values = classifier.logits(picture)[0]
    answer = cu.class_label(int(values.argmax())).replace("_", " ")
    leads[name] = f"{answer}, by {abs(values[tiger] - values[white]):.2f}"
    print(f"{name:25s} tiger shark {values[tiger]:5.2f}, great white {values[white]:5.2f}")

# %%
# The five pictures, each with the answer
figure, panels = plt.subplots(2, 3, figsize=(9.6, 5.4), layout="constrained")
for axes in panels.flat:
    axes.axis("off")
for axes, (name, picture) in zip(panels.flat, pictures.items()):
    axes.imshow(picture)
    axes.set_title(f"{name}:\n{leads[name]}", fontsize="medium")
plt.show()

# %% [markdown]
# *The photograph and four blurred ones, each with the network's answer and its lead over the other shark. With the flank
# blurred, along the rows or along the columns, it says great white shark; with the head or the whole picture blurred
# along the rows it says tiger shark.*
#
# Blurring the flank turns the answer into great white, and so makes it right; blurring the head does not. (Along the
# rows the tiger shark loses about a logit in both. Only on the flank does the great white gain.) So the maps have
# pointed at the right *place*.
#
# But is it the *stripes*? Blurring along the columns leaves the strokes of the flank but smears the outline of back and
# belly, and the answer turns as well. Blurring the whole picture along the rows removes all stripes, and the answer
# stays *tiger shark*. What matters is fine detail on the flank while the head stays sharp. The stripes alone did not
# pass the test. An explanation that fits is not yet an explanation.

# %% [markdown]
# ## Explore: pixels
#
# Under *Method* choose a pixel method; SmoothGrad and Integrated Gradients take a moment. Change the
# class: how much of the map changes with it?

# %%
# Drag Class, with a pixel method
explorer = cu.ClassExplorer(classifier, shark)
explorer.method.value = "saliency"
explorer

# %% [markdown]
# *The class explorer on the shark, with the saliency map for tiger shark.*

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %% [markdown]
# ## What to remember
#
# - Saliency is the gradient's magnitude: what a *small change* would do.
# - SmoothGrad averages noise away. Take as many samples as it needs until two seeds agree.
# - Integrated Gradients adds up to the logit's gain over a baseline. Always print the gap.
# - A map raises a suspicion. Change the picture to test it.
#
# ## Where pixel maps mislead
#
# - A sharp picture of edges looks like an explanation. Ask for another class: how much of the map changes?
# - With a black baseline, a black pixel gets no attribution, however important it is:
#   $x_i - x'_i = 0$.
# - A large gradient is not a large contribution, and neither is a reason.
#
# **Next:** chapter 5 answers what the first chapters left open.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/04_2_saliency_maps.ipynb)
#
# ← [4.1 Grad-CAM](04_1_grad_cam.ipynb) · [contents](../README.md#the-chapters) · [5 Conclusion](05_conclusion.ipynb) →
