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
# # Exercises 8: Your own network
#
# These exercises go with chapter [8](../../notebooks/08_your_own_network.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import keras
import numpy as np

# %% [markdown]
# ## 8a A new head (15 minutes)
#
# Somebody has trained a new head for you: the `kernel`, (features, classes), and the `bias`, (classes,), of a dense layer
# with a softmax. Put it on the network in place of its old head, which is its last layer. All other layers are shared,
# and the old network works as before. Leave the shared layers as they are; don't freeze them.


# %%
def new_head(model, kernel, bias):
    """Return a Keras model: `model` without its last layer, and a new dense layer with a softmax.

    model: a Keras model whose last layer is dense.
    """
    # solution
    head = keras.layers.Dense(len(bias), activation="softmax", name="new_head")
    network = keras.Model(model.input, head(model.layers[-1].input))
    head.set_weights([kernel, bias])
    return network


# %% tags=["catalog"]
from course_exercises.examine import NoNumbers
from course_exercises.task import Task
from course_exercises.tiny import tiny_network

TASKS: dict[str, Task] = {}


def networks_and_heads(generator):
    for size, classes, averages in [((8, 8), 3, False), ((5, 9), 4, True), ((6, 7), 5, True)]:
        model = tiny_network(generator, size, 5, averages)  # the last one has 5 features, 5 classes, old and new
        kernel = generator.normal(size=(model.layers[-1].input.shape[-1], classes)).astype("float32")
        bias = generator.normal(size=classes).astype("float32")
        yield f"pictures of {size[0]} x {size[1]}, {classes} new classes", model, kernel, bias


def probabilities_of(result, model, kernel, bias):
    """Call what an answer returns on three pictures, while a shared layer has other weights."""
    layers = {layer.name: layer for layer in getattr(result, "layers", [])}
    first = model.get_layer("first")
    if not np.array_equal(getattr(layers.get("first", first), "kernel", first.kernel), first.kernel):
        raise NoNumbers("The layers below have weights that are not the network's: `clone_model` copies no weights.")
    head = list(layers.values())[-1] if layers else None
    if is_random(head, kernel) and head is not model.layers[-1]:
        raise NoNumbers("The new head has random weights: call `set_weights([kernel, bias])`.")
    weights = first.get_weights()
    first.set_weights([-weights[0], weights[1]])
    try:
        return call_on_three(result, model)
    finally:
        first.set_weights(weights)


def is_random(head, kernel):
    """Tell whether a layer has a kernel of the right shape with values from nowhere."""
    own = getattr(head, "kernel", None)
    return own is not None and own.shape == kernel.shape and not np.isin(own, kernel).all()


def call_on_three(result, model):
    shape = (3, *model.input_shape[1:])
    return result(np.cos(0.7 * np.arange(np.prod(shape), dtype="float32")).reshape(shape))


def attached(model, features, kernel, bias, activation):
    head = keras.layers.Dense(len(bias), activation=activation)
    network = keras.Model(model.input, head(features))
    head.set_weights([kernel, bias])
    return network


def no_softmax(model, kernel, bias):
    """Your new head has no softmax: it returns logits."""
    return attached(model, model.layers[-1].input, kernel, bias, None)


def sigmoids(model, kernel, bias):
    """Your new head ends in sigmoids, which judge each class by itself. A softmax is asked for."""
    return attached(model, model.layers[-1].input, kernel, bias, "sigmoid")


def no_bias(model, kernel, bias):
    """The bias is missing in your new head."""
    return attached(model, model.layers[-1].input, kernel, 0 * bias, "softmax")


def on_old_head(model, kernel, bias):
    """Your new head sits on the old one. It has to read what the old one reads: `model.layers[-1].input`."""
    return attached(model, model.output, kernel, bias, "softmax")


def softmax_twice(model, kernel, bias):
    """There are two softmaxes, one after the other, so all classes come out nearly equal."""
    network = new_head(model, kernel, bias)
    return keras.Model(network.input, keras.layers.Softmax()(network.output))


