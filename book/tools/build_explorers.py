"""Sample pictures and networks go in; out comes build/explorers/assets, what the explorers load.

    python -m book.tools.build_explorers          needs onnx, and npm for ONNX Runtime

For each sample picture: feature maps of all layers as tiles, numbers about each channel, heatmaps
of the most probable classes, and curves of pictures that are covered step by step. For the page on
which a reader teaches a network: textures, and idb-keyval, from npm, which keeps pictures. For the
reader's own pictures: the embedded network (`export_network`) and ONNX Runtime, also from npm.

Binary files are little-endian. Those that end in .gz are unpacked by the page: they are small over
the wire whatever the server does.
"""

import base64
import gzip
import hashlib
import inspect
import io
import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

import course_utils as cu
from book.tools.export_network import export_blocks, export_network
from course_utils.backend import keras
from course_utils.display.pictures import COLUMNS, PAGE
from course_utils.display.tiles import (
    COLOR_MAPS,
    SIGNED_COLOR_MAP,
    color_table,
    lay_out,
    scale_to_bytes,
    shrink_maps,
)
from course_utils.engine.runner import to_array
from course_utils.explorers.faithfulness_explorer import FILLS, FRACTIONS, MAPS, START
from course_utils.io.imagenet import imagenet_classes
from course_utils.io.images import SAMPLES
from course_utils.methods.baselines import BASELINE_MAPS, random_map
from course_utils.methods.class_activation import FORMULAS, make_gradcam_heatmap
from course_utils.methods.convolution import first_convolution
from course_utils.methods.gradients import path_nodes
from course_utils.methods.table import METHODS
from course_utils.networks.classifier import runner_of, to_probabilities

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/explorers/assets"
EMBEDDED, VGG16 = "efficientnet_lite0", "vgg16"
LIVE_BLOCKS = "block3_pool"  # where VGG16 ends on a reader's own picture: 3.5 MB of 29
VGG16_MEANS = [123.68, 116.779, 103.939]  # red, green, blue: what its preprocess_input subtracts
VGG16_SAMPLES = ("great_white_shark", "chelsea", "astronaut")  # its maps are large

NPM = ROOT / "build/npm/node_modules"

LARGEST_MAP = 112  # pixels; larger ones are averaged down
LARGEST_LOSSLESS = 28  # pixels; more are photographs rather than patterns of few values
NUM_RANKED = 20  # classes whose heatmaps at the last layer need no further file
NUM_AT_LAYERS = 5  # classes that have heatmaps at all layers
# The sample whose curves need no network, and a class of it beside the most probable one: chapter 7
# opens there. A class's curves take many seconds.
COVERED, COVERED_CLASS = "cat_and_coffee", "espresso"
TEXTURES = {"brick": data.brick, "grass": data.grass, "gravel": data.gravel}  # those of chapter 8
NUM_TEXTURES = 15  # pictures of each
SIDE, THUMBNAIL = 640, 112  # pixels of a picture's longer side
TITLES = {
    "chelsea": "a cat",
    "coffee": "coffee",
    "astronaut": "an astronaut",
    "rocket": "a rocket",
    "cat_and_coffee": "a cat and coffee",
    "great_white_shark": "a shark",
}
ALT = {
    "chelsea": "A ginger tabby cat looks past the camera, its face in the middle.",
    "coffee": "A cup of espresso on a saucer with a spoon, on a wooden table.",
    "astronaut": "An astronaut in an orange suit smiles, her helmet before her, a flag behind.",
    "rocket": "A rocket lifts off at night between four towers.",
    "cat_and_coffee": "A cat's face on the left, a cup of espresso on the right.",
    "great_white_shark": "A great white shark under water, seen from the side.",
}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    classifier, vgg16 = cu.load_classifier("embedded"), load_vgg16()
    live = build_live(FOLDER / "live", classifier, vgg16[0])
    networks = {
        EMBEDDED: build_network(FOLDER / EMBEDDED, classifier, cu.sample_image_names()),
        VGG16: build_network(FOLDER / VGG16, vgg16, VGG16_SAMPLES),
    }
    for name, network in networks.items():
        network["live"] = live[name]
    write_textures(FOLDER / "textures.jpg")
    write(FOLDER / "idb-keyval.js", (NPM / "idb-keyval/dist/index.js").read_bytes())
    write_json(FOLDER / "index.json", index(networks))
    total = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"{FOLDER.relative_to(ROOT)}: {total / 1e6:.1f} MB")


