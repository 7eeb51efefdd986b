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
# # Exercises 4.1: Grad-CAM
#
# These exercises go with chapter [4.1](../../notebooks/04_1_grad_cam.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import keras
import numpy as np
import tensorflow as tf

# %% [markdown]
# ## 4.1a Grad-CAM from memory (10 minutes)
#
# Close the chapter. Steps 1 and 2, forward and backward, have been done for you: `maps` holds the feature maps
# $A^k$ of a layer, `gradients` the gradient of the class's logit at each of their values. Take steps 3 and 4: average,
# weighted sum, ReLU. Divide by the maximum, so that the hottest cell is 1. Where nothing speaks for the class, all
# cells are 0.


# %%
def grad_cam(maps, gradients):
    """Return Grad-CAM in [0, 1], (h, w).

    maps, gradients: float arrays (h, w, channels).
    """
    # solution
    weights = gradients.mean(axis=(0, 1))
    heatmap = np.maximum((maps * weights).sum(axis=-1), 0)
    return heatmap / (heatmap.max() or 1)


# %% tags=["catalog"]
from course_exercises.task import Task
from course_exercises.tiny import last_ranked, tiny_network

TASKS: dict[str, Task] = {}


def maps_and_gradients(generator):
    for shape in [(7, 7, 12), (5, 9, 4), (6, 6, 3), (4, 2, 1)]:
        maps = np.abs(generator.normal(size=shape))
        gradients = generator.normal(size=shape) + generator.normal(size=shape[-1])
        if shape[-1] == 1:
            gradients = np.abs(gradients)
        while grad_cam(maps, gradients).max() == 0:  # that is a case of its own, below
            gradients = generator.normal(size=shape)
        yield "{} x {} places and {} channels".format(*shape), maps, gradients
    # in all but one channel the gradients are negative, in that one they are small
    gradients = -np.abs(generator.normal(size=(5, 4, 3)))
    yield "a class that nothing speaks for", np.abs(generator.normal(size=(5, 4, 3))), gradients
    maps = generator.normal(size=(3, 8, 6))
    gradients = generator.normal(size=(3, 8, 6))
    yield "maps with negative values", maps, gradients


def scaled(heatmap):
    return heatmap / (np.max(heatmap) or 1)


def without_relu(maps, gradients):
    """No ReLU: what is negative speaks against the class, and Grad-CAM shows what speaks for it."""
    return scaled((maps * gradients.mean(axis=(0, 1))).sum(axis=-1))


def relu_before_the_sum(maps, gradients):
    """The ReLU comes too early: a channel that speaks against the class must be able to take away
    from the others. Sum over the channels first.
    """
    return scaled(np.maximum(maps * gradients.mean(axis=(0, 1)), 0).sum(axis=-1))


def relu_of_the_gradients(maps, gradients):
    """You average the positive gradients only. Step 3 takes the mean of all of them, with their sign."""
    return scaled(np.maximum((maps * np.maximum(gradients, 0).mean(axis=(0, 1))).sum(axis=-1), 0))


def not_averaged(maps, gradients):
    """Step 3 is missing: each map gets one weight, the mean of its gradient over all places. (What
    you have is HiResCAM, task 4.1b.)
    """
    return scaled(np.maximum((maps * gradients).sum(axis=-1), 0))


def averaged_over_channels(maps, gradients):
    """You average over the channels. Average over the places, rows and columns: one weight for each
    channel.
    """
    return scaled(np.maximum((maps * gradients.mean(axis=-1, keepdims=True)).sum(axis=-1), 0))


def not_scaled(maps, gradients):
    """Not divided by the maximum: the hottest cell should be 1."""
    return np.maximum((maps * gradients.mean(axis=(0, 1))).sum(axis=-1), 0)


def stretched(maps, gradients):
    """You subtract the minimum. That moves the zero, and cells that speak against the class get warm:
    take the ReLU, then divide by the maximum.
    """
    heatmap = (maps * gradients.mean(axis=(0, 1))).sum(axis=-1)
    return (heatmap - heatmap.min()) / (np.ptp(heatmap) or 1)


