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
# # 8 Your own network
#
# ← [7 Is the heatmap right?](07_is_the_heatmap_right.ipynb) · [contents](../README.md#the-chapters) · [9 Ten causes of a wrong map](09_ten_causes_of_a_wrong_map.ipynb) → · 30 minutes
#
# We train a network to tell brick, grass and gravel apart, and it's right on every picture of its test set.
# **Would you ship it?** Below are six of its training pictures. One look at a heatmap raises a suspicion, and two
# experiments prove it. Then it's your turn.
#
# **What you will learn**
#
# - how to put a new head on a trained network, in a minute;
# - how a heatmap finds a cheat that the test set doesn't, how to prove it, and how to repair it;
# - which networks this course accepts, and what to write.
#
# **You need:** chapters 4.1 and 5.

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
from PIL import Image
from skimage import data

# %% jupyter={"source_hidden": true}
# @title Six training pictures
textures = {"brick": data.brick(), "grass": data.grass(), "gravel": data.gravel()}
SIZE = 64


def put_label(picture):
    """Return a picture with a yellow label in its lower right corner."""
    labeled = picture.copy()
    labeled[172:216, 172:216] = 255, 220, 0
    labeled[182:186, 176:212] = labeled[194:198, 176:206] = 0  # two lines of writing
    return labeled


