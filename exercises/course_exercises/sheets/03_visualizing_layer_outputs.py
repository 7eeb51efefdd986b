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
# # Exercises 3: Layer outputs
#
# These exercises go with chapter [3](../../notebooks/03_visualizing_layer_outputs.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import keras
import numpy as np

# %% [markdown]
# ## 3a The extractor for one layer (5 minutes)
#
# The chapter built a model that returns *every* layer's output. Build one that returns a single layer's: an array of
# feature maps, not a dictionary. It shares the network's weights and leaves the network as it is.


# %%
def extractor(model, layer_name):
    """Return a Keras model, from the inputs of `model` to the output of one of its layers."""
    # solution
    return keras.Model(model.input, model.get_layer(layer_name).output)


# %% tags=["catalog"]
from course_exercises.task import Task
from course_exercises.tiny import tiny_network

TASKS: dict[str, Task] = {}


def networks_and_layers(generator):
    for size, layer_name in [((8, 8), "second"), ((6, 9), "first"), ((5, 7), "predictions")]:
        model = tiny_network(generator, size)
        yield f"layer {layer_name!r}, pictures of {size[0]} x {size[1]}", model, layer_name


def maps_of(result, model, layer_name):
    """Call what an answer returns on two pictures, while a layer of the network has other weights."""
    shape = (2, *model.input_shape[1:])
    pictures = np.sin(np.arange(np.prod(shape), dtype="float32")).reshape(shape)
    weights = model.layers[1].get_weights()
    model.layers[1].set_weights([-weights[0], weights[1]])
    try:
        return result(pictures)
    finally:
        model.layers[1].set_weights(weights)


def what_goes_in(model, layer_name):
    """That's what goes *into* the layer. Take its `output`."""
    layer = model.get_layer(layer_name)
    return keras.Model(model.input, model.input if layer_name == "first" else layer.input)


def placeholder(model, layer_name):
    """`layer.output` is a placeholder for what the layer will compute. Build a model that ends there:
    `keras.Model(inputs, outputs)`.
    """
    return model.get_layer(layer_name).output


def the_layer_itself(model, layer_name):
    """That's the layer alone, and it can't read a picture: the layers before it are missing. Begin at
    `model.input`.
    """
    return model.get_layer(layer_name)


def every_layer(model, layer_name):
    """That returns every layer's output. Return only one."""
    return keras.Model(model.input, {layer.name: layer.output for layer in model.layers})


def last_layer(model, layer_name):
    """You always take the last layer. Ask for the one with the name: `model.get_layer(layer_name)`."""
    return keras.Model(model.input, model.layers[-1].output)


def first_layer(model, layer_name):
    """You always take the first convolution. Ask for the layer by its name: `model.get_layer(layer_name)`."""
    return keras.Model(model.input, model.layers[1].output)


def one_picture(model, layer_name):
    """The first axis, which counts the pictures, is gone. Leave it there: a model works on batches."""
    whole = extractor(model, layer_name)
    return lambda pictures: whole(pictures)[0]