def transposed(maps, gradients):
    """Rows and columns are exchanged."""
    return grad_cam(maps, gradients).T


def zero_divided(maps, gradients):
    """Where nothing speaks for the class, the maximum is 0, and you divide by it."""
    heatmap = np.maximum((maps * gradients.mean(axis=(0, 1))).sum(axis=-1), 0)
    return heatmap / heatmap.max()


TASKS["4.1a"] = Task(
    grad_cam,
    maps_and_gradients,
    [
        without_relu,
        relu_before_the_sum,
        relu_of_the_gradients,
        not_averaged,
        averaged_over_channels,
        not_scaled,
        stretched,
        transposed,
        zero_divided,
    ],
    {
        "all values are numbers, none is NaN": lambda heatmap, *_: np.isfinite(heatmap).all(),
        "no value is negative": lambda heatmap, *_: heatmap.min() >= 0,
        "no value is above 1": lambda heatmap, *_: heatmap.max() <= 1 + 1e-6,
    },
)

# %% [markdown]
# ## 4.1b HiResCAM from Grad-CAM (25 minutes)
#
# Grad-CAM's mean throws away *where* a gradient is large. HiResCAM (chapter 4.3) skips it:
# $S^c = \sum_k g^k \cdot A^k$. Keep what is positive and divide by the maximum, as in 4.1a; where nothing speaks for the
# class, all cells are 0. But this time take all the steps, with a network. It ends in a dense layer with a softmax, and you
# want the logit, so stop before that layer and multiply by its weights yourself, as the chapter does. Don't change the
# model: others use it, too.


# %%
def hires_cam(model, inputs, class_index, layer_name):
    """Return HiResCAM in [0, 1], (h, w), for a class's logit at a layer.

    model: a Keras model that ends in a dense layer with a softmax.
    inputs: a float tensor (1, H, W, 3), one preprocessed picture.
    """
    # solution
    last = model.layers[-1]
    maps_and_features = keras.Model(model.input, [model.get_layer(layer_name).output, last.input])
    with tf.GradientTape() as tape:
        maps, features = maps_and_features(inputs)
        logit = (features @ last.kernel + last.bias)[0, class_index]
    gradients = tape.gradient(logit, maps)
    heatmap = tf.nn.relu(tf.reduce_sum(gradients * maps, axis=-1))[0].numpy()
    return heatmap / (heatmap.max() or 1)


# %% tags=["catalog"]


def networks_and_pictures(generator):
    for size, layer_name in [((7, 10), "second"), ((6, 6), "first")]:
        model = tiny_network(generator, size)
        inputs = tf.constant(generator.normal(size=(1, *size, 3)), tf.float32)
        case = f"a picture of {size[0]} x {size[1]} pixels, layer {layer_name!r}"
        yield case, model, inputs, last_ranked(model, inputs), layer_name
    model = tiny_network(generator, (6, 6))
    kernel = model.layers[-1].kernel
    kernel.assign(-tf.abs(kernel))  # after a ReLU all classes have negative logits
    inputs = tf.constant(generator.normal(size=(1, 6, 6, 3)), tf.float32)
    yield "a class that nothing speaks for", model, inputs, 2, "second"


def gradient_at(model, inputs, class_index, layer_name, of_logit=True):
    last = model.layers[-1]
    layer = model.get_layer(layer_name)
    split = keras.Model(model.input, [layer.output, last.input, last.output])
    with tf.GradientTape() as tape:
        maps, features, probabilities = split(inputs)
        logits = features @ last.kernel + last.bias
        score = (logits if of_logit else probabilities)[0, class_index]
    return maps[0].numpy(), tape.gradient(score, maps)[0].numpy()


def of_the_probability(model, inputs, class_index, layer_name):
    """That is the probability's gradient. It answers another question, this class against all
    others. Take the logit, before the softmax.
    """
    maps, gradients = gradient_at(model, inputs, class_index, layer_name, of_logit=False)
    return scaled(np.maximum((maps * gradients).sum(axis=-1), 0))


