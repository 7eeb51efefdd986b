"""A slider over how much of a picture is covered, hottest pixels first."""

from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from course_utils.display import views
from course_utils.display.charts import chart_png
from course_utils.engine import memory
from course_utils.explorers.classifier_explorer import ClassifierExplorer
from course_utils.explorers.controls import buttons, control, frame, panel
from course_utils.methods.baselines import BASELINE_MAPS
from course_utils.methods.covering import logits_of
from course_utils.methods.faithfulness import FaithfulnessCurve, covered_pictures, curve_of
from course_utils.methods.table import METHODS
from course_utils.networks.classifier import ImageClassifier

FRACTIONS = np.linspace(0, 1, 29)
START = 7  # a quarter is covered
FILLS = "blur", "mean", "black"  # "road" takes many seconds
_CHART = 280, 340  # pixels
MAPS = {row.title: key for key, row in METHODS.items()} | {
    name.capitalize(): name for name in BASELINE_MAPS
}


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
        self.covered = control(
            widgets.SelectionSlider,
            "Pixels",
            options=[(f"{share:.0%}", step) for step, share in enumerate(FRACTIONS)],
            value=START,
        )
        self.panels = {name: panel("jpeg") for name in ("input", "deletion", "insertion")}
        self.panels["curves"] = panel("png")
        self._set_picture()
        for changed in (self.map, self.classes, self.fill, self.covered, self.colors):
            self._react(changed, self._draw)
        self.widget = self._arrange()

    def _arrange(self):
        controls = [self._picture_row(), self.map, self.classes, self.fill, self.covered]
        columns = self._picture_columns(curves=1.2)
        return frame(*controls, self.colors, columns, self.words, self.progress, self.status)

    def _draw(self):
        key = _Key(self._picture_key, self.classes.value, self.map.value, self.fill.value)
        if result := memory.recall(key):
            self._stop()
            self._show(key, result)
            return
        self._show_nothing(key)
        classifier, image = self.classifier, self._network_image
        words = f"Covering by {self.map.label} for {self.classes.label} ..."
        self._compute(key, lambda progress: _cover(classifier, image, key, progress), words)

    def _show(self, key, result):
        step = self.covered.value
        shown = views.brighten(result.heatmap) if self._is_fine(key) else result.heatmap
        self.panels["input"].value = views.overlay_picture(
            self._screen_image, shown, cmap=self.colors.value
        )
        for name, pictures in zip(("deletion", "insertion"), result.pictures, strict=True):
            covered = views.stretch_picture(pictures[step], self._screen_image.shape[:2])
            self.panels[name].value = views.encode_picture(covered)
        names = "hottest covered (deletion)", "only the hottest shown (insertion)"
        answers = np.stack([curve.probabilities for curve in result.curves])
        notes = [f"area {curve.area:.2f}" for curve in result.curves]
        if not self.classifier.has_probabilities:  # a value may lie anywhere: stretched to [0, 1]
            names = "deletion", "insertion"
            notes = [f"0 is {answers.min():.4g}", f"1 is {answers.max():.4g}"]
            answers = (answers - answers.min()) / (np.ptp(answers) or 1)
        lines = {
            f"{name}: {note}": (FRACTIONS, line)
            for name, note, line in zip(names, notes, answers, strict=True)
        }
        place = float(FRACTIONS[step])
        self.panels["curves"].value = chart_png(lines, place, "pixels, hottest first", _CHART)
        self._describe(
            views.describe_class(key.class_index, self._ranking),
            views.describe_covering(
                self.map.label, step, *result.curves, not self.classifier.has_probabilities
            ),
        )

    def _show_nothing(self, key):
        """Let nothing of what was asked before stand beside what is asked now."""
        blank = views.encode_picture(np.full_like(self._screen_image, 128))
        self.panels["input"].value = views.encode_picture(self._screen_image)
        for name in ("deletion", "insertion"):
            self.panels[name].value = blank
        self.panels["curves"].value = chart_png({}, 0, "pixels, hottest first", _CHART)
        self._describe(views.describe_class(key.class_index, self._ranking))

    def _is_fine(self, key):
        return key.map in METHODS and METHODS[key.map].formula is None


def _cover(classifier, image, key, progress):
    """Compute a map, the covered pictures and what the network says of them."""
    if key.map in BASELINE_MAPS:
        heatmap = BASELINE_MAPS[key.map](image)
    else:
        method = METHODS[key.map]
        options = {"progress": progress} if method.num_gradients > 1 else {}
        heatmap = method.compute(classifier, image, key.class_index, **options)
    pictures = [
        list(covered_pictures(image, heatmap, FRACTIONS, key.fill, rest)) for rest in (False, True)
    ]
    logits = logits_of(classifier, [p for ps in pictures for p in ps], 2 * len(FRACTIONS), progress)
    curves = [
        curve_of(classifier, FRACTIONS, part, key.class_index) for part in np.split(logits, 2)
    ]
    return _Covered(heatmap, pictures, curves)
