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
# ← [4.1 Grad-CAM](04_1_grad_cam.ipynb) · [contents](../README.md#the-chapters) · [4.3 Grad-CAM's relatives](04_3_grad_cams_relatives.ipynb) → · 40 minutes
#
# From the dorsal fin backward, *tiger shark* leads. Grad-CAM has only 49 cells to say so. **Can we get closer, down to the
# pixels, and find out whether it's the stripes?** Three methods try, and each has a flaw of its own. Then we take the
# stripes away and paint new ones.
#
# **What you will learn**
#
# - how to take the softmax off a network, and what a gradient at the pixels says;
# - how many samples SmoothGrad needs before its map is more than chance;
# - how Integrated Gradients splits up a logit, and how to check that the sum is right;
# - how to test what a map suggests: by changing the picture.
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
from matplotlib.path import Path
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter, gaussian_filter1d

# %%
# The network, the photograph, the two classes, and a number that says how alike two maps are
classifier = cu.load_classifier()
shark = cu.load_image("great_white_shark")
tiger, white = cu.class_index("tiger shark"), cu.class_index("great white shark")
inputs = tf.constant(classifier.preprocess(shark))
print(f"photograph {shark.shape}, inputs {inputs.shape}, classes {tiger} and {white}")


def correlation(a, b):
    """Return Pearson's correlation of two maps."""
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


# %% jupyter={"source_hidden": true}
# @title Where we are in the network
ends = [classifier.logits_model.layers[i].name for i in (1, -1)]
cu.draw_network(classifier, ends)

# %% [markdown]
# *The network from left to right. Highlighted: its two ends, the first convolution, which reads the pixels, and the last layer,
# which computes the logits.*
#
# ## Take the softmax off
#
# We explain the logit, not the probability (chapter 4). This model's last layer computes both in one go. So we cut the
# model in front of it, and attach a new last layer with the same weights and no softmax.

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
# `model` hasn't changed. Don't set `model.layers[-1].activation = None` on a model that others use: their probabilities
# would turn into logits. `classifier.logits_model` is the same as ours, without a copy of the weights.
#
# ## The gradient at the pixels
#
# Change one pixel a little: how much does the logit of the class change? The gradient answers that
# for all pixels at once. For the logit $y^c$ and the picture $x$ with rows $i$, columns $j$ and
# colors $k$, the saliency map is
#
# $$ M_{ij} = \max_k \left| \frac{\partial y^c}{\partial x_{ijk}} \right| $$
#
# ([Simonyan et al., 2013](https://arxiv.org/abs/1312.6034)).


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


saliency = tf.reduce_max(tf.abs(gradient[0]), axis=-1).numpy()
by_helper = cu.compute_saliency_map(classifier, shark, tiger)
print(f"{saliency.shape}, with the course's own map {correlation(by_helper, saliency):.4f}")
cu.plot_heatmap(shark, {"Saliency (1.0: 99th percentile)": brighten(saliency)})

# %% [markdown]
# *Saliency for tiger shark: clusters of bright dots, densest around the shark, but without an outline.*
#
# A few pixels outshine all others, so we draw the brightest 1% at full strength: 1.0 on the color bar is the 99th
# percentile, not the maximum. Even so, it's hard to find the shark.
#
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
# Why? A network of ReLUs is *piecewise linear*: the gradient is constant within a small piece and jumps at its border,
# and a tiny step leads to another piece. So the gradient at one point says little about its surroundings.
#
# ## SmoothGrad
#
# If one point says little, ask many. SmoothGrad averages the gradient over $n$ noisy copies of the
# picture, with its sign, and takes the magnitude afterwards
# ([Smilkov et al., 2017](https://arxiv.org/abs/1706.03825)):
#
# $$ \begin{aligned}
# M_{ij} &= \max_k \Big| \frac{1}{n} \sum_{s=1}^{n}
# \frac{\partial y^c}{\partial x_{ijk}} (x + \varepsilon_s) \Big| , \\
# \varepsilon_s &\sim \mathcal{N}(0, \sigma^2) .
# \end{aligned} $$
#
# What points in random directions cancels out; what agrees stays.
#
# How much noise? The paper takes a $\sigma$ of 0.1 to 0.2 times the picture's range. But a map of noisy copies explains
# what the network says about *them*. So take so little that the answer stays. With 0.05 all of 16 copies are still tiger sharks,
# with 0.1 only 6, with 0.2 none.