def still_averaged(model, inputs, class_index, layer_name):
    """That is Grad-CAM: the gradient is still averaged over the places."""
    return grad_cam(*gradient_at(model, inputs, class_index, layer_name))


def layer_cam(model, inputs, class_index, layer_name):
    """That is LayerCAM: you take the ReLU of the gradients. HiResCAM keeps their sign until the sum
    is done.
    """
    maps, gradients = gradient_at(model, inputs, class_index, layer_name)
    return scaled((maps * np.maximum(gradients, 0)).sum(axis=-1))


def gradient_alone(model, inputs, class_index, layer_name):
    """That's the gradient alone: what a change would do. Multiply it by the feature maps, which say
    what is there.
    """
    _, gradients = gradient_at(model, inputs, class_index, layer_name)
    return scaled(np.maximum(gradients.sum(axis=-1), 0))


def of_the_first_ranked(model, inputs, class_index, layer_name):
    """You explain the class that the network ranks first, not `class_index`."""
    return hires_cam(model, inputs, int(np.argmax(model(inputs)[0])), layer_name)


def at_the_last_layer(model, inputs, class_index, layer_name):
    """You always take the last convolution: use `layer_name`."""
    return hires_cam(model, inputs, class_index, "second")


def signed(model, inputs, class_index, layer_name):
    """No ReLU: what is negative speaks against the class."""
    maps, gradients = gradient_at(model, inputs, class_index, layer_name)
    return scaled((maps * gradients).sum(axis=-1))


def without_softmax_for_everyone(model, inputs, class_index, layer_name):
    """You took the softmax off the model that you were given. For everyone who uses it, its
    probabilities are logits now. Compute the logit beside the model.
    """
    model.layers[-1].activation = keras.activations.linear
    maps, gradients = gradient_at(model, inputs, class_index, layer_name, of_logit=False)
    return scaled(np.maximum((maps * gradients).sum(axis=-1), 0))


def nothing_divided(model, inputs, class_index, layer_name):
    """Where nothing speaks for the class, the maximum is 0, and you divide by it."""
    maps, gradients = gradient_at(model, inputs, class_index, layer_name)
    heatmap = np.maximum((maps * gradients).sum(axis=-1), 0)
    return heatmap / heatmap.max()


TASKS["4.1b"] = Task(
    hires_cam,
    networks_and_pictures,
    [
        of_the_probability,
        still_averaged,
        layer_cam,
        gradient_alone,
        of_the_first_ranked,
        at_the_last_layer,
        signed,
        without_softmax_for_everyone,
        nothing_divided,
    ],
    TASKS["4.1a"].properties,
)

# %% [markdown]
# ## 4.1c Where is the heat? (15 minutes)
#
# One number says more than a colored cloud: the heat's center of mass, the mean place with the heat as weight. Give it
# in pixels of the photograph. Compute it from the cells; don't stretch the heatmap first. A cell stands for an *area*, its
# value in the middle of it. Where there is no heat at all, return the middle of the photograph,
# (height / 2, width / 2).


# %%
def center_of_heat(heatmap, height, width):
    """Return (row, column) of the center of mass, in pixels of a picture of height x width.

    heatmap: float array (h, w), nowhere negative. Row 0.0 is the picture's upper edge.
    """
    # solution
    if heatmap.sum() == 0:
        return height / 2, width / 2
    rows = (np.arange(heatmap.shape[0]) + 0.5) * height / heatmap.shape[0]
    columns = (np.arange(heatmap.shape[1]) + 0.5) * width / heatmap.shape[1]
    share = heatmap / heatmap.sum()
    return (share.sum(axis=1) * rows).sum(), (share.sum(axis=0) * columns).sum()


# %% tags=["catalog"]


def heatmaps(generator):
    for shape, height, width in [((7, 7), 224, 224), ((5, 9), 300, 451), ((3, 2), 64, 40)]:
        heatmap = generator.random(shape) ** 4
        yield f"{shape[0]} x {shape[1]} cells, {height} x {width} pixels", heatmap, height, width
    heatmap = np.zeros((7, 7))
    heatmap[generator.integers(7), generator.integers(7)] = 1
    yield "a single hot cell", heatmap, 224, 448
    yield "no heat at all", np.zeros((4, 6)), 121, 96


