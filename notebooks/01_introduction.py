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
# # 1 Introduction
#
# [contents](../README.md#the-chapters) · [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) → · 10 minutes
#
# **Where did it look?** A network is shown a photograph of a great white shark. It answers *tiger
# shark*, and it's 69% sure. Which part of the animal made it say *tiger*? The answer alone doesn't
# say. This course opens the network and looks.
#
# **What you will learn**
#
# - what a network's answer tells you, and what it leaves out;
# - how a network turns a picture, yours too, into 1000 probabilities;
# - which question each chapter of this course asks.
#
# **You need:** some Python and NumPy.

# %% cellView="form" jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
# @title Setup: on Colab this installs the course, elsewhere it does nothing
import sys

if "google.colab" in sys.modules:
    get_ipython().run_line_magic("pip", "install --quiet course.zip")

# %%
import course_utils as cu

import matplotlib.pyplot as plt
import numpy as np

# %%
# The photograph
shark = cu.load_image("great_white_shark")

plt.figure(figsize=(7, 5))
plt.imshow(shark)
plt.axis("off")
plt.show()

# %% [markdown]
# *A great white shark among smaller fish (photograph: Terry Goss, CC BY 2.5).*

# %% tags=["live"]
# See what the photograph is to Python: its shape, type and range, and one pixel
print(shark.shape, shark.dtype, shark.min(), "to", shark.max())
print("the pixel at the top left:", shark[0, 0])

# %% [markdown]
# To Python the photograph is an array: 501 rows, 720 columns, three colors, whole numbers from 0 to 255.
#
# ## Ask a network
#
# The network of this course, EfficientNet-Lite0, turns such an array into 1000 probabilities, one for each
# kind of thing that it can name. It's a convolutional neural network (CNN); chapter 2 explains that word.

# %% tags=["live"]
# Load the network and see how large it is, what goes in and what comes out
classifier = cu.load_classifier()
model = classifier.model  # an ordinary Keras model
print(f"{len(model.layers)} layers, {model.count_params():,} weights")
print("input:", model.input_shape, " output:", model.output_shape)

# %% jupyter={"source_hidden": true}
# @title The layers that this chapter looks at
cu.draw_network(model, ["top_activation", "predictions"])

# %% [markdown]
# *EfficientNet-Lite0, a thin slab for each layer. Highlighted: top_activation, where heatmaps come from, and
# predictions.*
#
# The model wants a batch of pictures of 224 x 224 pixels, and numbers from about -1 to 1 instead of 0 to 255.

# %% tags=["live"]
# Resize, rescale, run, sort, and print the five most probable classes
small = cu.load_image("great_white_shark", size=(224, 224))
inputs = (small[np.newaxis].astype("float32") - 127) / 128
probabilities = model(inputs).numpy()[0]

for index in np.argsort(-probabilities)[:5]:
    print(f"{probabilities[index]:.2f} {cu.class_label(index)}")

# %% [markdown]
# That's a prediction. With the course's own function it takes a single line.

# %% tags=["live"]
# Do the same in one line, and draw it
predictions = classifier.top_predictions(shark, k=5)
cu.plot_predictions(predictions, shark)

# %% [markdown]
# *The five most probable classes: tiger shark 0.69, great white shark 0.20, and far behind them hammerhead,
# gar and sturgeon.*
#
# All five are fish, so the network is close. But it's wrong, and the bars don't say why.
#
# ## Your own picture
#
# What does it say about *yours*? Put a file name, `"my.jpg"`, or a picture's web address into the next cell. (On Colab and
# Binder, first drag the file into the list of files. In the web book, choose *Your own picture* in the explorer below: the
# picture stays on your computer.)

# %% tags=["live"]
# Ask the network about a picture of your own
mine = cu.load_image("coffee")  # put your file or address here
cu.plot_predictions(classifier.top_predictions(mine, k=5), mine)

# %% [markdown]
# *Until you put yours there, a cup of coffee: espresso 0.90, then cup and coffee mug.*
#
# ## Ask it where
#
# A *heatmap* shows which places in the picture speak for a name: the brighter, the more. Chapter 4.1 explains every step.
#
# **Predict, then run.** Does the heat for *tiger shark* lie on a different part of the animal than the heat for *great
# white shark*?
#
# <details><summary>Answer</summary>
#
# Hardly: their correlation is 0.97.
#
# </details>

# %% tags=["live"]
# Draw one heatmap for each of the two names
tiger, white = cu.class_index("tiger shark"), cu.class_index("great white shark")
heatmaps = {
    "for tiger shark": cu.make_gradcam_heatmap(classifier, shark, tiger),
    "for great white shark": cu.make_gradcam_heatmap(classifier, shark, white),
}
cu.plot_heatmap(shark, heatmaps)

# %% [markdown]
# *Two heatmaps over the shark, one for each name. Both cover most of the animal and some water around it, and both
# are bright behind the head and behind the dorsal fin.*

# %%
# Two places in each map, and how alike the two maps are
for name, heatmap in heatmaps.items():
    print(f"{name}: behind the head {heatmap[2, 2]:.2f}, behind the fin {heatmap[2, 4]:.2f}")
both = [heatmap.ravel() for heatmap in heatmaps.values()]
print(f"correlation of the two maps: {np.corrcoef(both)[0, 1]:.2f}")

