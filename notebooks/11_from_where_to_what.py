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
# # 11 From where to what
#
# ← [10 What fools a network](10_what_fools_a_network.ipynb) · [contents](../README.md#the-chapters) · [12 The last page](12_the_last_page.ipynb) → · 30 minutes
#
# A heatmap says *where* a network saw something. **What did it see there, and how much of the photograph is left by
# then?** We split its last maps into a few parts and ask the network for their names. Then we paint a photograph
# back from one layer after another, until it can't be done any more.
#
# **What you will learn**
#
# - how to find a few *concepts* in the 1280 maps of a last layer, without naming a class;
# - how to rebuild a photograph from a layer's maps, and what the depth keeps of it;
# - why an untrained network belongs beside both.
#
# **You need:** chapters 3 and 4.1.

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
from keras.applications.vgg16 import VGG16, preprocess_input
from matplotlib.colors import to_rgba_array

# %%
names = ["great_white_shark", "chelsea", "coffee", "astronaut", "rocket", "cat_and_coffee"]
images = [cu.load_image(name) for name in names]

figure, panels = plt.subplots(2, 3, figsize=(6.4, 3.9), layout="constrained")
for axes, image in zip(panels.flat, images):
    axes.imshow(image)
    axes.axis("off")
plt.show()

# %% [markdown]
# *Six photographs. The last is made of two others, the cat and the coffee.*
#
# ## Concepts
#
# The last layer of EfficientNet-Lite0 has 7 x 7 places and 1280 channels. Six pictures have 294 places: a table of 294 rows
# and 1280 columns, none of its numbers negative.
#
# We look for six rows that *add up*, in amounts that differ from place to place, to nearly all the 294:
#
# $$ V \approx W H, \qquad W \ge 0, \; H \ge 0 . $$
#
# A row of $H$, 1280 numbers, is a **concept**: channels that go together. A column of $W$ says how much of it there is at
# each place: a heatmap that nobody asked for. This is called *non-negative matrix factorization*. Nothing is subtracted, so
# the parts don't cancel ([Lee and Seung, 1999](https://doi.org/10.1038/44565); on a network's maps
# [Collins et al., 2018](https://arxiv.org/abs/1806.10206), and
# [Olah et al., 2018](https://doi.org/10.23915/distill.00010)).

# %% tags=["live"]
# Stack the last maps of the six pictures: a row for each place, a column for each channel
classifier = cu.load_classifier()
last = classifier.last_conv_layer_name
maps = [cu.get_feature_maps(classifier, image, [last])[last] for image in images]
V = np.concatenate([m.reshape(49, 1280) for m in maps])
print(V.shape, f"{V.min():.0f} to {V.max():.0f}")


# %% [markdown]
# Start from random numbers. Multiply each by what it should be (`W.T @ V`) over what it is (`W.T @ W @ H`), a hundred times.
# The result depends on the start, so we take the best of four.


# %% tags=["live"]
# Factorize by multiplicative updates, from four starts, and keep the best
def factorize(V, k, seed, rounds=100):
    generator = np.random.default_rng(seed)
    W, H = generator.random((len(V), k), "float32"), generator.random((k, V.shape[1]), "float32")
    for _ in range(rounds):
        H = np.maximum(H * (W.T @ V) / (W.T @ W @ H), 1e-6)
        W = np.maximum(W * (V @ H.T) / (W @ (H @ H.T)), 1e-6)
    return np.linalg.norm(V - W @ H) / np.linalg.norm(V), W, H


# %%
# Factorize from four starts, and put the concepts in order
runs = [factorize(V, 6, seed) for seed in range(4)]
error, W, H = min(runs, key=lambda run: run[0])
order = np.argsort(W.argmax(axis=0))  # by the place at which a concept is strongest
W, H = W[:, order], H[order]
print("errors of the four starts:", [f"{run[0]:.2f}" for run in runs])
print(f"six concepts hold {1 - error**2:.0%} of the sum of squares of V")

# %% [markdown]
# **Predict, then run.** Six pictures, six concepts: will each picture get its own?
#
# <details><summary>Answer</summary>
#
# No. The cup with its coffee and the saucer with its spoon become two, and the sixth picture has none of its own: it
# shares the cat's and both of the coffee's.
#
# </details>

