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
# The network calls an astronaut a *bobsled*, and a rocket a *drilling platform*. **Is it stupid, or is
# something wrong with the names?** First, the 1000 names, and the number behind each.
#
# **What you will learn**
#
# - what ImageNet's 1000 classes are, and what they aren't;
# - how to get from a name to an index and back without losing a class;
# - the difference between a logit and a probability, and which question each of them asks.
#
# **You need:** chapter 3.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import json
from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

# %%
# Six photographs, each with the first answer
plt.rcParams["font.size"] = 13  # letters that can be read on a phone
classifier = cu.load_classifier()
names = ["great_white_shark", "chelsea", "coffee", "astronaut", "rocket", "cat_and_coffee"]
images = {name: cu.load_image(name) for name in names}

figure, panels = plt.subplots(2, 3, figsize=(9, 5.4), layout="constrained")
for axes, (name, image) in zip(panels.flat, images.items()):
    best, second = classifier.top_predictions(image, k=2)
    print(f"{name}: {best.label} {best.probability:.2f}, {second.label} {second.probability:.2f}")
    axes.imshow(image)
    axes.set_anchor("N")  # the titles of a row at one height
    axes.set_title(f"{best.label.replace('_', ' ')}, {best.probability:.2f}", fontsize="medium")
    axes.axis("off")
plt.show()

# %% [markdown]
# *Six photographs with the network's first answer: a tiger shark (it is a great white), an Egyptian cat, an
# espresso, a bobsled (an astronaut), a drilling platform (a rocket), and a tiger cat (a cat and a cup).*
#
# Why a different network from the one in chapters 2 and 3? Because now we need classes. VGG16 keeps them in its three
# dense layers, and those don't come with the course. EfficientNet-Lite0 does, and names what it sees.
# (`cu.load_classifier("vgg16")` downloads all of VGG16, 553 MB; all methods work on it, too.)

# %% jupyter={"source_hidden": true}
# @title The layer that this chapter looks at
cu.draw_network(classifier.model, ["predictions"])

# %% [markdown]
# *EfficientNet-Lite0, a thin slab for each layer. Highlighted: the very last one, predictions, with a
# number for each name.*
#
# ## Where the names come from
#
# ImageNet has grown to more than 14 million photographs from the internet, in more than 20,000 categories.
# Search engines found them, and people on Amazon's Mechanical Turk checked whether each shows what it should
# ([Deng et al., 2009](https://doi.org/10.1109/CVPR.2009.5206848)). The categories are meanings of nouns, from the
# dictionary WordNet. A yearly competition picked 1000 of them
# ([Russakovsky et al., 2014](https://arxiv.org/abs/1409.0575)), and our networks were trained on these.
#
# Keras keeps the list in a small JSON file: index, WordNet ID, label.

# %%
# Keras's list of the classes
path = files("course_utils") / "data/imagenet_class_index.json"
CLASS_INDEX = json.loads(path.read_text())
print(path.read_text()[:91], "...")
print(len(CLASS_INDEX), "classes; number 282 is", CLASS_INDEX["282"])

# %% [markdown]
# **Predict, then run.** Giraffe, astronaut, ballplayer: which of the three has a class of its own among the 1000?
#
# <details><summary>Answer</summary>
#
# Only the ballplayer. The search finds no giraffe and no astronaut, but 118 classes are breeds of dogs.
#
# </details>

# %% tags=["live"]
# Search the labels for some names, and count the dogs
for text in ["giraffe", "rocket", "astronaut", "ballplayer", "shark"]:
    found = [c.label for c in cu.search_classes(text)]
    print(f"{text}: {', '.join(found) or 'nothing'}")
first, last = cu.class_index("Chihuahua"), cu.class_index("Mexican hairless")
print(f"dogs: classes {first} to {last}, {last - first + 1} of them")

# %% [markdown]
# The list is uneven. It has three kinds of people: a ballplayer, a groom, and a scuba diver. The shuttle behind the
# astronaut is in the list, but she isn't, so no right answer was on offer. That's why the network can't say
# *astronaut*. Why it says *bobsled*, of all names, is another question (chapter 5).
#
# ## From a name to an index, and back
#
# The network's output has no names, only 1000 positions. To ask about the great white shark we need its
# index. So the tutorial makes a dictionary from label to index.
#
# **Predict, then run.** The dictionary has only 998 entries. Two classes are missing, and there was no error. Why?
#
# <details><summary>Answer</summary>
#
# Two labels, crane and maillot, stand for two classes each. A dictionary has one place for
# a key: it keeps the second of each pair and loses the first.
#
# </details>

