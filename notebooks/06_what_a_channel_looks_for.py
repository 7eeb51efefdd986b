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
# # 6 What a channel looks for
#
# ← [5 Conclusion](05_conclusion.ipynb) · [contents](../README.md#the-chapters) · [7 Is the heatmap right?](07_is_the_heatmap_right.ipynb) → · 30 minutes
#
# So far we had a photograph and asked what the network makes of it. Now we turn the question around. **If a class or a
# channel could wish for a picture, which would it be?** Below, the network has painted a tabby and a flamingo. How does
# it do that? And if we switch a channel off, what does the network no longer know?
#
# **What you will learn**
#
# - what following the gradient paints, and the three ideas that make pictures of it;
# - what VGG16's channels wish for, from its first layers to its last;
# - how to find out what a channel is good for, by an experiment.
#
# **You need:** chapters 3 and 4.2.

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

# %% jupyter={"source_hidden": true}
# @title Two pictures that the network has painted
classifier = cu.load_classifier()


def show(pictures):
    """Draw pictures side by side, and print what the network says of each."""
    figure = plt.figure(figsize=(4.2 * len(pictures), 4.4), layout="constrained")
    for place, (title, picture) in enumerate(pictures.items(), start=1):
        best = classifier.top_predictions(picture, 1)[0]
        print(f"{title}: {best.label}, probability above 0.9: {best.probability > 0.9}")
        axes = figure.add_subplot(1, len(pictures), place)
        axes.imshow(picture)
        axes.set_title(title, fontsize="medium")
        axes.axis("off")
    plt.show()


def paint(name, seed):
    return cu.visualize_class(classifier, cu.class_index(name), num_steps=80, seed=seed)


show({"tabby": paint("tabby", 1), "flamingo": paint("flamingo", 0)})

# %% [markdown]
# *What the network paints for tabby and flamingo: striped cats on a lawn, and red heads, bent necks and thin legs in
# water, around a big green back that no flamingo has.*
#
# It paints several of each, and parts of them, wherever there is room: a class has no number and no place. Its logit
# only asks that the evidence is there.

# %% [markdown]
# ## Climb
#
# Chapter 4.2 took the gradient of a logit at the pixels. It says how to change the picture so that the logit
# rises. So we start with a gray picture, change it a little, take the gradient again, and go on: *gradient
# ascent*. We ask for a strawberry.

# %% tags=["live"]
# Write the strawberry's logit as a function of a picture in [0, 1], and ask it of gray
strawberry = cu.class_index("strawberry")


@tf.function
def logit(pictures):
    return classifier.logits_model((255 * pictures - 127) / 128)[0, strawberry]


generator = np.random.default_rng(0)
start = np.float32(0.01 * generator.standard_normal((1, 224, 224, 3)))
print(f"a gray picture: logit {logit(tf.sigmoid(start)):.1f}")

# %% [markdown]
# (This network was trained on $(x - 127) / 128$. The sigmoid makes a color in [0, 1] of any number.)

#
# **Predict, then run.** After sixty steps the network is sure: *strawberry*. What does the picture show?
#
# <details><summary>Answer</summary>
#
# Colored noise. The probability is above 0.9 all the same: the network is as sure of this as of any photograph.
#
# </details>

# %% tags=["live"]
# Climb: sixty times, change the pixels so that the logit rises
pixels = tf.Variable(start)
optimizer = keras.optimizers.Adam(0.1)
for _ in range(60):
    with tf.GradientTape() as tape:
        loss = -logit(tf.sigmoid(pixels))
    optimizer.apply_gradients([(tape.gradient(loss, pixels), pixels)])
show({"pixels": np.uint8(255 * tf.sigmoid(pixels)[0])})

# %% [markdown]
# *What the climb makes of the pixels of a gray picture, for strawberry: colored noise.*
#
# ## Three ideas
#
# **Waves instead of pixels.** In a photograph, slow waves are strong and fast ones weak: strength falls with
# frequency, as $1/f$. Noise has all of them alike. So we let the climb change the strengths of waves, each in its
# natural proportion (multiplied by $1/f$), and add them up to a picture.


