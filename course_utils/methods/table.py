"""The methods of the course, in the order of teaching. Chapters, explorers and tests go through it.

A new method is a function in a module of this folder, and a row here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from course_utils.methods.class_activation import FORMULAS, Formula, make_gradcam_heatmap
from course_utils.methods.gradients import compute_saliency_map, integrated_magnitude, smooth_grad


class Method(NamedTuple):
    """A method that says which part of a picture speaks for a class.

    Attributes:
        title: What people call it.
        paper: Address of the paper that describes it.
        compute: Function (classifier, image, class_index=None) to a map, float32 (h, w) in [0, 1].
        answers: Which question it answers.
        misleads: What it gets wrong.
        formula: For a method that works at a layer, what it makes of the layer's feature maps and
            gradients; None for a method that works on pixels.
        num_gradients: How many gradients `compute` takes. Where they are many, it has an option
            `progress`.
    """

    title: str
    paper: str
    compute: Callable
    answers: str
    misleads: str
    formula: Formula | None = None
    num_gradients: int = 1


_AT_LAYER = {  # title, paper, answers, misleads
    "grad_cam": (
        "Grad-CAM",
        "https://arxiv.org/abs/1610.02391",
        "which region speaks for the class, less what speaks against it",
        "outlines; small objects",
    ),
    "grad_cam++": (
        "Grad-CAM++",
        "https://arxiv.org/abs/1710.11063",
        "which regions speak for the class at all",
        "what speaks against the class, which it leaves out",
    ),
    "layer_cam": (
        "LayerCAM",
        "https://doi.org/10.1109/TIP.2021.3089943",
        "the same, place by place, also at earlier layers",
        "what speaks against the class, which it leaves out",
    ),
    "hires_cam": (
        "HiResCAM",
        "https://arxiv.org/abs/2011.08891",
        "which places the logit is made of (exactly so before a single linear layer)",
        "as coarse as its layer; at early layers, noise",
    ),
}

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        key: Method(
            title,
            paper,
            partial(make_gradcam_heatmap, method=key),
            answers,
            misleads,
            FORMULAS[key],
        )
        for key, (title, paper, answers, misleads) in _AT_LAYER.items()
    }
    | {
        "saliency": Method(
            "Saliency",
            "https://arxiv.org/abs/1312.6034",
            compute_saliency_map,
            "what a small change of a pixel would do",
            "noise; a large slope is not a large contribution",
        ),
        "smooth_grad": Method(
            "SmoothGrad",
            "https://arxiv.org/abs/1706.03825",
            smooth_grad,
            "the same, averaged over a neighborhood",
            "chance, with few samples; explains noisy copies",
            num_gradients=20,
        ),
        "integrated_gradients": Method(
            "Integrated Gradients",
            "https://arxiv.org/abs/1703.01365",
            integrated_magnitude,
            "how the logit's gain over a baseline is shared out",
            "depends on the baseline; a wrong sum with few steps",
            num_gradients=50,
        ),
    }
)
