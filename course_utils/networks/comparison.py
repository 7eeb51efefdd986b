"""Whether a model gives the answers of its layers run one by one: only then can it be explained."""

from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from course_utils.backend import keras, tf
from course_utils.engine.graph import as_functional, has_call_of_keras
from course_utils.engine.logits import End
from course_utils.engine.runner import Runner

_ACTIVATIONS: dict[End, Any] = {End.SOFTMAX: partial(softmax, axis=-1), End.SIGMOIDS: expit}


def compare_with_model(model: keras.Model, runner: Runner, end: End) -> None:
    """Compare a model's answers to two synthetic pictures, in one batch, with a runner's to each.

    Raises:
        ValueError: They differ, or depend on the rest of the batch; the message says why if it can.
    """
    bright = np.random.default_rng(0).integers(0, 256, (*runner.input_size, 3), dtype=np.uint8)
    pictures = [bright, bright // 4]
    batch, alone = runner.prepare(pictures), [runner.prepare(picture) for picture in pictures]
    if _differ(batch, np.concatenate(alone)):
        raise ValueError(
            "preprocess_input gives a picture other numbers in a batch than alone. It must look at "
            "each picture by itself, x.mean(axis=(1, 2, 3), keepdims=True) instead of x.mean() of "
            "the whole batch, and draw nothing at random."
        )
    answers = _run(model, batch)
    if end is End.UNKNOWN and 0 <= answers.min() < answers.max() <= 1:
        raise ValueError(
            f"The network's outputs look like probabilities, such as {answers[0, 0]:.3g}, and "
            "their softmax or sigmoids can't be found. It must end in one of these, or in logits. "
            "A single output that is a value needs one name: class_names=['area']."
        )
    graph = runner.graph
    feeds = [(graph.input, tf.constant(inputs)) for inputs in alone]
    logits = np.concatenate([runner.run(graph.calls, [x], [graph.output])[0] for x in feeds])
    own = _ACTIVATIONS.get(end, np.asarray)(np.float32(logits[:, -answers.shape[1] :]))
    dtypes = {getattr(call.layer, "compute_dtype", "") for call in graph.calls}
    tolerance = 0.1 if dtypes & {"float16", "bfloat16"} else 0.01
    if _differ(answers, own, tolerance):
        raise ValueError(
            "For two synthetic pictures the network and its layers run one by one give different "
            f"answers, so no heatmap would explain it. {_cause(model, graph, batch, tolerance)}"
        )


def _run(model, batch):
    inputs = keras.tree.pack_sequence_as(as_functional(model).input, [tf.constant(batch)])
    return np.float32(keras.tree.flatten(model(inputs, training=False))[0])


def _differ(some, others, tolerance=0.01):
    """Tell whether arrays differ by more than a share of the largest number."""
    return bool(np.abs(some - others).max() > tolerance * np.abs(some).max())


def _cause(model, graph, batch, tolerance):
    """Name the likeliest cause of different answers."""
    answers = _run(model, batch)
    if _differ(answers, _run(model, batch), tolerance):
        return "It answers differently each time: is a layer random, or does it keep a state?"
    if _differ(answers, np.concatenate([_run(model, one[None]) for one in batch]), tolerance):
        return "A picture in a batch gets another answer than alone: a layer looks at all of it."
    layers = [call.layer for call in graph.calls if not has_call_of_keras(call.layer)]
    if layers:
        named = (f"{x.name.removesuffix('_logits')!r} ({type(x).__name__})" for x in layers)
        return f"The likeliest cause is a call() of your own: {', '.join(named)}."
    return "Is a layer called with training=True, or has the model a __call__() of its own?"