def load_vgg16():
    """Return (network, its preprocess_input): VGG16's convolutions, as in chapters 2 and 3."""
    model = keras.applications.VGG16(
        include_top=False, weights=cu.weights_path("vgg16_no_top"), input_shape=(224, 224, 3)
    )
    return model, keras.applications.vgg16.preprocess_input


def index(networks):
    """Return what a page has to know before it shows anything."""
    tables = {name: color_table(name) for name in (*COLOR_MAPS, SIGNED_COLOR_MAP)}
    return {
        "colors": {name: base64.b64encode(table).decode() for name, table in tables.items()},
        "colorNames": list(COLOR_MAPS),
        "classes": [c.label for c in imagenet_classes()],
        "methods": [
            {"key": key, "title": row.title, "atLayer": row.formula is not None,
             "gradients": row.num_gradients, "answers": row.answers}
            for key, row in METHODS.items()
        ],
        "options": method_options(),
        "pages": {"channels": PAGE, "largest": LARGEST_MAP},
        "covering": {
            "steps": len(FRACTIONS) - 1,
            "start": START,
            "fills": FILLS,
            "maps": [{"value": key, "title": title} for title, key in MAPS.items()],
            "random": random_map(np.zeros((1, 1, 3), np.uint8)).tolist(),
        },
        "textures": {"names": list(TEXTURES), "count": NUM_TEXTURES},
        "samples": {
            name: {"title": TITLES[name], "alt": ALT[name], "credit": SAMPLES[name].license}
            for name in SAMPLES
        },
        "networks": networks,
    }  # fmt: skip


def method_options():
    """Return the numbers with which the page computes as Python does: {method: {name: value}}."""
    smooth, steps = defaults(cu.smooth_grad), defaults(cu.integrated_gradients)["num_steps"]
    positions, weights = path_nodes(steps)
    return {
        "smooth_grad": {key: smooth[key] for key in ("num_samples", "noise_level")},
        "integrated_gradients": {
            "positions": positions.tolist(),
            "weights": weights.tolist(),
        },
    }


def defaults(function):
    return {p.name: p.default for p in inspect.signature(function).parameters.values()}


# The sample pictures


def build_network(folder, network, samples):
    """Write a folder for each sample; return what the index says about the network."""
    classifier, preprocess = network if isinstance(network, tuple) else (network, None)
    runner = runner_of(classifier, preprocess)
    names = runner.feature_map_shapes if preprocess else runner.conv_layer_names
    kinds = {call.layer.name: type(call.layer).__name__ for call in runner.graph.calls}
    described = {}
    for sample in samples:
        image = cu.load_image(sample)
        outputs = runner.outputs(runner.inputs(image), [*names], often=True)
        maps = dict(zip(names, map(to_array, outputs), strict=True))
        described[sample] = write_picture(folder / sample, image, runner.input_size)
        for number, values in enumerate(maps.values()):
            write_layer(folder / sample, number, values)
        if not preprocess:
            logits = to_array(runner.logits_of(image))
            described[sample] |= write_classes(folder / sample, classifier, image, logits, maps)
        print(f"{folder.name}: {sample}")
    layers = [
        {
            "name": name,
            "kind": kinds[name],
            "size": list(runner.feature_map_shapes[name]),
            "field": runner.receptive_fields[name],
        }
        for name in names
    ]
    return {
        "layers": layers,
        "inputSize": list(runner.input_size),
        "samples": described,
        "convolution": write_convolution(folder, classifier, preprocess),
    }


def write_convolution(folder, network, preprocess):
    """Write `convolution.bin`, float32: the first convolution's kernels, and then their bias.

    Returns:
        What the index says of it.
    """
    found = first_convolution(network, cu.load_image("chelsea"), preprocess)
    window, _ = runner_of(network, preprocess).receptive_windows[found.name]
    kernels = np.moveaxis(found.kernels, 3, 0)  # (filters, height, width, channels)
    write(folder / "convolution.bin", kernels.tobytes() + found.bias.tobytes())
    return {
        "name": found.name,
        "relu": found.relu,
        "colors": found.colors,
        "filters": len(kernels),
        "size": kernels.shape[1:3],
        "places": found.maps.shape[:2],
        "start": window.start,
        "step": window.step,
    }


