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
# # 10 What fools a network
#
# ← [9 Ten causes of a wrong map](09_ten_causes_of_a_wrong_map.ipynb) · [contents](../README.md#the-chapters) · [11 From where to what](11_from_where_to_what.ipynb) → · 20 minutes
#
# **Can you change what a network says without changing what anybody sees? And can you wreck a picture without changing what the
# network says?** Two small experiments, and what they mean for heatmaps.
#
# **What you will learn**
#
# - how one step of at most one gray level changes an answer, and what a heatmap shows of it;
# - how to ask whether an answer needs the shape of a thing or only its texture;
# - why a heatmap doesn't say how fragile an answer is.
#
# **You need:** chapters 4.1 and 4.2.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

# %%
# The network, and the photograph at the network's own size
classifier = cu.load_classifier()
shark = cu.load_image("great_white_shark", size=(224, 224))
cu.plot_predictions(classifier.top_predictions(shark, k=3), shark)

# %% [markdown]
# *The shark at 224 x 224 pixels: tiger shark 0.69, great white shark 0.20, hammerhead 0.02.*
#
# ## One gray level
#
# The gradient says which way each pixel should change to help a class. A single pixel hardly matters. But there are 150,528
# numbers in this picture, and if *all* of them take one tiny step in the right direction, the effects add up
# ([Goodfellow et al., 2014](https://arxiv.org/abs/1412.6572)). The smallest step in a stored picture is one of its 256 gray
# levels.
#
# **Predict, then run.** Each number changes by at most 1 of 255, in the direction that favors *great white*. What happens to
# the 0.69 of *tiger shark*? And if the directions are drawn at random?
#
# <details><summary>Answer</summary>
#
# The network says *great white shark*, with 0.95, while the same step in random directions leaves *tiger shark* at 0.67.
# What counts isn't the size of the change but its direction. A picture made like this is called an *adversarial example*.
#
# </details>

# %% tags=["live"]
# Take one gray level along the sign of the gradient, then one in random directions, and ask
tiger, white = cu.class_index("tiger shark"), cu.class_index("great white shark")
with tf.GradientTape() as tape:
    inputs = tf.Variable(classifier.preprocess(shark))
    logits = classifier.logits_model(inputs)[0]
    lead = logits[white] - logits[tiger]
step = np.sign(tape.gradient(lead, inputs)[0]).astype(int)
at_random = np.random.default_rng(0).choice([-1, 1], shark.shape)
changed, random = (np.clip(shark + s, 0, 255).astype(np.uint8) for s in (step, at_random))

# %%
# The three pictures, each with its answer
figure, panels = plt.subplots(1, 3, figsize=(6.4, 2.8), layout="constrained")
pictures = {"photograph": shark, "random step": random, "along the gradient": changed}
for axes, (name, picture) in zip(panels, pictures.items()):
    best = classifier.top_predictions(picture, k=1)[0]
    largest = np.abs(picture.astype(int) - shark).max()
    print(f"{name}: changed by at most {largest}, {best.label} {best.probability:.2f}")
    axes.imshow(picture)
    axes.set_title(f"{name}:\n{best.label.replace('_', ' ')}")
    axes.axis("off")
plt.show()

# %% [markdown]
# *Three pictures that look the same: the photograph, tiger shark; a random step, tiger shark; the step along the gradient,
# great white shark.*
#
# Is it just this shark? We tried the same on the cat, the coffee, the astronaut and the rocket, each time toward the second
# name. All four change their names too.
#
# ### What does the heatmap show of it?
#
# **Predict, then run.** Compare Grad-CAM for *tiger shark* before and after. How alike are the two? And for *great white*?
#
# <details><summary>Answer</summary>
#
# Very much: 0.98 and 0.99. (Between the two names it was 0.97 all along, chapter 1.) The name has changed, the maps hardly.
# But the *difference* of the two classes' signed maps has turned: its sum is the lead, +1.2 before and -5.3 after, apart from
# the biases.
#
# </details>

# %% tags=["live"]
# Correlate the heatmap of each name before and after; draw that of the answer
pairs = {}
for name in ["tiger shark", "great white shark"]:
    index = cu.class_index(name)
    pairs[name] = [cu.make_gradcam_heatmap(classifier, p, index) for p in (shark, changed)]
    print(f"{name}: {np.corrcoef([m.ravel() for m in pairs[name]])[0, 1]:.2f}")
before, after = pairs["tiger shark"][0], pairs["great white shark"][1]
cu.plot_heatmap(shark, {"before: tiger shark": before, "after: great white shark": after})

# %% [markdown]
# *Grad-CAM for tiger shark before, and for great white shark after: the same region, hottest behind the dorsal fin.*

# %% tags=["live"]
# Draw the signed difference, tiger shark minus great white, before and after
kernel = classifier.model.layers[-1].kernel.numpy()
differences = {}
for name, picture in {"before": shark, "after": changed}.items():
    maps = cu.get_feature_maps(classifier, picture)[classifier.last_conv_layer_name]
    differences[name] = maps @ (kernel[:, tiger] - kernel[:, white]) / 49
    print(f"{name}: sum of the difference {differences[name].sum():+.1f}")
