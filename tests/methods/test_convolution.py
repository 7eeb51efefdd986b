"""A first convolution by hand: the patches and kernels make what Keras makes."""

import numpy as np
import pytest
from small_networks import chain, layers

from course_utils.backend import keras
from course_utils.methods.convolution import first_convolution

END = [layers.GlobalAveragePooling2D(), layers.Dense(3)]


def conv(size=3, **options):
    return layers.Conv2D(5, size, bias_initializer="random_normal", name="conv", **options)


@pytest.mark.parametrize(
    "steps",
    [
        [conv(padding="same", activation="relu")],
        [conv(padding="same", strides=2)],
        [conv((2, 3), padding="valid", use_bias=False)],
        [layers.ZeroPadding2D(2), conv(5, strides=2, activation="relu")],
        [layers.Rescaling(1 / 127.5, -1), conv(padding="same")],
    ],
)
def test_patches_times_kernels_are_the_maps(seeded, picture, steps):
    model = chain([*steps, *END])
    found = first_convolution(model, picture, lambda images: images / 50 - 1)
    sums = np.einsum("rshwc,hwcf->rsf", found.patches, found.kernels) + found.bias
    expected = keras.Model(model.input, model.get_layer("conv").output)(picture[None] / 50 - 1)[0]
    assert np.allclose(np.maximum(sums, 0) if found.relu else sums, expected, atol=1e-5)
    assert np.allclose(found.maps, expected, atol=1e-5)
    assert (found.name, found.colors) == ("conv", ["red", "green", "blue"])


@pytest.mark.parametrize(
    ("channels", "prepare", "colors", "limits"),
    [
        (3, lambda images: images[..., ::-1] - 100, ["blue", "green", "red"], (-100, 155)),
        (1, lambda images: images / 255, ["gray"], (0, 1)),
    ],
)
def test_the_channels_have_the_colors_that_the_network_reads(
    picture, channels, prepare, colors, limits
):
    model = chain([layers.ZeroPadding2D(2), conv(), *END], (8, 8, channels))
    found = first_convolution(model, picture, prepare)
    assert found.colors == colors
    assert found.patches.shape == (10, 10, 3, 3, channels)
    assert np.allclose(found.limits, [[limits[0]] * channels, [limits[1]] * channels])


@pytest.mark.parametrize(
    "steps", [[layers.DepthwiseConv2D(3), layers.Conv2D(5, 1)], [layers.Flatten()]]
)
def test_a_network_that_does_not_begin_with_one(picture, steps):
    with pytest.raises(ValueError, match="does not begin with a convolution"):
        first_convolution(chain([*steps]), picture, lambda images: images)
