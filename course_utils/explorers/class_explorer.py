"""Sliders over the classes, methods and layers of a heatmap."""

from collections import OrderedDict
from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np

from course_utils.display import views
from course_utils.engine.runner import to_array
from course_utils.explorers.classifier_explorer import ClassifierExplorer, keep
from course_utils.explorers.controls import buttons, column, control, frame, panel
from course_utils.methods.all_layers import layer_gradients
from course_utils.methods.class_activation import keep_positive
from course_utils.methods.gradcam import make_gradcam_heatmap
from course_utils.methods.table import METHODS
from course_utils.networks.classifier import ImageClassifier, runner_of

_NUM_HEATMAPS = 64  # kept: 0.2 MB each at most
_NUM_GRADIENTS = 2  # kept: of all layers, some 100 MB each
_NONE = ""  # the value of the slider of classes found while none is chosen


class _Key(NamedTuple):
    """Which heatmap: the picture's hash, the layer (None: pixels), the class, the method."""

    picture: bytes
    layer: str | None
    class_index: int
    method: str

    @property
    def work(self):
        """What has to be computed for it: one run serves all layers and class activation maps."""
        return self if self.layer is None else (self.picture, self.class_index)


class ClassExplorer(ClassifierExplorer):
    """Choose a class, and see where on the picture a method finds it.

    The last line of a cell shows it. Its controls are attributes, to set them from Python:
    `classes` (a slider over the most probable), `search`, `found`, `method` (a key of `METHODS`),
    `layer`, `alpha`, `picture`, `upload`, `colors`. `wait()` waits for a slow method.

    Args:
        classifier: `ImageClassifier`.
        image: The first picture, anything that `load_image` takes.
    """

    _captions = {"input": "Input", "heatmap": "Heatmap", "overlay": "Overlay"}
    _controls = ("picture", "method", "classes", "layer", "alpha", "colors")

    def __init__(self, classifier: ImageClassifier, image: Any):
        super().__init__(classifier, image)
        self._heatmaps: OrderedDict = OrderedDict()
        self._gradients: OrderedDict = OrderedDict()
        self._shown_key: bytes | None = None  # of the picture that the heatmap belongs to
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
        # At its second use the part behind the last layer is compiled: not while a class waits.
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

    def _let_go(self):
        self._gradients.clear()

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
        """Show the heatmap that the controls ask for, now or when a thread has computed it."""
        key = self._key()
        self.layer.disabled = key.layer is None
        heatmap = self._heatmap(key)
        if heatmap is None:
            self._start(key)
            return
        self._stop()
        keep(self._heatmaps, key, heatmap, _NUM_HEATMAPS)
        self._show(key, heatmap)

    def _key(self):
        method = self.method.value
        layer = self.layer.value if METHODS[method].formula else None
        return _Key(self._picture_key, layer, self.classes.value, method)

    def _heatmap(self, key):
        """Return a heatmap if it is there or takes milliseconds, else None."""
        if key in self._heatmaps:
            return self._heatmaps[key]
        if key.layer is None:
            return None
        if key.layer == self.classifier.last_conv_layer_name:
            return make_gradcam_heatmap(
                self.classifier, self._network_image, key.class_index, method=key.method
            )
        if key.work not in self._gradients:
            return None
        self._hold()
        maps, gradients = map(to_array, self._gradients[key.work][key.layer])
        return keep_positive(METHODS[key.method].formula(maps, gradients))

    def _show(self, key, heatmap):
        self._shown_key = key.picture
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
        if key.layer and (one_place := runner.explain_one_place(key.layer)):
            self._say(one_place, problem=True)
        if not heatmap.any():
            self._say(f"{title}: {views.describe_heatmap(heatmap)}", problem=True)

    # What takes longer

    def _start(self, key):
        if self._shown_key != key.picture:
            self._show_nothing(key)
        classifier, image = self.classifier, self._network_image

        def compute(progress):
            if key.layer is not None:
                return layer_gradients(classifier, image, key.class_index)
            method = METHODS[key.method]
            options = {"progress": progress} if method.num_gradients > 1 else {}
            return method.compute(classifier, image, key.class_index, **options)

        words = f"Computing {METHODS[key.method].title} for {self.classes.label} ..."
        self._compute(key.work, compute, words)

    def _show_nothing(self, key):
        """Let nothing of the picture before stand beside the new one."""
        self._shown_key = key.picture
        nothing = np.zeros((1, 1), np.float32)
        size, cmap = self._screen_image.shape[:2], self.colors.value
        self.panels["heatmap"].value = views.heatmap_png(nothing, size, cmap)
        self.panels["overlay"].value = self.panels["input"].value
        self._describe(views.describe_class(key.class_index, self._ranking))

    def _keep(self, work, result):
        if isinstance(work, _Key):
            keep(self._heatmaps, work, result, _NUM_HEATMAPS)
        else:
            self._hold()
            keep(self._gradients, work, result, _NUM_GRADIENTS)


def _found_options(hits):
    title = f"{len(hits)} found: drag to choose" if hits else "type a part of a name above"
    return [(title, _NONE), *hits]