def center_with(heatmap, rows, columns):
    if heatmap.sum() == 0:
        return 0.0, 0.0
    share = heatmap / heatmap.sum()
    return (share.sum(axis=1) * rows).sum(), (share.sum(axis=0) * columns).sum()


def upper_left_corners(heatmap, height, width):
    """Half a cell is missing: a cell's value belongs in its middle, not at its upper left corner."""
    if heatmap.sum() == 0:
        return height / 2, width / 2
    h, w = heatmap.shape
    return center_with(heatmap, np.arange(h) * height / h, np.arange(w) * width / w)


def corner_to_corner(heatmap, height, width):
    """You lay the corner cells on the corners of the picture. A cell is height / h pixels high, and its middle
    is half of that from its edge.
    """
    if heatmap.sum() == 0:
        return height / 2, width / 2
    rows, columns = (
        np.linspace(0, n, k) for n, k in zip((height, width), heatmap.shape, strict=True)
    )
    return center_with(heatmap, rows, columns)


def columns_first(heatmap, height, width):
    """Rows and columns are exchanged: the row comes first."""
    return center_of_heat(heatmap, height, width)[::-1]


def hottest_cell(heatmap, height, width):
    """That's the hottest cell. The center of mass weights all cells by their heat."""
    h, w = heatmap.shape
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    return (row + 0.5) * height / h, (column + 0.5) * width / w


def in_cells(heatmap, height, width):
    """That's in cells. Give it in pixels of the photograph."""
    h, w = heatmap.shape
    if heatmap.sum() == 0:
        return h / 2, w / 2
    return center_with(heatmap, np.arange(h) + 0.5, np.arange(w) + 0.5)


def not_divided(heatmap, height, width):
    """The weights must add up to 1: divide by the sum of the heat."""
    row, column = center_of_heat(heatmap, height, width)
    return row * heatmap.sum(), column * heatmap.sum()


def nowhere(heatmap, height, width):
    """Where there is no heat, its sum is 0, and you divide by it."""
    h, w = heatmap.shape
    rows, columns = (np.arange(h) + 0.5) * height / h, (np.arange(w) + 0.5) * width / w
    total = heatmap.sum()
    return (heatmap.sum(axis=1) * rows).sum() / total, (heatmap.sum(axis=0) * columns).sum() / total


def upper_left_where_nothing_is(heatmap, height, width):
    """Where there is no heat at all, return the middle of the photograph."""
    return center_of_heat(heatmap, height, width) if heatmap.any() else (0.0, 0.0)


def stretched_first(heatmap, height, width):
    """You stretched the heatmap first: that smears the heat at the border. Work with the cells."""
    large = tf.image.resize(heatmap[..., np.newaxis], (height, width))[..., 0].numpy()
    return center_of_heat(large, height, width)


def by_index(heatmap, height, width):
    """You count pixels by their index. Row 0.0 is the upper *edge*, so the middle is height / 2."""
    row, column = center_of_heat(heatmap, height, width)
    return row - 0.5, column - 0.5


def middle_by_index(heatmap, height, width):
    """The middle of the photograph is at height / 2: you count pixels by their index, but row 0.0 is the upper
    *edge*.
    """
    return (
        center_of_heat(heatmap, height, width)
        if heatmap.any()
        else ((height - 1) / 2, (width - 1) / 2)
    )


