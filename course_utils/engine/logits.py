"""A network up to its logits: the softmax or the sigmoids taken off, on the same weights."""

from typing import Any

from course_utils.backend import keras
from course_utils.engine.graph import as_functional, is_network, rebuild

_AFFINE = (keras.layers.Dense, keras.layers.Conv2D)
_RESHAPING = (keras.layers.Flatten, keras.layers.Reshape, keras.layers.GlobalAveragePooling2D)
_OPERATIONS = {"Softmax": keras.activations.softmax, "Sigmoid": keras.activations.sigmoid}


@keras.saving.register_keras_serializable("course_utils")
class LinearHead(keras.layers.Layer):
    """The affine part of a dense layer, without its activation, on that layer's own weights."""

    def __init__(self, dense):
        super().__init__(name=f"{dense.name}_logits", dtype=dense.dtype_policy)
        self.dense = dense
        # tf-keras-vis's ReplaceToLinear overwrites this attribute: with what it already is.
        self.activation = keras.activations.linear

    @classmethod
    def from_config(cls, config: dict) -> "LinearHead":
        """Return a head on a dense layer of its own: for Keras, which copies and saves networks."""
        return cls(keras.saving.deserialize_keras_object(config["dense"]))

    def get_config(self) -> dict:
        """Return what `from_config` takes."""
        return {"dense": keras.saving.serialize_keras_object(self.dense)}

    def call(self, inputs: Any) -> Any:
        """Return the logits, (N, classes)."""
        logits = keras.ops.matmul(inputs, self.dense.kernel)
        return logits if self.dense.bias is None else logits + self.dense.bias


@keras.saving.register_keras_serializable("course_utils")
class TwoClasses(keras.layers.Layer):
    """One logit z as the logits of two classes, (-z, z): class 1 is what the output stands for."""

    def call(self, inputs: Any) -> Any:
        """Return logits (N, 2) of (N, 1)."""
        return keras.ops.concatenate([-inputs, inputs], axis=-1)


def build_logits_model(model: keras.Model) -> keras.Model:
    """Build the network up to its logits, on the same weights.

    Args:
        model: `keras.Model`, functional or `Sequential`, with one input and one output: a softmax,
            sigmoids, or logits already. Models may be nested in it as layers.

    Returns:
        `keras.Model`, to logits (N, classes). A network with a single output has two classes.
        `model` itself stays as it is.

    Raises:
        ValueError: The network is of another kind, or ends in another activation.
    """
    functional = as_functional(model)
    if (
        functional.outputs[0].shape[-1] == 1
        and _last_activation(model) is keras.activations.softmax
    ):
        raise ValueError(
            "A softmax over a single output is always 1. Train the network with "
            "Dense(1, activation='sigmoid') at its end."
        )
    logits = _build_logits_model(functional)
    if len(logits.outputs[0].shape) == 2 and logits.outputs[0].shape[-1] == 1:
        return keras.Model(logits.inputs[0], TwoClasses()(logits.outputs[0]), name=model.name)
    return logits


def ends_in_sigmoid(model: keras.Model) -> bool:
    """Tell whether each class has a probability of its own: sigmoids, or a single output."""
    is_sigmoid = _last_activation(model) is keras.activations.sigmoid
    return is_sigmoid or as_functional(model).outputs[0].shape[-1] == 1


def _last_activation(model):
    """Return the activation of the last layer, also of one in a nested head; None has none."""
    last = as_functional(model).operations[-1]
    while is_network(last):
        last = as_functional(last).operations[-1]
    return _activation_of(last)


def _activation_of(operation):
    """Return the function that an operation ends in; keras.ops.softmax(x) is no layer."""
    is_layer = isinstance(operation, keras.layers.Layer)
    alone = None if is_layer else _OPERATIONS.get(type(operation).__name__)
    return getattr(operation, "activation", alone)


def _build_logits_model(model):
    if _ends_in_logits(model.operations):
        return model
    last = model.operations[-1]
    head = _without_activation(last)
    if head is last:
        return model
    if not is_network(last) and last.output is model.outputs[0]:
        return keras.Model(model.inputs[0], head(last.input), name=model.name)

    def call(layer, *args, **kwargs):
        return (head if layer is last else layer)(*args, **kwargs)

    return rebuild(model, call)


def _ends_in_logits(operations):
    """Tell whether the last layer with weights is linear, and those behind only pass it on."""
    *others, last = operations
    activation = getattr(last, "activation", None)
    passes_on = isinstance(last, _RESHAPING) or (
        isinstance(last, keras.layers.Activation) and activation is keras.activations.linear
    )
    if passes_on:
        return _ends_in_logits(others)
    return isinstance(last, _AFFINE) and activation is keras.activations.linear


def _without_activation(layer):
    """Return a layer that computes what `layer` computes before its softmax or sigmoid."""
    if is_network(layer):
        return _build_logits_model(as_functional(layer))
    activation = _activation_of(layer)
    is_known = activation in _OPERATIONS.values()
    if is_known and not isinstance(layer, keras.layers.Layer):
        return keras.layers.Identity(dtype=layer.output.dtype)
    if isinstance(layer, keras.layers.Softmax) or (
        is_known and isinstance(layer, keras.layers.Activation)
    ):
        return keras.layers.Identity(dtype=layer.dtype_policy)
    if is_known and isinstance(layer, keras.layers.Dense):
        return LinearHead(layer)
    described = f" with activation {activation.__name__!r}" if callable(activation) else ""
    raise ValueError(
        f"The network ends in {layer.name!r} ({type(layer).__name__}{described}); it must end in "
        "softmax, in sigmoids or in logits: keras.layers.Dense(classes, activation='softmax')."
    )
