"""The embedded network is the one of the paper, and its file is whole."""

import pytest

from course_utils.backend import keras
from course_utils.networks import efficientnet_lite
from course_utils.networks.efficientnet_lite import EMBEDDED_FILE, embedded_file_is_whole


def test_its_blocks_are_those_of_the_paper(embedded):
    kinds = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    found = [x for x in embedded.model.layers if isinstance(x, kinds)]
    assert {(x.padding, x.use_bias, x.data_format) for x in found} == {
        ("same", False, "channels_last")
    }
    first_of_block = {x.name: x for x in found if x.name.endswith("a_dwconv")}
    sizes = [(x.kernel_size[0], x.strides[0]) for x in first_of_block.values()]
    assert sizes == [(3, 1), (3, 2), (5, 2), (3, 2), (5, 1), (5, 2), (3, 1)]
    projected = [x.filters for x in found if x.name.endswith("project_conv")]
    assert projected == [16, *[24] * 2, *[40] * 2, *[80] * 3, *[112] * 3, *[192] * 4, 320]
    added = [x.name for x in embedded.model.layers if isinstance(x, keras.layers.Add)]
    assert added == [
        f"block{block}{repeat}_add"
        for block, repeats in enumerate(["b", "b", "bc", "bc", "bcd"], start=2)
        for repeat in repeats
    ]


def test_activations_end_at_6_and_the_last_layer_in_a_softmax(embedded):
    layers = embedded.model.layers
    assert {x.max_value for x in layers if isinstance(x, keras.layers.ReLU)} == {6}
    assert {x.epsilon for x in layers if isinstance(x, keras.layers.BatchNormalization)} == {1e-3}
    assert layers[-1].activation is keras.activations.softmax


@pytest.mark.parametrize("fault", ["a bit flipped", "missing"])
def test_a_damaged_file_is_found_out(tmp_path, monkeypatch, fault):
    path = tmp_path / "efficientnet_lite0.npz"
    if fault == "a bit flipped":
        content = bytearray(EMBEDDED_FILE.read_bytes())
        content[9_000_000] ^= 1
        path.write_bytes(content)
    monkeypatch.setattr(efficientnet_lite, "EMBEDDED_FILE", path)
    assert not embedded_file_is_whole()