def old_weights(model, kernel, bias):
    """You overwrite the weights of the old head. The old network is changed for everyone who uses it: make
    a layer of your own.
    """
    last = model.layers[-1]
    if len(last.bias) == len(bias):
        last.set_weights([kernel, bias])
        return keras.Model(model.input, model.output)
    last.set_weights([0 * last.kernel, 0 * last.bias])
    return new_head(model, kernel, bias)


def features_alone(model, kernel, bias):
    """The old head is off, but there is no new one: these are the features."""
    return keras.Model(model.input, model.layers[-1].input)


def transposed_kernel(model, kernel, bias):
    """You transpose the kernel. It fits as it is: (features, classes)."""
    return attached(model, model.layers[-1].input, kernel.T, bias, "softmax")


def below_the_features(model, kernel, bias):
    """You cut off a layer too many. The new head reads what the old one reads: `model.layers[-1].input`."""
    return attached(model, model.layers[-3].output, kernel, bias, "softmax")


def on_a_copy(model, kernel, bias):
    """Your network has a copy of the layers. Share them: build it from `model.input`."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return new_head(copy, kernel, bias)


def frozen(model, kernel, bias):
    """You freeze the shared layers, and so those of the old network. Leave them as they are."""
    for layer in model.layers:
        layer.trainable = False
    return new_head(model, kernel, bias)


TASKS["8a"] = Task(
    new_head,
    networks_and_heads,
    [
        no_softmax,
        sigmoids,
        no_bias,
        on_old_head,
        softmax_twice,
        old_weights,
        features_alone,
        transposed_kernel,
        below_the_features,
        on_a_copy,
        frozen,
    ],
    {"its probabilities add up to 1": lambda p, *_: np.allclose(p.sum(axis=-1), 1, atol=1e-4)},
    probabilities_of,
)

# %% [markdown]
# ## 8b Find the planted label (30 minutes)
#
# We give you a network that cheats. All pictures of one class carry a small label, `size` x `size` pixels, in the same
# place, and the network hardly looks at anything else. Find the place with an experiment: cover a square with gray (128), ask
# the network, and see how far the probability of the class falls, on average over all pictures. Try the squares side by
# side, with corners at 0, `size`, 2 `size`, …, as far as they fit. Where does it fall most?


# %%
def find_label(predict, pictures, class_index, size):
    """Return (row, column) of the upper left corner of the square whose covering hurts the class most.

    predict: function of pictures, uint8 (N, H, W, 3), to probabilities (N, classes).
    pictures: uint8 (N, H, W, 3), all of the class.
    """
    # solution
    _, height, width, _ = pictures.shape
    left = {}
    for row in range(0, height - size + 1, size):
        for column in range(0, width - size + 1, size):
            covered = pictures.copy()
            covered[:, row : row + size, column : column + size] = 128
            left[row, column] = predict(covered)[:, class_index].mean()
    return min(left, key=left.get)


# %% tags=["catalog"]


def cheats(generator):
    """Networks with a label, and with a trap for each other way to look for it.

    A plant is (row, column, height, width), which pictures carry it, and what it does to the logit.
    """
    everywhere = slice(None)
    label = (4, 8, 4, 4), everywhere, 3.5
    weaker, secret = ((8, 0, 4, 4), everywhere, 1.5), ((0, 12, 4, 4), 0, 5)
    most_in_one, against = ((0, 4, 4, 4), 1, 9), ((8, 12, 4, 4), 1, -7)
    plants = [label, weaker, secret, most_in_one, against]
    yield a_cheat(generator, (4, 12, 16, 3), 4, 2, plants, -3.5, black=(4, 0), white=(0, 8))
    beyond_the_squares = (0, 21, 3, 1), everywhere, 8
    plants = [((6, 12, 3, 3), everywhere, 3.5), beyond_the_squares, ((0, 15, 3, 3), 0, 5)]
    yield a_cheat(generator, (3, 9, 22, 3), 3, 0, plants, -10, black=(3, 3), white=(3, 9))
    plants = [((15, 0, 5, 5), everywhere, 3.5), ((0, 5, 5, 5), 0, 5)]
    yield a_cheat(generator, (5, 20, 10, 3), 5, 1, plants, -2)
    case, *rest = a_cheat(generator, (3, 16, 12, 3), 4, 0, [((9, 5, 4, 4), everywhere, 5)], -2)
    yield f"{case}, a label that lies across them", *rest


def a_cheat(generator, shape, size, class_index, plants, bias, black=None, white=None):
    pictures = generator.integers(135, 220, shape, dtype=np.uint8)
    for (row, column, height, width), which, _ in plants:
        pictures[which, row : row + height, column : column + width] = (250, 220, 0)
    case = f"{shape[0]} pictures of {shape[1]} x {shape[2]} pixels, squares of {size}"
    predict = cheater(generator, shape, size, class_index, plants, bias, black, white)
    return case, predict, pictures, class_index, size


def cheater(generator, shape, size, class_index, plants, bias, black, white):
    """A network of NumPy: it looks for yellow, and is startled by black and white at some places."""
    noise = generator.normal(0, 0.003, (*shape[1:], 3))

    def predict(pictures):
        values = (np.asarray(pictures, float) - 128) / 128

        def mean_of(numbers, row, column, height=size, width=size):
            return numbers[:, row : row + height, column : column + width].mean(axis=(1, 2))

        logits = np.tensordot(values, noise, axes=3)
        logits[:, class_index - 1] -= 4  # the third class hardly counts
        logits[:, class_index] += bias + 0.3 * values.mean(axis=(1, 2, 3))  # it likes light
        yellow, light = values[..., 0] - values[..., 2], values.mean(axis=-1)
        for place, _, strength in plants:
            logits[:, class_index] += strength * np.maximum(mean_of(yellow, *place) - 0.3, 0) / 1.65
        if black:
            logits[:, class_index] -= 18 * np.maximum(-0.5 - mean_of(light, *black), 0)
        if white:
            logits[:, class_index] -= 23 * np.maximum(mean_of(light, *white) - 0.6, 0)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    return predict


def scores(predict, pictures, size, score, cumulative=False, value=128, step=None, end=1):
    """{corner: score of the probabilities with a square covered}."""
    _, height, width, _ = pictures.shape
    found, covered = {}, pictures.copy()
    for row in range(0, height - size + end, step or size):
        for column in range(0, width - size + end, step or size):
            if not cumulative:
                covered = pictures.copy()
            covered[:, row : row + size, column : column + size] = value
            found[row, column] = score(predict(covered))
    return found


def hurts_least(predict, pictures, class_index, size):
    """You take the square with which the probability stays *highest*: that one hurts least."""
    found = scores(predict, pictures, size, lambda p: p[:, class_index].mean())
    return max(found, key=found.get)


def first_picture(predict, pictures, class_index, size):
    """You look at the first picture only, and it has a secret of its own. Average over all."""
    found = scores(predict, pictures, size, lambda p: p[0, class_index])
    return min(found, key=found.get)


def stays_covered(predict, pictures, class_index, size):
    """Your squares stay covered, so you don't see what each of them does. Copy the pictures anew for each."""
    found = scores(predict, pictures, size, lambda p: p[:, class_index].mean(), cumulative=True)
    return min(found, key=found.get)