# %% tags=["live"]
# Turn the list around, count the entries, and find the labels that occur more than once
labels = [label for wnid, label in CLASS_INDEX.values()]
class2index = {label: index for index, label in enumerate(labels)}
print(f"{len(labels)} classes, but {len(class2index)} entries")
print("twice:", [label for label in class2index if labels.count(label) > 1])
print("tabby is", cu.class_index("tabby"), "and 282 is", cu.class_label(282))

# %% [markdown]
# A *crane* is a bird and a machine; the two *maillots* are, in WordNet, a dancer's tights and a swimsuit.
# `cu.class_index` refuses to guess, tolerates spaces and capitals, and helps with typos. `cu.class_label` is the way
# back. Keras counts from 0. If you're off by one, you explain the wrong class, and nothing warns you: the *tabby*'s neighbor
# is a cat, too.
#
# ### Explore: what else does the network see?
#
# Drag *Class*, or search all 1000. Where on the astronaut is the *football helmet*? And where is the *bobsled*?

# %%
# Drag Class
cu.ClassExplorer(classifier, images["astronaut"])

# %% [markdown]
# *The class explorer on the astronaut, at its most probable class, bobsled: hot between the suit and the black helmet,
# and at her right shoulder.*

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %%
# How much of a heatmap lies on the helmet: in the last three rows and four columns of its 7 x 7 cells
for name in ["football helmet", "bobsled"]:
    heatmap = cu.make_gradcam_heatmap(classifier, images["astronaut"], cu.class_index(name))
    print(f"{name}: {heatmap[4:, 3:].sum() / heatmap.sum():.0%}")

# %% [markdown]
# *Football helmet* has most of its heat there, *bobsled* less than half. Chapter 5 takes the difference.
#
# ## Logits and probabilities
#
# The last layer of the network computes one number for each class, the **logit** $z_c$. It can be
# any real number. *Softmax* turns the logits into probabilities:
#
# $$ p_c = \frac{e^{z_c}}{\sum_k e^{z_k}} . $$


# %% tags=["live"]
# Write softmax, and turn the logits of the shark into probabilities
def softmax(z):
    return np.exp(z) / np.exp(z).sum()


image = images["great_white_shark"]
logits = classifier.logits(image)[0]
assert np.allclose(softmax(logits), classifier.predict(image)[0], atol=1e-6)
for index in np.argsort(-logits)[:3]:
    print(f"{cu.class_label(index):18s} {logits[index]:5.2f} {softmax(logits)[index]:5.2f}")

# %% [markdown]
# The tiger shark leads by 1.26 logits, so its probability is $e^{1.26} = 3.5$ times the great white's.
#
# **Predict, then run.** What happens to the tiger shark's probability if we add 10 to every logit? And if we take away only
# the great white's evidence, and leave the tiger shark's logit as it is?
#
# <details><summary>Answer</summary>
#
# It stays at 0.69: softmax only looks at differences. And it rises to 0.86, although nothing about tiger sharks has
# changed: a probability depends on *all* logits.
#
# </details>

# %% tags=["live"]
# Add 10 to every logit; then set only the great white's to the lowest of all
tiger, white = cu.class_index("tiger shark"), cu.class_index("great white shark")
without_white = logits.copy()
without_white[white] = logits.min()
print(f"as it is: {softmax(logits)[tiger]:.2f}")
print(f"10 added to every logit: {softmax(logits + 10)[tiger]:.2f}")
print(f"the great white's lowest: {softmax(without_white)[tiger]:.2f}")

# %% [markdown]
# ## Why explanations start from logits
#
# The methods of the next chapters ask for a derivative: how much does the number change when the picture does? Divide the
# numerator and denominator of softmax by $e^{z_c}$, and you get $p_c = 1 / (1 + e^{-d})$, where
# $d = z_c - \log \sum_{k \neq c} e^{z_k}$ is the logit minus the others.

# %% jupyter={"source_hidden": true}
# @title A probability and its derivative
z = np.linspace(-8, 8, 200)
p = 1 / (1 + np.exp(-z))
sure = float(classifier.predict(images["coffee"])[0].max())
lead = np.log(sure / (1 - sure))

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(z, p, color="#440154", label="probability p")
axes.plot(z, p * (1 - p), color="#31688e", linestyle="--", label="its derivative p (1 - p)")
axes.plot([lead, lead], [sure, sure * (1 - sure)], "o", color="#5dc863", label="the coffee picture")
axes.set_xlabel("d, logit of the class minus the others")
axes.set_xlim(-8, 8)
axes.set_title("Where the network is sure, the probability is flat", fontsize="medium")
axes.legend()
plt.show()