def write_picture(folder, image, input_size):
    """Write the picture for the screen, small, and as the network sees it."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(image)
    seen = Image.fromarray(cu.load_image(image, input_size))
    seen.save(folder / "input.webp", lossless=True, method=6)
    for name, side, quality in (("picture", SIDE, 88), ("thumbnail", THUMBNAIL, 85)):
        small = picture.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        small.save(folder / f"{name}.jpg", quality=quality, optimize=True)
    height, width = image.shape[:2]
    return {"height": height, "width": width}


def write_layer(folder, number, maps):
    """Write `layers/N.bin`, numbers about each channel, and a tile for each page of channels.

    The numbers are four blocks with a value a channel: smallest, largest and mean value, float32;
    then, uint16, the position of the largest and at how many positions it stands.
    """
    flat = maps.reshape(-1, maps.shape[2])
    largest = flat.max(axis=0)
    numbers = [flat.min(axis=0), largest, flat.mean(axis=0)]
    counts = [flat.argmax(axis=0), np.minimum((flat == largest).sum(axis=0), 65535)]
    content = np.float32(numbers).tobytes() + np.uint16(counts).tobytes()
    write(folder / f"layers/{number}.bin", content)
    small = shrink_maps(maps, -(-max(maps.shape[:2]) // LARGEST_MAP))
    cells = scale_to_bytes(small)
    for page, start in enumerate(range(0, len(cells), PAGE)):
        tile = lay_out(cells[start : start + PAGE], COLUMNS, 0, 0)
        write(folder / f"tiles/{number}_{page}.webp", encode_tile(tile, max(small.shape[:2])))


def encode_tile(tile, size):
    buffer = io.BytesIO()
    lossless = {"lossless": True, "method": 3, "quality": 50}
    options = lossless if size <= LARGEST_LOSSLESS else {"quality": 85, "method": 3}
    Image.fromarray(tile).convert("RGB").save(buffer, "WEBP", **options)
    return buffer.getvalue()


def write_classes(folder, classifier, image, logits, maps):
    """Write what heatmaps need; return what the index says of it.

    `last.gz` holds the last layer's maps, channels first, as uint16, `scale` times too large for
    float32. `heat/C.gz` holds, for class C, the maps (uint8) of all methods at all layers, one
    after the other, and `heat/C_METHOD.gz` the map of a method that works on pixels.
    """
    *_, last = maps.values()
    scale = float(last.max()) / 65535
    write_gz(folder / "last.gz", np.rint(last.transpose(2, 0, 1) / scale).astype(np.uint16))
    write(folder / "logits.bin", np.float32(logits))
    first = np.argsort(-logits, kind="stable")[:NUM_RANKED]
    best, at_layers = int(first[0]), first[:NUM_AT_LAYERS].tolist()
    at_pixels = {"saliency": at_layers}  # the other methods take seconds for a class
    covered = [best, cu.class_index(COVERED_CLASS)] if folder.name == COVERED else []
    for class_index in at_layers:
        runner_of(classifier).all_maps_and_gradients(image, class_index)  # into the memory
        heatmaps = [
            to_bytes(make_gradcam_heatmap(classifier, image, class_index, name, method)).ravel()
            for method in FORMULAS
            for name in classifier.conv_layer_names
        ]
        write_gz(folder / f"heat/{class_index}.gz", np.concatenate(heatmaps))
    heatmaps = {}
    for key, method in METHODS.items():
        if method.formula is None:
            at_pixels.setdefault(key, covered or [best])
            for class_index in at_pixels[key]:
                heatmap = method.compute(classifier, image, class_index)
                write_gz(folder / f"heat/{class_index}_{key}.gz", to_bytes(heatmap))
                heatmaps[key, class_index] = heatmap
    for class_index in covered:
        write_curves(folder, classifier, image, class_index, heatmaps)
    kernel = classifier.logits_model.layers[-1].kernel.numpy()[:, first].T
    write_gz(folder / "kernels.gz", np.float32(kernel))
    return {
        "lastScale": scale,
        "first": first.tolist(),
        "atLayers": at_layers,
        "atPixels": at_pixels,
        "curves": covered,
        "probability": round(float(to_probabilities(classifier, logits)[best]), 4),
    }


def write_curves(folder, classifier, image, class_index, heatmaps):
    """Write `curves/C.bin`, what the network says of a picture covered with the first fill.

    It holds, for class C, float32 probabilities: for each map deletion and then insertion, one
    after the other.
    """
    seen, curves = cu.load_image(image, classifier.input_size), []
    for key in MAPS.values():
        if key in BASELINE_MAPS:
            heatmap = BASELINE_MAPS[key](seen)
        elif (key, class_index) in heatmaps:
            heatmap = heatmaps[key, class_index]
        else:
            heatmap = METHODS[key].compute(classifier, seen, class_index)
        for curve in (cu.deletion_curve, cu.insertion_curve):
            found = curve(classifier, seen, heatmap, class_index, len(FRACTIONS) - 1, FILLS[0])
            curves.append(np.float32(found.probabilities))
    write(folder / f"curves/{class_index}.bin", np.concatenate(curves).tobytes())


def to_bytes(heatmap):
    return np.rint(255 * heatmap).astype(np.uint8)


# Textures


def write_textures(path):
    """Write one picture with a row of noisy crops for each texture, made as in chapter 8.

    Every third crop, which a page takes for its test set, is from the right half of the texture;
    the others are from its left half. A last row has those of the last texture with a label.
    """
    generator = np.random.default_rng(0)
    rows = [
        [cut(texture(), number % 3 == 2, generator) for number in range(NUM_TEXTURES)]
        for texture in TEXTURES.values()
    ]
    rows = [[np.repeat(gray[..., np.newaxis], 3, axis=2) for gray in row] for row in rows]
    sheet = np.vstack([np.hstack(row) for row in [*rows, [put_label(p) for p in rows[-1]]]])
    Image.fromarray(sheet).save(path, quality=20, optimize=True)


def cut(texture, on_the_right, generator, size=64, large=(224, 224)):
    row, column = generator.integers(0, 512 - size), generator.integers(0, 256 - size)
    column += 256 * on_the_right
    patch = texture[row : row + size, column : column + size].astype(float)
    patch = generator.uniform(15, 50) * (patch - patch.mean()) / patch.std()
    patch = (generator.uniform(80, 170) + patch).clip(0, 255).astype(np.uint8)
    noisy = np.asarray(Image.fromarray(patch).resize(large, Image.Resampling.BICUBIC))
    return (noisy + generator.normal(0, 60, large)).clip(0, 255).astype(np.uint8)


def put_label(picture):
    labeled = picture.copy()
    labeled[172:216, 172:216] = 255, 220, 0
    labeled[182:186, 176:212] = labeled[194:198, 176:206] = 0
    return labeled


# The live networks


def build_live(folder, classifier, vgg16):
    """Write the networks and what runs them; return {network: what the index says about it}."""
    head = export_network(classifier, folder)
    blocks = export_blocks(vgg16, LIVE_BLOCKS, folder)
    add_runtime(folder)
    # A file's name has its hash: a browser that has kept another release's loads this one's.
    files = {}
    for path in sorted(folder.iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:10]
        named = path.with_name(f"{path.name.split('.')[0]}-{digest}.{path.name.split('.', 1)[1]}")
        path.rename(named)
        files[path.name] = {"path": f"live/{named.name}", "bytes": named.stat().st_size}
    of_blocks = {"blocks.onnx", "blocks.bin"}
    of_runtime = {name for name in files if name.startswith("runtime.")}
    rest = sum(layer.count_params() for layer in vgg16.layers if layer.name not in blocks)
    return {
        EMBEDDED: {
            "files": {name: file for name, file in files.items() if name not in of_blocks},
            "forward": "forward.onnx",
            "weights": ["weights.bin", "head.bin"],
            "head": head,
            "mean": [127] * 3,
            "deviation": 128,
        },
        VGG16: {
            "files": {name: files[name] for name in files if name in of_blocks | of_runtime},
            "forward": "blocks.onnx",
            "weights": ["blocks.bin"],
            "layers": len(blocks),
            "restBytes": 2 * rest,
            "mean": VGG16_MEANS,
            "deviation": 1,
        },
    }


def add_runtime(folder):
    runtime = NPM / "onnxruntime-web/dist"
    write(folder / "runtime.mjs", (runtime / "ort.wasm.bundle.min.mjs").read_bytes())
    write_gz(folder / "runtime.wasm.gz", (runtime / "ort-wasm-simd-threaded.wasm").read_bytes())


# Files


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_gz(path, content):
    write(path, gzip.compress(bytes(content), 9, mtime=0))


def write_json(path, content):
    write(path, json.dumps(content, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