# %% tags=["live"]
# Add noise at three levels: how many of 16 copies keep the answer?
span = np.ptp(inputs)
for level in [0.05, 0.1, 0.2]:
    generator = np.random.default_rng(0)
    copies = inputs + level * span * generator.normal(size=(16, 224, 224, 3)).astype(np.float32)
    p = np.concatenate([tf.nn.softmax(logits_model(copy[np.newaxis])) for copy in copies])
    kept = np.sum(p.argmax(axis=1) == tiger)
    print(f"noise {level}: {kept} of 16 say tiger shark, mean probability {p[:, tiger].mean():.2f}")

# %% tags=["live"]
# Compute SmoothGrad with more and more samples, each with two seeds: what differs is chance
maps = {}
for n in [1, 5, 20, 80]:
    maps[n] = cu.smooth_grad(classifier, shark, tiger, n, noise_level=0.05, seed=0)
    again = cu.smooth_grad(classifier, shark, tiger, n, noise_level=0.05, seed=1)
    print(f"{n} samples: correlation of two seeds {correlation(maps[n], again):.1f}")
cu.plot_heatmap(shark, {f"n = {n} (1.0: 99th percentile)": brighten(maps[n]) for n in [1, 20, 80]})

# %% [markdown]
# *SmoothGrad with 1, 20 and 80 samples: the dots gather on the shark; with 80 its body, the dorsal fin and the root of the
# tail stand out from the water.*
#
# With 20 samples two runs agree at 0.7: part of such a map is chance. With 80 they agree at 0.9. The flank is
# bright in that map. But its stripes? We can't tell them from dots.
#
# ## Integrated Gradients
#
# A gradient says what the *next* small change would do, not how the logit got as high as it is. Integrated
# Gradients walks from a *baseline* $x'$, here a black picture, to the
# picture $x$, and adds up the gradients on the way
# ([Sundararajan et al., 2017](https://arxiv.org/abs/1703.01365)). Let $F(x)$ be the logit of the class,
# and let $i$ count all the numbers of the picture, each color of each pixel:
#
# $$ \text{IG}_i = (x_i - x'_i) \int_0^1 \frac{\partial F}{\partial x_i}
# \big( x' + t \, (x - x') \big) \, dt . $$
#
# The attributions have a sign, and they're *complete*: they sum to
# $F(x) - F(x')$, what the picture has gained over the baseline. We can check that.
#
# **Predict, then run.** We take ten steps from black to the photograph. How close does the sum of the attributions come
# to the gain of the logit, 8.4?
#
# <details><summary>Answer</summary>
#
# Not at all: it's 58.8, seven times as much. The code is right. Ten equal steps are too few.
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

# %%
# The logit along the path
path = np.linspace(0, 1, 51, dtype=np.float32)
along = [float(logits_model(black + p * (inputs - black))[0, tiger]) for p in path]
half = path[np.argmax(np.array(along) - along[0] > gain / 2)]  # the first point above half
print(f"half of the gain at {half:.2f}, highest {max(along):.1f}, photograph {along[-1]:.1f}")
pictures = [np.uint8(p * shark) for p in np.linspace(0, 1, 6)]
cu.draw_strip(pictures, along, "Logit of tiger shark, from black to the photograph")

# %% [markdown]
# *Six pictures from black to the shark, and above them the logit of tiger shark: it rises steeply near black, from 0.8 to 10,
# and then sinks a little, to 9.2.*
#
# Half of the gain comes while the picture is nearly black. Ten equal steps put a single point on that rise, at
# 0.05, and its slope then stands for a whole tenth of the path. And at the photograph
# itself, where saliency takes its gradient, more light *lowers* the logit a little.
#
# The steps needn't be equal. *Gauss-Legendre quadrature*, which `cu.integrated_gradients` uses, puts its points closer
# together near both ends. `cu.completeness_gap` says by how much the sum is off: 0.05 is 5%.

