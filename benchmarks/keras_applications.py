"""Every family of keras.applications beside plain Keras: the same numbers, and which layer.

    python benchmarks/keras_applications.py [NAME ...]

Random weights, the smallest member of each family, small pictures. For each network: the default
layer, and how far Grad-CAM, saliency and Integrated Gradients are from a dozen lines of Keras with
`tf.GradientTape`, as shares of the largest value. The three explorers open, and the class
explorer's heatmap is drawn at the default layer. Not part of the tests: it takes minutes.

All of it in float64. In float32, gradients of two correct programs differ by up to 2e-3: where a
ReLU gets a number near zero, rounding decides whether it passes a gradient on.
"""

import sys
import warnings

import numpy as np

import course_utils as cu
from course_utils.backend import keras, tf

SIZES = {
    "VGG16": 64, "VGG19": 64, "ResNet50": 64, "ResNet50V2": 64, "InceptionV3": 139,
    "InceptionResNetV2": 139, "MobileNet": 64, "MobileNetV2": 64, "MobileNetV3Small": 64,
    "MobileNetV3Large": 64, "DenseNet121": 64, "NASNetMobile": 64, "Xception": 96,
    "EfficientNetB0": 64, "EfficientNetV2B0": 64, "ConvNeXtTiny": 64,
}  # fmt: skip
CLASSES, STEPS = 10, 8
TOLERANCE = 1e-5


def build(name):
    """A network of the family with 10 classes, and a picture of its size."""
    keras.utils.set_random_seed(0)
    size = SIZES[name]
    make = getattr(keras.applications, name)
    base = make(weights=None, include_top=False, input_shape=(size, size, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(base.output)
    dense = keras.layers.Dense(CLASSES, activation="softmax", kernel_initializer="random_normal")
    classifier = cu.ImageClassifier(name, keras.Model(base.input, dense(pooled)), to_unit)
    return classifier, cu.load_image("chelsea", (size, size))


def to_unit(images):
    """Colors in [-1, 1], whatever the family: the weights are random."""
    return images / 127.5 - 1


def plain_keras(classifier, image, target):
    """Grad-CAM, saliency and Integrated Gradients, with nothing of the course but the names."""
    model, batch = classifier.model, tf.constant(to_unit(np.float32(image[None])))
    *_, last = model.layers
    layer = model.get_layer(classifier.last_conv_layer_name)
    both = keras.Model(model.inputs, [layer.output, last.input])

    def logit(pooled):
        return (tf.matmul(pooled, last.kernel) + last.bias)[:, target]

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(batch)
        maps, pooled = both([batch], training=False)
        score = logit(pooled)
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
    heatmap = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))[0]
    saliency = tf.reduce_max(tf.abs(tape.gradient(score, batch)[0]), axis=-1)
    nodes, shares = np.polynomial.legendre.leggauss(STEPS)
    black, total = tf.constant(to_unit(np.zeros((1, *image.shape), np.float32))), 0
    for node, share in zip((nodes + 1) / 2, shares / 2, strict=True):
        with tf.GradientTape() as tape:
            point = black + np.float32(node) * (batch - black)
            tape.watch(point)
            score = logit(both([point], training=False)[1])
        total += np.float32(share) * tape.gradient(score, point)
    saliency /= tf.reduce_max(saliency)
    return heatmap / tf.reduce_max(heatmap), saliency, (total * (batch - black))[0]


def difference(ours, theirs):
    """The largest difference, as a share of the largest value."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def compare(name):
    """A row of the table, and whether all is equal."""
    classifier, image = build(name)
    target = int(classifier.logits(image).argmax())
    plain = plain_keras(classifier, image, target)
    heatmap, saliency, attributions = map(np.asarray, plain)
    ours = cu.make_gradcam_heatmap(classifier, image, target)
    integrated = cu.integrated_gradients(classifier, image, target, num_steps=STEPS)
    differences = [
        difference(ours, heatmap),
        difference(cu.compute_saliency_map(classifier, image, target), saliency),
        difference(integrated, attributions),
    ]
    cu.LayerExplorer(classifier, image).wait()
    cu.FaithfulnessExplorer(classifier, image).wait()
    explorer = cu.ClassExplorer(classifier, image)
    explorer.choose(target)
    explorer.wait()
    layer = classifier.last_conv_layer_name
    assert explorer.layer.value == layer and layer in explorer._sentence
    size = "x".join(map(str, heatmap.shape))
    row = f"| {name} | {SIZES[name]} | {layer} | {size} | "
    return row + " | ".join(f"{d:.0e}" for d in differences) + " |", max(differences) < TOLERANCE


def main(names):
    """Print the table. Returns 1 where a number differs."""
    warnings.simplefilter("ignore")
    keras.config.set_floatx("float64")
    print("| network | pixels | default layer | places | Grad-CAM | saliency | IG |")
    print("|---|---|---|---|---|---|---|")
    are_equal = []
    for name in names or SIZES:
        row, is_equal = compare(name)
        are_equal.append(is_equal)
        print(row, flush=True)
        keras.backend.clear_session()
    return 0 if all(are_equal) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