# %% tags=["live"]
# How is each picture divided among the six concepts?
amounts = (W * H.sum(axis=1)).reshape(6, 49, 6).sum(axis=1)  # picture, concept
shares = amounts / amounts.sum(axis=1, keepdims=True)
for name, row in zip(names, shares):
    print(f"{name:18s}", " ".join(f"{share:4.0%}" for share in row))

# %%
# Each cell in the color of its strongest concept; a number where a concept is at its strongest
colors = to_rgba_array(["#0072b2", "#f0e442", "#cc79a7", "#56b4e9", "#009e73", "#d55e00"])
circle = {"boxstyle": "circle", "fc": "white"}
strength = (W / W.max(axis=0)).reshape(6, 7, 7, 6)
figure, panels = plt.subplots(2, 3, figsize=(6.4, 3.9), layout="constrained")
for axes, image, parts in zip(panels.flat, images, strength):
    height, width, _ = image.shape
    axes.imshow(image.mean(axis=2), cmap="gray", vmin=-200, vmax=255)
    cells = colors[parts.argmax(axis=2)]
    cells[..., 3] = parts.max(axis=2)
    axes.imshow(cells, extent=(0, width, height, 0))
    for k in range(6):
        row, column = np.unravel_index(parts[..., k].argmax(), (7, 7))
        if parts[row, column, k] > 0.3:
            place = (column + 0.5) * width / 7, (row + 0.5) * height / 7
            axes.text(*place, k, ha="center", va="center", bbox=circle)
    axes.axis("off")
plt.show()

# %% [markdown]
# *The six photographs in gray, each of the 49 cells in the color of its strongest concept, the stronger the more opaque.
# Concept 0 covers the shark, 4 both cats' faces, 3 the rims of both cups, and 5 what's below: handle, spoon and saucer; 2
# covers the rocket and the sky around it, 1 the astronaut, mostly between suit and helmet.*
#
# What should we call them? We could guess. But the network's last layer turns channels into logits, so we hand it each
# concept as if a picture held nothing else.

# %% tags=["live"]
# Which classes does each concept speak for, compared with the average class?
kernel = classifier.logits_model.layers[-1].get_weights()[0].reshape(1280, 1000)
speaks_for = H @ (kernel - kernel.mean(axis=1, keepdims=True))
for k, row in enumerate(speaks_for):
    print(f"concept {k}:", ", ".join(cu.class_label(index) for index in np.argsort(-row)[:4]))

# %% [markdown]
# Six rows hold a good half of the sum of squares. Four of them get names that fit what they cover: sharks, cups, cats, and for
# the rocket four of its first five answers. Concept 1 has *football helmet* and *bobsled* in one, the two names between which
# the network wavers. Concept 5, the red saucer with its spoon, has no class of its own among the 1000; the network's first
# name for it is *dial telephone*.
#
# ## What the depth keeps
#
# A concept is a direction among the channels of the *last* layer. What's left of the photograph on the way there? Each layer
# passes on only a part of what it gets. To see which part, we go backwards: we look for a picture whose maps at a layer are
# those of the photograph ([Mahendran and Vedaldi, 2014](https://arxiv.org/abs/1412.0035)). What the layer has lost can come
# out as anything.
#
# We start from gray and follow the gradient of the distance between the two sets of maps. Since many pictures have nearly the
# same maps, a second term prefers smooth ones: the *total variation*, how much neighboring pixels differ. (The paper also
# holds the pixels' range by a term of its own; here a sigmoid does.) We take VGG16, as in chapter 3.


# %% jupyter={"source_hidden": true}
# @title The four layers
photo = cu.load_image("chelsea", size=(112, 112))
vgg16 = VGG16(False, cu.weights_path("vgg16_no_top"), input_shape=photo.shape)
layers = ["block1_conv2", "block3_conv3", "block4_conv3", "block5_conv3"]
cu.draw_network(vgg16, layers)

# %% [markdown]
# *VGG16 as a row of slabs, and the four layers that we rebuild the cat from.*