def of_a_copy(model, layer_name):
    """Your model has a copy of the weights. Build it from `model.input` and the layer's `output`."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return extractor(copy, layer_name)


TASKS["3a"] = Task(
    extractor,
    networks_and_layers,
    [
        what_goes_in,
        placeholder,
        the_layer_itself,
        every_layer,
        last_layer,
        first_layer,
        one_picture,
        of_a_copy,
    ],
    use=maps_of,
)

# %% [markdown]
# ## 3b One number by hand (15 minutes)
#
# Do what the drawing in chapter 2 shows: compute a single value of a convolution with a ReLU, for one filter and one position.
#
# $$ a_{ij} = \text{ReLU}\Big( \sum_{u, v, c} K_{uvc} \; x_{i+u,\, j+v,\, c} + b \Big) . $$
#
# The position is the *middle* of the window. So for k = 3, u and v run over -1, 0, 1, and $K_{-1,-1}$ stands in
# `kernels[0, 0]`. At the border the window sticks out, and whatever lies beyond counts as 0. (That's `padding="same"` in Keras,
# which VGG16 uses.)


# %%
def one_number(inputs, kernels, biases, filter_index, row, column):
    """Return the activation of one filter at one position, a number.

    inputs: float array (H, W, channels), one preprocessed picture.
    kernels: float array (k, k, channels, filters), k is odd.
    biases: float array (filters,).
    """
    # solution
    size = kernels.shape[0]
    margin = size // 2
    padded = np.pad(inputs, [(margin, margin), (margin, margin), (0, 0)])
    window = padded[row : row + size, column : column + size]
    return max((window * kernels[:, :, :, filter_index]).sum() + biases[filter_index], 0)


# %% tags=["catalog"]


def positions(generator):
    for case, shape, size, (row, column), bias in [
        ("a position in the middle", (8, 8, 3), 3, (4, 2), 20.0),
        ("a position in the middle, a picture that is not square", (7, 12, 2), 3, (5, 1), 15.0),
        ("a filter of 5 x 5", (9, 9, 3), 5, (3, 5), 25.0),
        ("a filter that finds nothing", (6, 6, 3), 3, (2, 3), -50.0),
        ("the upper left corner", (6, 7, 3), 3, (0, 0), 10.0),
        ("the lower edge", (6, 7, 3), 3, (5, 3), 10.0),
    ]:
        inputs = generator.normal(size=shape)
        kernels = generator.normal(size=(size, size, shape[-1], 4))
        biases = bias + generator.random(4)
        yield case, inputs, kernels, biases, int(generator.integers(4)), row, column


def number_of(inputs, kernels, filter_index, row, column, mode="constant"):
    """The sum alone, without bias and ReLU."""
    size = kernels.shape[0]
    margin = size // 2
    padded = np.pad(inputs, [(margin, margin), (margin, margin), (0, 0)], mode=mode)
    window = padded[row : row + size, column : column + size]
    return (window * kernels[:, :, :, filter_index]).sum()


def no_bias(inputs, kernels, biases, filter_index, row, column):
    """The bias is missing."""
    return max(number_of(inputs, kernels, filter_index, row, column), 0)


def no_relu(inputs, kernels, biases, filter_index, row, column):
    """The ReLU is missing: a filter that finds nothing returns 0."""
    return number_of(inputs, kernels, filter_index, row, column) + biases[filter_index]


def bias_after_relu(inputs, kernels, biases, filter_index, row, column):
    """You add the bias after the ReLU. It belongs to the sum."""
    return max(number_of(inputs, kernels, filter_index, row, column), 0) + biases[filter_index]


def turned_kernel(inputs, kernels, biases, filter_index, row, column):
    """You flip the kernel, as mathematicians do. Networks don't: multiply it as it is."""
    turned = kernels[::-1, ::-1]
    return max(number_of(inputs, turned, filter_index, row, column) + biases[filter_index], 0)


def corner_of_window(inputs, kernels, biases, filter_index, row, column):
    """Your window begins at the position. The position is the window's middle."""
    size = kernels.shape[0]
    padded = np.pad(inputs, [(0, size), (0, size), (0, 0)])
    window = padded[row : row + size, column : column + size]
    return max((window * kernels[..., filter_index]).sum() + biases[filter_index], 0)


def columns_first(inputs, kernels, biases, filter_index, row, column):
    """You swapped rows and columns."""
    padded = np.pad(inputs, [(0, 20), (0, 20), (0, 0)])
    return max(number_of(padded, kernels, filter_index, column, row) + biases[filter_index], 0)


def repeated_border(inputs, kernels, biases, filter_index, row, column):
    """Beyond the border you repeat the last pixels. They count as 0."""
    total = number_of(inputs, kernels, filter_index, row, column, "edge") + biases[filter_index]
    return max(total, 0)


