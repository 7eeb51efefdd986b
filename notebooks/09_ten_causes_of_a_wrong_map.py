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
# # 9 Ten causes of a wrong map
#
# ← [8 Your own network](08_your_own_network.ipynb) · [contents](../README.md#the-chapters) · [10 What fools a network](10_what_fools_a_network.ipynb) → · 10 minutes
#
# Your heatmap marks the wrong thing, or nothing, or everything. **What went wrong?** Here are ten common mistakes on one
# picture: the cat and the cup, asked for *espresso*. Some you see at once. Some you don't see at all.
#
# **What you will learn**
#
# - what each of ten mistakes does to a map;
# - which of them the eye finds, which a number finds, and which neither.
#
# **You need:** chapter 4.1. Keep this page open when you make heatmaps of your own.

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
from matplotlib.cm import ScalarMappable


# %%
# The network, the picture, and the steps of chapter 4.1 for any model
classifier = cu.load_classifier()
last = classifier.last_conv_layer_name
pair, espresso = cu.load_image("cat_and_coffee"), cu.class_index("espresso")


def signed_map(model, inputs, index=espresso, layer_name=last, **call):
    """Return the signed map, (h, w): features times their mean gradients, added up."""
    both = keras.Model(model.input, [model.get_layer(layer_name).output, model.output])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        maps, outputs = both(inputs, **call)
        score = outputs[0, index]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2))
    return tf.reduce_sum(weights * maps[0], axis=-1).numpy()


def positive(heatmap):
    """ReLU, and the maximum at 1."""
    heatmap = np.maximum(heatmap, 0)
    return heatmap / (heatmap.max() or 1)


def prepare(image):
    return tf.constant(classifier.preprocess(image))


model = classifier.logits_model
copy = keras.models.clone_model(model)  # training mode would change the network's own averages
copy.set_weights(model.get_weights())
signed = signed_map(model, prepare(pair))
right = positive(signed)
answer = classifier.top_predictions(pair, k=1)[0]
print(f"first answer: {answer.label}")

# %% jupyter={"source_hidden": true}
# @title Where this chapter looks
early = classifier.key_layer_names[0]
cu.draw_network(classifier, [early, last])

# %% [markdown]
# *EfficientNet-Lite0 as a row of slabs. The map belongs to the second of the lit layers; cause 3 takes it from the first.*

# %%
# The right map for espresso, and ten wrong ones
raw = cu.load_image(pair, classifier.input_size)[np.newaxis].astype(np.float32)
cut_out = pair[75:225, 150:450]
wrong = {
    "right": right,
    "1 index off by one": positive(signed_map(model, prepare(pair), espresso - 1)),
    "2 no class given": positive(signed_map(model, prepare(pair), answer.class_index)),
    "3 an early layer": positive(signed_map(model, prepare(pair), layer_name=early)),
    "4 raw pixels": positive(signed_map(model, tf.constant(raw))),
    "5 blue, green, red": positive(signed_map(model, prepare(pair[..., ::-1]))),
    "6 training mode": positive(signed_map(copy, prepare(pair), training=True)),
    "7 no ReLU, min to max": (signed - signed.min()) / np.ptp(signed),
    "8 rows, columns swapped": right.T,
    "9 cut, drawn on the whole": positive(signed_map(model, prepare(cut_out))),
    "10 divided by the mean": np.clip(right / right.mean(), 0, 1),
}

# %% [markdown]
# **Predict, then run.** The heat belongs on the cup, which fills the right half. In how many of the ten wrong maps does more
# than three quarters of the heat lie there?
#
# <details><summary>Answer</summary>
#
# In five: 1, 5, 7, 9 and 10. So the share of the heat on the object, which is often taken for a proof, misses half of the
# mistakes.
#
# </details>


