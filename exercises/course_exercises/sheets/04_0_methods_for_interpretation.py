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
# # Exercises 4.0: Logits and probabilities
#
# These exercises go with chapter [4](../../notebooks/04_0_methods_for_interpretation.ipynb). Write the functions.
# The last cell of each task checks yours on small random arrays, new ones each time, and says which property fails. The
# course's own functions don't count there, so write the steps yourself. `cu.check()` lists all tasks, and the last cell
# draws a picture with your functions.

# %%
import course_utils as cu

import keras
import numpy as np

# %% [markdown]
# ## 4.0a A softmax that survives (10 minutes)
#
# Turn the logits of several pictures into probabilities, $p_c = e^{z_c} / \sum_k e^{z_k}$, one row for each picture. Be
# careful: to a computer $e^{1000}$ is infinite. What happened in the chapter when the same number was added to all
# logits of a picture?


# %%
def softmax(logits):
    """Return probabilities, (N, classes), of any finite logits, (N, classes)."""
    # solution
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# %% tags=["catalog"]
from course_exercises.task import Task
from course_exercises.tiny import tiny_network

TASKS: dict[str, Task] = {}


def batches_of_logits(generator):
    for shape, low, high in [((3, 5), -2, 2), ((4, 4), -9, 9), ((1, 7), -1, 3), ((6, 2), -4, 0)]:
        case = f"{shape[0]} pictures, {shape[1]} classes, logits from {low} to {high}"
        yield case, generator.uniform(low, high, shape)
    yield "logits around 2000", 2000 + generator.normal(size=(3, 4))
    yield "logits around -2000", -2000 + generator.normal(size=(3, 4))
    yield "one picture's logits far above another's", generator.normal(size=(2, 3)) + [[0], [2000]]
    logits = generator.uniform(-900, 0, (3, 6))
    logits[:, 1], logits[:, 3], logits[:, 4] = -1000, -100, 1000
    logits[:, 2] = 1000 - generator.random(3)
    yield "logits from -1000 to 1000", logits


def overflows(logits):
    """Large logits overflow, and very negative ones leave 0 / 0. Subtract each picture's largest logit
    first: that changes nothing but the size of the numbers.
    """
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def largest_of_all(logits):
    """You subtract the largest logit of *all* pictures. Next to it, another picture's powers all become 0:
    subtract each picture's own.
    """
    powers = np.exp(logits - logits.max())
    return powers / powers.sum(axis=1, keepdims=True)


def over_pictures(logits):
    """You divide by the sum over the pictures. The probabilities of one picture should add up to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=0)


def over_everything(logits):
    """You divide by the sum of everything. The probabilities of *each* picture should add up to 1."""
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def without_powers(logits):
    """You divide the logits themselves by their sum. They can be negative: take powers of e first."""
    return logits / logits.sum(axis=1, keepdims=True)


def sigmoids(logits):
    """Those are sigmoids, which judge each class by itself. They don't add up to 1."""
    return 1 / (1 + np.exp(-logits))


def logarithm(logits):
    """That's the logarithm of the probabilities."""
    return np.log(softmax(logits))