# %% [markdown]
# Each map is divided by its largest value, so 1.00 is its hottest place: behind the head for *great white*, behind the fin
# for *tiger*. But the maps are nearly the same. So do we have an answer? *Not yet.* To see what
# speaks for *tiger* **rather than** for *great white*, chapter 4.1 takes a difference.
#
# Try other classes: drag *Class*, or type part of a name into *Search*. For your own picture, write
# `mine` instead of `shark`.

# %% tags=["live"]
# Open the explorer: a heatmap for any class
cu.ClassExplorer(classifier, shark)

# %% [markdown]
# *The class explorer with the heatmap for tiger shark. The sentence below the pictures gives its layer, its hottest place
# (the peak), and the area that holds half of the heat.*

# %% [markdown] tags=["still"]
# This is a picture of the explorer: in a running notebook its controls move.

# %% [markdown]
# ## A network must answer
#
# Here is a rocket. The 1000 classes have a *missile* and a *space shuttle*, but no rocket.
#
# **Predict, then run.** What will the network say, and how sure will it be?
#
# <details><summary>Answer</summary>
#
# *Drilling platform*, with 0.56. *Missile* comes second, with 0.06.
#
# </details>

# %% tags=["live"]
# Ask the network about a thing that it has no name for
rocket = cu.load_image("rocket")
predictions = classifier.top_predictions(rocket, k=5)
for prediction in predictions[:3]:
    print(f"{prediction.probability:.2f} {prediction.label}")
print("sum of all 1000 probabilities:", round(float(classifier.predict(rocket).sum()), 3))
cu.plot_predictions(predictions, rocket)

# %% [markdown]
# *The rocket's five most probable classes: drilling platform 0.56, then missile, crane, projectile and
# space shuttle with 0.06 or less each.*
#
# The network can't say "none of these". Its probabilities always sum to 1, so the nearest name
# gets them. Nearest in what sense? Chapter 5 finds out.
#
# ## Why it matters
#
# A classifier recognized horses well. A heatmap showed why: it had been looking at a
# photographer's copyright tag in the corner of many horse pictures
# ([Lapuschkin et al., 2019](https://arxiv.org/abs/1902.10178)). That was an older kind
# of model; chapter 8 catches a CNN doing the same. The accuracy didn't show it. Looking inside did.
#
# ## What each chapter answers
#
# <!-- stamp: questions -->
#
# | chapter | question |
# |---|---|
# | **Part I: the tutorial, chapter by chapter** | |
# | [1 Introduction](01_introduction.ipynb) | A great white shark, and the network says *tiger shark*. Where did it look? |
# | [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) | What do 138 million numbers look like? |
# | [3 Visualizing layer outputs](03_visualizing_layer_outputs.ipynb) | What do the pictures inside a network show? |
# | [4 Methods for interpretation](04_0_methods_for_interpretation.ipynb) | Why can't the network say *astronaut*? |
# | [4.1 Grad-CAM](04_1_grad_cam.ipynb) | Which *part* of the shark says *tiger*? |
# | [4.2 Saliency maps](04_2_saliency_maps.ipynb) | Is it the stripes? |
# | [4.3 Grad-CAM's relatives](04_3_grad_cams_relatives.ipynb) | Grad-CAM averages. What does it throw away? |
# | [5 Conclusion](05_conclusion.ipynb) | Why this name rather than that one? |
# | [5.1 You can stop here](05_1_you_can_stop_here.ipynb) | What can you do now, and do you believe it? |
# | **Part II: on from there** | |
# | [6 What a channel looks for](06_what_a_channel_looks_for.ipynb) | If a channel could wish for a picture, which would it be? |
# | [7 Is the heatmap right?](07_is_the_heatmap_right.ipynb) | Two of these maps have never seen the network. Which? |
# | [8 Your own network](08_your_own_network.ipynb) | It is right on every test picture. Would you ship it? |
# | [9 Ten causes of a wrong map](09_ten_causes_of_a_wrong_map.ipynb) | Your heatmap marks the wrong thing. What went wrong? |
# | [10 What fools a network](10_what_fools_a_network.ipynb) | Can a picture change its name and look the same? |
# | [11 From where to what](11_from_where_to_what.ipynb) | The map says where. What did the network see there? |
# | [12 The last page](12_the_last_page.ipynb) | The shark, the towers, the label: when was the map right? |
#
# <!-- end -->
#
# A cell uses what the cells above it have made. If it ends in `NameError`, run those first.

# %% [markdown]
# ## What to remember
#
# - A classifier turns a picture into 1000 probabilities that sum to 1. It must answer, even when no class
#   fits.
# - The answer alone shows neither what the network has learned nor what it looked at.
#
# ## Where a prediction misleads
#
# - 0.69 was the wrong shark. Only in a *calibrated* network are 69% of the answers at 0.69 correct, and many aren't calibrated
#   ([Guo et al., 2017](https://arxiv.org/abs/1706.04599)).
# - The five best classes may be five names for one thing.
#
# **Next:** chapter 2 takes a network apart.

# %% [markdown] tags=["navigation"]
# [contents](../README.md#the-chapters) · [2 Accessing layers and weights](02_accessing_layers_and_weights.ipynb) →
