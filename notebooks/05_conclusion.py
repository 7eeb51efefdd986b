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
# **What you will learn**
#
# - what each method of this course answers, what it costs, and how well it separates two objects;
# - why a convincing heatmap is not proof, and a test that every method must pass;
# - where to read on.
#
# **Time:** 20 minutes. **You need:** chapters 4.1 and 4.2.

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

import numpy as np
from course_utils.tiles import resize_heatmap

# %% [markdown]
# ## All methods on one picture
#
# We take the picture with two objects, so that right and wrong are visible: for *Egyptian cat* the
# heat belongs on the left half, for *espresso* on the right.

# %%
classifier = cu.load_classifier()
image = cu.load_image("cat_and_coffee")
cat = cu.class_index("Egyptian cat")
cup = cu.class_index("espresso")

NUM_SAMPLES, NUM_STEPS = 20, 50


def integrated_heatmap(classifier, image, class_index):
    """Return the magnitude of Integrated Gradients in [0, 1]."""
    attributions = cu.integrated_gradients(classifier, image, class_index, num_steps=NUM_STEPS)
    magnitude = np.abs(attributions.sum(axis=-1))
    return magnitude / magnitude.max()


def brighten(values):
    """Scale for drawing: the brightest 1 % of a map are 1."""
    return np.clip(values / np.percentile(values, 99), 0, 1)


def class_activation(method):
    """Return a function that computes a class activation map by `method`."""
    return lambda *arguments: cu.make_gradcam_heatmap(*arguments, method=method)


# for each method: its function, and how many gradients it computes
methods = {
    "Grad-CAM": (class_activation("grad_cam"), 1),
    "Grad-CAM++": (class_activation("grad_cam++"), 1),
    "LayerCAM": (class_activation("layer_cam"), 1),
    "Saliency": (cu.compute_saliency_map, 1),
    "SmoothGrad": (cu.smooth_grad, NUM_SAMPLES),
    "Integrated Gradients": (integrated_heatmap, NUM_STEPS),
}
heatmaps = {name: function(classifier, image, cat) for name, (function, _) in methods.items()}
cu.plot_heatmap(image, {f"{name}: cat": brighten(h) for name, h in heatmaps.items()})


# %%
def share_on_left(heatmap):
    """Return how much of a heatmap's sum lies on the left half of the picture."""
    stretched = resize_heatmap(heatmap, image.shape[:2])
    return float(stretched[:, : image.shape[1] // 2].sum() / stretched.sum())


on_cat = {name: share_on_left(heatmap) for name, heatmap in heatmaps.items()}
on_cup = {
    name: 1 - share_on_left(function(classifier, image, cup))
    for name, (function, _) in methods.items()
}
for name in methods:
    print(f"{name:21s} {on_cat[name]:.0%} on the cat, {on_cup[name]:.0%} on the cup")

# %% [markdown]
# A method that knew nothing about the class would have 50 % on each side, give or take: more on one
# side for both classes means that it only likes that side better.

# %% [markdown]
# ## A heatmap is not proof
#
# All these maps look as if they had to do with what the network has learned. Do they? Shuffle the
# weights: within each layer, every kernel keeps its values but at random places. The network has
# then learned nothing. A map that stays the same did not depend on learning in the first place
# ([Adebayo et al., 2018](https://arxiv.org/abs/1810.03292)).
#
# Shuffling changes the network for good, so we wrap it as a new classifier and do not use the old
# one any more.

# %%
generator = np.random.default_rng(0)
for layer in classifier.model.layers:
    weights = layer.get_weights()
    for array in weights:
        if array.ndim > 1:  # kernels; biases and normalization stay
            generator.shuffle(array.reshape(-1))
    layer.set_weights(weights)

shuffled = cu.ImageClassifier("shuffled", classifier.model, classifier.preprocess_input)
best = shuffled.top_predictions(image, k=1)[0]
print(f"the shuffled network says: {best.label} {best.probability:.2f}")

# %%
shuffled_maps = {name: function(shuffled, image, cat) for name, (function, _) in methods.items()}
sanity = {
    name: float(np.corrcoef(heatmaps[name].ravel(), shuffled_maps[name].ravel())[0, 1])
    for name in methods
}
for name, value in sanity.items():
    print(f"{name:21s} correlation of trained and shuffled: {value:.2f}")

# %%
pairs = {}
for name in ["Grad-CAM", "LayerCAM", "Integrated Gradients"]:
    pairs[f"{name}, trained"] = brighten(heatmaps[name])
    pairs[f"{name}, shuffled"] = brighten(shuffled_maps[name])
cu.plot_heatmap(image, pairs)

# %% [markdown]
# A correlation near 0 is what we want: the map changes when the learning is gone. A high one is a
# warning. Compare the pairs of pictures with their numbers. A map that follows the edges of the
# *picture* can look convincing for a network that knows nothing.

# %% [markdown]
# ## The methods in one table
#
# Made from what this chapter has measured.

# %%
print(f"{'method':21s} {'map':>9s} {'gradients':>10s} {'on cat':>7s} {'on cup':>7s} {'shuffled':>9s}")
for name, (_, gradients) in methods.items():
    size = "{} x {}".format(*heatmaps[name].shape)
    print(f"{name:21s} {size:>9s} {gradients:10d} {on_cat[name]:7.0%} {on_cup[name]:7.0%} "
          f"{sanity[name]:9.2f}")

# %% [markdown]
# | method | it answers | it gets wrong |
# |---|---|---|
# | Grad-CAM | which region speaks for the class, against the rest of the picture | outlines; small objects |
# | Grad-CAM++ | which regions speak for the class at all | telling two classes apart |
# | LayerCAM | the same, place by place, also at earlier layers | telling two classes apart |
# | Saliency | what a small change of a pixel would do | noise; contrast looks like evidence |
# | SmoothGrad | the same, averaged over a neighborhood | costs a gradient for each sample |
# | Integrated Gradients | how the logit's gain over a baseline is shared out | depends on the baseline; costs a gradient for each step |
#
# No column of numbers picks a winner. They answer different questions, and each number comes from
# one picture.

# %% [markdown]
# ## What to remember
#
# - First the question, then the method: region or pixel, small change or total gain.
# - Test every heatmap. Does it change with the class? With the weights? Does covering the hot place
#   change the logit?
# - A heatmap that passes shows *where* the network looked. *Why* stays your hypothesis.
#
# ## Further reading
#
# - Grad-CAM: Selvaraju et al., <https://arxiv.org/abs/1610.02391>
# - Grad-CAM++: Chattopadhay et al., <https://arxiv.org/abs/1710.11063>
# - LayerCAM: Jiang et al., <https://doi.org/10.1109/TIP.2021.3089943>
# - Saliency: Simonyan et al., <https://arxiv.org/abs/1312.6034>
# - SmoothGrad: Smilkov et al., <https://arxiv.org/abs/1706.03825>
# - Integrated Gradients: Sundararajan et al., <https://arxiv.org/abs/1703.01365>
# - Sanity checks for saliency maps: Adebayo et al., <https://arxiv.org/abs/1810.03292>
# - Feature visualization, another way to look inside: Olah et al.,
#   <https://distill.pub/2017/feature-visualization>
# - A book on the whole field: Molnar, *Interpretable Machine Learning*,
#   <https://christophm.github.io/interpretable-ml-book>
