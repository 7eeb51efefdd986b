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
# ← [4.3 Grad-CAM's relatives](04_3_grad_cams_relatives.ipynb) · [contents](../README.md#the-chapters) · [5.1 You can stop here](05_1_you_can_stop_here.ipynb) → · 20 minutes
#
# Three questions are still open. **What in a photograph of a rocket looks like a drilling platform? What does
# an astronaut have in common with a bobsled? And why is a picture of a cat and a cup a cat?** Each gets its
# picture. After that, all the methods side by side, and the rules for reading their maps.
#
# **What you will learn**
#
# - how to ask "why this name rather than that one?", and how to test the answer;
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
from scipy.ndimage import gaussian_filter

# %% [markdown]
# ## Why this name rather than that one?
#
# What raises all logits alike says nothing about the answer. So we ask about *differences*: the signed map of one class
# minus that of another (chapter 4.1). For this network it sums to the lead of the first class, apart from the biases.
# But it hides something: what speaks for both classes cancels out.

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


# %% jupyter={"source_hidden": true}
# @title Where we are in the network
cu.draw_network(classifier, [classifier.key_layer_names[1], classifier.last_conv_layer_name])

# %% [markdown]
# *The network from left to right. Highlighted: the last layer with places, for the differences, and the middle layer at which
# we compare all methods.*
#
# ### The rocket
#
# The network says *drilling platform* with 0.56, and *missile* with 0.06. Where does each come from?


# %% tags=["live"]
# Subtract two signed maps of the rocket: drilling platform rather than missile
def rather_than(image, name, other):
    return signed_map(image, name) - signed_map(image, other)


rocket = cu.load_image("rocket")
difference = rather_than(rocket, "drilling platform", "missile")
print("columns:", *(f"{column:+.2f}" for column in difference.sum(axis=0)))
figure = cu.plot_heatmap(rocket, {"drilling platform minus missile": difference})
figure.axes[0].vlines(np.linspace(0, 640, 8)[1:-1], 0, 426, "white", linewidth=0.5)
figure

# %% [markdown]
# *Signed difference for the rocket, drilling platform minus missile: both sides speak for drilling platform, most of all
# the second column of cells and the last but one; the rocket in the middle speaks for missile.*
#
# The hottest columns are the second and the sixth: sky, and parts of the masts. The large towers stand in the first and the
# last. Let's test the map: paint columns of cells out, in the color of the sky.


# %% tags=["live"]
# Write a function that fills columns of cells, counted from 1, with parts of another picture
def paint_out(image, columns, fill):
    picture, edges = image.copy(), np.linspace(0, image.shape[1], 8).round().astype(int)
    for column in columns:
        strip = np.s_[:, edges[column - 1] : edges[column]]
        picture[strip] = fill[strip]
    return picture


# %% [markdown]
# **Predict, then run.** What hurts *drilling platform* more: losing the two hottest columns, or losing the towers'?
#
# <details><summary>Answer</summary>
#
# Losing the towers'. Without the hottest columns it stays a *drilling platform*, 0.41. Without the towers' columns it's a
# *missile*, 0.28. The map put more on the columns beside them (1.7) than on theirs (1.2): a cell sees far beyond
# its own pixels (chapter 4.1).
#
# </details>

# %% tags=["live"]
# Paint out the two hottest columns, then those of the towers, and ask again
sky = np.full_like(rocket, np.median(rocket[:40], axis=(0, 1)))
for columns in [(2, 6), (1, 7)]:
    best = classifier.top_predictions(paint_out(rocket, columns, sky), k=1)[0]
    print(f"without columns {columns}: {best.label} {best.probability:.2f}")

# %% [markdown]
# Or was it the paint? So take several fills, and look at the lead, not at the name.


# %%
# Four fills: the lead of drilling platform over missile; then the towers alone
def lead(image, name, other):
    logits = classifier.logits(image)[0]
    return float(logits[cu.class_index(name)] - logits[cu.class_index(other)])