# %% tags=["live"]
# How much of the heat is on the cup's half?
def share_on_the_cup(heatmap):
    stretched = cu.resize_heatmap(np.float32(heatmap), pair.shape[:2])
    return stretched[:, pair.shape[1] // 2 :].sum() / stretched.sum()


for title, heatmap in wrong.items():
    print(f"{title:26s} {share_on_the_cup(heatmap):4.0%} of the heat on the cup's half")

# %%
# The same as pictures
of_probability = signed_map(classifier.model, prepare(pair))
pictures = wrong | {"the probability": positive(of_probability)}
figure, panels = plt.subplots(4, 3, figsize=(6.4, 5.2), layout="constrained")
gray = np.repeat(pair.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
for axes in panels.flat:
    axes.axis("off")
for axes, (title, heatmap) in zip(panels.flat, pictures.items()):
    axes.imshow(cu.overlay_heatmap(gray, heatmap))
    axes.set_title(title, fontsize="medium")
figure.colorbar(ScalarMappable(cmap="viridis"), ax=panels, location="bottom", fraction=0.03)
plt.show()

# %% [markdown]
# *The right heatmap for espresso on the cat and the cup, ten wrong ones, and one of the probability. 5 and 7 and the last one
# look like the right one. 1 lies on the cup's handle, 2 on the cat's face, 3 on saucer and eyes, 4 at the left edge and in a
# corner, 6 beside the cat's nose as well as on the cup, 8 on the cat's nose, 9 above and to the right of the cup, 10 on nearly all of the
# cup's half.*
#
# | | cause | what to do |
# |---|---|---|
# | 1 | the index is off by one (966 is *red wine*), or its name occurs twice | look it up by name (chapter 4) |
# | 2 | no class given: you see the network's first answer, here *tiger cat* | name the class |
# | 3 | an early layer | take the last one with height and width (chapter 4.1) |
# | 4 | raw pixels | preprocess as in training (chapter 3) |
# | 5 | color channels swapped | know your reader: OpenCV gives blue, green, red |
# | 6 | training mode: batch normalization uses this one picture's statistics | call the model with `training=False`, or `predict` |
# | 7 | scaled from minimum to maximum: what speaks against the class gets the color of zero, and zero gets heat | ReLU first, or a signed color map |
# | 8 | rows and columns swapped | height first; test with a picture that isn't square |
# | 9 | the network saw a cut-out, and the heatmap lies on the whole picture | draw it on what the network saw |
# | 10 | another scale: all that's above the mean has full heat | divide by the maximum, and say so |
#
# With 5 and 7 neither your eyes nor the number will warn you. So check the steps, not the picture.
#
# ## What is no mistake
#
# Some tutorials take the gradient of the *probability*, after the softmax, and others call that wrong. That's the twelfth
# picture.
#
# **Predict, then run.** How much of its heat is on the cup's half? The right map has 87% there.
#
# <details><summary>Answer</summary>
#
# 99%: by this number it's the best map of all. It answers another question: why espresso *rather than all other
# classes*, the cats among them, each counted by its probability. What speaks for the cat speaks against the espresso. The
# last number says that the two maps are the same up to one factor.
#
# </details>

# %% tags=["live"]
# The probability's map, and espresso minus all others
print(f"the probability's map: {share_on_the_cup(positive(of_probability)):.0%} on the cup's half")
others = np.where(np.arange(1000) == espresso, 0, classifier.predict(pair)[0])
features = cu.get_feature_maps(classifier, pair, [last])[last]
weights = model.layers[-1].get_weights()[0]
rather = features @ (weights[:, espresso] - weights @ (others / others.sum()))
likeness = np.corrcoef(of_probability.ravel(), rather.ravel())[0, 1]
print(f"likeness to espresso minus all others: {likeness:.6f}")

# %% [markdown]
# ## What to remember
#
# - A wrong step seldom looks wrong. Compare each new pipeline with one you trust, map by map.
# - Ask first: which class, which layer, which preprocessing, which scale?
# - A right map may still mark something you don't like. Then it's the network's fault, and chapter 8 shows what to do.
#
# ## Where this misleads
#
# - This is one picture and one network. On another, the same mistake may show more, or less.
# - That a map is computed correctly doesn't make it *the* explanation. Chapter 7 puts maps to the test.
#
# **Next:** pictures that fool a network.

# %% [markdown] tags=["navigation"]
# ← [8 Your own network](08_your_own_network.ipynb) · [contents](../README.md#the-chapters) · [10 What fools a network](10_what_fools_a_network.ipynb) →