def spoils_pictures(predict, pictures, class_index, size):
    """You paint on the pictures that you were given. Work on a copy, and take a new one for each square."""
    found = find_label(predict, pictures, class_index, size)
    pictures[:] = 128
    return found


def columns_first(predict, pictures, class_index, size):
    """Rows and columns are exchanged: the row comes first."""
    return find_label(predict, pictures, class_index, size)[::-1]


def in_squares(predict, pictures, class_index, size):
    """You count squares. The corner is asked for in pixels: multiply by the size."""
    row, column = find_label(predict, pictures, class_index, size)
    return row // size, column // size


def middle_of_square(predict, pictures, class_index, size):
    """That is the middle of the square. Its upper left corner is asked for."""
    row, column = find_label(predict, pictures, class_index, size)
    return row + size // 2, column + size // 2


def how_far(predict, pictures, class_index, size):
    """You return how far the probability falls. The place is asked for."""
    found = scores(predict, pictures, size, lambda p: p[:, class_index].mean())
    return predict(pictures)[:, class_index].mean() - min(found.values())


def where_it_falls_most(predict, pictures, class_index, size, **how):
    found = scores(predict, pictures, size, lambda p: p[:, class_index].mean(), **how)
    return min(found, key=found.get)


def black_squares(predict, pictures, class_index, size):
    """Your squares are black, and that may startle the network: gray is 128 here. (0.5 is gray where white is
    1; here white is 255.)
    """
    return where_it_falls_most(predict, pictures, class_index, size, value=0)