def no_border(inputs, kernels, biases, filter_index, row, column):
    """At the border the window sticks out, and Python counts row -1 from the end. Put zeros around the
    picture first: `np.pad`.
    """
    margin = kernels.shape[0] // 2
    window = inputs[row - margin : row + margin + 1, column - margin : column + margin + 1]
    return max((window * kernels[..., filter_index]).sum() + biases[filter_index], 0)


def negative_indices(inputs, kernels, biases, filter_index, row, column):
    """You read the kernel at `kernels[u, v]` with negative u: Python counts from the end. Add k // 2."""
    margin = kernels.shape[0] // 2
    rolled = np.roll(kernels, (margin, margin), axis=(0, 1))
    return max(number_of(inputs, rolled, filter_index, row, column) + biases[filter_index], 0)


def other_side(inputs, kernels, biases, filter_index, row, column):
    """At the border your window wraps around: index -1 is Python's last row, no error. Test
    `row + u >= 0`.
    """
    size, margin = kernels.shape[0], kernels.shape[0] // 2
    around = np.pad(inputs, [(margin, 0), (margin, 0), (0, 0)], mode="wrap")
    padded = np.pad(around, [(0, margin), (0, margin), (0, 0)])
    window = padded[row : row + size, column : column + size]
    return max((window * kernels[..., filter_index]).sum() + biases[filter_index], 0)


def all_around(inputs, kernels, biases, filter_index, row, column):
    """At the border your window wraps around to the other side. What lies beyond counts as 0."""
    return max(number_of(inputs, kernels, filter_index, row, column, "wrap") + biases[filter_index], 0)


def border_of_one(inputs, kernels, biases, filter_index, row, column):
    """Your border is one pixel wide. A kernel of 5 x 5 needs two: k // 2."""
    size = kernels.shape[0]
    window = np.pad(inputs, [(1, 1), (1, 1), (0, 0)])[row : row + size, column : column + size]
    return max((window * kernels[..., filter_index]).sum() + biases[filter_index], 0)


TASKS["3b"] = Task(
    one_number,
    positions,
    [
        no_bias,
        no_relu,
        bias_after_relu,
        turned_kernel,
        corner_of_window,
        columns_first,
        repeated_border,
        no_border,
        negative_indices,
        other_side,
        all_around,
        border_of_one,
    ],
    {"it is not negative": lambda value, *_: value >= 0},
)

# %% [markdown]
# ## 3c Pooling by hand (15 minutes)
#
# Pooling keeps the largest value of each window of 2 x 2, in each channel separately. The windows lie side by side. Where
# the height or width is odd, the last row or column is dropped.


# %%
def max_pool(maps):
    """Return feature maps of half the height and width, (h // 2, w // 2, channels).

    maps: float array (h, w, channels).
    """
    # solution
    height, width, channels = maps.shape
    even = maps[: height // 2 * 2, : width // 2 * 2]
    return even.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))


# %% tags=["catalog"]


def feature_maps(generator):
    for shape in [(8, 8, 3), (4, 10, 2), (7, 5, 4), (2, 2, 1)]:
        yield "{} x {} places and {} channels".format(*shape), generator.normal(size=shape)
    yield "maps that are negative everywhere", -generator.random((6, 4, 3)) - 0.1


