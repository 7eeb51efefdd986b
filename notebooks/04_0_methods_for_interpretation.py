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
# # 4 Methods for interpretation
#
# ← [3 Visualizing layer outputs](03_visualizing_layer_outputs.ipynb) · [contents](../README.md#the-chapters) · [4.1 Grad-CAM](04_1_grad_cam.ipynb) → · 20 minutes
#
# **What you will learn**
#
# - what ImageNet's 1000 classes are, and what they are not;
# - how to find a class's index without an off-by-one error;
# - the difference between a logit and a probability, and why explanations start from logits.
#
# **You need:** chapter 3.

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

# %% [markdown]
# ## Two questions about a decision
#
# Chapters 2 and 3 looked at the network: its weights, its feature maps. From here on we look at a
# *decision*: one picture, one class, one number. Two families of methods ask what the number rests
# on.
#
# - **Which region?** Class activation maps (chapter 4.1) weight the last feature maps by how much
#   they matter for the class. They are coarse.
# - **Which pixels?** Saliency maps (chapter 4.2) ask how the number changes when a pixel changes.
#   They are fine, and noisy.
#
# Both need to know what the number is. So we first look at the network's output.

# %% [markdown]
# ## The 1000 classes
#
# ImageNet is a collection of photographs sorted by WordNet, a dictionary that lists the *meanings* of
# nouns. The networks here are trained on the 1000 meanings of its yearly competition
# ([Russakovsky et al., 2014](https://arxiv.org/abs/1409.0575)). Each class has an index, a WordNet
# ID, and an English label.

# %%
for index in [0, 1, 2, 281, 282, 283, 999]:
    print(f"{index:4d}  {cu.class_label(index)}")

# %% [markdown]
# The list is uneven. It knows over a hundred breeds of dogs, each a class of its own. It has no
# giraffe. Of people it has three kinds: a ballplayer, a groom, and a scuba diver.

# %%
first, last = cu.class_index("Chihuahua"), cu.class_index("Mexican hairless")
print(f"classes {first} to {last} are dogs: {last - first + 1} of them")
for text in ["giraffe", "ballplayer", "groom", "diver", "cat"]:
    found = [c.label for c in cu.search_classes(text)]
    print(f"search {text!r}: {', '.join(found) or 'nothing'}")

# %% [markdown]
# The search finds letters, not meanings. Among the hits for *cat* are words that only contain the three
# letters, and the *Madagascar cat*, a lemur. The *tabby*, a cat, is missing.

# %% [markdown]
# ## From a name to an index
#
# `class_index` takes spaces for underscores, and capital letters for small ones. It refuses to guess.

# %%
print(cu.class_index("great_white_shark"), cu.class_index("Great White Shark"))

for name in ["great white shrak", "crane"]:
    try:
        cu.class_index(name)
    except ValueError as error:
        print(error)

# %% [markdown]
# Why is *crane* refused? Because it is the label of two classes, a bird and a machine. A dictionary
# from label to index loses such a pair without a word:

# %%
labels = [cu.class_label(index) for index in range(1000)]
index_of = {label: index for index, label in enumerate(labels)}
print(f"{len(labels)} classes, but {len(index_of)} entries in the dictionary")
for label in sorted({label for label in labels if labels.count(label) > 1}):
    print(f"{label}: {[i for i, other in enumerate(labels) if other == label]}")

# %% [markdown]
# ### Check the index you use
#
# Some lists of ImageNet's classes count from 1, and there *tabby* has the number 282. Keras counts
# from 0, as Python does. Off by one you explain the wrong class, and nothing warns you, because its
# neighbor is a cat too.

# %%
print("tabby is", cu.class_index("tabby"), "and 282 is", cu.class_label(282))

# %% [markdown]
# ## What the network says of our pictures

# %%
classifier = cu.load_classifier()
names = ["chelsea", "coffee", "astronaut", "rocket", "cat_and_coffee"]
images = {name: cu.load_image(name) for name in names}

figure, panels = plt.subplots(1, len(names), figsize=(9, 2.2), layout="constrained")
for axes, image in zip(panels, images.values()):
    best = classifier.top_predictions(image, k=1)[0]
    axes.imshow(image)
    axes.set_title(f"{best.label.replace('_', ' ')}\n{best.probability:.2f}", fontsize="small")
    axes.set_anchor("N")
    axes.axis("off")
plt.show()

for name, image in images.items():
    top = [f"{p.label} {p.probability:.2f}" for p in classifier.top_predictions(image, k=3)]
    print(f"{name:15s} {', '.join(top)}")

# %% [markdown]
# Go through the five pictures and decide for each whether you agree. The astronaut and the rocket
# have no class of their own, and the network names something else. The last picture has two right
# answers, and its probability is divided among several names. A single best label hides that.