def middle_in_whole_pixels(heatmap, height, width):
    """The middle of the photograph is at height / 2; `//` rounds it off."""
    return center_of_heat(heatmap, height, width) if heatmap.any() else (height // 2, width // 2)


TASKS["4.1c"] = Task(
    center_of_heat,
    heatmaps,
    [
        upper_left_corners,
        corner_to_corner,
        columns_first,
        hottest_cell,
        in_cells,
        not_divided,
        nowhere,
        upper_left_where_nothing_is,
        stretched_first,
        by_index,
        middle_by_index,
        middle_in_whole_pixels,
    ],
    {
        "both values are numbers, none is NaN": lambda center, *_: np.isfinite(center).all(),
        "the center lies in the picture": lambda center, heatmap, height, width: (
            0 <= center[0] <= height and 0 <= center[1] <= width
        ),
    },
)

# %% [markdown]
# ## 4.1d Grad-CAM for VGG16, in an empty notebook (25 minutes)
#
# This is what the chapter is about. Open an empty notebook and write all of it without looking: prepare the photograph,
# get maps and logits in one run, take the gradient of the class's logit, average, sum, keep what is positive, divide by the
# maximum. Then paste your function here. It's checked on a real network: the first four blocks of VGG16, trained, and a
# small dense layer with random weights. (The whole VGG16 would be a download of 553 MB.) `prepare` returns a NumPy array;
# `tape.watch` wants a tensor, `tf.constant(...)`. Where nothing speaks for the class, all cells are 0.


# %%
def heatmap_of(model, prepare, photo, class_index, layer_name):
    """Return Grad-CAM in [0, 1], (h, w), one value for each place of the layer's maps.

    model: a Keras model that ends in logits, as `VGG16(classifier_activation=None)` does.
    prepare: a function from a photograph to what the model reads, a float array (1, H, W, 3).
    photo: uint8 (H, W, 3), RGB.
    """
    # solution
    maps_and_logits = keras.Model(model.input, [model.get_layer(layer_name).output, model.output])
    with tf.GradientTape() as tape:
        maps, logits = maps_and_logits(prepare(photo))
        logit = logits[0, class_index]
    weights = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
    heatmap = tf.nn.relu(tf.reduce_sum(weights * maps[0], axis=-1)).numpy()
    return heatmap / (heatmap.max() or 1)


# %% tags=["catalog"]
from functools import cache


@cache  # each case gets a dense layer of its own, so no answer spoils it for another
def trained_blocks():
    vgg16 = keras.applications.VGG16(
        weights=cu.weights_path("vgg16_no_top"), include_top=False, input_shape=(32, 48, 3)
    )
    return keras.Model(vgg16.input, vgg16.get_layer("block4_conv3").output)


def prepare_for_vgg16(photo):
    return keras.applications.vgg16.preprocess_input(np.float32(photo)[np.newaxis])


def vgg16_and_photographs(generator):
    shark = cu.load_image("great_white_shark")
    for case, layer_name, sign in [
        ("layer 'block3_conv3'", "block3_conv3", 1),
        ("a class that nothing speaks for", "block4_conv3", -1),
    ]:
        blocks, dense = trained_blocks(), keras.layers.Dense(6, name="predictions")
        model = keras.Model(blocks.input, dense(keras.layers.Flatten()(blocks.output)))
        kernel = generator.normal(0, 0.01, dense.kernel.shape)
        dense.set_weights([kernel if sign > 0 else -np.abs(kernel), np.zeros(6)])
        row, column = generator.integers(100, 300), generator.integers(100, 500)
        photo = shark[row : row + 128 : 4, column : column + 192 : 4].copy()
        class_index = last_ranked(model, prepare_for_vgg16(photo))
        yield case, model, prepare_for_vgg16, photo, class_index, layer_name


def steps_1_and_2(model, inputs, class_index, layer_name, of_logit=True):
    maps_and_logits = keras.Model(model.input, [model.get_layer(layer_name).output, model.output])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        inputs = tf.constant(inputs)
        tape.watch(inputs)
        maps, logits = maps_and_logits(inputs)
        score = (logits if of_logit else tf.nn.softmax(logits))[0, class_index]
    return maps[0].numpy(), tape.gradient(score, maps)[0].numpy()


def raw_pixels(model, prepare, photo, class_index, layer_name):
    """You give the network raw pixels. Call `prepare(photo)`: the network was trained on prepared ones."""
    return grad_cam(*steps_1_and_2(model, np.float32(photo)[np.newaxis], class_index, layer_name))


def pixels_from_0_to_1(model, prepare, photo, class_index, layer_name):
    """You divide the pixels by 255. Other networks want that; VGG16 doesn't. Call `prepare(photo)`."""
    return grad_cam(*steps_1_and_2(model, np.float32(photo)[np.newaxis] / 255, class_index, layer_name))


def softmax_of_the_logits(model, prepare, photo, class_index, layer_name):
    """You put a softmax behind the logits. The probability's gradient answers another question, this class
    against all others.
    """
    return grad_cam(*steps_1_and_2(model, prepare(photo), class_index, layer_name, of_logit=False))


def its_first_answer(model, prepare, photo, class_index, layer_name):
    """You explain the class that the network ranks first, not `class_index`."""
    first = int(np.argmax(model(prepare(photo))[0]))
    return grad_cam(*steps_1_and_2(model, prepare(photo), first, layer_name))


def always_the_last(model, prepare, photo, class_index, layer_name):
    """You always take the last convolution: use `layer_name`."""
    return grad_cam(*steps_1_and_2(model, prepare(photo), class_index, "block4_conv3"))


def without_step_3(model, prepare, photo, class_index, layer_name):
    """Step 3 is missing: average the gradient over the places first. (What you have is HiResCAM.)"""
    maps, gradients = steps_1_and_2(model, prepare(photo), class_index, layer_name)
    return scaled(np.maximum((maps * gradients).sum(axis=-1), 0))


def without_step_4s_relu(model, prepare, photo, class_index, layer_name):
    """No ReLU: what is negative speaks against the class, and Grad-CAM shows what speaks for it."""
    maps, gradients = steps_1_and_2(model, prepare(photo), class_index, layer_name)
    return scaled(maps @ gradients.mean(axis=(0, 1)))


def not_divided_at_all(model, prepare, photo, class_index, layer_name):
    """Not divided by the maximum: the hottest cell should be 1."""
    maps, gradients = steps_1_and_2(model, prepare(photo), class_index, layer_name)
    return np.maximum(maps @ gradients.mean(axis=(0, 1)), 0)


def divided_by_nothing(model, prepare, photo, class_index, layer_name):
    """Where nothing speaks for the class, the maximum is 0, and you divide by it."""
    heatmap = not_divided_at_all(model, prepare, photo, class_index, layer_name)
    return heatmap / np.max(heatmap)


TASKS["4.1d"] = Task(
    heatmap_of,
    vgg16_and_photographs,
    [
        raw_pixels,
        pixels_from_0_to_1,
        softmax_of_the_logits,
        its_first_answer,
        always_the_last,
        without_step_3,
        without_step_4s_relu,
        not_divided_at_all,
        divided_by_nothing,
    ],
    TASKS["4.1a"].properties,
)

# %% [markdown] tags=["picture"]
# ## Your heatmap
#
# Now your own function on a whole network and a whole photograph: the same lines, another network. Where does *Egyptian cat* lie,
# and where *espresso*? The dot is your center of heat. Put your own picture in.

# %% tags=["picture"]
if __name__ == "__main__":
    # Your Grad-CAM on the cat and the cup, and your center of heat
    import matplotlib.pyplot as plt

    classifier, photo = cu.load_classifier(), cu.load_image("cat_and_coffee")
    figure, panels = plt.subplots(1, 2, figsize=(9.6, 2.8), layout="constrained")
    for axes, name in zip(panels, ["Egyptian cat", "espresso"], strict=True):
        class_index, layer_name = cu.class_index(name), classifier.last_conv_layer_name
        heatmap = heatmap_of(classifier.logits_model, classifier.preprocess, photo, class_index, layer_name)
        row, column = center_of_heat(heatmap, *photo.shape[:2])
        axes.imshow(cu.overlay_heatmap(photo, heatmap))
        axes.plot(column, row, "o", color="white", markeredgecolor="black")
        axes.set_title(f"{name}: center in row {row:.0f}, column {column:.0f}")
        axes.axis("off")
    plt.show()