def windows(maps):
    height, width, channels = maps.shape
    even = maps[: height // 2 * 2, : width // 2 * 2]
    return even.reshape(height // 2, 2, width // 2, 2, channels)


def average(maps):
    """That's the mean of each window. Pooling keeps the largest value."""
    return windows(maps).mean(axis=(1, 3))


def every_other(maps):
    """You keep the upper left value of each window, whatever the other three are."""
    return windows(maps)[:, 0, :, 0]


def overlapping(maps):
    """Your windows overlap: you move by one place. Move by two."""
    return np.maximum.reduce([maps[:-1, :-1], maps[1:, :-1], maps[:-1, 1:], maps[1:, 1:]])


def over_channels(maps):
    """You take the largest value over all channels. Pool each channel separately."""
    return np.broadcast_to(windows(maps).max(axis=(1, 3, 4))[..., None], every_other(maps).shape)


def far_apart(maps):
    """Your reshape puts values together that are far apart: (2, h // 2) takes the first half and the second
    half. (h // 2, 2) takes neighbors.
    """
    height, width, channels = maps.shape
    even = maps[: height // 2 * 2, : width // 2 * 2]
    return even.reshape(2, height // 2, 2, width // 2, channels).max(axis=(0, 2))


def from_zero(maps):
    """Your maximum begins at 0. A window of negative values has a negative maximum."""
    return np.maximum(max_pool(maps), 0)


def largest_magnitude(maps):
    """You compare magnitudes. Take the largest value: 1 is larger than -2."""
    parts = windows(maps)
    return np.maximum(parts.max(axis=(1, 3)), -parts.min(axis=(1, 3)))


def rounded_up(maps):
    """Where height or width is odd, you keep the last row or column. Drop it."""
    height, width, _ = maps.shape
    padding = [(0, height % 2), (0, width % 2), (0, 0)]
    return max_pool(np.pad(maps, padding, constant_values=-np.inf))


def every_row(maps):
    """Your windows overlap. They should lie side by side: start one every second row."""
    height, width, _ = maps.shape
    return overlapping(maps)[: height // 2, : width // 2]


def cut_along_rows(maps):
    """`reshape(h // 2, w // 2, 2, 2, ...)` cuts along the rows. The order is h // 2, 2, w // 2, 2."""
    height, width, channels = maps.shape
    even = maps[: height // 2 * 2, : width // 2 * 2]
    return even.reshape(height // 2, width // 2, 2, 2, channels).max(axis=(2, 3))


def first_falls_away(maps):
    """Drop the *last* odd row, not the first."""
    return max_pool(maps[maps.shape[0] % 2 :, maps.shape[1] % 2 :])


TASKS["3c"] = Task(
    max_pool,
    feature_maps,
    [
        average,
        every_other,
        overlapping,
        over_channels,
        far_apart,
        from_zero,
        largest_magnitude,
        rounded_up,
        every_row,
        cut_along_rows,
        first_falls_away,
    ],
    {"every value is one of the maps' values": lambda pooled, maps: np.isin(np.float32(pooled), np.float32(maps)).all()},
)

# %% [markdown] tags=["picture"]
# ## Your feature map
#
# Now your three functions on the shark: kernel 45 of VGG16 at every place, one number after the other, and the pooling of
# that. Keras computes the same map, through your extractor. Does it agree?

# %% tags=["picture"]
if __name__ == "__main__":
    # One feature map by hand, by Keras, and after pooling
    import matplotlib.pyplot as plt

    vgg16 = keras.applications.VGG16(include_top=False, weights=cu.weights_path("vgg16_no_top"))
    shark = cu.load_image("great_white_shark", size=(84, 120))
    inputs = keras.applications.vgg16.preprocess_input(shark.astype("float32"))
    W, b = vgg16.get_layer("block1_conv1").get_weights()
    by_hand = np.array([[one_number(inputs, W, b, 45, row, column) for column in range(120)] for row in range(84)])
    by_keras = np.array(extractor(vgg16, "block1_conv1")(inputs[np.newaxis]))[0, :, :, 45]
    pooled = max_pool(by_hand[:, :, np.newaxis])[:, :, 0]

    figure, panels = plt.subplots(1, 3, figsize=(9.6, 2.6), layout="constrained")
    for axes, (title, picture) in zip(panels, {"by hand": by_hand, "Keras": by_keras, "pooled": pooled}.items(), strict=True):
        axes.imshow(picture)
        axes.set_title(f"{title}, up to {picture.max():.0f}", fontsize="medium")
        axes.axis("off")
    plt.show()
