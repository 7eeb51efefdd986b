"""Networks whose parts are known: what a graph lists, and that its parts compute what they did."""

import numpy as np
import pytest
from small_networks import NETWORKS, chain, layers, residual

from course_utils.engine.graph import needed_calls, output_of, run_calls, split_calls, trace_calls
from course_utils.engine.logits import build_logits_model

PICTURES = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)


def names_of(calls):
    return [call.layer.name for call in calls]


@pytest.mark.parametrize("build, layer_names", NETWORKS.items())
def test_trunk_then_head_compute_what_keras_does(seeded, build, layer_names):
    logits_model, _ = build_logits_model(build())
    graph = trace_calls(logits_model)
    expected = logits_model.predict(PICTURES, verbose=0)
    [logits] = run_calls(graph.calls, [(graph.input, PICTURES)], [graph.output])
    np.testing.assert_allclose(logits, np.squeeze(expected), atol=1e-6)
    for name in layer_names:
        boundary, head = split_calls(graph, name)
        trunk = needed_calls(graph.calls, boundary)
        assert boundary[0] is output_of(graph, name)
        assert not set(map(id, trunk)) & set(map(id, head))
        values = run_calls(trunk, [(graph.input, PICTURES)], boundary)
        [again] = run_calls(head, zip(boundary, values, strict=True), [graph.output])
        np.testing.assert_allclose(again, logits, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    "layer_name, crossing, head",
    [
        ("stem", [], ["in_block", "end_of_block", "add"]),
        ("in_block", ["stem"], ["end_of_block", "add"]),
        ("end_of_block", ["stem"], ["add"]),
        ("add", [], []),
    ],
)
def test_a_shortcut_crosses_the_cut_inside_a_residual_block(layer_name, crossing, head):
    graph = trace_calls(residual())
    boundary, calls = split_calls(graph, layer_name)
    expected = [output_of(graph, name) for name in [layer_name, *crossing]]
    assert [id(tensor) for tensor in boundary] == [id(tensor) for tensor in expected]
    assert names_of(calls)[: len(head)] == head and len(calls) == len(head) + 3


def test_data_augmentation_stays_still(seeded):
    """`model.predict` does not flip either; left alone, Keras would, and count it in a variable."""
    steps = [layers.RandomFlip(), layers.RandomRotation(0.3), layers.Dropout(0.5), layers.Flatten()]
    model = chain([*steps, layers.Dense(3)])
    before = [variable.numpy() for variable in model.variables]
    graph = trace_calls(model)
    expected = model.predict(PICTURES, verbose=0)
    for _ in range(3):
        [logits] = run_calls(graph.calls, [(graph.input, PICTURES)], [graph.output])
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)
    assert all(map(np.array_equal, before, [variable.numpy() for variable in model.variables]))
