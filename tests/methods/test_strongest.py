"""The strongest examples: the fold's laws, the search beside a naive loop, and what is cut out."""

import numpy as np
import pytest
from small_networks import NETWORKS, chain, layers, plain, wrap

import course_utils as cu
from course_utils.methods.strongest import NUM_EXAMPLES, Examples, merge

WINDOWS = np.array([[8, -1, 3, 1], [8, -1, 3, 1]])


def table(entries, num_channels=3):
    """A table of (value, picture, row, column) entries, sorted by hand, for each channel."""
    values = np.full((num_channels, NUM_EXAMPLES), -np.inf, np.float32)
    pictures = np.full((num_channels, NUM_EXAMPLES), -1, np.int32)
    positions = np.full((num_channels, NUM_EXAMPLES, 2), -1, np.int32)
    for channel, of_channel in enumerate(entries):
        ranked = sorted(of_channel, key=lambda e: (-e[0], *e[1:]))
        for i, (value, picture, row, column) in enumerate(ranked[:NUM_EXAMPLES]):
            values[channel, i], pictures[channel, i] = value, picture
            positions[channel, i] = row, column
    return Examples(values, pictures, positions, WINDOWS)


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


# The fold


@pytest.mark.parametrize("num_entries", [3, 12, 60])
@pytest.mark.parametrize("seed", range(3))
def test_any_split_in_any_order_gives_the_same_table(num_entries, seed):
    """Few different values, so that ties are everywhere."""
    generator = np.random.default_rng(seed)
    entries = generator.integers(0, [4, 20, 3, 3], (3, num_entries, 4))
    entries[:, :, 1] = np.arange(num_entries)
    expected = table(entries.tolist())
    for _ in range(5):
        order = generator.permutation(num_entries)
        cuts = np.sort(generator.integers(0, num_entries + 1, generator.integers(0, 6)))
        tables = [table(part.tolist()) for part in np.split(entries[:, order], cuts, axis=1)]
        while len(tables) > 1:  # merged two by two, in any order
            i, j = generator.choice(len(tables), 2, replace=False)
            both = merge(tables[i], tables[j])
            tables = [t for k, t in enumerate(tables) if k not in (i, j)] + [both]
        assert_equal(tables[0], expected)


# The search