# %%
# The course's own function with more and more steps; for and against, pixel by pixel
runs = {n: cu.integrated_gradients(classifier, shark, tiger, num_steps=n) for n in [10, 50, 100]}
for name, values in {"equal, 10": by_hand, **runs}.items():
    gap = cu.completeness_gap(classifier, shark, values, tiger)
    print(f"{name} steps: sum {values.sum():5.1f}   gap {gap:.0%}")
attributions = runs[100].sum(axis=-1)  # the three colors of a pixel together
positive, negative = attributions[attributions > 0].sum(), attributions[attributions < 0].sum()
print(f"for: {positive:+.0f} logits, against: {negative:+.0f}, together {positive + negative:+.1f}")
cu.plot_heatmap(shark, {"Integrated Gradients (1.0: 99th percentile)": brighten(attributions)})

# %% [markdown]
# *Integrated Gradients for tiger shark: dots for and against the class lie side by side all over the shark's
# body.*
#
# The default, 50 steps, still leaves a gap of 15%, and 100 leave 2%. Another picture may need more, so print the gap.
# And read the two sums: hundreds of logits for the tiger shark, hundreds against it, and nine are
# left. Pixels don't speak for a shark one by one; at most their sum over an area does.
#
# ## Is it the stripes?
#
# A map can only raise a suspicion; an experiment can test it. The light draws *vertical* stripes on the flank. A blur along
# the rows wipes them out.
#
# **Predict, then run.** *Tiger shark* leads *great white* by 1.26. Who leads once the flank has lost its stripes?
#
# <details><summary>Answer</summary>
#
# *Great white shark*, by 1.27, and that is right. So it was the stripes? Not so fast: read on.
#
# </details>


# %% tags=["live"]
# Write the lead as a function; blur the flank along its rows, so that the stripes vanish; ask again
def lead(picture):
    values = classifier.logits(picture)[0]
    return float(values[tiger] - values[white])


flank = np.s_[150:300, 300:560]  # rows 150 to 299, columns 300 to 559
blurred = shark.copy()
blurred[flank] = gaussian_filter1d(shark, 8, axis=1)[flank]
print(f"lead: photograph {lead(shark):+.2f}, blurred {lead(blurred):+.2f}")
cu.plot_predictions(classifier.top_predictions(blurred, k=3), blurred)

# %% [markdown]
# *The photograph with its flank blurred along the rows: the stripes behind the head are gone, and great white shark
# ranks first.*
#
# But a blur wipes out more than stripes. So compare directions and widths. A narrow blur along the *columns* leaves the
# stripes.
#
# **Predict, then run.** Blur the flank along its columns, two pixels wide. Does tiger's lead of 1.26 fall?
#
# <details><summary>Answer</summary>
#
# It *rises*, to 2.10. Along the rows it falls, to 0.84. At width 8 and 16 the great white leads in both directions. Blurring
# the head never turns the answer. Nor does taking away the spray, chapter 4.1's other reading: *tiger shark*
# still leads, by 1.31 or more.
#
# </details>


# %%
# Several widths: the flank along rows and along columns, and the head; then the spray
def blur(part, width, axis):
    """Blur a part of the photograph along its rows (axis 1) or its columns (axis 0)."""
    blurred = shark.copy()
    blurred[part] = gaussian_filter1d(shark, width, axis=axis)[part]
    return blurred


head = np.s_[150:300, 40:300]
print("width  flank, rows  flank, columns  head, rows")
for width in [1, 2, 4, 8, 16]:
    leads = [lead(blur(flank, width, 1)), lead(blur(flank, width, 0)), lead(blur(head, width, 1))]
    print(f"{width:5d}  {leads[0]:+11.2f}  {leads[1]:+14.2f}  {leads[2]:+10.2f}")