def magnitudes_first(logits):
    """You divide by the largest logit instead of subtracting it: that changes the probabilities."""
    powers = np.exp(logits / np.abs(logits).max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def mean_taken_away(logits):
    """You subtract the mean. What lies far above it still overflows: subtract the largest logit."""
    powers = np.exp(logits - logits.mean(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def smallest_taken_away(logits):
    """You subtract the smallest logit. What lies far above it still overflows: subtract the largest."""
    powers = np.exp(logits - logits.min(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def clipped(logits):
    """You clip the logits, and beyond that all look alike. Subtract each picture's largest logit instead."""
    powers = np.exp(np.clip(logits, -700, 700))
    return powers / powers.sum(axis=1, keepdims=True)


TASKS["4.0a"] = Task(
    softmax,
    batches_of_logits,
    [
        overflows,
        largest_of_all,
        over_pictures,
        over_everything,
        without_powers,
        sigmoids,
        logarithm,
        magnitudes_first,
        mean_taken_away,
        smallest_taken_away,
        clipped,
    ],
    {
        "all values are numbers, none is NaN": lambda p, logits: np.isfinite(p).all(),
        "no value is negative": lambda p, logits: p.min() >= 0,
        "each picture's probabilities add up to 1": lambda p, logits: np.allclose(p.sum(axis=1), 1),
    },
)

# %% [markdown]
# ## 4.0b Take the softmax off (15 minutes)
#
# Build the network up to its logits. `model` ends in a dense layer with a softmax in it. Anyone else who uses `model`
# must still get probabilities.


# %%
def without_softmax(model):
    """Return a Keras model that computes the logits of `model`.

    model: a Keras model whose last layer is dense, with a softmax.
    """
    # solution
    last = model.layers[-1]
    dense = keras.layers.Dense(last.units, name="logits")
    logits_model = keras.Model(model.input, dense(last.input))
    dense.set_weights(last.get_weights())
    return logits_model


# %% tags=["catalog"]


def classifiers(generator):
    for size, classes, averages in [((8, 8), 3, True), ((5, 9), 6, False)]:
        model = tiny_network(generator, size, classes, averages)
        yield f"pictures of {size[0]} x {size[1]}, {classes} classes", model


def logits_of(result, model):
    """Call what an answer returns on three pictures."""
    shape = (3, *model.input_shape[1:])
    return result(np.cos(0.7 * np.arange(np.prod(shape), dtype="float32")).reshape(shape))


def off_for_everyone(model):
    """You took the softmax off the model itself: for everyone who uses it, its probabilities are now
    logits. Put a new layer beside the old one.
    """
    model.layers[-1].activation = keras.activations.linear
    return keras.Model(model.input, model.output)


def logarithm_behind(model):
    """The logarithm of a probability is the logit minus a number that differs from picture to picture. Return
    the logits themselves.
    """
    return keras.Model(model.input, keras.ops.log(model.output))


def cut_too_early(model):
    """You cut off the whole dense layer: these are the features that it reads."""
    return keras.Model(model.input, model.layers[-1].input)


def bias_forgotten(model):
    """The bias is missing."""
    last = model.layers[-1]
    dense = keras.layers.Dense(last.units, use_bias=False)
    logits_model = keras.Model(model.input, dense(last.input))
    dense.set_weights([last.kernel])
    return logits_model


def still_a_softmax(model):
    """It still ends in a softmax."""
    last = model.layers[-1]
    dense = keras.layers.Dense(last.units, activation="softmax")
    again = keras.Model(model.input, dense(last.input))
    dense.set_weights(last.get_weights())
    return again


def relu_behind(model):
    """You put a ReLU in the softmax's place. Logits can be negative."""
    whole = without_softmax(model)
    return keras.Model(whole.input, keras.ops.relu(whole.output))


TASKS["4.0b"] = Task(
    without_softmax,
    classifiers,
    [off_for_everyone, logarithm_behind, cut_too_early, bias_forgotten, still_a_softmax, relu_behind],
    {
        "its softmax gives the probabilities of the model": lambda logits, model: np.allclose(
            softmax(logits), logits_of(model, model), atol=1e-4
        ),
    },
    logits_of,
)

# %% [markdown]
# ## 4.0c What a probability's gradient mixes in (20 minutes)
#
# You have the gradients of *all* logits at the picture. What is the gradient of the probability of one class? The chapter's
# formula, written shorter:
#
# $$ \frac{\partial p_c}{\partial x} = p_c \, \Big( \frac{\partial z_c}{\partial x}
# - \sum_k p_k \, \frac{\partial z_k}{\partial x} \Big) , $$
#
# where $k$ runs over all classes, including $c$. You may call your `softmax` of task 4.0a. It wants a row for each picture,
# so give it one: `softmax(logits[np.newaxis])[0]`.


# %%
def probability_gradient(logits, gradients, class_index):
    """Return the gradient of a class's probability, (H, W, 3).

    logits: float array (classes,), of one picture.
    gradients: float array (classes, H, W, 3), of each logit.
    """
    # solution
    p = softmax(logits[np.newaxis])[0]
    return p[class_index] * (gradients[class_index] - np.tensordot(p, gradients, axes=1))


# %% tags=["catalog"]


def logits_and_gradients(generator):
    for classes, size, class_index in [(4, (5, 6), 2), (6, (3, 7), 0), (3, (4, 4), 1)]:
        case = f"{classes} classes, {size[0]} x {size[1]} pixels, class {class_index}"
        gradients = generator.normal(size=(classes, *size, 3))
        yield case, generator.normal(size=classes), gradients, class_index
    logits = np.array([9.0, 1, 0, 2]) + generator.normal(size=4)
    gradients = generator.normal(size=(4, 3, 5, 3))
    yield "a network that is sure", logits, gradients, 0
    yield "a class that it rules out", -logits, -np.abs(gradients), 0


def own_gradient_alone(logits, gradients, class_index):
    """You leave out the other classes. That only makes the logit's gradient fainter; but the probability
    also rises when another logit falls.
    """
    p = softmax(logits[None])[0, class_index]
    return p * (1 - p) * gradients[class_index]


def no_factor(logits, gradients, class_index):
    """The factor in front of the bracket is missing, the probability of the class. Where the network rules
    the class out, it is nearly 0.
    """
    p = softmax(logits[None])[0]
    return gradients[class_index] - np.tensordot(p, gradients, axes=1)


def others_only(logits, gradients, class_index):
    """Your sum leaves out the class itself. In this form of the formula it runs over all classes."""
    p = softmax(logits[None])[0]
    others = np.where(np.arange(len(p)) == class_index, 0, p)
    return p[class_index] * (gradients[class_index] - np.tensordot(others, gradients, axes=1))


def others_equal(logits, gradients, class_index):
    """All classes have the same weight in your sum. Weight each by its probability."""
    p = softmax(logits[None])[0]
    return p[class_index] * (gradients[class_index] - gradients.mean(axis=0))


def by_logits(logits, gradients, class_index):
    """You weight by the logits. Weight by the probabilities: apply the softmax first."""
    return logits[class_index] * (gradients[class_index] - np.tensordot(logits, gradients, axes=1))


def added(logits, gradients, class_index):
    """A sign is wrong: subtract what speaks for the other classes."""
    p = softmax(logits[None])[0]
    return p[class_index] * (gradients[class_index] + np.tensordot(p, gradients, axes=1))


def of_the_logit(logits, gradients, class_index):
    """That's the logit's gradient. Return the probability's."""
    return gradients[class_index]


def of_the_first_ranked(logits, gradients, class_index):
    """You explain the class that the network ranks first, not the one with `class_index`."""
    return probability_gradient(logits, gradients, logits.argmax())


def all_ones(logits, gradients, class_index):
    """All your probabilities are 1: `softmax` took each logit for a picture of its own. Give it one row,
    `logits[np.newaxis]`.
    """
    return gradients[class_index] - gradients.sum(axis=0)


def unweighted(logits, gradients, class_index):
    """You add up the gradients of all classes as they are. Weight each by its probability."""
    p = softmax(logits[None])[0]
    return p[class_index] * (gradients[class_index] - gradients.sum(axis=0))


TASKS["4.0c"] = Task(
    probability_gradient,
    logits_and_gradients,
    [
        own_gradient_alone,
        no_factor,
        others_only,
        others_equal,
        by_logits,
        added,
        of_the_logit,
        of_the_first_ranked,
        all_ones,
        unweighted,
    ],
)

# %% [markdown] tags=["picture"]
# ## Your gradients
#
# Now your three functions on the shark: the probabilities of the first three classes, and the pixels that move the tiger
# shark's logit and its probability among the three. Where do the two maps differ?

# %% tags=["picture"]
if __name__ == "__main__":
    # Three probabilities, and two gradients at the pixels
    import matplotlib.pyplot as plt
    import tensorflow as tf

    classifier = cu.load_classifier()
    sharks = [cu.class_index(name) for name in ["tiger shark", "great white shark", "hammerhead"]]
    pixels = tf.constant(classifier.preprocess(cu.load_image("great_white_shark")))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(pixels)
        logits = [without_softmax(classifier.model)(pixels)[0, index] for index in sharks]
    gradients = np.array([tape.gradient(logit, pixels)[0] for logit in logits])
    values = np.array(logits, dtype=float)

    figure, panels = plt.subplots(1, 3, figsize=(9.6, 3), layout="constrained")
    panels[0].bar(["tiger", "white", "hammerhead"], softmax(values[np.newaxis])[0])
    panels[0].set_title("probability among the three", fontsize="medium")
    maps = {"its logit": gradients[0], "its probability": probability_gradient(values, gradients, 0)}
    for axes, (title, gradient) in zip(panels[1:], maps.items(), strict=True):
        magnitude = np.abs(gradient).max(axis=-1)
        axes.imshow(magnitude.reshape(28, 8, 28, 8).mean(axis=(1, 3)))  # in squares of 8 x 8 pixels
        axes.set_title(f"pixels that move {title}", fontsize="medium")
        axes.axis("off")
    plt.show()
