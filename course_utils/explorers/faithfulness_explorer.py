"""A slider over how much of a picture is covered, hottest pixels first."""

from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np

from course_utils.display import pictures, words
from course_utils.display.charts import chart_png
from course_utils.engine import memory
from course_utils.explorers.classifier_explorer import ClassifierExplorer, compute_map, for_the_eye
from course_utils.explorers.controls import buttons, control
from course_utils.methods.baselines import BASELINE_MAPS
from course_utils.methods.covering import logits_of
from course_utils.methods.faithfulness import covered_pictures, curve_of
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
        self._set_picture()
        controls = self.map, self.classes, self.fill, self.covered, self.colors
        self._react(self._draw, *controls)
        self._lay_out(*controls, curves=1.2)

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
        heatmap, covered, curves = result
        self.panels["input"].value = pictures.overlay_picture(
            screen, for_the_eye(heatmap, key.map), cmap=self.colors.value
        )
        lines = {}
        for name, steps, curve in zip(("deletion", "insertion"), covered, curves, strict=True):
            stretched = pictures.stretch(steps[step], screen.shape[:2], smooth=True)
            self.panels[name].value = pictures.encode_picture(stretched)
            label = f"{self._captions[name].lower()} ({name}): area {curve.area:.2f}"
            lines[label] = curve.probabilities
        self.panels["curves"].value = chart_png(lines, step)
        is_value = not self.classifier.has_probabilities
        self._describe(
            words.describe_class(key.class_index, self._ranking),
            words.describe_covering(self.map.label, step, *curves, is_value),
        )


def _cover(classifier, image, key, progress):
    """Return a map, and for deletion and for insertion the covered pictures and their curve."""
    heatmap = compute_map(classifier, image, key.class_index, key.map, progress)
    covered = [
        list(covered_pictures(image, heatmap, FRACTIONS, key.fill, rest)) for rest in (False, True)
    ]
    logits = logits_of(classifier, [*covered[0], *covered[1]], 2 * len(FRACTIONS), progress)
    halves = np.split(logits, 2)
    curves = [curve_of(classifier, FRACTIONS, half, key.class_index) for half in halves]
    return heatmap, covered, curves