@pytest.mark.parametrize("build", NETWORKS)
def test_maxima_and_their_places_are_those_of_the_feature_maps(build, seeded):
    classifier, names = wrap(build()), NETWORKS[build]
    generator = np.random.default_rng(1)
    pictures = [generator.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(11)]
    pictures[9] = pictures[4]  # a tie in every channel
    pictures[7][:] = 128  # ties within the maps
    found = cu.strongest_examples(classifier, pictures, names)
    assert list(found) == names
    maps = [cu.get_feature_maps(classifier, picture, names) for picture in pictures]
    for name in names:
        by_channel = np.transpose([m[name] for m in maps], (3, 0, 1, 2))
        entries = [
            [(p.max(), i, *np.unravel_index(p.argmax(), p.shape)) for i, p in enumerate(planes)]
            for planes in by_channel
        ]
        expected = table(entries, len(entries))
        np.testing.assert_allclose(found[name].values, expected.values, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(found[name].pictures, expected.pictures)
        np.testing.assert_array_equal(found[name].positions, expected.positions)


def test_a_name_and_an_array_are_pictures_and_a_model_is_a_network(seeded, coffee):
    def prepare(images):
        return images / 255

    model, sources = plain(), ["coffee", coffee]
    found = cu.strongest_examples(model, sources, preprocess_input=prepare)["conv"]
    assert_equal(found, cu.strongest_examples(wrap(model, prepare), sources)["conv"])
    np.testing.assert_array_equal(found.values[:, 0], found.values[:, 1])
    assert (found.pictures[:, 2:] == -1).all() and found.values.shape == (4, 9)


# What is cut out


def spot(size, row, column):
    """A black picture with a white pixel."""
    image = np.zeros((*size, 3), np.uint8)
    image[row, column] = 255
    return image


@pytest.mark.parametrize("place", [(0, 0), (4, 2), (7, 7)])
def test_a_patch_is_what_the_maximum_sees(place):
    """Two convolutions that weigh the middle of 3 x 3 pixels most: the peak lies at the spot."""
    convolutions = [layers.Conv2D(1, 3, padding="same", name=name) for name in "ab"]
    model = chain([*convolutions, layers.GlobalAveragePooling2D(), layers.Dense(2)])
    for layer in convolutions:
        kernel = np.ones(layer.kernel.shape)
        kernel[1, 1] = 9
        layer.set_weights([kernel, np.zeros(1)])
    image = spot((8, 8), *place)
    found = cu.strongest_examples(wrap(model), [image], ["b"])["b"]
    [patch] = cu.example_patches(found, [image], 0)
    assert tuple(found.positions[0, 0]) == place and patch.dtype == np.uint8
    on_white = np.pad(image, ((2, 2), (2, 2), (0, 0)), constant_values=255)
    row, column = place
    np.testing.assert_array_equal(patch, on_white[row : row + 5, column : column + 5])


def test_strides_move_the_patch():
    pool = layers.MaxPooling2D(2, name="pool")
    model = chain([pool, layers.GlobalAveragePooling2D(), layers.Dense(2)])
    image = spot((8, 8), 5, 2)
    found = cu.strongest_examples(wrap(model), [image], ["pool"])["pool"]
    [patch] = cu.example_patches(found, [image], 0)
    np.testing.assert_array_equal(patch, image[4:6, 2:4])


def test_a_patch_is_no_larger_than_the_picture_and_of_its_size_for_the_network(seeded):
    wide = layers.Conv2D(2, 15, padding="same", name="wide")
    model = chain([wide, layers.Flatten(), layers.Dense(2)])
    image = np.random.default_rng(0).integers(0, 256, (40, 24, 3), dtype=np.uint8)
    found = cu.strongest_examples(wrap(model), [image], ["wide"])["wide"]
    [patch] = cu.example_patches(found, [image], 1)
    np.testing.assert_array_equal(patch, cu.load_image(image, size=(8, 8)))


def test_a_layer_whose_field_is_not_known_sees_all(seeded, picture):
    unknown = layers.Lambda(lambda x: x + 1, name="unknown")
    model = chain([unknown, layers.Flatten(), layers.Dense(2)])
    found = cu.strongest_examples(wrap(model), [picture], ["unknown"])["unknown"]
    assert found.windows.tolist() == [[8, 0, 8, 0]] * 2
    np.testing.assert_array_equal(cu.example_patches(found, [picture], 0), picture[np.newaxis])


# Bad arguments


@pytest.mark.parametrize(
    "images, layer_names, words",
    [
        ([], None, "images must be a list of pictures, one or more, not \\[\\]"),
        ("coffee", None, "not 'coffee'. Of a folder: sorted"),
        ({"a": 1}, None, "not {'a': 1}.*list\\(pictures.values"),
        (["coffee"], "conv", "layer_names is a list of names: \\['conv'\\]"),
        (["cofee"], None, "no sample and no file named 'cofee'"),
    ],
)
def test_bad_arguments(tiny, images, layer_names, words):
    with pytest.raises(ValueError, match=words):
        cu.strongest_examples(tiny, images, layer_names)


def test_bad_arguments_of_the_patches(tiny, picture):
    found = cu.strongest_examples(tiny, [picture] * 3)
    for arguments, words in [
        ((found, [picture] * 3, 0), "of one layer: strongest_examples"),
        ((found["conv"], [picture] * 3, 4), "channel must be a whole number from 0 to 3, not 4"),
        ((found["conv"], [picture], 0), "images holds 1, and the examples are of more pictures"),
    ]:
        with pytest.raises(ValueError, match=words):
            cu.example_patches(*arguments)


def test_an_output_that_is_no_number_is_an_error(picture):
    """Behind a ReLU, TensorFlow's compiled convolution makes 0 of NaN: there is nothing to see."""
    model = chain([layers.Conv2D(3, 3, name="conv"), layers.GlobalAveragePooling2D()])
    model.get_layer("conv").bias.assign([np.nan] * 3)
    with pytest.raises(ValueError, match="output at 'conv' is NaN or infinite"):
        cu.strongest_examples(wrap(model), [picture])