# %%
# The same climb for any parameters: parameters -> draw -> picture -> look -> network -> logit
def climb(parameters, draw, look=lambda picture: picture, num_steps=60):
    parameters = tf.Variable(parameters)
    optimizer = keras.optimizers.Adam(0.1)
    for _ in range(num_steps):
        with tf.GradientTape() as tape:
            loss = -logit(look(draw(parameters)))
        optimizer.apply_gradients([(tape.gradient(loss, parameters), parameters)])
    return np.uint8(255 * draw(parameters)[0])


def start_waves(size):
    """Return random waves of three colors: real and imaginary parts."""
    noise = np.random.default_rng(0).standard_normal((2, 3, size, size // 2 + 1))
    return np.float32(0.01 * noise)


def add_up(waves):
    """Return the picture, (1, size, size, 3), that the waves add up to."""
    size = waves.shape[2]
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    strength = np.float32(size / 4 / np.maximum(frequency, 1 / size))
    colors = tf.signal.irfft2d(tf.complex(waves[0] * strength, waves[1] * strength))
    return tf.transpose(colors, [1, 2, 0])[tf.newaxis]


# %% tags=["live"]
# Climb in waves instead of pixels
from_waves = climb(start_waves(224), lambda waves: tf.sigmoid(add_up(waves)))
show({"waves": from_waves})

# %% [markdown]
# *The climb in waves: pink and green blots.*
#
# **Colors as they come.** In photographs red, green and blue rise and fall together; most differences are light
# against dark. So the waves get colors of their own: light against dark, orange against blue, and, weakest,
# magenta against green. (The numbers are those of Lucid, measured on ImageNet's photographs:
# [Olah et al., 2017](https://distill.pub/2017/feature-visualization).)

# %%
# Give the waves the colors of photographs
COLORS = np.float32([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]) / 0.46


def draw(waves):
    return tf.sigmoid(add_up(waves) @ COLORS.T)


show({"waves and colors": climb(start_waves(224), draw)})

# %% [markdown]
# *The climb in waves with colors of their own: pale blots, two of them reddish and dotted.*
#
# **Another window each time.** A strawberry is one a little to the left as well, or a little larger. A trick of
# single pixels is not. So the network sees the picture each time through another window.


# %% tags=["live"]
# Let the network look through another window each time
def through_a_window(picture):
    side = generator.uniform(0.5, 0.85)
    corner = generator.uniform(0, 1 - side, 2)
    window = np.float32([[*corner, *(corner + side)]])
    return tf.image.crop_and_resize(picture, window, [0], [224, 224])


with_windows = climb(start_waves(336), draw, through_a_window)
show({"waves, colors and windows": with_windows})

# %% [markdown]
# *The climb in waves, with colors and windows: dotted, rounded lumps, some of them red, beside something green and
# stringy.*
#
# All four pictures have a probability above 0.9. With each idea they get closer to something we know. Nobody would take
# the last one for a photograph. But now we see what the class is made of for the network: rounded, dotted, some red,
# some green. `cu.visualize_class`, which has painted the tabby and the flamingo, does the same, compiled.

# %% [markdown]
# ## Channels of VGG16, from shallow to deep
#
# A channel has a wish as well: the picture that makes its mean activation large. It needs no more room than its
# receptive field (chapter 3), so early channels get small pictures, and are quick.

# %%
# Paint what fifteen channels of VGG16 wish for, three each of five layers
weights = cu.weights_path("vgg16_no_top")
model = keras.applications.VGG16(include_top=False, weights=weights, input_shape=(224, 224, 3))
preprocess_input = keras.applications.vgg16.preprocess_input

channels = {
    "block1_conv2": [0, 3, 11],
    "block2_conv2": [4, 6, 12],
    "block3_conv3": [2, 3, 5],
    "block4_conv3": [1, 3, 5],
    "block5_conv1": [3, 8, 17],
}
figure, grid = plt.subplots(5, 3, figsize=(7, 12), layout="constrained")
for row, (name, chosen) in zip(grid, channels.items()):
    for axes, channel in zip(row, chosen):
        picture = cu.visualize_channel(
            model, name, channel, num_steps=30, preprocess_input=preprocess_input
        )
        axes.imshow(picture)
        axes.set_title(
            f"{name}, {channel}\n{len(picture)} x {len(picture)} pixels", fontsize="small"
        )
        axes.axis("off")
plt.show()

# %% [markdown]
# *Pictures that fifteen channels of VGG16 respond to, in five rows from shallow to deep: colored grain and strokes,
# then bumps and blocks, then arcs, dots and checks, then fur, toes and bulges like knitting, and at last shells, curls
# and a green head with eyes.*
#
# From top to bottom: colors and strokes, then textures, then parts of things. Nobody has told VGG16 what fur is.

# %% [markdown]
# ## The strongest examples
#
# A wish is painted by an optimizer. The other kind of evidence is real: of many pictures, the nine places that drive a
# channel most, cut out at its receptive field. Do both show the same?
#
# `cu.sample_crops()` cuts squares out of the photographs that are installed with scikit-image; for channels of the first
# blocks they are enough. For deep ones it takes thousands of pictures: `cu.caltech101_folder()` downloads some, and
# `python -m course_utils survey FOLDER` looks through any folder.

# %%
# Six channels' wishes, and the nine places that drive each most
crops = list(cu.sample_crops().values())
chosen = {"block2_conv2": [20, 33, 50], "block3_conv3": [3, 5, 9]}
examples = cu.strongest_examples(model, crops, chosen, preprocess_input)
print(f"{len(crops)} pictures")

figure, grid = plt.subplots(4, 3, figsize=(7, 9.8), layout="constrained")
for (upper, lower), name in zip([grid[:2], grid[2:]], chosen):
    for column, channel in enumerate(chosen[name]):
        wish = cu.visualize_channel(
            model, name, channel, num_steps=30, preprocess_input=preprocess_input
        )
        patches = cu.example_patches(examples[name], crops, channel)
        patches = np.pad(patches, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
        rows = [np.hstack(patches[start : start + 3]) for start in (0, 3, 6)]
        upper[column].imshow(wish)
        upper[column].set_title(f"{name}, {channel}: its wish", fontsize="small")
        lower[column].imshow(np.vstack(rows))
        lower[column].set_title("strongest examples", fontsize="small")
for axes in grid.flat:
    axes.axis("off")
plt.show()

# %% [markdown]
# *For three channels each of block2_conv2 and block3_conv3: the picture that the channel wishes for, and under it the nine
# patches of photographs that drive it most.*
#
# Often both say the same. Channel 33 of `block2_conv2` wishes for steep strokes, and its examples are steep bars and edges.
# Channel 50 wishes for turquoise dots; it finds turquoise water and bright specks. Channel 5 of `block3_conv3` paints
# oblique stripes, and finds the rims of cups and a shark's back.
#
# And sometimes it takes a second look. Channel 3 paints dark dots on a light ground, but it finds grass, embroidered
# badges and the eye of a fish. Are the gaps between the blades its dots? Nine patches do not tell. Where both kinds of
# evidence agree, believe them; where they do not, look for more pictures. (A patch that reaches over the border of a picture is white
# there.)

# %% [markdown]
# ## Knock it out
#
# A picture that a channel likes does not say what the channel is *for*. An experiment does: set the channel to zero
# and look at the logits. This network averages its last maps and multiplies the means by the weights of its last layer.
# So each channel has a share in a logit (chapter 4.1), and the largest one tells which channel matters most for the
# tiger shark.

# %% tags=["live"]
# Multiply means of the shark's last maps by weights: each channel's share in tiger shark
shark, tiger = cu.load_image("great_white_shark"), cu.class_index("tiger shark")
layer_name = classifier.last_conv_layer_name
maps = cu.get_feature_maps(classifier, shark, [layer_name])[layer_name]
means = maps.mean(axis=(0, 1))
W, b = classifier.model.layers[-1].get_weights()
share = means * W[:, tiger]
channel = int(share.argmax())
print(f"channel {channel}: {share[channel]:.2f} of {(means @ W + b)[tiger]:.2f}")

# %% [markdown]
# **Predict, then run.** Switch off this channel, the most important one for the tiger shark. Which class loses most?
#
# <details><summary>Answer</summary>
#
# *Library* and *ping-pong ball*, with 0.5. The tiger shark loses 0.3 of 9.2, and the great white gains 0.01. Classes
# that have nothing to do with sharks lose more, or gain as much: a channel has no class of its own. It is a word that
# many classes use.
#
# </details>

# %% tags=["live"]
# Set that channel to zero: which logits fall most, which rise most?
without = means.copy()
without[channel] = 0
change = without @ W - means @ W
for name in ["tiger shark", "great white shark"]:
    print(f"{name} {change[cu.class_index(name)]:+.2f}")
for title, order in {"lose most": np.argsort(change), "gain most": np.argsort(-change)}.items():
    print(f"{title}:", ", ".join(f"{cu.class_label(i)} {change[i]:+.1f}" for i in order[:5]))

# %%
# Where the channel fires on the shark, and what it wishes for
picture = cu.visualize_channel(classifier, layer_name, channel, num_steps=40)
cell = maps[:, :, channel] / maps[:, :, channel].max()
figure, panels = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
panels[0].imshow(cu.overlay_heatmap(shark, cell))
panels[0].set_title(f"where channel {channel} fires", fontsize="medium")
panels[1].imshow(picture)
panels[1].set_title(f"what channel {channel} wishes for", fontsize="medium")
for axes in panels:
    axes.axis("off")
plt.show()

# %% [markdown]
# *Two kinds of evidence about one channel: where it fires on the shark, and the picture that drives it most.*
#
# It fires on most of the shark and above its back, and wishes for bodies with a scaly skin.

# %% [markdown]
# **Predict, then run.** Now set the strongest channels to zero, one after another. How many of the 1280 does it take
# until *tiger shark* is no longer first?
#
# <details><summary>Answer</summary>
#
# Eleven; then it is *great white shark*. No single channel holds the answer, and it does not take hundreds.
#
# </details>

# %% tags=["live"]
# Set the strongest channels to zero, one after another, until tiger shark is not first
left, order, count = means.copy(), np.argsort(-share), 0
while (left @ W + b).argmax() == tiger:
    left[order[count]] = 0
    count += 1
print(f"after {count} of {len(means)} channels: {cu.class_label((left @ W + b).argmax())}")

# %%
# How many channels would no class miss?
largest = np.abs(means[:, np.newaxis] * W).max(axis=1)  # over 1000 classes
print(f"channels that no logit would miss by more than 0.1: {(largest < 0.1).mean():.0%}")

# %% [markdown]
# Nine of ten channels could be removed, one at a time, without moving any of the 1000 logits by more than 0.1, on this
# picture.
#
# ## What to remember
#
# - Gradient ascent on pixels paints noise that the network is sure of. Waves, colors and windows keep the climb near
#   what photographs look like.
# - The wishes grow with depth: colors and strokes, then textures, then parts of things.
# - To learn what a channel is for, switch it off and look at the logits.
#
# ## Where feature visualization misleads
#
# - A probability above 0.9 for a picture that nobody would take for a photograph: the network's certainty says nothing
#   about how real the picture is.
# - The picture shows one wish. A channel can have several, and another start (`seed`) may paint another one.
# - The pictures are as good as the recipe. A network can be built that paints what its maker likes and does something
#   else on photographs ([Geirhos et al., 2023](https://arxiv.org/abs/2306.04719)). Test with real pictures.
#
# **Next:** chapter 7 tests whether a heatmap is right.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/06_what_a_channel_looks_for.ipynb)
#
# ← [5 Conclusion](05_conclusion.ipynb) · [contents](../README.md#the-chapters) · [7 Is the heatmap right?](07_is_the_heatmap_right.ipynb) →
