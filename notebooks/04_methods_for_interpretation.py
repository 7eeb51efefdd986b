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
# # 4 Methods for interpretation; ImageNet
#
# **What you will learn**
#
# - what ImageNet's 1000 classes are, and what they are not;
# - how to find a class's index without an off-by-one error;
# - the difference between a logit and a probability, and why explanations start from logits.
#
# **Time:** 20 minutes. **You need:** chapter 3.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course and fetches VGG16, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    import subprocess
    from importlib.metadata import requires

    def install(*packages):
        """Add packages and change none that is there: Colab keeps its TensorFlow and NumPy."""
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *packages]
        if subprocess.run(command).returncode:
            raise SystemExit("pip could not install the course, and says why above.")

    install("course.zip")
    install(*requires("course-utils"), "deprecated")  # the last one is for tf-keras-vis

    from course_utils.__main__ import main

    if main(["fetch", "vgg16"]):
        print("The chapter goes on with the network that is part of the course.")

# %%
import course_utils as cu
import course_utils.backend  # loads TensorFlow without its start-up messages

# %load_ext course_utils.hints

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

# %% [markdown]
# ## Two questions to a decision
#
# Chapters 2 and 3 looked at the network: its weights, its feature maps. From here on we look at a
# *decision*: one picture, one class, one number. Two families of methods ask what the number rests
# on.
#
# - **Which region?** Class activation maps (chapter 4.1) weight the last feature maps by how much
#   they matter for the class. They are coarse and stable.
# - **Which pixels?** Saliency maps (chapter 4.2) ask how the number changes when a pixel changes.
#   They are fine and noisy.
#
# Both need to know what the number is. So we first look at the network's output.

# %% [markdown]
# ## The 1000 classes
#
# ImageNet is a collection of photographs sorted by the nouns of WordNet, a dictionary of meanings.
# The networks here are trained on the 1000 nouns of its yearly competition
# ([Russakovsky et al., 2014](https://arxiv.org/abs/1409.0575)). Each class has an index, a WordNet
# ID, and an English label.

# %%
for index in [0, 1, 2, 281, 282, 283, 999]:
    print(f"{index:4d}  {cu.class_label(index)}")

# %% [markdown]
# The list is uneven. It knows over a hundred breeds of dogs, each a class of its own. It has no
# giraffe, and no person.

# %%
first, last = cu.class_index("Chihuahua"), cu.class_index("Mexican hairless")
print(f"classes {first} to {last} are dogs: {last - first + 1} of them")
for text in ["cat", "giraffe", "person"]:
    found = [c.label for c in cu.search_classes(text)]
    print(f"search {text!r}: {', '.join(found) or 'nothing'}")

# %% [markdown]
# Searching for *cat* finds kinds of cats, and other words that contain these three letters.

# %% [markdown]
# ## From a name to an index
#
# `class_index` takes any spelling. It refuses to guess.

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
    axes.set_title(f"{best.label}\n{best.probability:.2f}", fontsize="small")
    axes.axis("off")
plt.show()

for name, image in images.items():
    top = [f"{p.label} {p.probability:.2f}" for p in classifier.top_predictions(image, k=3)]
    print(f"{name:15s} {', '.join(top)}")

# %% [markdown]
# Go through the five pictures and decide for each whether you agree. The astronaut and the rocket
# have no class of their own, and the network names something else. The last picture has two right
# answers, so its probability is divided among several names. None of this is visible in a single
# best label.

# %% [markdown]
# ### Explore: what else does the network see?
#
# Drag *Class* through the most probable classes, or *search* all 1000. The heatmap shows where the
# network finds the class; how, is the subject of the next chapter. Choose the astronaut as the
# picture: which part of it is the bobsled?

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
# Softmax only looks at differences: add 100 to every logit and the probabilities stay the same. And
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
# The methods of the next chapters ask for a derivative: how much does the number change? For a
# probability and its own logit that derivative is
#
# $$ \frac{\partial p_c}{\partial z_c} = p_c \, (1 - p_c) , $$
#
# which goes to zero where the network is sure. Softmax *saturates*. The surer the network, the less
# there is to explain.

# %%
z = np.linspace(-8, 8, 200)
p = 1 / (1 + np.exp(-z))

figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
axes.plot(z, p, color="#440154", label="probability p")
axes.plot(z, p * (1 - p), color="#31688e", linestyle="--", label="its derivative p (1 - p)")
axes.set_xlabel("logit of a class, with all other logits fixed")
axes.set_title("A sure network has flat probabilities", fontsize="medium")
axes.legend()
plt.show()

for name in ["coffee", "chelsea", "cat_and_coffee"]:
    p = float(classifier.predict(images[name])[0].max())
    print(f"{name:15s} p = {p:.2f}   p (1 - p) = {p * (1 - p):.2f}")

# %% [markdown]
# There is a second reason. The gradient of a probability mixes two things: what speaks *for* the
# class, and what speaks *against* the others. The gradient of a logit asks only about the class.
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
# - The network knows 1000 nouns, and must choose among them.
# - Look indices up with `class_index`; never type them from memory.
# - Logits add up evidence; probabilities compare it. Explain logits.
#
# ## Where this misleads
#
# - A wrong label can be the list's fault: there is no class for an astronaut.
# - Even the right label may be one of several. When two objects are in the picture, low probability
#   does not mean that the network is lost.
#
# **Next:** chapter 4.1 asks which region of the picture speaks for a class.