# %%
# Rebuild a photograph from the maps of a layer: gray at first, then a hundred steps
def rebuild(network, layer_name, photo, steps=100):
    """Return a picture in [0, 1] whose maps at a layer are nearly those of a photograph."""
    part = keras.Model(network.input, network.get_layer(layer_name).output)
    goal = part(preprocess_input(photo[np.newaxis].astype("float32")))
    pixels = tf.Variable(tf.zeros((1, *photo.shape)))
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build([pixels])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            picture = tf.sigmoid(pixels)
            maps = part(preprocess_input(255 * picture))
            distance = tf.reduce_sum((maps - goal) ** 2) / tf.reduce_sum(goal**2)
            roughness = tf.reduce_sum(tf.image.total_variation(picture)) / photo.size
            loss = distance + 0.3 * roughness
        optimizer.apply([tape.gradient(loss, pixels)], [pixels])

    for _ in range(steps):
        step()
    return tf.sigmoid(pixels)[0].numpy()


# %% [markdown]
# **Predict, then run.** We rebuild the cat from four layers of VGG16: the second, the seventh, the tenth and the thirteenth
# convolution. From which will you still recognize her? And from the seventh of an *untrained* VGG16, better or worse?
#
# <details><summary>Answer</summary>
#
# From all four layers of the trained network, if you look long enough. From the untrained one you won't.
#
# </details>

# %% tags=["live"]
# Rebuild the cat from four layers of VGG16, and from one of an untrained VGG16 (a minute)
keras.utils.set_random_seed(0)
untrained = VGG16(False, None, input_shape=photo.shape)
rebuilt = {name: rebuild(vgg16, name, photo) for name in layers}
rebuilt["block3_conv3, untrained"] = rebuild(untrained, "block3_conv3", photo)

# %%
# The pictures, and how alike they are to the photograph
figure, panels = plt.subplots(2, 3, figsize=(6.4, 4.8), layout="constrained")
for axes, (title, picture) in zip(panels.flat, {"photograph": photo, **rebuilt}.items()):
    axes.imshow(picture)
    axes.set_title(title)
    axes.axis("off")
plt.show()

for title, picture in rebuilt.items():
    gray = picture.mean(axis=2).ravel(), photo.mean(axis=2).ravel()
    print(f"{title:24s} likeness {np.corrcoef(gray)[0, 1]:.1f}")

# %% [markdown]
# *The cat, rebuilt from four layers of VGG16 and from one of an untrained VGG16. block1_conv2: as in the photograph.
# block3_conv3: specks of wrong color. block4_conv3: fur, eyes and nose where they belong, but the brightness of large areas
# is lost. block5_conv3: two eyes and a nose in a patchwork of strong colors. Untrained: a blur with a pattern of dots.*
#
# On this picture colors and brightness go first, then outlines; eyes and nose last longest. And look at the numbers again:
# the untrained network's picture has a likeness of 0.4, block5_conv3's of 0.0. A correlation of brightness, pixel by pixel,
# knows nothing about eyes. Trust neither the number nor the eye alone.
#
# The untrained network has the same layers, and hardly anything comes back. We tried the shark, the coffee and the astronaut
# too: each time the trained `block3_conv3` gives back far more than the untrained one. So the architecture alone doesn't
# decide what comes back in these hundred steps. (But nobody would recognize the shark from `block5_conv3`.)
#
# ## What to remember
#
# - Non-negative matrix factorization splits a layer's maps into a few concepts: where they are, and which channels they're
#   made of.
# - The last dense layer says what a concept speaks for. That's *what*, beside the heatmap's *where*.
# - The deeper the layer, the less of a photograph can be rebuilt from it; and from an untrained layer less than from the same
#   layer, trained.
#
# ## Where concepts and rebuilt pictures mislead
#
# - We chose six, and six pictures are few: with other pictures, another number or a worse start, other concepts come
#   out. The names are the network's, the nearest of its 1000.
# - A concept that shows up in two pictures proves little if one is made of the other, as here.
# - What couldn't be rebuilt isn't always lost: the recipe has a hundred steps, and it likes smooth pictures. And the untrained
#   network is one draw of random weights.
# - Neither says whether the answer depends on it. For that, change something and look (chapters 5 to 7).
#
# **Next:** what the whole course has found.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/11_from_where_to_what.ipynb)
#
# ← [10 What fools a network](10_what_fools_a_network.ipynb) · [contents](../README.md#the-chapters) · [12 The last page](12_the_last_page.ipynb) →
