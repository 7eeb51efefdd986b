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
# **What you will learn**
#
# - how a gradient with respect to the picture becomes a map of pixels;
# - why such maps are noisy, and what SmoothGrad does about it;
# - how Integrated Gradients shares a logit out over the pixels, and how to check the sum.
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

# %%
classifier = cu.load_classifier()
image = cu.load_image("chelsea")
cat = cu.class_index("Egyptian cat")
inputs = tf.constant(classifier.preprocess(image))

# %% [markdown]
# ## The idea
#
# Change one pixel a little. How much does the logit of the class change? The gradient answers this
# for all pixels at once. For the logit $y^c$ and the picture $x$ with rows $i$, columns $j$ and
# colors $k$, the saliency map is
#
# $$ M_{ij} = \max_k \left| \frac{\partial y^c}{\partial x_{ijk}} \right| $$
#
# ([Simonyan et al., 2013](https://arxiv.org/abs/1312.6034)). It needs one forward and one backward
# pass, and no choice of a layer.


# %%
def saliency_map(model, inputs, class_index):
    """Vanilla saliency of one preprocessed picture; `model` ends in logits."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        score = model(inputs)[0, class_index]
    gradient = tape.gradient(score, inputs)[0]
    magnitude = tf.reduce_max(tf.abs(gradient), axis=-1)
    return tf.math.divide_no_nan(magnitude, tf.reduce_max(magnitude)).numpy()


by_hand = saliency_map(classifier.logits_model, inputs, cat)
saliency = cu.compute_saliency_map(classifier, image, cat)
assert np.corrcoef(by_hand.ravel(), saliency.ravel())[0, 1] > 0.9999
print(f"{saliency.shape[0]} x {saliency.shape[1]} values, as many as the network sees pixels")

# %% [markdown]
# A few pixels stand out so far that the others look dark beside them. To draw such a map we show the
# brightest 1 % at full strength and scale the rest to them.


# %%
def brighten(values):
    """Scale values that are not negative to [0, 1] for drawing; the brightest 1 % are 1."""
    return np.clip(values / (np.percentile(values, 99) or 1), 0, 1)


def share_on_blanket(values):
    """Return how much of a map's sum lies on the right fifth of the picture, mostly blanket."""
    stretched = cu.resize_heatmap(values, image.shape[:2])
    return float(stretched[:, image.shape[1] * 4 // 5 :].sum() / stretched.sum())


cu.plot_heatmap(image, {"Saliency": brighten(saliency)})

# %%
print(f"on the right fifth of the picture: {share_on_blanket(saliency):.0%} of the sum")

# %% [markdown]
# The right fifth of the picture is blanket, but for the tip of an ear. A map without any preference
# would put 20 % of its sum there. Look at the dots: they lie all over the picture in small clusters,
# and neighboring pixels have very different values.

# %% [markdown]
# ## Why it is noisy
#
# Add a little noise to the picture, too little to see. The answer stays. Does the map?

# %%
generator = np.random.default_rng(0)
noisy = image + generator.normal(0, 3, image.shape)
noisy = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def correlation(a, b):
    """Return Pearson's correlation of two maps."""
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


for name, picture in [("picture", image), ("with noise", noisy)]:
    best = classifier.top_predictions(picture, k=1)[0]
    print(f"{name:11s} {best.label} {best.probability:.2f}")
print(f"correlation of the pictures:      {correlation(image, noisy):.3f}")
noisy_saliency = cu.compute_saliency_map(classifier, noisy, cat)
print(f"correlation of the saliency maps: {correlation(saliency, noisy_saliency):.1f}")

# %%
grad_cams = [cu.make_gradcam_heatmap(classifier, picture, cat) for picture in (image, noisy)]
print(f"correlation of Grad-CAM's maps:   {correlation(*grad_cams):.1f}")

# %% [markdown]
# The pictures are nearly the same, and so are the answer and the map of Grad-CAM. The saliency maps
# differ. A network of ReLUs is *piecewise linear*: it is made of many small pieces, within a piece the
# gradient is constant, and at its border the gradient jumps. A tiny step leads to another piece. So the
# gradient at one point says little about the surroundings.

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
# What points in random directions cancels out; what agrees stays. The noise level is $\sigma$ as a
# share of the picture's range.

# %%
noise_level = 0.1
smoothed = {
    n: cu.smooth_grad(classifier, image, cat, num_samples=n, noise_level=noise_level)
    for n in [1, 5, 20]
}
cu.plot_heatmap(image, {f"samples: {n}": brighten(values) for n, values in smoothed.items()})

# %% [markdown]
# How noisy is a map? Compute it twice, with other random numbers, and compare.

# %%
for n, first in smoothed.items():
    second = cu.smooth_grad(classifier, image, cat, n, noise_level, seed=1)
    print(f"samples {n:2d}: correlation of two runs {correlation(first, second):.2f}, "
          f"on the right fifth {share_on_blanket(first):.0%}")

# %% [markdown]
# The correlation rises with the number of samples: the map depends less and less on chance. As long as it
# is far from 1, more samples would help. Compare the three rows above with the last numbers: do the dots
# gather on the face, and does the blanket on the right get darker? The price is one forward and one
# backward pass for each sample.

# %% [markdown]
# ## The same through tf-keras-vis
#
# `Saliency` computes both maps. It calls the model with a list of inputs, so we build one that
# expects a list; this one, too, shares all its weights.

# %%
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.utils.scores import CategoricalScore

logits_model = classifier.logits_model
saliency_object = Saliency(keras.Model(logits_model.inputs, logits_model.outputs), clone=False)

theirs = saliency_object(CategoricalScore(cat), inputs)[0]
print(f"vanilla saliency: correlation {correlation(theirs, saliency):.4f}")
assert correlation(theirs, saliency) > 0.9999

# %% [markdown]
# Its SmoothGrad (`smooth_samples=20`) averages *magnitudes*, while the paper averages signed
# gradients. Magnitudes cannot cancel: noise that points both ways adds up.

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


# %%
def integrated_gradients(model, inputs, baseline, class_index, num_steps):
    """Integrated Gradients of one preprocessed picture, by the midpoint rule."""
    total = tf.zeros_like(inputs)
    for step in range(num_steps):
        point = baseline + (step + 0.5) / num_steps * (inputs - baseline)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(point)
            score = model(point)[0, class_index]
        total += tape.gradient(score, point)
    return ((inputs - baseline) * total / num_steps)[0].numpy()


black = tf.constant(classifier.preprocess(np.zeros_like(image)))
by_hand = integrated_gradients(logits_model, inputs, black, cat, num_steps=10)
attributions = cu.integrated_gradients(classifier, image, cat, num_steps=10)
assert correlation(by_hand, attributions) > 0.999
print(f"10 steps: both agree, correlation {correlation(by_hand, attributions):.3f}")

# %% [markdown]
# ### Where does the logit rise on the way?
#
# Walk along the path and look.

# %%
positions = np.linspace(0, 1, 21) ** 2  # closer together near the start
path = [black + np.float32(p) * (inputs - black) for p in positions]
scores = np.array([logits_model(point)[0, cat] for point in path])
gained = scores[-1] - scores[0]

figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
axes.plot(positions, scores, marker="o", markersize=4, color="#31688e")
axes.set_xlabel("from black (0) to the picture (1)")
axes.set_title("Logit of Egyptian cat along the path", fontsize="medium")
plt.show()
half = positions[np.argmax(scores - scores[0] > gained / 2)]
print(f"F(x) - F(x') = {gained:.1f} logits, half of it reached at {half:.2f}")

# %% [markdown]
# If the curve were a straight line, half of the gain would be reached at 0.5. If it is reached far below,
# most of the gain comes while the picture is still nearly black. Where the curve is flat, the gradient along the path
# is small and says little about how the logit was reached. Look at the right end: that is where the
# picture itself lies, and where plain saliency takes its gradient.

# %% [markdown]
# ### Is the sum right?
#
# The integral is replaced by a sum over a number of steps. `completeness_gap` compares the
# attributions with $F(x) - F(x')$: a gap of 0.05 means that 5 % are missing or too much.

# %%
steps = [10, 20, 50, 100, 300]
runs = {n: cu.integrated_gradients(classifier, image, cat, num_steps=n) for n in steps}
gaps = {n: cu.completeness_gap(classifier, image, runs[n], cat) for n in steps}
for n in steps:
    print(f"{n:3d} steps: sum {runs[n].sum():3.0f}   gap {gaps[n]:.0%}")

# %%
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
axes.plot(steps, list(gaps.values()), marker="o", color="#31688e")
axes.axhline(0.05, color="gray", linestyle="--", linewidth=1)
axes.set_xscale("log")
axes.set_xticks(steps, steps)
axes.set_ylim(bottom=0)
axes.set_xlabel("number of steps")
axes.set_title("Completeness gap of Integrated Gradients; dashed: 5 %", fontsize="medium")
plt.show()

# %% [markdown]
# Check the sums against the gain above. Equally spaced steps fall evenly on the path. If the rise is short,
# few of them fall on it, or none. So do not trust a fixed number of steps; print the gap.
#
# If the rise comes early, as with EfficientNet-Lite0, 20 steps can be spent better: 10 up to a point
# behind the rise, 10 from there on. The two integrals add up.

# %%
turn = min(3 * half, 0.5)
point = black + np.float32(turn) * (inputs - black)
split = (integrated_gradients(logits_model, point, black, cat, num_steps=10)
         + integrated_gradients(logits_model, inputs, point, cat, num_steps=10))
gap = cu.completeness_gap(classifier, image, split, cat)
print(f"10 steps up to {turn:.2f} and 10 from there: sum {split.sum():.0f}   gap {gap:.0%}")

# %% [markdown]
# ### What it shows
#
# We add the three colors of each pixel and draw what speaks for the cat (positive) and against it
# (negative) in two rows.

# %%
attributions = runs[300].sum(axis=-1)
cu.plot_heatmap(
    image,
    {
        "speaks for the cat": brighten(np.maximum(attributions, 0)),
        "speaks against it": brighten(np.maximum(-attributions, 0)),
    },
)

# %%
positive, negative = attributions[attributions > 0].sum(), attributions[attributions < 0].sum()
print(f"for: {positive:+.0f} logits, against: {negative:+.0f}, together {positive + negative:+.0f}")

# %% [markdown]
# Both rows show much the same places. Read the numbers: the gain is what is left when the amounts for and
# against are added up. The larger they are beside it, the less a single pixel's share means. Pixels do
# not speak for a cat one by one.

# %% [markdown]
# ## Regions and pixels, side by side

# %%
cu.plot_heatmap(
    image,
    {
        "Grad-CAM": cu.make_gradcam_heatmap(classifier, image, cat),
        "Saliency": brighten(saliency),
        "SmoothGrad": brighten(smoothed[20]),
        "Integrated Gradients": brighten(np.abs(attributions)),
    },
)

# %% [markdown]
# Grad-CAM answers with a region, a few cells wide. The other three answer with pixels. How much of each
# lies on the blanket on the right, where a map without any preference would put 20 %?

# %%
for name, values in {
    "Grad-CAM": cu.make_gradcam_heatmap(classifier, image, cat),
    "Saliency": saliency,
    "SmoothGrad": smoothed[20],
    "Integrated Gradients": np.abs(attributions),
}.items():
    print(f"{name:21s} on the right fifth: {share_on_blanket(values):.0%}")

# %% [markdown]
# A number near 20 % means that the method does not tell the blanket from the cat on this picture. In the
# rows above you see it: such a map is as bright on the right edge as elsewhere.

# %% [markdown]
# ## Explore: pixels
#
# Under *Method* choose a pixel method; SmoothGrad and Integrated Gradients take a moment. Change the
# class: how much of the map changes with it?

# %%
explorer = cu.ClassExplorer(classifier, image)
explorer.method.value = "saliency"
explorer

# %% [markdown]
# ## What to remember
#
# - Saliency is the gradient's magnitude: what a *small change* would do.
# - SmoothGrad averages noise away. Compare two seeds to see whether you took enough samples.
# - Integrated Gradients adds up to the logit's gain over a baseline. Always print the gap.
#
# ## Where pixel maps mislead
#
# - A sharp picture of edges looks like an explanation. Ask for another class: how much of the map changes?
#   Chapter 5 measures it.
# - With a black baseline, a black pixel gets no attribution, however important it is:
#   $x_i - x'_i = 0$.
# - A large gradient is not a large contribution, and neither is a reason.
#
# **Next:** chapter 5 puts all methods to the same test.

# %% [markdown] tags=["navigation"]
# ← [4.1 Grad-CAM](04_1_grad_cam.ipynb) · [contents](../README.md#the-chapters) · [5 Conclusion](05_conclusion.ipynb) →