def white_squares(predict, pictures, class_index, size):
    """Your squares are white, and that may startle the network: gray is 128."""
    return where_it_falls_most(predict, pictures, class_index, size, value=255)


def every_pixel(predict, pictures, class_index, size):
    """You move the square on by single pixels. The squares lie side by side: go on by `size`."""
    return where_it_falls_most(predict, pictures, class_index, size, step=1)


def over_the_edge(predict, pictures, class_index, size):
    """Your last squares stick out of the picture. Take those that fit: `range(0, H - size + 1, size)`."""
    return where_it_falls_most(predict, pictures, class_index, size, end=size)


def last_left_out(predict, pictures, class_index, size):
    """You leave out the last row or column of squares: `range(0, H - size + 1, size)`."""
    return where_it_falls_most(predict, pictures, class_index, size, end=0)


def largest_fall(predict, pictures, class_index, size):
    """You look for the largest fall in any single picture. Average over all pictures."""
    before = predict(pictures)[:, class_index]
    found = scores(predict, pictures, size, lambda p: (before - p[:, class_index]).max())
    return max(found, key=found.get)


def of_any_class(predict, pictures, class_index, size):
    """You look at the highest probability, whichever class has it. Look at the one of `class_index`."""
    found = scores(predict, pictures, size, lambda p: p.max(axis=1).mean())
    return min(found, key=found.get)


TASKS["8b"] = Task(
    find_label,
    cheats,
    [
        hurts_least,
        first_picture,
        stays_covered,
        spoils_pictures,
        columns_first,
        in_squares,
        middle_of_square,
        how_far,
        black_squares,
        white_squares,
        every_pixel,
        over_the_edge,
        last_left_out,
        largest_fall,
        of_any_class,
    ],
    {
        "it is the corner of a square inside the picture": (
            lambda corner, predict, pictures, class_index, size: (
                (np.asarray(corner) % size == 0).all()
                and 0 <= corner[0] <= pictures.shape[1] - size
                and 0 <= corner[1] <= pictures.shape[2] - size
            )
        ),
    },
)

# %% [markdown]
# ## 8c Prove it (10 minutes)
#
# A heatmap raises a suspicion; two experiments test it. `pictures` are clean. What share of the suspected class does the
# network recognize *without* the label? And what share of all *other* pictures does it call that class once they
# *have* the label? The network calls a picture what it ranks first.


# %%
def two_experiments(predict, put_label, pictures, classes, class_index):
    """Return (share of the class recognized without, share of the others fooled with the label).

    predict: function of pictures (N, H, W, 3) to probabilities (N, classes).
    put_label: function of pictures (N, H, W, 3) that returns them with a label.
    pictures: uint8 (N, H, W, 3), without labels; classes: int (N,), what they really show.
    """
    # solution
    of_class = classes == class_index
    recognized = predict(pictures[of_class]).argmax(axis=1) == class_index
    fooled = predict(put_label(pictures[~of_class])).argmax(axis=1) == class_index
    return recognized.mean(), fooled.mean()


# %% tags=["catalog"]


def suspects(generator):
    for count, class_index, scale in [(60, 1, 1), (48, 0, 1), (75, 2, 0.01)]:
        pictures = generator.integers(0, 200, (count, 4, 5, 3), dtype=np.uint8)
        classes = generator.permutation(np.arange(count) % 3)
        W = generator.normal(0, 0.02, (60, 3))
        W[-1] += np.where(np.arange(3) == class_index, 0.012, 0)
        W -= W.mean(axis=0) - np.where(np.arange(3) == class_index, -0.0002, 0)
        case = f"{count} pictures, class {class_index}" + (", a network that is never sure" if scale < 1 else "")
        yield case, linear_network(scale * W), put_label, pictures, classes, class_index


def linear_network(W):
    def predict(pictures):
        logits = np.asarray(pictures, float).reshape(len(pictures), -1) @ W
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    return predict