cu.plot_heatmap(shark, differences)

# %% [markdown]
# *Tiger shark minus great white shark, before and after: first red from the dorsal fin to the tail, then blue over the whole
# animal.*
#
# So what does a map explain? Grad-CAM of the answer says where the network finds its evidence, and both names find it on the
# same animal. It doesn't say why one name wins, nor how little it would take to lose. For that, ask for the difference,
# and change the picture.
#
# ## Shuffle the tiles
#
# Now the other way round: a change that nobody can miss. We cut a photograph into tiles and shuffle them. Eyes, fur and
# foam survive within the tiles; the shape of the whole doesn't.


# %% tags=["live"]
# Cut a picture into n x n tiles, and put them together in random order
def shuffle(image, n, seed):
    height, width = image.shape[0] // n, image.shape[1] // n
    tiles = image[: n * height, : n * width].reshape(n, height, n, width, 3).swapaxes(1, 2)
    tiles = np.random.default_rng(seed).permutation(tiles.reshape(n * n, height, width, 3))
    return tiles.reshape(n, n, height, width, 3).swapaxes(1, 2).reshape(n * height, -1, 3)


# %%
# A cat, the shark and the rocket, in 16 tiles each
names = ["chelsea", "great_white_shark", "rocket"]
figure, panels = plt.subplots(1, 3, figsize=(6.4, 1.9), layout="constrained")
for axes, name in zip(panels, names):
    axes.imshow(shuffle(cu.load_image(name, size=(300, 450)), 4, seed=0))
    axes.set_title(name.replace("_", " "))
    axes.axis("off")
plt.show()

# %% [markdown]
# *Three photographs in 16 shuffled tiles: patches of a cat's face, pieces of a shark among water, pieces of a rocket and of
# towers in the evening sky.*
#
# **Predict, then run.** Which of the three keeps its name when it's cut into 16 tiles: *Egyptian cat*, *tiger shark*,
# *drilling platform*?
#
# <details><summary>Answer</summary>
#
# The cat, in 8 of 8 shuffles. The shark keeps it in 4, the rocket in none. In 4 tiles nearly all stay; in 49 tiles nearly
# none.
#
# </details>

# %% tags=["live"]
# Shuffle each picture eight times: how often does it keep its name?
for name in names:
    image = cu.load_image(name)
    answer = classifier.top_predictions(image, k=1)[0]
    for n in [2, 4, 7]:
        shuffled = [classifier.predict(shuffle(image, n, seed))[0] for seed in range(8)]
        kept = sum(p.argmax() == answer.class_index for p in shuffled)
        print(f"{answer.label} in {n * n} tiles: {kept} of 8")

# %%
# The cat in more and more tiles, and her probability, the mean of eight orders
chelsea, cat = cu.load_image("chelsea"), cu.class_index("Egyptian cat")
counts = [1, 2, 3, 4, 7]  # in a row
orders = [[shuffle(chelsea, n, seed) for seed in range(8)] for n in counts]
means = [classifier.predict(pictures)[:, cat].mean() for pictures in orders]
strip = [pictures[0] for pictures in orders]
cu.draw_strip(strip, means, "Probability of Egyptian cat in 1, 4, 9, 16 and 49 tiles")

# %% [markdown]
# *The cat whole, and in 4, 9, 16 and 49 tiles. Above: her probability stays above 0.7 up to nine tiles, is a half with sixteen,
# and next to nothing with 49.*
#
# For the cat, patches are enough: sixteen of them keep their name in all eight orders. That fits what others found with
# many pictures: networks trained on ImageNet go by texture more than people do
# ([Geirhos et al., 2018](https://arxiv.org/abs/1811.12231)), and one that only ever sees small patches, and counts what it finds
# in them, does surprisingly well ([Brendel and Bethge, 2019](https://arxiv.org/abs/1904.00760)). The rocket is different: for
# it the network needs pieces larger than a tile, or their arrangement. "Networks only see texture" would be too simple.
#
# ## What to remember
#
# - A step of one gray level along the gradient's sign changed the answer on all five photographs that we tried. The same step
#   in random directions didn't change the shark's.
# - On the shark the heatmaps hardly changed when the answer did; on the rocket they change more. The *difference* of two
#   classes' maps has to change: its sum is the lead.
# - Shuffled tiles test whether an answer needs the arrangement of its parts. It depends on the picture.
#
# ## Where these experiments mislead
#
# - A step along the gradient is made for *this* network. It says nothing about light, fog or another camera.
# - Shuffling makes edges that no photograph has. Where an answer falls, those may be to blame.
# - A tile of the cat holds an eye or an ear, which is a shape, too. *Texture* and *shape* depend on the size of the tile.
# - Three photographs and one network.
#
# **Next:** try your own pictures. Which of them survive 16 tiles?

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/10_what_fools_a_network.ipynb)
#
# ← [9 Ten causes of a wrong map](09_ten_causes_of_a_wrong_map.ipynb) · [contents](../README.md#the-chapters) · [11 From where to what](11_from_where_to_what.ipynb) →
