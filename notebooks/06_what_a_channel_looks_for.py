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
# ← [5.1 You can stop here](05_1_you_can_stop_here.ipynb) · [contents](../README.md#the-chapters) · [7 Is the heatmap right?](07_is_the_heatmap_right.ipynb) → · 30 minutes
#
# So far we had a photograph and asked what the network sees in it. Now let's turn the question around. **If a class or a
# channel could wish for a picture, what would it be?** Below, the network has painted a tabby and a flamingo. How? And if we
# switch a channel off, what does the network no longer know?
#
# **What you will learn**
#
# - what you get by following the gradient, and the three ideas that turn it into a picture;
# - what VGG16's channels respond to, from its first layers to its last;
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


def show(pictures, sure=0.9):
    """Draw pictures, two in a row, and print what the network says of each."""
    rows, columns = -(-len(pictures) // 2), min(len(pictures), 2)
    figure = plt.figure(figsize=(6.4, 3.4 * rows), layout="constrained")
    for place, (title, picture) in enumerate(pictures.items(), start=1):
        best = classifier.top_predictions(picture, 1)[0]
        print(f"{title}: {best.label}, probability above {sure}: {best.probability > sure}")
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(picture)
        axes.set_title(title)
        axes.axis("off")
    plt.show()


def paint(name, seed):
    return cu.visualize_class(classifier, cu.class_index(name), num_steps=80, seed=seed)


show({"tabby": paint("tabby", 1), "flamingo": paint("flamingo", 0)}, sure=0.5)

# %% [markdown]
# *What the network paints for tabby and flamingo: striped bodies and pointed ears; and a red column, white lines and a big
# green back that no flamingo has.*
#
# It paints parts of several cats, and of a flamingo or two. A class doesn't say how many, or where: its logit only asks for
# the evidence.

# %% jupyter={"source_hidden": true}
# @title Where this chapter looks
cu.draw_network(classifier, ["block4a_expand_activation", "predictions_logits"])

# %% [markdown]
# *EfficientNet-Lite0 as a row of slabs. We ask a class at its end what it wants to see. Later we switch off channels of a layer
# in the middle.*
#
# ## Climb
#
# The gradient of a logit at the pixels (chapter 4.2) says how to change a picture so that the logit rises. So we start
# with gray, change it a little, take the gradient again, and go on: *gradient ascent*. We ask for a pineapple.

# %% tags=["live"]
# Write the pineapple's logit as a function of a picture in [0, 1], and ask it of gray
pineapple = cu.class_index("pineapple")


@tf.function
def logit(pictures):
    return classifier.logits_model((255 * pictures - 127) / 128)[0, pineapple]


generator = np.random.default_rng(0)
start = np.float32(0.01 * generator.standard_normal((1, 224, 224, 3)))
print(f"a gray picture: logit {logit(tf.sigmoid(start)):z.1f}")

# %% [markdown]
# (This network was trained on $(x - 127) / 128$. The sigmoid turns any number into a color in [0, 1].)
#
# **Predict, then run.** After sixty steps the network is sure: *pineapple*. What does the picture show?
#
# <details><summary>Answer</summary>
#
# Colored noise. And yet the network is surer of it than of the shark: above 0.9.
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
painted = {"pixels": np.uint8(255 * tf.sigmoid(pixels)[0])}
show(painted)

# %% [markdown]
# *What the climb does to the pixels of a gray picture, for pineapple: colored noise.*
#
# Why noise? Nothing in the climb asks neighboring pixels to agree, and many tiny changes, each going its own way, are enough
# to move the logit (chapter 10).
#
# ## Three ideas
#
# **Waves instead of pixels.** Any picture is a sum of waves: slow ones, which go from light to dark once across the picture,
# and fast ones, which change from pixel to pixel. In a photograph slow ones are strong and fast ones weak: strength
# falls with frequency $f$, roughly as $1/f$.

# %% jupyter={"source_hidden": true}
# @title The two strongest waves of the shark, and how strong the others are
cu.draw_waves(cu.load_image("great_white_shark", (224, 224)))

# %% [markdown]
# *Two waves of the shark and their sum; then 20 of its waves, 500, and 10,000: blots, a shark in fog, the photograph. Below,
# the strength of its waves falls with frequency, somewhat faster than the dashed line, 1/f.*
#
# In noise all waves are equally strong. So we let the climb change the strengths of waves, each multiplied by $1/f$, and add
# the waves up. All take equal steps, but slow ones are multiplied by more, so they grow first.


# %% jupyter={"source_hidden": true}
# @title Random waves, and the picture that they add up to
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


# %%
# The same climb for any parameters: parameters -> draw -> picture -> look -> network -> logit
def climb(parameters, draw, look=tf.identity, num_steps=60):
    parameters = tf.Variable(parameters)
    optimizer = keras.optimizers.Adam(0.1)
    for _ in range(num_steps):
        with tf.GradientTape() as tape:
            loss = -logit(look(draw(parameters)))
        optimizer.apply_gradients([(tape.gradient(loss, parameters), parameters)])
    return np.uint8(255 * draw(parameters)[0])


# %% tags=["live"]
# Climb in waves instead of pixels
painted["waves"] = climb(start_waves(224), lambda waves: tf.sigmoid(add_up(waves)))

# %% [markdown]
# **The colors of photographs.** In photographs red, green and blue mostly rise and fall together. So the waves get colors of
# their own: light against dark, orange against blue, and, weakest, magenta against green. (The numbers come from
# [Lucid's code](https://github.com/tensorflow/lucid/blob/master/lucid/optvis/param/color.py), measured on ImageNet's photographs;
# the ideas from [Olah et al., 2017](https://distill.pub/2017/feature-visualization).)

# %%
# Give the waves the colors of photographs
COLORS = np.float32([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
COLORS /= 0.46  # the length of the longest


def draw(waves):
    return tf.sigmoid(add_up(waves) @ COLORS.T)


painted["waves, colors"] = climb(start_waves(224), draw)

# %% [markdown]
# **Another window each time.** Shift a pineapple a little or enlarge it, and it's still a pineapple. A trick of
# single pixels doesn't survive that. So at each step the network sees the picture through another window.


# %% tags=["live"]
# Let the network look through another window each time
def through_a_window(picture):
    side = generator.uniform(0.5, 0.85)
    corner = generator.uniform(0, 1 - side, 2)
    window = np.float32([[*corner, *(corner + side)]])
    return tf.image.crop_and_resize(picture, window, [0], [224, 224])


painted["waves, colors, windows"] = climb(start_waves(336), draw, through_a_window)
show(painted)

# %% [markdown]
# *Four climbs for pineapple. Pixels: noise. Waves: gaudy blots, with scales and tufts here and there. Colors: the
# same, but pale. Windows: a pineapple, with its scales and its leaves.*
#
# The network is sure of all four, but only the last would make *you* say pineapple: scales, and spiky leaves.
#
# (`cu.visualize_class` painted the tabby and the flamingo in the same way.)
#
# ## Channels of VGG16, from shallow to deep
#
# A channel has such pictures too: those that drive up its mean activation. They need little more room than its receptive
# field (chapter 3), so 64 pixels are enough for early channels. Which channels? We pick at random.

# %%
# Paint pictures for fifteen channels of VGG16, three each of five layers, at random
weights = cu.weights_path("vgg16_no_top")
model = keras.applications.VGG16(include_top=False, weights=weights, input_shape=(224, 224, 3))
preprocess_input = keras.applications.vgg16.preprocess_input
layers = ["block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv1"]


def paint_channel(axes, name, channel):
    picture = cu.visualize_channel(
        model, name, channel, num_steps=30, preprocess_input=preprocess_input
    )
    axes.imshow(picture)
    axes.set_title(f"{name}, {channel}\n{len(picture)} pixels wide")
    axes.axis("off")


lots = np.random.default_rng(2026)
figure, grid = plt.subplots(5, 3, figsize=(6.4, 12), layout="constrained")
for row, name in zip(grid, layers):
    drawn = lots.choice(model.get_layer(name).filters, 3, replace=False)
    for axes, channel in zip(row, sorted(drawn.tolist())):
        paint_channel(axes, name, channel)
plt.show()

# %% [markdown]
# *Pictures that fifteen channels of VGG16 respond to, in five rows from shallow to deep: blots and strokes in one color;
# strokes, dots and beads; arches, bars and spots; bumps and bent stripes; and at last something like a wall with windows,
# cracked skin, and tufts of hair.*
#
# From top to bottom: colors and strokes, then textures, then what looks like parts of things. The names are ours; VGG16
# has none. (The square in the smallest pictures comes from the first window that the climb looked through.)
#
# ## The strongest examples
#
# These pictures come from an optimizer. The other kind of evidence is real: the nine places in many photographs that drive a
# channel most, cut out at its receptive field. Do both show the same? (Real ones help people more to predict what a channel
# will do: [Borowski et al., 2020](https://arxiv.org/abs/2010.12606).)
#
# `cu.sample_crops()` cuts squares out of scikit-image's photographs, enough for channels of the first blocks. Deep ones take
# thousands of pictures: `cu.caltech101_folder()` downloads some. We chose the six channels below.

# %%
# Six channels: a painted picture, and the nine places that drive each most
crops = list(cu.sample_crops().values())
chosen = {"block2_conv2": [20, 33, 50], "block3_conv3": [3, 5, 9]}
examples = cu.strongest_examples(model, crops, chosen, preprocess_input)
print(f"{len(crops)} pictures")

figure, grid = plt.subplots(4, 3, figsize=(6.4, 9.6), layout="constrained")
for (upper, lower), name in zip([grid[:2], grid[2:]], chosen):
    for column, channel in enumerate(chosen[name]):
        paint_channel(upper[column], name, channel)
        patches = cu.example_patches(examples[name], crops, channel)
        patches = np.pad(patches, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
        rows = [np.hstack(patches[start : start + 3]) for start in (0, 3, 6)]
        lower[column].imshow(np.vstack(rows))
        lower[column].set_title("strongest examples")
        lower[column].axis("off")
plt.show()

# %% [markdown]
# *For three channels each of block2_conv2 and block3_conv3: a picture painted for the channel, and under it the nine
# patches of photographs that drive it most. (A patch that reaches over the border of a picture is white there.)*
#
# Often both say the same. Channel 33 of `block2_conv2` likes steep strokes, and its examples are steep bars and edges.
# Channel 50 likes turquoise dots, and finds turquoise water and bright specks. Channel 5 of `block3_conv3` likes
# oblique stripes, and finds the rims of cups and a shark's back.
#
# Sometimes it takes a second look. The picture for channel 3 has dark dots on a light ground, but its examples are grass,
# embroidered badges and the eye of a fish. Are the gaps between the blades its dots? Nine patches don't say.
#
# For thousands of pictures, `cu.run_survey` hands a folder to [Dask](https://www.dask.org), part by part: to threads,
# processes or a cluster. If it's cut off, it goes on where it stopped. On our few crops it finds what we found:

# %%
# Survey a folder of the same crops, and compare
import tempfile
from PIL import Image

with tempfile.TemporaryDirectory() as folder:
    for number, crop in enumerate(crops):
        Image.fromarray(crop).save(f"{folder}/{number:03}.png")
    survey = cu.run_survey(folder, f"{folder}/found", "vgg16_no_top", ["block2_conv2"])
same = survey.examples["block2_conv2"].pictures == examples["block2_conv2"].pictures
print(f"{len(survey.names)} pictures; {same.mean():.0%} of the examples are the same")

# %% [markdown]
# ## Knock it out
#
# A picture that a channel likes doesn't say what the channel is *for*. Let's ask the network: take a layer in the middle,
# set one of its 240 channels to zero, and run the layers after it.

# %% tags=["live"]
# Cut the network in the middle: the front ends in 240 maps, the rest turns them into logits
shark, tiger = cu.load_image("great_white_shark"), cu.class_index("tiger shark")
network = classifier.logits_model
middle = network.get_layer("block4a_expand_activation").output
front, rest = keras.Model(network.input, middle), tf.function(keras.Model(middle, network.output))
maps = front(classifier.preprocess(shark)).numpy()
logits = rest(maps)[0].numpy()
print(maps.shape, cu.class_label(logits.argmax()))

# %% [markdown]
# **Predict, then run.** Set each channel to zero, one at a time. Can a single one of 240 cost the tiger shark its first place?
#
# <details><summary>Answer</summary>
#
# Yes. Without channel 140 the tiger shark loses 2.3, and the answer is *great white shark*. No other class loses more.
# Have we found the tiger-shark channel?
#
# </details>


# %%
# Set each channel to a value everywhere, and run the rest: how do the logits change?
def change(channel, value):
    changed = maps.copy()
    changed[..., channel] = value
    return rest(changed)[0].numpy() - logits


by_zero = np.array([change(channel, 0) for channel in range(240)])
worst = int(by_zero[:, tiger].argmin())
more = (by_zero[worst] < by_zero[worst, tiger]).sum()
print(f"channel {worst}: tiger shark {by_zero[worst, tiger]:+.1f}, {more} classes lose more")
print("now first:", cu.class_label((logits + by_zero[worst]).argmax()))

# %% [markdown]
# Not so fast. Look at the channel itself.
#
# **Predict, then run.** Set the channel to its own mean everywhere: it stays on, but can't say *where* any more. How much
# does the tiger shark lose now?
#
# <details><summary>Answer</summary>
#
# 0.1. The channel is on nearly everywhere, on this picture and on the cat. It's hardly ever zero, so we
# hadn't asked the network, we'd broken it. *Where* the channel is on is worth 0.1.
#
# </details>

# %% tags=["live"]
# Where is this channel on? And what if it's set to its mean instead of zero?
on = [
    (front(classifier.preprocess(p)).numpy()[..., worst] > 3).mean()
    for p in (shark, cu.load_image("chelsea"))
]
print(f"above 3, of at most 6: {on[0]:.0%} of the shark, {on[1]:.0%} of the cat")
means = maps.mean(axis=(0, 1, 2))
print(f"set to its mean: tiger shark {change(worst, means[worst])[tiger]:+.1f}")

# %% tags=["live"]
# The ten channels whose mean costs the tiger shark most: how many classes lose more than it does?
by_mean = np.array([change(channel, means[channel]) for channel in range(240)])
for channel in by_mean[:, tiger].argsort()[:10]:
    more = (by_mean[channel] < by_mean[channel, tiger]).sum()
    hit = cu.class_label(by_mean[channel].argmin())
    print(f"channel {channel:3d}: {more:2d} classes lose more than the tiger shark; most: {hit}")

# %% [markdown]
# Two of the ten hurt the tiger shark more than any other class. The other eight hit an axolotl harder, or a hermit crab, a
# pelican, a traffic light: several classes share them. Papers have found both:
# a unit can matter to particular classes ([Zhou et al., 2018](https://arxiv.org/abs/1806.02891)), and units with a class
# of their own matter no more than others ([Morcos et al., 2018](https://arxiv.org/abs/1803.06959)).
#
# ## How many does it take?
#
# In the last layer we needn't run the network: each of the 1280 channels has a share in a logit (chapter 4.1), and without
# the channel exactly that share is gone.
#
# **Predict, then run.** Set channels to zero, one after another, the largest share in *tiger shark* first. How
# many does it take until the name changes? And if we begin with the largest share in its *lead* over the great white?
#
# <details><summary>Answer</summary>
#
# Eleven in one order, five in the other. So the number belongs to the order, not to the network. For the
# astronaut it's four and one: her *bobsled* leads by a hair.
#
# </details>


# %%
# Set the strongest channels of the last layer to zero until another class is first
def channels_to_flip(image, of_the_lead):
    layer_name = classifier.last_conv_layer_name
    means = cu.get_feature_maps(classifier, image, [layer_name])[layer_name].mean(axis=(0, 1))
    W, b = classifier.model.layers[-1].get_weights()
    second, first = (means @ W + b).argsort()[-2:]
    share = means * (W[:, first] - W[:, second] if of_the_lead else W[:, first])
    left = np.tile(means, (1281, 1))
    for n in range(1281):
        left[n, (-share).argsort()[:n]] = 0  # without the n largest shares
    return ((left @ W + b).argmax(axis=1) != first).argmax()


for name in ["great_white_shark", "astronaut"]:
    counts = [channels_to_flip(cu.load_image(name), of_the_lead) for of_the_lead in (False, True)]
    print(
        f"{name}: {counts[0]} by their share in the first class, {counts[1]} by their share in its lead"
    )

# %% [markdown]
# ## What to remember
#
# - Gradient ascent on pixels paints noise that the network is sure of. With waves, colors and windows the pictures look more
#   like photographs.
# - With depth the pictures change: colors and strokes, then textures, then what looks like parts of things.
# - Switching a channel off is an experiment, and experiments need a control: another value, another picture, another order.
#
# ## Where feature visualization misleads
#
# - The network gives more than 0.9 to pictures that nobody would take for photographs. How sure it is says nothing about
#   how real a picture is.
# - It's *a* picture that drives the channel, not *the* picture. Another `seed` may paint another one.
# - The pictures are only as good as the recipe. One can build a network that paints what its maker likes and does something
#   else on photographs ([Geirhos et al., 2023](https://arxiv.org/abs/2306.04719)). Test with real pictures.
#
# **Next:** chapter 7 tests whether a heatmap is right.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/06_what_a_channel_looks_for.ipynb)
#
# ← [5.1 You can stop here](05_1_you_can_stop_here.ipynb) · [contents](../README.md#the-chapters) · [7 Is the heatmap right?](07_is_the_heatmap_right.ipynb) →