spray = np.s_[50:150, 440:720]  # around the upper half of the tail
painted = shark.copy()
painted[spray] = np.median(shark[:30], axis=(0, 1))  # the water's blue
print(f"spray blurred, width 8 {lead(blur(spray, 8, 1)):+.2f}, painted over {lead(painted):+.2f}")

# %% [markdown]
# ### Is it the place?
#
# We outline the flank by hand. Then we blur boxes as large as the first one, all over the picture, and count those
# that make it a great white.
#
# **Predict, then run.** How many of the boxes that miss the flank turn the answer?
#
# <details><summary>Answer</summary>
#
# None of 53. Those that do, 15 with a blur along the rows and 19 with one in both directions, all cover some of the
# flank. On this picture chapter 4.1's difference map was right about the *place*.
#
# </details>

# %%
# Blur 110 boxes, one at a time: which of them turn the answer?
corners = [(300, 195), (345, 172), (430, 172), (500, 175), (555, 172)]
corners += [(540, 190), (480, 225), (400, 255), (310, 270)]  # column, row
rows, columns = np.mgrid[: shark.shape[0], : shark.shape[1]]
inside = Path(corners).contains_points(np.c_[columns.ravel(), rows.ravel()]).reshape(rows.shape)

boxes = [np.s_[y : y + 150, x : x + 260] for y in range(0, 352, 39) for x in range(0, 461, 46)]
turning = np.zeros(rows.shape)  # how many turning boxes cover a pixel
for name, smooth in {
    "along the rows": gaussian_filter1d(shark, 8, axis=1),
    "in both directions": gaussian_filter(shark, (8, 8, 0)),
}.items():
    turned = []
    for box in boxes:
        picture = shark.copy()
        picture[box] = smooth[box]
        if lead(picture) < 0:
            turned.append(box)
            turning[box] += 1
    print(f"{name}: {len(turned)} of {len(boxes)} boxes turn the answer,")
    print(f"  {sum(inside[box].any() for box in turned)} of them cover some of the flank")
print(f"{sum(not inside[box].any() for box in boxes)} boxes miss the flank")
cells = turning[5::10, 5::10]
cu.plot_heatmap(shark, {"boxes that turn the answer": cells / cells.max()})

# %% [markdown]
# *How many of the turning boxes cover a place, divided by the largest number: most cover the flank behind the dorsal
# fin, none the tip of the snout or the lower left corner.*
#
# ### Paint them back
#
# Taking away is half of an experiment; putting back is the other half. Wipe the flank inside its outline, in both
# directions, and the network says *great white*. Now paint stripes on it.
#
# **Predict, then run.** What does it say with vertical stripes, and what with horizontal ones?
#
# <details><summary>Answer</summary>
#
# Vertical: *tiger shark*, by 1.12. Horizontal: still *great white*, but by 0.41 instead of 0.87. So they help, too,
# but far less: the same paint, given a quarter turn.
#
# </details>


# %% tags=["live"]
# Wipe the flank inside its outline, paint vertical or horizontal stripes on it, and ask
soft = gaussian_filter(inside.astype(float), 4)[..., np.newaxis]
wiped = soft * gaussian_filter(shark.astype(float), (8, 8, 0)) + (1 - soft) * shark


def paint(strength, period, positions, wiped=wiped, soft=soft):
    waves = strength * np.sin(2 * np.pi * positions / period)
    return np.clip(wiped + soft * waves[..., np.newaxis], 0, 255).astype(np.uint8)


vertical, horizontal = paint(20, 12, columns), paint(20, 12, rows)
print(f"wiped {lead(paint(0, 12, rows)):+.2f}")
print(f"vertical {lead(vertical):+.2f}, horizontal {lead(horizontal):+.2f}")

