"""What the drawings show: the real numbers, in letters that a telephone leaves legible."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from small_networks import chain, layers

import course_utils as cu
from course_utils.display.charts import numbers_picture
from course_utils.engine.runner import to_array
from course_utils.methods.convolution import first_convolution
from course_utils.networks.classifier import runner_of

LIT = "#d06000"


def texts(figure):
    """All that can be read in a figure, top to bottom; checks that it can be."""
    figure.draw_without_rendering()
    assert figure.get_figwidth() * figure.dpi == 640
    found = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    shown = [t for t in found if t.axes is None or t.axes.axison or t not in _ticks(t.axes)]
    assert min(text.get_fontsize() for text in shown) >= 13
    return [text.get_text().replace("\n", " ") for text in shown]


def _ticks(axes):
    return [*axes.get_xticklabels(), *axes.get_yticklabels()]


def panels(figure):
    """{title: the array of the picture or map below it}."""
    return {
        axes.get_title(): np.ma.filled(axes.images[0].get_array(), np.nan)
        for axes in figure.findobj(matplotlib.axes.Axes)
        if axes.images
    }


def test_a_network_has_its_layers_lit_and_named(tiny):
    figure = cu.draw_network(tiny, ["conv"])
    shown = texts(figure)
    assert "conv" in shown and "8" in shown and "pool" not in shown
    [axes] = figure.findobj(matplotlib.axes.Axes)
    slabs = [p for p in axes.patches]
    assert [to_hex(slab.get_facecolor()) == LIT for slab in slabs] == [True, False, False]
    conv, pool, _ = (slab.get_height() for slab in slabs)
    assert conv > pool  # 8 x 8 against 1
    assert texts(cu.draw_network(tiny.model, ["conv", "predictions"]))[-1] != shown[-1]
    with pytest.raises(ValueError, match="No layer is called 'cnov'. Did you mean 'conv'?"):
        cu.draw_network(tiny, ["cnov"])


def test_a_convolution_is_computed_by_hand(embedded, chelsea):
    figure = cu.draw_convolution(embedded, chelsea, 5, 40, 50)
    inputs = np.pad(embedded.preprocess(chelsea)[0], ((0, 1), (0, 1), (0, 0)))
    kernel = embedded.model.get_layer("stem_conv").get_weights()[0][..., 5]
    by_hand = (inputs[80:83, 100:103] * kernel).sum()
    assert any(f"The 27 products sum to {by_hand:.2f}." in text for text in texts(figure))
    shown = panels(figure)
    maps = to_array(runner_of(embedded).outputs(embedded.preprocess(chelsea), ["stem_conv"])[0])
    assert np.array_equal(shown["the feature map"], maps[..., 5])
    so_far = shown["row by row"].ravel()
    assert np.array_equal(np.isnan(so_far), np.arange(112 * 112) > 40 * 112 + 50)
    frames = [p for axes in figure.findobj(matplotlib.axes.Axes) for p in axes.patches]
    assert {frame.get_xy() for frame in frames} > {(99.5, 79.5), (49.5, 39.5)}
    assert {(101, 81), (50, 40)} == {tuple(frame.get_center()) for frame in frames}
    with pytest.raises(ValueError, match="column must be a whole number from 0 to 111, not -1"):
        cu.draw_convolution(embedded, chelsea, 5, 40, -1)


def test_the_tables_have_the_colors_of_their_numbers(tiny, picture):
    found = first_convolution(tiny, picture)
    table = numbers_picture(found, 1, 4, 4, width=330)
    patch, kernel, _ = np.split(table[..., :3].astype(int), 3, axis=1)
    red, blue = patch[1, 1], patch[-12, 1]
    assert red[0] == pytest.approx(255 * found.patches[4, 4, 0, 0, 0], abs=12) and not red[1:].any()
    assert not blue[:2].any()
    negative = kernel[1, 1, 2] > kernel[1, 1, 0]  # blue rather than red
    assert negative == (found.kernels[0, 0, 0, 1] < 0)
    gray = chain([layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()], (8, 8, 1))
    found = first_convolution(gray, picture, lambda images: images / 255)
    corner = numbers_picture(found, 1, 2, 2, width=330)[1, 1]
    assert corner[:3] == pytest.approx([255 * found.patches[2, 2, 0, 0, 0]] * 3, abs=1)


def test_grad_cam_in_four_steps(embedded, chelsea):
    figure = cu.draw_grad_cam(embedded, chelsea, 282)
    shown = texts(figure)
    [logits] = embedded.logits(cu.load_image(chelsea, embedded.input_size))
    assert f"tiger cat {logits[282]:.1f}" in shown and "2. Back, to top_activation " in shown
    weights = embedded.model.get_layer("predictions").get_weights()[0][:, 282] / 49
    numbers = [float(text[2:]) for text in shown if text.startswith("x ")]
    assert len(numbers) == 4 and numbers[-1] < 0 < min(numbers[:3])
    assert all(np.abs(weights / number - 1).min() < 0.06 for number in numbers)
    heatmap = cu.make_gradcam_heatmap(embedded, chelsea, 282)
    drawn = panels(figure)
    assert drawn["→ ReLU"].max() == 1 and drawn["→ ReLU"].shape == chelsea.shape[:2]
    assert np.isin(drawn["→ ReLU"], heatmap).all()
    assert np.array_equal(
        drawn["→ overlay"],
        cu.overlay_heatmap(np.asarray(cu.display.tiles.to_gray(chelsea)), heatmap),
    )


def test_a_strip_has_its_values_above_its_pictures(picture):
    figure = cu.draw_strip([picture] * 3, [0.5, 0.25, 0.125, 7, 12], "Probability")
    assert {"Probability", "0.5", "0.12", "12.0"} <= set(texts(figure))
    [line] = [
        line for line in figure.findobj(matplotlib.lines.Line2D) if len(line.get_xdata()) == 5
    ]
    assert line.get_xdata().tolist() == [0, 0.5, 1, 1.5, 2]


def test_waves_add_up_to_the_picture():
    across = np.arange(32) / 32
    slow = 60 * np.cos(2 * np.pi * across)[:, np.newaxis]
    fast = 20 * np.cos(2 * np.pi * 5 * across)
    gray = np.rint(128 + slow + fast).astype(np.uint8)
    figure = cu.draw_waves(np.stack([gray] * 3, axis=-1))
    shown = panels(figure)
    assert np.allclose(shown["one wave"], np.broadcast_to(slow, (32, 32)), atol=1)
    assert np.allclose(shown["another"], np.broadcast_to(fast, (32, 32)), atol=1)
    assert np.allclose(shown["their sum"], slow + fast, atol=2)
    assert np.allclose(shown["10,000 waves"], gray - gray.mean())
    curve = next(x for x in figure.findobj(matplotlib.lines.Line2D) if len(x.get_xdata()) == 15)
    strength = dict(zip(curve.get_xdata(), curve.get_ydata(), strict=True))
    assert strength[1] == 1 and strength[5] > 20 * strength[7]
    texts(figure)
