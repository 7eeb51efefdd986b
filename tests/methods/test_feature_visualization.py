"""Feature visualization: what is climbed, through which preprocessing, and how it is asked for."""

import numpy as np
import pytest
from small_networks import chain, layers, plain, wrap

import course_utils as cu

GRAY_TO_1 = 127.5


def centered(images):
    return images / GRAY_TO_1 - 1


def means(model, pictures, layer_name="conv"):
    """Mean activations (N, channels) for pictures of any size."""
    maps = model.get_layer(layer_name)(centered(np.float32(pictures)))
    return maps.numpy().mean(axis=(1, 2))


# What is climbed


def test_channels_and_classes_answer_more_than_to_any_noise(seeded):
    conv = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")
    steps = [conv, layers.GlobalAveragePooling2D(), layers.Dense(3)]
    model, generator = chain(steps, (32, 32, 3)), np.random.default_rng(0)
    noise = generator.integers(0, 256, (200, 32, 32, 3), dtype=np.uint8)
    pictures = [cu.visualize_channel(model, "conv", i, preprocess_input=centered) for i in range(4)]
    assert (np.diag(means(model, pictures)) > 1.5 * means(model, noise).max(axis=0)).all()
    classifier = wrap(model, centered)
    pictures = [cu.visualize_class(classifier, i) for i in range(3)]
    most = classifier.logits(noise).max(axis=0)
    assert (np.diag(classifier.logits(pictures)) > most + 0.1).all()


@pytest.mark.parametrize("color", range(3))
def test_colors_go_through_the_preprocessing(color):
    """A network that sees blue, green, red; each channel likes one color and not the others."""
    conv = layers.Conv2D(3, 1, use_bias=False, name="conv")
    model = chain([conv], (32, 32, 3))
    conv.set_weights([3 * np.eye(3)[None, None] - 1])
    picture = cu.visualize_channel(
        model, "conv", 2 - color, preprocess_input=lambda images: images[..., ::-1] / 255 - 0.5
    )
    others = np.delete(picture, color, axis=-1)
    assert picture[..., color].mean() > others.mean() + 50


def test_the_start_is_waves_as_in_photographs():
    """Power falls as 1 / f^2, and the colors of a pixel go together.

    Nothing has moved it: the channel's tanh is 1 everywhere.
    """
    wide = layers.Conv2D(1, 3, dilation_rate=150, padding="same", activation="tanh", name="conv")
    model = chain([wide], (256, 256, 3))
    wide.set_weights([np.ones((3, 3, 3, 1)), np.array([99])])
    with pytest.warns(UserWarning, match="Nothing has moved") as caught:
        picture = cu.visualize_channel(model, "conv", 0, num_steps=1, preprocess_input=centered)
    assert caught[0].filename == __file__
    colors = picture.reshape(-1, 3) - picture.mean(axis=(0, 1))
    assert np.corrcoef(colors.T).min() > 0.6 and picture.std() < 3  # nearly gray
    window = np.hanning(256)
    waves = np.fft.fft2(picture.mean(axis=-1) * np.outer(window, window))
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    bands = [(0.02, 0.04), (0.08, 0.16)]  # four times apart: 16 times the power
    low, high = (
        np.mean(np.abs(waves[(a < frequencies) & (frequencies < b)]) ** 2) for a, b in bands
    )
    assert 10 < low / high < 25


def test_what_must_stand_at_one_place_does_not_survive_the_shifts():
    """The class likes stripes 8 pixels apart that begin at the left edge of what it sees."""
    wave = np.cos(np.pi / 4 * np.arange(64))
    dense = layers.Dense(2)
    model = chain([layers.Flatten(), dense], (64, 64, 3))
    weights = np.tile(wave[None, :, None], (64, 1, 3)).ravel()
    dense.set_weights([np.stack([weights, 0 * weights], axis=-1), np.zeros(2)])
    picture = cu.visualize_class(wrap(model, centered), 0)
    profile = np.fft.rfft(centered(picture).mean(axis=(0, 2)))
    assert np.abs(profile[9:17]).max() < 6.5