fills = {
    "sky": sky,
    "black": np.zeros_like(rocket),
    "mean color": np.full_like(rocket, rocket.mean(axis=(0, 1))),
    "blur": gaussian_filter(rocket, (30, 30, 0)),
}
print(f"photograph: lead {lead(rocket, 'drilling platform', 'missile'):+.1f}")
for title, fill in fills.items():
    hot, towers = (paint_out(rocket, columns, fill) for columns in [(2, 6), (1, 7)])
    leads = [lead(picture, "drilling platform", "missile") for picture in (hot, towers)]
    print(f"{title:10s}: without the hottest {leads[0]:+.1f}, without the towers {leads[1]:+.1f}")

towers_alone = paint_out(rocket, range(2, 7), sky)
best = classifier.top_predictions(towers_alone, k=1)[0]
print(f"towers alone: {best.label} {best.probability:.2f}")

# %%
# Three paintings
plt.rcParams["font.size"] = 13  # letters that can be read on a phone
paintings = {
    "without the hottest columns": paint_out(rocket, (2, 6), sky),
    "without the towers": paint_out(rocket, (1, 7), sky),
    "towers alone": towers_alone,
}
figure, panels = plt.subplots(1, 3, figsize=(9.6, 2.6), layout="constrained")
for axes, (name, picture) in zip(panels, paintings.items()):
    axes.imshow(picture)
    axes.set_title(name, fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *The rocket without the hottest columns, still a drilling platform; without the towers, a missile; the towers alone, a
# crane.*
#
# With all four fills *drilling platform* loses its lead along with the towers' columns; with the hottest ones it does so only
# in black. So in this photograph *drilling platform* needs the towers. They aren't enough: alone, they're a crane.

# %% [markdown]
# ### The astronaut
#
# *Bobsled* has 0.20, *football helmet* 0.17. Why does she get either?

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
# speaks for football helmet, the rest a little for bobsled rather than for football helmet.*
#
# The map answers half of the question: *football helmet* is the helmet. For *bobsled* it points nowhere; no cell has more
# than 0.16. But a difference hides what speaks for both.
#
# **Predict, then run.** Paint out the flag, the model of the shuttle, the face, the suit, or the helmet. Which one does *bobsled*
# miss most?
#
# <details><summary>Answer</summary>
#
# The suit: without it *bobsled* loses 3.4 to 4.5 logits, whichever of four fills we take. *Football helmet* loses 3.3 to 4.2,
# nearly as much, and in a difference that cancels.
#
# </details>

# %%
# Paint out one thing at a time, then whole corners, with four fills: what do both names lose?
parts = {
    "flag": np.s_[:360, :130],
    "shuttle": np.s_[:210, 290:],
    "face": np.s_[:200, 140:300],
    "suit": np.s_[180:, 90:370],
    "helmet": np.s_[300:, 340:],
    "upper left": np.s_[:332, :280],  # a corner as large as the suit
    "upper right": np.s_[:332, 232:],
    "lower left": np.s_[180:, :280],
    "lower right": np.s_[180:, 232:],
}
fills = [np.full_like(astronaut, color) for color in (0, 128, 255)]
fills.append(gaussian_filter(astronaut, (25, 25, 0)))
names = ["bobsled", "football helmet"]
indices = [cu.class_index(name) for name in names]
before = classifier.logits(astronaut)[0, indices]
for title, part in parts.items():
    losses = []
    for fill in fills:
        picture = astronaut.copy()
        picture[part] = fill[part]
        losses.append(before - classifier.logits(picture)[0, indices])
    ranges = [
        f"{name} {v.min():+.1f} to {v.max():+.1f}" for name, v in zip(names, np.transpose(losses))
    ]
    print(f"{title:11s} costs {', '.join(ranges)}")

# %% [markdown]
# So in this photograph *bobsled* hangs on the suit as a whole: corners as large cost it at most 1.8.
# On its color, its collar, its straps? That would be the next experiment.
# And *why* suits? Our guess: photographs of bobsleds show people in suits and helmets, and nobody told the network that
# the class is the sled.

# %% [markdown]
# ### The cat and the cup
#
# Here *Egyptian cat* has 0.16 and *espresso* 0.08.

# %% tags=["live"]
# Ask it of the cat and the cup: Egyptian cat rather than espresso
pair = cu.load_image("cat_and_coffee")
difference = rather_than(pair, "Egyptian cat", "espresso")
cat, seam, cup = difference[:, :3].sum(), difference[:, 3].sum(), difference[:, 4:].sum()
print(f"cat's side {cat:+.2f}, the seam {seam:+.2f}, cup's side {cup:+.2f}")
print(f"together {difference.sum():+.2f}")
cu.plot_heatmap(pair, {"Egyptian cat minus espresso": difference})

# %% [markdown]
# *Signed difference for the cat and the cup, Egyptian cat minus espresso: the cat's side speaks for the cat, the cup's side
# for the espresso.*
#
# Each side votes for its own object, with about seven logits, and the cat wins by less than one. The network
# sees both, and softmax makes them share.

# %% [markdown]
# ## All methods on one picture
#
# `cu.METHODS` is the table of this course's methods. `compute` takes a classifier, a picture and a class, and returns a
# map in [0, 1]. SmoothGrad and Integrated Gradients get as many samples and steps as they need (chapter 4.2). Four methods
# work at a layer. At the last one HiResCAM *is* Grad-CAM here, so all four get a middle one (chapter 4.3).

# %%
# All methods of the table, for tiger shark
shark = cu.load_image("great_white_shark")
tiger = cu.class_index("tiger shark")
middle = classifier.key_layer_names[1]
enough = {"smooth_grad": {"num_samples": 80}, "integrated_gradients": {"num_steps": 100}}
heatmaps = {}
for key, method in cu.METHODS.items():
    options = enough.get(key, {})
    if method.formula:  # it weights the maps of a layer
        options = {"layer_name": middle}
    values = method.compute(classifier, shark, tiger, **options)
    heatmaps[method.title] = np.clip(values / np.percentile(values, 99), 0, 1)
cu.plot_heatmap(shark, heatmaps)

# %% [markdown]
# *All methods of the course for tiger shark; 1.0 on the color bar is each map's 99th percentile. At this middle layer the four
# class activation maps differ: Grad-CAM has patches on the shark and off it, Grad-CAM++ covers nearly all, LayerCAM draws
# the shark, HiResCAM has a few strokes on it. Of the pixel maps, SmoothGrad draws it best.*

# %%
# What each method answers, gets wrong, and costs
rows = ["| method | it answers | it gets wrong | gradients |", "|---|---|---|---|"]
rows += [
    f"| [{m.title}]({m.paper}) | {m.answers} | {m.misleads} | {m.num_gradients} |"
    for m in cu.METHODS.values()
]
Markdown("\n".join(rows))

# %% [markdown]
# (*Gradients* is how many the method takes unless you ask for more, as we did for two of them.) No column picks a winner:
# the methods answer different questions.

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
# 5. **Ask how much is chance.** Two seeds of SmoothGrad with 20 samples agreed only at 0.7; ten equal steps of
#    Integrated Gradients gave a wrong sum (chapter 4.2).
# 6. **Ask for a second class.** A map that stays the same when the class changes doesn't explain the class.
# 7. **Test it.** Change the picture where the map points, and somewhere else, and look at the logit: take away and put
#    back, at several strengths. The rocket's map was hotter beside the towers than on them. The shark's map was right about the
#    place, and stripes painted there turned the answer back (chapter 4.2).
#
# A heatmap that passes hasn't been refuted. *Why* remains your hypothesis. And if a map of your own marks the wrong thing?
# Often the fault is a step of the code: [chapter 9](09_ten_causes_of_a_wrong_map.ipynb) has ten causes.
#
# To read on: the papers in the table above, and a book on the whole field, Molnar's [*Interpretable Machine
# Learning*](https://christophm.github.io/interpretable-ml-book).

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/05_conclusion.ipynb)
#
# ← [4.3 Grad-CAM's relatives](04_3_grad_cams_relatives.ipynb) · [contents](../README.md#the-chapters) · [5.1 You can stop here](05_1_you_can_stop_here.ipynb) →