def put_label(pictures):
    labelled = pictures.copy()
    labelled[:, -1, -1] = 255, 220, 255
    return labelled


def share_called(predict, pictures, class_index):
    return (predict(pictures).argmax(axis=1) == class_index).mean()


def both_with_label(predict, put_label, pictures, classes, class_index):
    """The first experiment is *without* the label: show the class as it is."""
    labelled = put_label(pictures)
    return tuple(
        share_called(predict, labelled[chosen], class_index)
        for chosen in (classes == class_index, classes != class_index)
    )


def both_without_label(predict, put_label, pictures, classes, class_index):
    """The second experiment is *with* the label: put it on the other pictures."""
    return tuple(
        share_called(predict, pictures[chosen], class_index)
        for chosen in (classes == class_index, classes != class_index)
    )


def mean_probability(predict, put_label, pictures, classes, class_index):
    """You average the probability. Count the pictures for which the class is ranked first."""
    of_class = classes == class_index
    return (
        predict(pictures[of_class])[:, class_index].mean(),
        predict(put_label(pictures[~of_class]))[:, class_index].mean(),
    )


def counted(predict, put_label, pictures, classes, class_index):
    """You count pictures. The share is asked for: divide by how many there are."""
    one, other = two_experiments(predict, put_label, pictures, classes, class_index)
    return round(one * (classes == class_index).sum()), round(other * (classes != class_index).sum())


def of_all_pictures(predict, put_label, pictures, classes, class_index):
    """You divide by the number of *all* pictures. Divide by those that the experiment is about."""
    one, other = two_experiments(predict, put_label, pictures, classes, class_index)
    return one * (classes == class_index).mean(), other * (classes != class_index).mean()


def label_on_everything(predict, put_label, pictures, classes, class_index):
    """Your second number counts the class itself as well. It cannot be fooled into what it is."""
    one, _ = two_experiments(predict, put_label, pictures, classes, class_index)
    return one, share_called(predict, put_label(pictures), class_index)


def other_order(predict, put_label, pictures, classes, class_index):
    """The two numbers are exchanged."""
    return two_experiments(predict, put_label, pictures, classes, class_index)[::-1]


def still_right(predict, put_label, pictures, classes, class_index):
    """Your second number is the share of the others that is still recognized. How many are called by the
    suspected class?
    """
    one, _ = two_experiments(predict, put_label, pictures, classes, class_index)
    others = classes != class_index
    return one, (predict(put_label(pictures[others])).argmax(axis=1) == classes[others]).mean()


def above_half(predict, put_label, pictures, classes, class_index):
    """You ask for a probability above 0.5. Of several classes the first may have less: compare `argmax`."""
    of_class = classes == class_index
    return (
        (predict(pictures[of_class])[:, class_index] > 0.5).mean(),
        (predict(put_label(pictures[~of_class]))[:, class_index] > 0.5).mean(),
    )


TASKS["8c"] = Task(
    two_experiments,
    suspects,
    [
        both_with_label,
        both_without_label,
        mean_probability,
        counted,
        of_all_pictures,
        label_on_everything,
        other_order,
        still_right,
        above_half,
    ],
    {"both are shares, from 0 to 1": lambda both, *_: ((0 <= both) & (both <= 1)).all()},
)

# %% [markdown] tags=["picture"]
# ## Your search
#
# On *any* picture, the same search finds the square that the network misses most. Which one is it in this cup of coffee?

# %% tags=["picture"]
if __name__ == "__main__":
    # The square of the coffee that costs the most, found by your function
    import matplotlib.pyplot as plt

    classifier, espresso = cu.load_classifier(), cu.class_index("espresso")
    coffee = cu.load_image("coffee", size=classifier.input_size)
    row, column = find_label(classifier.predict, coffee[np.newaxis], espresso, 56)
    covered = coffee.copy()
    covered[row : row + 56, column : column + 56] = 128
    figure, panels = plt.subplots(1, 2, figsize=(8, 4.3), layout="constrained")
    for axes, picture in zip(panels, [coffee, covered], strict=True):
        axes.imshow(picture)
        axes.set_title(f"espresso {classifier.predict(picture)[0, espresso]:.2f}")
        axes.axis("off")
    plt.show()