# %% [markdown]
# ### Explore: what else does the network see?
#
# Drag *Class* through the most probable classes, or *search* all 1000. The heatmap shows where the
# evidence for the class lies; the next chapter computes it. Choose the astronaut as the picture: which
# part of it speaks for the first class?

# %%
cu.ClassExplorer(classifier, images["cat_and_coffee"])

# %% [markdown]
# ## Logits and probabilities
#
# The last layer of the network computes one number for each class, the *logit* $z_c$. It can be
# any real number. *Softmax* turns the logits into probabilities:
#
# $$ p_c = \frac{e^{z_c}}{\sum_k e^{z_k}} . $$
#
# The same in code, beside what the classifier returns:

# %%
image = images["coffee"]
logits = classifier.logits(image)[0]
by_hand = np.exp(logits) / np.exp(logits).sum()
probabilities = classifier.predict(image)[0]
assert np.allclose(by_hand, probabilities, atol=1e-6)

for index in np.argsort(-logits)[:3]:
    print(f"{cu.class_label(index):12s} logit {logits[index]:5.2f}   probability {probabilities[index]:.2f}")

# %% [markdown]
# Softmax only looks at differences: add 10 to every logit and the probabilities stay the same. And
# a probability depends on *all* logits: it rises when evidence for another class disappears.

# %%
shifted = np.exp(logits + 10) / np.exp(logits + 10).sum()
best = int(logits.argmax())
second = int(np.argsort(-logits)[1])
without_second = logits.copy()
without_second[second] = logits.min()
raised = np.exp(without_second) / np.exp(without_second).sum()
print(f"p({cu.class_label(best)}) = {probabilities[best]:.3f}, with 10 added to all logits {shifted[best]:.3f}")
print(f"with the logit of {cu.class_label(second)} lowered:  {raised[best]:.3f}")

# %% [markdown]
# ## Why explanations start from logits
#
# The methods of the next chapters ask for a derivative: how much does the number change with the picture
# $x$? For a probability, softmax gives
#
# $$ \frac{\partial p_c}{\partial x} = p_c \, (1 - p_c) \; \Big( \frac{\partial z_c}{\partial x}
# - \sum_{k \neq c} \frac{p_k}{1 - p_c} \, \frac{\partial z_k}{\partial x} \Big) . $$
#
# The factor in front goes to zero where the network is sure: softmax *saturates*. It is the same for all
# pixels, so it makes a whole map faint. That hurts where gradients are added up along a path, or where
# so little is left that rounding shows.

# %%
z = np.linspace(-8, 8, 200)
p = 1 / (1 + np.exp(-z))

figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
axes.plot(z, p, color="#440154", label="probability p")
axes.plot(z, p * (1 - p), color="#31688e", linestyle="--", label="its derivative p (1 - p)")
axes.set_xlabel(r"logit of the class, less the others: $z_c - \log \sum_{k \neq c} e^{z_k}$")
axes.set_title("Where the network is sure, the probability is flat", fontsize="medium")
axes.legend()
plt.show()

for name in ["coffee", "chelsea", "cat_and_coffee"]:
    p = float(classifier.predict(images[name])[0].max())
    print(f"{name:15s} p = {p:.2f}   p (1 - p) = {p * (1 - p):.2f}")

# %% [markdown]
# The sum in the bracket changes the map itself: it is what speaks for the *other* classes. So the
# gradient of a probability mixes two things, what speaks for the class and what speaks against the
# others. The gradient of a logit asks about the class alone.
#
# So every method of this course starts from the logit. `classifier.logits_model` is the network up
# to its logits. It shares its weights with `classifier.model`, and leaves that model as it is.

# %%
inputs = classifier.preprocess(image)
from_logits = tf.nn.softmax(classifier.logits_model(inputs)).numpy()[0]
assert np.allclose(from_logits, classifier.model(inputs).numpy()[0], atol=1e-6)
print("softmax of logits_model equals model")

# %% [markdown]
# ## What to remember
#
# - The network knows 1000 classes, and must choose among them.
# - Look indices up with `class_index`; never type them from memory.
# - Logits add up evidence; probabilities compare it. Explain logits.
#
# ## Where this misleads
#
# - A wrong label can be the list's fault: there is no class for an astronaut.
# - Even the right label may be one of several. When two objects are in the picture, low probability
#   does not mean that the network is lost.
# - A single logit has no zero. What raises all logits alike shows up in the map of each, although no
#   probability changes. To ask "why a cat rather than a cup?", explain $z_\text{cat} - z_\text{cup}$.
#
# **Next:** chapter 4.1 asks which region of the picture speaks for a class.

# %% [markdown] tags=["navigation"]
# ← [3 Visualizing layer outputs](03_visualizing_layer_outputs.ipynb) · [contents](../README.md#the-chapters) · [4.1 Grad-CAM](04_1_grad_cam.ipynb) →
