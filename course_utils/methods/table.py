"""The methods of the course, in the order of teaching. Chapters, explorers and tests use it.

A new method is a function in a module of this folder, and a row here.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from course_utils.methods.class_activation import FORMULAS, Formula, make_gradcam_heatmap
from course_utils.methods.gradients import compute_saliency_map, integrated_magnitude, smooth_grad


class Method(NamedTuple):
    """A method that says which part of a picture speaks for a class.

    Attributes:
        title: What people call it.
        paper: Address of the paper that describes it.
        answers: Which question it answers.
        misleads: What it gets wrong.
        compute: Function (classifier, image, class_index=None) to a map, float32 (h, w) in [0, 1].
        formula: What a method at a layer makes of feature maps and gradients; None at pixels.
        num_gradients: How many gradients `compute` takes. If more than one, it has an option
            `progress`.
    """

    title: str
    paper: str
    answers: str
    misleads: str
    compute: Callable
    formula: Formula | None = None
    num_gradients: int = 1


def _at_layer(key, title, paper, answers, misleads):
    compute = partial(make_gradcam_heatmap, method=key)
    return Method(title, paper, answers, misleads, compute, FORMULAS[key])


METHODS: dict[str, Method] = {
    "grad_cam": _at_layer(
        "grad_cam",
        "Grad-CAM",
        "https://arxiv.org/abs/1610.02391",
        "which region speaks for the class, less what speaks against it",
        "outlines; small objects",
    ),
    "grad_cam++": _at_layer(
        "grad_cam++",
        "Grad-CAM++",
        "https://arxiv.org/abs/1710.11063",
        "which regions speak for the class at all",
        "what speaks against the class, which it leaves out",
    ),
    "layer_cam": _at_layer(
        "layer_cam",
        "LayerCAM",
        "https://doi.org/10.1109/TIP.2021.3089943",
        "the same, place by place, also at earlier layers",
        "what speaks against the class, which it leaves out",
    ),
    "hires_cam": _at_layer(
        "hires_cam",
        "HiResCAM",
        "https://arxiv.org/abs/2011.08891",
        "which places the logit is made of (exactly so before a single linear layer)",
        "as coarse as its layer; at early layers, noise",
    ),
    "saliency": Method(
        "Saliency",
        "https://arxiv.org/abs/1312.6034",
        "what a small change of a pixel would do",
        "noise; a large slope is not a large contribution",
        compute_saliency_map,
    ),
    "smooth_grad": Method(
        "SmoothGrad",
        "https://arxiv.org/abs/1706.03825",
        "the same, averaged over a neighborhood",
        "chance, with few samples; explains noisy copies",
        smooth_grad,
        num_gradients=20,
    ),
    "integrated_gradients": Method(
        "Integrated Gradients",
        "https://arxiv.org/abs/1703.01365",
        "how the logit's gain over a baseline is shared out",
        "depends on the baseline; a wrong sum with few steps",
        integrated_magnitude,
        num_gradients=50,
    ),
}