# What is asked for


def test_a_seed_makes_a_picture(tiny):
    first, same, other = (
        cu.visualize_channel(tiny, "conv", 1, num_steps=5, seed=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).mean() > 0.5


@pytest.mark.parametrize("dilation, side", [(1, 64), (65, 144), (200, 224)])
def test_a_channel_needs_no_more_than_it_sees_and_a_margin(dilation, side):
    """Of 3, 131 and 401 pixels, and an input of 224."""
    model = chain([layers.Conv2D(1, 3, dilation_rate=dilation, padding="same")], (224, 224, 3))
    picture = cu.visualize_channel(
        model, model.layers[-1].name, 0, num_steps=1, preprocess_input=centered
    )
    assert picture.shape == (side, side, 3) and picture.dtype == np.uint8


def test_a_size_that_is_asked_for(tiny):
    assert cu.visualize_channel(tiny, "conv", 0, size=32, num_steps=1).shape == (32, 32, 3)
    with pytest.raises(ValueError, match="size must be a whole number, 16 or more, not 8"):
        cu.visualize_channel(tiny, "conv", 0, size=8)


def test_a_network_sees_two_thirds_of_a_picture(seeded):
    """So a class's picture is larger than the input, which dense layers may insist on.

    So is a channel's, where each value sees everything.
    """
    steps = [layers.Flatten(), layers.Dense(15), layers.Reshape((3, 5, 1), name="maps")]
    classifier = wrap(chain([*steps, layers.Flatten(), layers.Dense(2)], (12, 20, 3)))
    assert cu.visualize_class(classifier, 1, num_steps=1).shape == (18, 30, 3)
    assert cu.visualize_channel(classifier, "maps", 0, num_steps=1).shape == (18, 30, 3)


def test_a_silent_channel_is_woken():
    """Behind its ReLU it has no gradient at first, since the start is gray."""
    for relu in ([], [layers.ReLU(name="relu")], [layers.Activation("relu", name="relu")]):
        conv = layers.Conv2D(1, 1, name="conv", activation=None if relu else "relu")
        model = chain([layers.Rescaling(1), conv, *relu], (32, 32, 3))  # conv is not the first
        conv.set_weights([np.ones((1, 1, 3, 1)), np.array([-1.5])])  # for white it is 1.5
        name = "relu" if relu else "conv"
        picture = cu.visualize_channel(model, name, 0, num_steps=60, preprocess_input=centered)
        assert centered(picture.mean()) > 0.1
    white = cu.visualize_channel(model, name, 0, num_steps=300, preprocess_input=centered)
    assert centered(white.mean()) > 0.3  # a quarter of its pixels can't get any brighter


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"layer_name": "convv"}, "No layer with feature maps is called 'convv'.* 'conv'"),
        ({"channel": 4}, "channel of layer 'conv' must be a whole number from 0 to 3, not 4"),
        ({"num_steps": 0}, "num_steps must be a whole number, 1 or more, not 0"),
        ({"model": plain()}, "preprocess_input"),
        ({"model": plain(), "preprocess_input": np.sqrt}, "preprocess_input must multiply and add"),
        ({"model": plain(), "preprocess_input": lambda x: x / x.max()}, "must multiply and add"),
    ],
)
def test_bad_arguments_are_explained(tiny, arguments, message):
    usual = {"model": tiny, "layer_name": "conv", "channel": 0}
    with pytest.raises(ValueError, match=message):
        cu.visualize_channel(**(usual | arguments))


@pytest.mark.parametrize("class_index", [3, None])
def test_a_class_that_is_not_there_is_refused(tiny, class_index):
    with pytest.raises(ValueError, match="class_index must be a whole number from 0 to 2, not"):
        cu.visualize_class(tiny, class_index)


def test_a_network_that_gives_nan_is_refused(tiny):
    tiny.model.get_layer("conv").set_weights([np.full((3, 3, 3, 4), np.nan), np.zeros(4)])
    with pytest.raises(ValueError, match="NaN or infinite"):
        cu.visualize_channel(tiny, "conv", 0, num_steps=1)