# %% [markdown]
# *Probability and its derivative: an S-shaped curve that is flat at both ends, and a bell. The coffee picture, with
# p = 0.90, lies on the right slope of the bell.*
#
# Where the network is nearly sure, the derivative is nearly zero: softmax *saturates*. Does that spoil a map? No: $p (1 - p)$
# is one factor for the whole picture, gone once the map is divided by its maximum. (Where gradients are added up, as in
# chapter 4.2, it stays.)
#
# **Predict, then run.** For the shark, is the gradient of the probability more like that of the logit of *tiger shark*, or
# like that of the logit minus the others?
#
# <details><summary>Answer</summary>
#
# The second: they are the same except for that factor. With the logit's the correlation is 0.78.
#
# </details>

# %%
# The gradients of three scores at the pixels of the shark
pixels = tf.constant(classifier.preprocess(image))
with tf.GradientTape(persistent=True) as tape:
    tape.watch(pixels)
    z = classifier.logits_model(pixels)[0]
    logit, probability = z[tiger], tf.nn.softmax(z)[tiger]
    others = tf.concat([z[:tiger], z[tiger + 1 :]], axis=0)
    minus_others = logit - tf.reduce_logsumexp(others)  # d
scores = [logit, probability, minus_others]
gradients = [tape.gradient(score, pixels).numpy().ravel() for score in scores]
correlations = np.corrcoef(gradients)
print(f"the probability's and the logit's: {correlations[1, 0]:.2f}")
print(f"and of the logit minus the others: {correlations[1, 2]:.6f}")
share = softmax(logits)[white] / (1 - softmax(logits)[tiger])
print(f"of the others the great white has {share:.0%}")

# %% [markdown]
# The others count by their shares of what is left, here 63% for the great white. So the gradient of the probability is no
# mistake. It answers *another question*: why this class **rather than all the others**? We take the logit because then we
# choose the rival ourselves: we subtract its logit.
#
# <details><summary>The formula, for those who want it</summary>
#
# $$ \frac{\partial p_c}{\partial x} = p_c \, (1 - p_c) \; \Big( \frac{\partial z_c}{\partial x}
# - \sum_{k \neq c} \frac{p_k}{1 - p_c} \, \frac{\partial z_k}{\partial x} \Big) $$
#
# </details>
#
# `classifier.logits_model` is the network up
# to its logits, on the same weights. (For VGG16: `VGG16(classifier_activation=None)`; for others: chapter 4.2.)

# %%
# The network up to its logits
inputs = classifier.preprocess(image)
from_logits = tf.nn.softmax(classifier.logits_model(inputs)).numpy()[0]
assert np.allclose(from_logits, classifier.model(inputs).numpy()[0], atol=1e-6)
print("softmax of logits_model equals model")

# %% [markdown]
# ## Two questions about a decision
#
# - **Which region?** Class activation maps (chapter 4.1) weight the last feature maps by how much
#   they matter for the class. Coarse: a few dozen cells.
# - **Which pixels?** Saliency maps (chapter 4.2) ask how the logit changes when a pixel changes.
#   Fine, and noisy.
#
# ## What to remember
#
# - The network knows 1000 classes, and it must choose among them.
# - Look indices up with `class_index`; never type them from memory.
# - A logit asks about one class, a probability about this class rather than all others. Say which one you explain.
#
# ## Where this misleads
#
# - A wrong label can be the list's fault: there is no class for an astronaut.
# - Two objects in a picture share the probability. A low one doesn't mean that the network is lost.
# - The zero of a logit is arbitrary in principle. What raises all logits alike shows up in every class's map, although no
#   probability changes. The *difference* of two logits is free of it; the next chapter takes it.
#
# **Next:** chapter 4.1 asks which region of the picture speaks for a class.

# %% [markdown] tags=["navigation"]
# **Your turn:** [the exercises](../exercises/student/04_0_methods_for_interpretation.ipynb)
#
# ← [3 Visualizing layer outputs](03_visualizing_layer_outputs.ipynb) · [contents](../README.md#the-chapters) · [4.1 Grad-CAM](04_1_grad_cam.ipynb) →
