"""A slider over how much of a picture is covered, hottest pixels first."""

from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from course_utils.display import pictures, words
from course_utils.display.charts import chart_png
from course_utils.engine import memory
from course_utils.explorers.classifier_explorer import ClassifierExplorer, compute_map, for_the_eye
from course_utils.explorers.controls import buttons, control, frame, panel
from course_utils.methods.baselines import BASELINE_MAPS
from course_utils.methods.covering import logits_of
from course_utils.methods.faithfulness import FaithfulnessCurve, covered_pictures, curve_of
from course_utils.methods.table import METHODS
from course_utils.networks.classifier import ImageClassifier

FRACTIONS = np.linspace(0, 1, 29)
START = 7  # a quarter is covered
FILLS = "blur", "mean", "black"  # "road" takes many seconds
MAPS = {method.title: key for key, method in METHODS.items()}
MAPS |= {key.capitalize(): key for key in BASELINE_MAPS}


class _Key(NamedTuple):
    """What is covered: the network and its picture, the class, the map's key, the fill."""

    picture: tuple
    class_index: int
    map: str
    fill: str


class _Covered(NamedTuple):
    """The heatmap, and for deletion and for insertion the pictures and their curves."""

    heatmap: NDArray
    pictures: list[list[NDArray[np.uint8]]]
    curves: list[FaithfulnessCurve]


class FaithfulnessExplorer(ClassifierExplorer):
    """Cover the hottest part of a picture, or show only that, and watch the class.

    Put it on the last line of a cell to show it. Its controls are attributes, to set them from
    Python: `map` (a key of `METHODS`, or of `BASELINE_MAPS`, which have never seen the network),
    `classes`, `fill`, `covered` (the step, from 0 to 28), `picture`, `upload`, `colors`. `wait()`
    waits for the curves.

    Args:
        classifier: `ImageClassifier`.
        image: The first picture, anything that `load_image` takes.
    """

    _captions = {
        "input": "Map",
        "deletion": "Hottest covered",
        "insertion": "Only the hottest shown",
        "curves": "Probability",
    }
    _controls = ("picture", "map", "classes", "fill", "covered", "colors")

    def __init__(self, classifier: ImageClassifier, image: Any):
        super().__init__(classifier, image)
        if not classifier.has_probabilities:
            self._captions = {**self._captions, "curves": "Value"}
        self.map = buttons("Map", list(MAPS.items()))
        self.fill = buttons("Fill", FILLS)
        steps = [(f"{share:.0%}", step) for step, share in enumerate(FRACTIONS)]
        self.covered = control(widgets.SelectionSlider, "Pixels", options=steps, value=START)
        self.panels = {name: panel() for name in self._captions}
        self._set_picture()
        for changed in (self.map, self.classes, self.fill, self.covered, self.colors):
            self._react(changed, self._draw)
        controls = [self._picture_row(), self.map, self.classes, self.fill, self.covered]
        below = self._picture_columns(curves=1.2), self.words, self.progress, self.status
        self.widget = frame(*controls, self.colors, *below)

    def _draw(self):
        key = _Key(self._picture_key, self.classes.value, self.map.value, self.fill.value)
        if result := memory.recall(key):
            self._stop()
            self._show(key, result)
            return
        self._show_nothing()
        classifier, image = self.classifier, self._network_image
        say = f"Covering by {self.map.label} for {self.classes.label} ..."
        self._compute(key, lambda progress: _cover(classifier, image, key, progress), say)

    def _show(self, key, result):
        step, screen = self.covered.value, self._screen_image
        self.panels["input"].value = pictures.overlay_picture(
            screen, for_the_eye(result.heatmap, key.map), cmap=self.colors.value
        )
        for name, covered in zip(("deletion", "insertion"), result.pictures, strict=True):
            stretched = pictures.stretch_picture(covered[step], screen.shape[:2])
            self.panels[name].value = pictures.encode_picture(stretched)
        is_value = not self.classifier.has_probabilities
        lines = _lines(result.curves, is_value)
        self.panels["curves"].value = chart_png(lines, step)
        self._describe(
            words.describe_class(key.class_index, self._ranking),
            words.describe_covering(self.map.label, step, *result.curves, is_value),
        )


def _lines(curves, is_value):
    """Return {label: values from 0 to 1} of both curves."""
    answers = np.stack([curve.probabilities for curve in curves])
    if is_value:  # it may lie anywhere: stretched to [0, 1]
        labels = f"deletion: 0 is {answers.min():.4g}", f"insertion: 1 is {answers.max():.4g}"
        answers = (answers - answers.min()) / (np.ptp(answers) or 1)
    else:
        names = "hottest covered (deletion)", "only the hottest shown (insertion)"
        labels = [f"{n}: area {curve.area:.2f}" for n, curve in zip(names, curves, strict=True)]
    return dict(zip(labels, answers, strict=True))


def _cover(classifier, image, key, progress):
    """Compute a map, the covered pictures and what the network says of them."""
    heatmap = compute_map(classifier, image, key.class_index, key.map, progress)
    covered = [
        list(covered_pictures(image, heatmap, FRACTIONS, key.fill, rest)) for rest in (False, True)
    ]
    logits = logits_of(classifier, [*covered[0], *covered[1]], 2 * len(FRACTIONS), progress)
    halves = np.split(logits, 2)
    curves = [curve_of(classifier, FRACTIONS, half, key.class_index) for half in halves]
    return _Covered(heatmap, covered, curves)
