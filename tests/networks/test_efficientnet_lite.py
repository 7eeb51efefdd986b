"""The embedded network is the one of its table, and its file is whole."""

import numpy as np
import pytest

from course_utils.backend import keras
from course_utils.networks import efficientnet_lite
from course_utils.networks.efficientnet_lite import (
    EMBEDDED_FILE,
    build_efficientnet_lite0,
    embedded_file_is_whole,
    load_embedded,
    preprocess_input,
)

# Layer by layer as in the paper's table: (expand, kernel, stride, filters, repeats).
BLOCKS = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
]


def expected_layers():
    """Each convolution as (name, filters, kernel size, stride, whether a shortcut ends there)."""
    yield "stem_conv", 32, 3, 2
    channels = 32
    for number, (expand, kernel, stride, filters, repeats) in enumerate(BLOCKS, start=1):
        for repeat in range(repeats):
            name = f"block{number}{'abcd'[repeat]}"
            if expand > 1:
                yield f"{name}_expand_conv", expand * channels, 1, 1
            yield f"{name}_dwconv", expand * channels, kernel, stride if repeat == 0 else 1
            yield f"{name}_project_conv", filters, 1, 1
            channels = filters
    yield "top_conv", 1280, 1, 1


def test_its_convolutions_are_those_of_the_table(embedded):
    kinds = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    found = [x for x in embedded.model.layers if isinstance(x, kinds)]
    facts = [(x.name, x.output.shape[-1], x.kernel_size[0], x.strides[0]) for x in found]
    assert facts == list(expected_layers())
    assert {(x.padding, x.use_bias, x.data_format) for x in found} == {
        ("same", False, "channels_last")
    }


def test_a_block_is_expanded_filtered_projected_and_added(embedded):
    names = [layer.name for layer in embedded.model.layers if layer.name.startswith("block2b_")]
    parts = (
        "expand_conv expand_bn expand_activation dwconv bn activation project_conv project_bn add"
    )
    assert [name.removeprefix("block2b_") for name in names] == parts.split()
    added = [x.name for x in embedded.model.layers if isinstance(x, keras.layers.Add)]
    repeats = [(i, j) for i, row in enumerate(BLOCKS, 1) for j in range(1, row[-1])]
    assert added == [f"block{i}{'abcd'[j]}_add" for i, j in repeats]


def test_activations_end_at_6_and_the_last_layer_in_a_softmax(embedded):
    layers = embedded.model.layers
    assert {x.max_value for x in layers if isinstance(x, keras.layers.ReLU)} == {6}
    assert {x.epsilon for x in layers if isinstance(x, keras.layers.BatchNormalization)} == {1e-3}
    assert embedded.model.count_params() == 4_694_024
    assert layers[-1].activation is keras.activations.softmax
    assert embedded.model.input_shape == (None, 224, 224, 3)


def test_it_takes_another_number_of_classes():
    model = build_efficientnet_lite0(num_classes=3)
    assert (model.name, model.output_shape) == ("efficientnet_lite0", (None, 3))


@pytest.mark.parametrize("value, expected", [(127, 0), (0, -127 / 128), (255, 1)])
def test_preprocessing_centers_on_127(value, expected):
    assert preprocess_input(np.float32(value)) == np.float32(expected)


def test_the_file_holds_every_variable_once_and_nothing_else(embedded):
    with np.load(str(EMBEDDED_FILE), allow_pickle=False) as arrays:
        variables = {f"{x.name}/{v.name}": v for x in embedded.model.layers for v in x.weights}
        assert set(arrays.files) == set(variables)
        for name, variable in variables.items():
            np.testing.assert_array_equal(arrays[name], variable.numpy(), err_msg=name)


@pytest.mark.parametrize("fault", ["a bit flipped", "cut short", "missing"])
def test_a_damaged_file_is_found_out(tmp_path, monkeypatch, fault):
    content = bytearray(EMBEDDED_FILE.read_bytes())
    content[9_000_000] ^= 1
    path = tmp_path / "efficientnet_lite0.npz"
    if fault != "missing":
        path.write_bytes(content[: 9_000_000 if fault == "cut short" else None])
    assert embedded_file_is_whole()
    monkeypatch.setattr(efficientnet_lite, "EMBEDDED_FILE", path)
    assert not embedded_file_is_whole()
    with pytest.raises(ValueError, match="efficientnet_lite0.npz.*damaged.*course_utils doctor"):
        load_embedded()