# %%
# The four pictures, each with the answer
plt.rcParams["font.size"] = 13  # letters that can be read on a phone
figure, panels = plt.subplots(2, 2, figsize=(9.6, 5.2), layout="constrained")
pictures = {"photograph": shark, "wiped": paint(0, 12, rows)}
pictures |= {"vertical stripes": vertical, "horizontal stripes": horizontal}
for axes, (name, picture) in zip(panels.flat, pictures.items()):
    answer = classifier.top_predictions(picture, k=1)[0].label.replace("_", " ")
    axes.imshow(picture[60:340, 100:660])
    axes.set_title(f"{name}: {answer}, by {abs(lead(picture)):.2f}", fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *Four pictures of the shark, cut out: the photograph is a tiger shark, by 1.26; with its flank wiped a great white, by
# 0.87; with vertical stripes on the wiped flank a tiger shark again, by 1.12; with horizontal ones a great white, by 0.41.*
#
# One painting proves little. So change the stripes, the place, the outline and the blur.

# %% jupyter={"source_hidden": true}
# @title Other stripes, another place, other outlines and blurs
print("strength  period  vertical  horizontal")
for strength in [20, 40]:
    for period in [12, 20, 30]:
        leads = lead(paint(strength, period, columns)), lead(paint(strength, period, rows))
        print(f"{strength:8d}  {period:6d}  {leads[0]:+8.2f}  {leads[1]:+10.2f}")

below = np.roll(soft, 150, axis=0)  # 150 rows further down
in_water = paint(20, 12, columns, soft=below)
print(f"vertical stripes in the water under the wiped shark: {lead(in_water):+.2f}")

leads = []
for outline in (
    binary_erosion(inside, iterations=8),
    inside,
    binary_dilation(inside, iterations=8),
):
    edge = gaussian_filter(outline.astype(float), 4)[..., np.newaxis]
    for width in [4, 6, 8, 12, 16]:
        blank = edge * gaussian_filter(shark.astype(float), (width, width, 0)) + (1 - edge) * shark
        waves = [(0, 1, rows), (20, 12, columns), (20, 12, rows)]
        leads.append([lead(paint(*wave, blank, edge)) for wave in waves])
for name, column in zip(["wiped", "vertical", "horizontal"], np.transpose(leads)):
    print(f"{len(leads)} ways to wipe, {name}: {column.min():+.1f} to {column.max():+.1f}")
ahead = np.array([vertical - horizontal for _, vertical, horizontal in leads])
print(f"vertical ahead of horizontal by {ahead.min():.1f} to {ahead.max():.1f}")

# %% [markdown]
# So on this photograph vertical stripes do speak for *tiger*, if they're narrow: with a period of 30 both pictures stay great
# whites. Horizontal ones hardly help beyond a period of 12. In the water below they help too, but not enough: great white leads by 0.28 instead of 0.87. Another outline or blur
# moves the numbers by more than a logit, and one of the 15 leaves a tiger, by 0.1. But each time the vertical stripes are ahead.
#
# A single blur, along the columns at width 8, would have "refuted" the stripes, because it turns the answer too. All this holds
# for one photograph, one network, and stripes that we painted. It fits what others found with many pictures: networks trained on
# ImageNet go by texture more than people do ([Geirhos et al., 2018](https://arxiv.org/abs/1811.12231)).
#
# ## Explore: pixels
#
# Choose a *Method*; SmoothGrad and Integrated Gradients take a moment. Change the class: how much of the map changes?

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
# - SmoothGrad averages chance away. Take so little noise that the answer stays, and so many samples that two seeds agree.
# - Integrated Gradients adds up to the logit's gain over a baseline. Always print the gap.
# - A map raises a suspicion. Change the picture to test it: take away, put back, at several strengths.
#
# ## Where pixel maps mislead
#
# - A sharp picture of edges looks like an explanation. Ask for another class: how much of the map changes?
# - An experiment can mislead, too: one width of one blur would have told us the opposite.
# - With a black baseline a black pixel gets no attribution, however important it is, because
#   $x_i - x'_i = 0$.
#
# **Next:** chapter 5 answers what the first chapters left open. (Chapter 4.3, on Grad-CAM's relatives, can wait.)

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/04_2_saliency_maps.ipynb)
#
# ← [4.1 Grad-CAM](04_1_grad_cam.ipynb) · [contents](../README.md#the-chapters) · [4.3 Grad-CAM's relatives](04_3_grad_cams_relatives.ipynb) →