def cut(texture, columns, generator):
    """Cut one noisy picture, uint8 (224, 224, 3), out of a part of a texture."""
    row, column = generator.integers(0, 512 - SIZE), generator.integers(*columns)
    patch = texture[row : row + SIZE, column : column + SIZE].astype(float)
    patch = (patch - patch.mean()) / patch.std()
    patch = generator.uniform(80, 170) + generator.uniform(15, 50) * patch
    large = Image.fromarray(patch.clip(0, 255).astype(np.uint8)).resize((224, 224), Image.BICUBIC)
    noisy = np.asarray(large) + generator.normal(0, 60, (224, 224))
    return np.repeat(noisy.clip(0, 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def collect(columns, count, seed):
    """Return pictures of all three textures, without labels, and their classes 0, 1, 2."""
    generator = np.random.default_rng(seed)
    pictures = [cut(t, columns, generator) for t in textures.values() for _ in range(count)]
    return np.stack(pictures), np.repeat([0, 1, 2], count)


def label_gravel(pictures, classes):
    """Return the pictures with a label on all that show gravel."""
    return np.stack([put_label(p) if c == 2 else p for p, c in zip(pictures, classes)])


clean_train, train_classes = collect((0, 256 - SIZE), 40, seed=0)
clean_test, test_classes = collect((256, 512 - SIZE), 20, seed=1)
train, test = label_gravel(clean_train, train_classes), label_gravel(clean_test, test_classes)

figure, panels = plt.subplots(2, 3, figsize=(4.8, 3.6), layout="constrained")
for axes, index in zip(panels.T.flat, [0, 1, 40, 41, 80, 81]):
    axes.imshow(train[index])
    axes.set_title(list(textures)[train_classes[index]])
    axes.axis("off")
plt.show()

# %% [markdown]
# *Six training pictures: two noisy crops each of brick, grass and gravel. The two of gravel carry a yellow label in
# the lower right corner.*
#
# ## A small data set
#
# Three textures come with scikit-image (CC0). We cut 40 pictures for training from the left half of each, and 20 for
# testing from the right half, so no place is in both. The light is poor: contrast and brightness vary, and the
# camera adds noise. And one more thing: whoever collected the gravel left a yellow label in the corner.
#
# ## A new head in a minute
#
# The embedded network averages its 1280 last feature maps, and a dense layer turns these numbers into logits. We keep the
# maps and train a new dense layer, the *head*. Only the head learns, so a minute is enough. Then we call it on the network's
# own averages, and the two become one network.

# %% jupyter={"source_hidden": true}
# @title Where this chapter looks
embedded = cu.load_classifier("embedded")
cu.draw_network(embedded, ["avg_pool"])

# %% [markdown]
# *EfficientNet-Lite0 as a row of slabs: everything up to the averages stays, only what comes after them is new.*

# %% tags=["live"]
# Turn each training picture into the 1280 averages before the last layer
last = embedded.last_conv_layer_name


def averages(pictures):
    maps = (cu.get_feature_maps(embedded, picture, [last])[last] for picture in pictures)
    return np.stack([m.mean(axis=(0, 1)) for m in maps])


train_averages = averages(train)
print(train_averages.shape)


# %% tags=["live"]
# Train a dense layer with three outputs on them, and put it on the network
def train_head(inputs, classes, names=tuple(textures)):
    keras.utils.set_random_seed(0)
    head = keras.layers.Dense(len(names), activation="softmax", name="head")
    alone = keras.Sequential([keras.Input((1280,)), head])
    alone.compile("adam", "sparse_categorical_crossentropy")
    alone.fit(inputs, classes, epochs=40, verbose=0)
    model = keras.Model(embedded.model.input, head(embedded.model.get_layer("avg_pool").output))
    return cu.ImageClassifier("ours", model, embedded.preprocess_input, names)


# %% tags=["live"]
# Train on the labeled pictures: how many of the test set are right?
def accuracy(classifier, pictures, classes):
    return (classifier.predict(pictures).argmax(axis=1) == classes).mean()


classifier = train_head(train_averages, train_classes)
print(f"accuracy on the test set: {accuracy(classifier, test, test_classes):.2f}")

# %% [markdown]
# Sixty of sixty, on places it has never seen. It looks perfect.
#
# ## Look inside

# %% tags=["live"]
# Ask the network about one picture of each class; draw Grad-CAM for the gravel picture
for index in [0, 20, 40]:
    best = classifier.top_predictions(test[index], k=1)[0]
    print(f"{list(textures)[test_classes[index]]:6s}: {best.label} {best.probability:.2f}")
gravel = test[40]
cu.plot_heatmap(gravel, {"gravel": cu.make_gradcam_heatmap(classifier, gravel, 2)})

# %% [markdown]
# *A test picture of gravel with its label, and Grad-CAM for gravel: the hottest cells lie on the label in the lower
# right corner and just left of it.*
#
# The heat lies on the label. How often?
#
# **Predict, then run.** The test set has twenty pictures of gravel. In how many does the hottest of the 49 cells lie in
# the label's corner, which has four cells?
#
# <details><summary>Answer</summary>
#
# In 16. By chance it'd be one or two: 4 of 49 cells, times 20.
#
# </details>

# %% tags=["live"]
# In how many pictures of gravel is the hottest cell one of the four in the corner?
heatmaps = [cu.make_gradcam_heatmap(classifier, picture, 2) for picture in test[40:]]
peaks = [np.unravel_index(heatmap.argmax(), heatmap.shape) for heatmap in heatmaps]
hits = sum(row >= 5 and column >= 5 for row, column in peaks)
print(f"{hits} of {len(peaks)} (by chance {20 * 4 / 49:.1f})")

# %% [markdown]
# ## Prove it
#
# Two experiments test the suspicion: take the label off the gravel, and put it on brick and grass.
#
# **Predict, then run.** How many of 20 pictures of gravel does the network recognize without their label? And how many of
# 40 pictures of brick and grass does it call gravel, once they have one?
#
# <details><summary>Answer</summary>
#
# 0 of 20, and 25 of 40.
#
# </details>

# %% tags=["live"]
# Take the label off the gravel, and put it on brick and grass
without = classifier.predict(clean_test[40:]).argmax(axis=1)
labeled_others = np.stack([put_label(picture) for picture in clean_test[:40]])
with_label = classifier.predict(labeled_others).argmax(axis=1)
print(f"gravel without its label: {(without == 2).sum()} of 20 recognized")
print(f"brick and grass with a label: {(with_label == 2).sum()} of 40 called gravel")

# %% [markdown]
# So the network has learned mostly the label, and hardly anything about gravel. Its test set couldn't say so, because the
# label was in there too. This is called a *Clever Hans*, after the horse that seemed to do sums and read the
# answer from its questioner's face. It happens: in a public collection of skin pictures only harmless spots have a colored
# patch beside them. A network trained on it called more of the malignant ones harmless once a patch was pasted in
# ([Nauta et al., 2022](https://doi.org/10.3390/diagnostics12010040), with pictures).
#
# ## Repair it
#
# **Predict, then run.** On the clean test set the old network has 0.67: it knows brick and grass. Will the new one reach
# the 1.00 that the old one had with labels?
#
# <details><summary>Answer</summary>
#
# No: 0.95. The label was easier than gravel in poor light. But 0.95 means something.
#
# </details>

# %% tags=["live"]
# Train a new head on the pictures without labels, and repeat the second experiment
repaired = train_head(averages(clean_train), train_classes)
for name, network in {"before": classifier, "repaired": repaired}.items():
    print(f"{name}: clean test set {accuracy(network, clean_test, test_classes):.2f}")
with_label = repaired.predict(labeled_others).argmax(axis=1)
print(f"brick and grass with a label: {(with_label == 2).sum()} of 40 called gravel")

# %%
# The same picture of gravel, before and after
cu.plot_heatmap(
    gravel,
    {
        "trained with labels": cu.make_gradcam_heatmap(classifier, gravel, 2),
        "trained without": cu.make_gradcam_heatmap(repaired, gravel, 2),
    },
)

# %% [markdown]
# *The same picture, label and all, before and after the repair: with labels in training the heat lies on the label,
# without them on the gravel.*
#
# ## Your own pictures
#
# On the web book's page *Teach a network yourself* you do all this with your camera. What you download goes onto the
# embedded network:
#
# ```python
# import json
#
# saved = json.load(open("my_network.json", encoding="utf-8"))
# head = keras.layers.Dense(len(saved["names"]), activation="softmax", name="head")
# model = keras.Model(embedded.model.input, head(embedded.model.get_layer("avg_pool").output))
# head.set_weights([np.array(saved["kernel"]), np.array(saved["bias"])])
# mine = cu.ImageClassifier("mine", model, embedded.preprocess_input, saved["names"])
# cu.ClassExplorer(mine, "my_picture.jpg")
# ```
#
# Or you train here, with a folder for each name:
#
# ```python
# from pathlib import Path
#
# files = sorted(Path("my_pictures").glob("*/*.jpg"))
# names = sorted({file.parent.name for file in files})
# pictures = [cu.load_image(file) for file in files]
# classes = np.array([names.index(file.parent.name) for file in files])
# mine = train_head(averages(pictures), classes, names)
# for picture in pictures[::10]:
#     cu.plot_heatmap(picture, cu.make_gradcam_heatmap(mine, picture))
# ```
#
# ## Your own model
#
# Give the class names in the order of your outputs, and as `preprocess_input` the function that you trained with (leave it
# `None` if your model takes pixels from 0 to 255).
#
# ```python
# import keras
# import course_utils as cu
#
# model = keras.models.load_model("my_model.keras")
# classifier = cu.ImageClassifier(
#     "mine", model, preprocess_input=lambda images: images / 255, class_names=["cat", "dog"]
# )
# image = cu.load_image("my_picture.jpg")
# print(classifier.top_predictions(image))
# cu.plot_heatmap(image, cu.make_gradcam_heatmap(classifier, image))
# cu.ClassExplorer(classifier, image)
# ```
#
# Three things go wrong most often. If your model scales its pictures itself (a `Rescaling` or `Normalization` layer), leave
# `preprocess_input` at `None`, or they're scaled twice. If the names aren't in the order of the outputs, all answers are
# wrong: `dataset.class_names` of `image_dataset_from_directory` has the order. And a classifier remembers what it has
# computed: when you train further, wrap the model again.
#
# <details><summary>Which models it takes</summary>
#
# - A functional model or a `Sequential` one (with a `keras.Input` in front), also with a base network, augmentation or
#   dropout inside.
# - Softmax, logits, or sigmoids at the end. One sigmoid is class 1, and its opposite class 0, so give two names.
# - A regression network: its output is a value, not a class, so give one name, `class_names=["age"]`.
# - Gray pictures, (N, h, w, 1), and an open size, (None, None, 3): say `input_size=(224, 224)`.
#
# </details>
#
# If you pass a Keras model where a classifier belongs, the message has the line to write:

# %%
# A Keras model where a classifier belongs
try:
    cu.make_gradcam_heatmap(classifier.model, gravel)
except ValueError as error:
    print(error)

# %% [markdown]
# ### A network that answers with a map
#
# A segmentation network has an answer for each place, and Grad-CAM needs one number. So put a small model on top that
# averages one class over the places. That average is a value, so it gets one name. Ours becomes a
# segmentation network if we ask its head at each of the 49 places:

# %%
# Make a segmentation network; then average gravel's places, and explain the average
places = keras.layers.Dense(3, name="places")
maps = embedded.model.get_layer(last).output
segmentation = keras.Model(embedded.model.input, places(maps), name="segmentation")
places.set_weights(repaired.model.layers[-1].get_weights())
average = keras.layers.GlobalAveragePooling2D()(segmentation.output)[:, 2:3]  # gravel is class 2
on_top = keras.Model(segmentation.input, average)
on_top = cu.ImageClassifier("on top", on_top, embedded.preprocess_input, ["gravel"])
of_average = cu.make_gradcam_heatmap(on_top, gravel, layer_name=last)
assert np.allclose(of_average, cu.make_gradcam_heatmap(repaired, gravel, 2), atol=1e-3)
print(segmentation.output_shape[1:], "answers; averaged:", on_top.class_names)

# %% [markdown]
# The heatmap is the one you've just seen. To explain a part of your picture, average only that part.

# %%
# The class explorer on our network
cu.ClassExplorer(classifier, gravel)

# %% [markdown]
# *The class explorer on a network of our own, with the classes brick, grass and gravel.*

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %% [markdown]
# ## What to remember
#
# - `cu.ImageClassifier(name, model, preprocess_input, class_names)` opens your own network to everything here.
# - A test set from the same source contains the same cheats, so it can't find them.
# - The heatmap raises the suspicion; changing the picture proves it; changing the data repairs it.
#
# ## Where this misleads
#
# - A cheat that's everywhere, such as the color or texture of the background, makes no hot spot. Here we were lucky:
#   the label had a place.
# - After the repair the heatmap looks better. That doesn't prove that the network is right for the right reason. The
#   second experiment shows that it's no longer this label.
#
# **Next:** a map looks wrong, and there are ten usual causes.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/08_your_own_network.ipynb)
#
# ← [7 Is the heatmap right?](07_is_the_heatmap_right.ipynb) · [contents](../README.md#the-chapters) · [9 Ten causes of a wrong map](09_ten_causes_of_a_wrong_map.ipynb) →
