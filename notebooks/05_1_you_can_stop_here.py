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
# # 5.1 You can stop here
#
# ← [5 Conclusion](05_conclusion.ipynb) · [contents](../README.md#the-chapters) · [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) → · 10 minutes
#
# The tutorial ends here, and so does part I. **What can you do now, and do you believe it?** Below, part I runs
# once more on one picture, in five short cells. Put your own picture in. Then test yourself with ten questions.
#
# **What you will learn**
#
# - whether you've understood part I;
# - where to go from here.
#
# **You need:** chapters 1 to 5.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import numpy as np
from scipy.ndimage import gaussian_filter

# %% tags=["live"]
# Ask for the answers: put the name of your own file here
picture = cu.load_image("great_white_shark")
classifier = cu.load_classifier()
first, second = classifier.top_predictions(picture, k=2)
print(f"{first.label} {first.probability:.2f}, {second.label} {second.probability:.2f}")

# %% tags=["live"]
# Draw a heatmap for each of the two names
both = {p.label.replace("_", " "): p.class_index for p in (first, second)}
heatmaps = {n: cu.make_gradcam_heatmap(classifier, picture, c) for n, c in both.items()}
cu.plot_heatmap(picture, heatmaps)

# %% [markdown]
# *Grad-CAM for tiger shark and for great white shark: the two maps are nearly the same.*

# %% tags=["live"]
# Draw what speaks for the first name rather than the second
last = classifier.last_conv_layer_name
maps = cu.get_feature_maps(classifier, picture, [last])[last]
weights = classifier.model.layers[-1].get_weights()[0]  # of the dense layer
difference = maps @ (weights[:, first.class_index] - weights[:, second.class_index]) / 49
cu.plot_heatmap(picture, {" rather than ".join(both): difference})

# %% [markdown]
# *Tiger shark rather than great white shark: red from the dorsal fin to the tail, a little blue at the head.*
#
# Now the test. We blur the five cells that speak most for the first name; and, to compare, the five that speak most
# against it.


# %%
# The lead of the first name, and a picture with some of its 49 cells blurred
def lead(image):
    logits = classifier.logits(image)[0]
    return logits[first.class_index] - logits[second.class_index]


def blur_cells(cells):
    height, width, _ = picture.shape
    blurred = gaussian_filter(picture, (height / 15, height / 15, 0))
    mask = np.isin(np.arange(49), cells).reshape(7, 7)
    mask = mask[np.arange(height) * 7 // height][:, np.arange(width) * 7 // width]
    return np.where(mask[..., np.newaxis], blurred, picture)


# %% [markdown]
# **Predict, then run.** The first name leads the second by 1.3 logits. What's left of that lead, each time?
#
# <details><summary>Answer</summary>
#
# Without the five for it 0.4, without the five against it 1.8. On this picture the map passes.
#
# </details>

# %% tags=["live"]
# Blur the five cells most in favor, then the five most against: what happens to the lead?
order = difference.ravel().argsort()
print(f"whole picture               {lead(picture):+.1f}")
print(f"without the five for it     {lead(blur_cells(order[-5:])):+.1f}")
print(f"without the five against it {lead(blur_cells(order[:5])):+.1f}")

# %% [markdown]
# We tried the six pictures of this course. On five of them the first number is the smaller one. On the
# astronaut, a bobsled by 0.2, both are *larger* than for the whole picture: there the map doesn't say what
# the answer hangs on. What about yours?
#
# ## Ten questions
#
# Say your answer aloud, then open ours.
#
# <details><summary>1. The network says <em>drilling platform</em> of a rocket. Why doesn't it say "none of these"?</summary>
#
# It can't. The 1000 probabilities always sum to 1, so the nearest name gets them (chapter 1).
#
# </details>
#
# <details><summary>2. How many parameters does a 3 x 3 convolution from 64 channels to 128 have?</summary>
#
# 3 · 3 · 64 · 128 weights and 128 biases: 73,856 (chapter 2).
#
# </details>
#
# <details><summary>3. What does a kernel compute at one place?</summary>
#
# It multiplies each number under it by a weight, and adds up the products and a bias (chapter 2).
#
# </details>
#
# <details><summary>4. Why are deep maps so coarse?</summary>
#
# Each pooling halves height and width. Before the last of them VGG16's maps have 14 x 14 places, after it 7 x 7
# (chapters 2 and 3).
#
# </details>
#
# <details><summary>5. You add 10 to every logit. What happens to the probabilities?</summary>
#
# Nothing: softmax depends on differences only (chapter 4).
#
# </details>
#
# <details><summary>6. What are Grad-CAM's four steps?</summary>
#
# Maps and logit; the gradient of the logit at the maps; its mean over the places, one weight per map; the weighted sum, and
# the positive part of it (chapter 4.1).
#
# </details>
#
# <details><summary>7. A heatmap goes up to 1.0. Does that mean that the network is sure?</summary>
#
# No. Each map is divided by its own maximum: *missile* on the shark is as bright as *tiger shark* (chapter 4.1).
#
# </details>
#
# <details><summary>8. What does a saliency map answer that Grad-CAM doesn't?</summary>
#
# Which pixels change the logit most if you change them a little (chapter 4.2).
#
# </details>
#
# <details><summary>9. How do we know that stripes say <em>tiger</em>?</summary>
#
# Not from a map. We wiped the flank, painted stripes on it, and the answer turned back (chapter 4.2).
#
# </details>
#
# <details><summary>10. The rocket's map was hottest in two columns. What were they?</summary>
#
# Sky and parts of the masts, one cell beside the towers. The map marked the towers too, but more weakly; the experiment
# showed that the answer hangs on them (chapter 5).
#
# </details>
#
# Eight or more? You've got part I. Fewer? Each answer names its chapter.
#
# ## You can stop, or go on
#
# You can write Grad-CAM for any Keras network: chapter 4.1 has the listing. And you know that a map raises a question, and an
# experiment answers it. So stop here if you like.
#
# Or choose. Do you have a network of your own? [Chapter 8](08_your_own_network.ipynb), it needs nothing else. Does your map
# look wrong? [Chapter 9](09_ten_causes_of_a_wrong_map.ipynb). Do you doubt all maps by now?
# [Chapter 7](07_is_the_heatmap_right.ipynb). Do you want to see what a single channel likes?
# [Chapter 6](06_what_a_channel_looks_for.ipynb).

# %% [markdown] tags=["navigation"]
# ← [5 Conclusion](05_conclusion.ipynb) · [contents](../README.md#the-chapters) · [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) →
