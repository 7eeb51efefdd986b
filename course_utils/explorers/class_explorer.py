"""Sliders over the classes, methods and layers of a heatmap."""

from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np

from course_utils.display import views
from course_utils.engine import memory
from course_utils.explorers.classifier_explorer import ClassifierExplorer
from course_utils.explorers.controls import buttons, column, control, frame, panel
from course_utils.methods.class_activation import make_gradcam_heatmap
from course_utils.methods.table import METHODS
from course_utils.networks.classifier import ImageClassifier, runner_of

_NONE = ""  # the value of the slider of classes found while none is chosen


class _Key(NamedTuple):
    """Which heatmap: the network and its picture, the class, the method, the layer or None."""

    picture: tuple
    class_index: int
    method: str
    layer: str | None


class ClassExplorer(ClassifierExplorer):
    """Choose a class, and see where on the picture a method finds it.

    Put it on the last line of a cell to show it. Its controls are attributes, to set them from
    Python: `classes` (a slider over the most probable), `search`, `found`, `method` (a key of
    `METHODS`), `layer`, `alpha`, `picture`, `upload`, `colors`. `wait()` waits for a slow method.

    Args:
        classifier: `ImageClassifier`.
        image: The first picture, anything that `load_image` takes.
    """

    _captions = {"input": "Input", "heatmap": "Heatmap", "overlay": "Overlay"}
    _controls = ("picture", "method", "classes", "layer", "alpha", "colors")

    def __init__(self, classifier: ImageClassifier, image: Any):
        super().__init__(classifier, image)
        self._shown_picture: tuple | None = None  # that the heatmap belongs to
        layers = classifier.conv_layer_names
        self.search = control(widgets.Text, "Search", placeholder="a part of a name, such as cat")
        self.found = control(
            widgets.SelectionSlider, "Found", options=_found_options([]), disabled=True
        )
        self.method = buttons("Method", [(row.title, key) for key, row in METHODS.items()])
        default = classifier.last_conv_layer_name
        self.layer = control(widgets.SelectionSlider, "Layer", options=layers, value=default)
        self.alpha = control(widgets.FloatSlider, "Opacity", min=0, max=1, step=0.05, value=0.5)
        self.panels = {"input": panel("jpeg"), "heatmap": panel("png"), "overlay": panel("jpeg")}
        self._set_picture()
        # The second heatmap compiles what lies behind the layer: now, not when a slider is moved.
        make_gradcam_heatmap(classifier, self._network_image)
        for changed in (self.classes, self.method, self.layer, self.alpha, self.colors):
            self._react(changed, self._draw)
        self._react(self.search, self._search)
        self._react(self.found, self._choose_found)
        self.widget = self._arrange()

    def _arrange(self):
        sliders = widgets.HBox(
            [column(1, self.classes, self.layer, self.alpha), column(1, self.search, self.found)]
        )
        controls = [self._picture_row(), self.method, sliders, self.colors]
        return frame(*controls, self._picture_columns(), self.words, self.progress, self.status)

    # Classes

    def _search(self):
        text, names = self.search.value.strip(), self.classifier.class_names
        hits = views.find_classes(text, names)
        with self._silently():
            self.found.options = _found_options(hits)
            self.found.disabled = not hits
        if text and not hits:
            self._say(views.explain_no_class(text, names), problem=True)

    def _choose_found(self):
        if self.found.value != _NONE:
            self._set_class(self.found.value)

    # Heatmaps

    def _draw(self):
        """Show the heatmap that the controls ask for, now or when a thread has done its part."""
        method = self.method.value
        layer = self.layer.value if METHODS[method].formula else None
        self.layer.disabled = layer is None
        key = _Key(self._picture_key, self.classes.value, method, layer)
        if layer == self.classifier.last_conv_layer_name or memory.recall(_work(key)) is not None:
            self._stop()
            self._show(key, self._heatmap(key))
        else:
            self._start(key)

    def _heatmap(self, key):
        """Return a heatmap that takes milliseconds."""
        if key.layer is None:
            return memory.recall(key)
        return make_gradcam_heatmap(
            self.classifier, self._network_image, key.class_index, key.layer, key.method
        )

    def _show(self, key, heatmap):
        self._shown_picture = key.picture
        shown = views.brighten(heatmap) if key.layer is None else heatmap
        cmap, title = self.colors.value, METHODS[key.method].title
        self.panels["heatmap"].value = views.heatmap_png(shown, self._screen_image.shape[:2], cmap)
        self.panels["overlay"].value = views.overlay_picture(
            self._screen_image, shown, self.alpha.value, cmap
        )
        self._describe(
            views.describe_class(key.class_index, self._ranking),
            f"{title} at {key.layer}:" if key.layer else f"{title}:",
            views.describe_heatmap(heatmap),
        )
        runner = runner_of(self.classifier)
        if key.layer and (limits := runner.explain_limits(key.layer)):
            self._say(limits, problem=True)
        if not heatmap.any():
            self._say(f"{title}: {views.describe_heatmap(heatmap)}", problem=True)

    # What takes longer

    def _start(self, key):
        if self._shown_picture != key.picture:
            self._show_nothing(key)
        classifier, image = self.classifier, self._network_image

        def compute(progress):
            if key.layer is not None:
                runner_of(classifier).all_maps_and_gradients(image, key.class_index)
                return True  # `make_gradcam_heatmap` finds them
            method = METHODS[key.method]
            options = {"progress": progress} if method.num_gradients > 1 else {}
            return method.compute(classifier, image, key.class_index, **options)

        words = f"Computing {METHODS[key.method].title} for {self.classes.label} ..."
        self._compute(_work(key), compute, words)

    def _show_nothing(self, key):
        """Let nothing of the picture before stand beside the new one."""
        self._shown_picture = key.picture
        nothing = np.zeros((1, 1), np.float32)
        size, cmap = self._screen_image.shape[:2], self.colors.value
        self.panels["heatmap"].value = views.heatmap_png(nothing, size, cmap)
        self.panels["overlay"].value = self.panels["input"].value
        self._describe(views.describe_class(key.class_index, self._ranking))


def _work(key):
    """Return what a thread computes for a heatmap: one run serves all methods at all layers."""
    return key if key.layer is None else ("all layers are there", key.picture, key.class_index)


def _found_options(hits):
    title = f"{len(hits)} found: drag to choose" if hits else "type a part of a name above"
    return [(title, _NONE), *hits]
