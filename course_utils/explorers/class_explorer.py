"""Sliders and buttons over the classes, methods and layers of a heatmap."""

from typing import Any, NamedTuple

import ipywidgets as widgets

from course_utils.display import pictures, words
from course_utils.engine import memory
from course_utils.explorers.classifier_explorer import ClassifierExplorer, compute_map, for_the_eye
from course_utils.explorers.controls import bars_behind, buttons, column, control, row
from course_utils.io.imagenet import search_names
from course_utils.methods.class_activation import make_gradcam_heatmap
from course_utils.methods.table import METHODS
from course_utils.networks.classifier import ImageClassifier, runner_of

_NUM_LISTED = 8


class _Key(NamedTuple):
    """Which heatmap: the network and its picture, the class, the method, the layer or None."""

    picture: tuple
    class_index: int
    method: str
    layer: str | None


class ClassExplorer(ClassifierExplorer):
    """Choose a class, and see where on the picture a method finds it.

    Put it on the last line of a cell to show it. Its controls are attributes, to set them from
    Python: `classes` (a slider over the most probable), `search`, `found` (a list of the most
    probable classes, or of those that the search finds), `method` (a key of `METHODS`), `layer`,
    `alpha`, `picture`, `upload`, `colors`. `wait()` waits for a slow method.

    Args:
        classifier: `ImageClassifier`.
        image: The first picture, anything that `load_image` takes.
    """

    _captions = {"input": "Input", "heatmap": "Heatmap", "overlay": "Overlay"}
    _controls = ("picture", "method", "search", "found", "classes", "layer", "alpha", "colors")

    def __init__(self, classifier: ImageClassifier, image: Any):
        super().__init__(classifier, image)
        self._shown_picture: tuple | None = None
        self.search = control(widgets.Text, "Search", placeholder="a part of a name, such as cat")
        self.found = buttons("Classes", []).add_class("course-list")
        self._bars = widgets.HTML(layout={"display": "none"})
        self.method = buttons("Method", [(one.title, key) for key, one in METHODS.items()])
        self.layer = control(widgets.SelectionSlider, "Layer", options=classifier.conv_layer_names)
        self.layer.value = classifier.last_conv_layer_name
        self.alpha = control(widgets.FloatSlider, "Opacity", min=0, max=1, step=0.05, value=0.5)
        self._set_picture()
        # The second heatmap compiles what lies behind the layer: now, not when a slider is moved.
        make_gradcam_heatmap(classifier, self._network_image)
        self._react(self._draw, self.classes, self.method, self.layer, self.alpha, self.colors)
        self._react(self._search, self.search)
        self._react(self._choose_found, self.found)
        choice = column(1, self.search, self.found, self._bars, width=340)
        sliders = column(1, self.classes, self.layer, self.alpha, self.colors, width=340)
        self._lay_out(self.method, row(choice, sliders))

    # Classes

    def _search(self):
        num_hits, text = self._list_classes(), self.search.value.strip()
        if text and not num_hits:
            self._say(words.explain_no_class(text, self.classifier.class_names), problem=True)
        elif text and num_hits > _NUM_LISTED:
            self._say(f"and {num_hits - _NUM_LISTED} more: type on")

    def _list_classes(self):
        """List what the search finds, or else the most probable classes and the chosen one."""
        chosen, text = self.classes.value, self.search.value.strip()
        hits = search_names(text, self.classifier.class_names) if text else self._ranking.order
        listed = hits[:_NUM_LISTED]
        if not text and chosen not in listed:
            listed[-1] = chosen
        with self._silently():
            self.found.options = [words.class_option(i, self._ranking) for i in listed]
            self.found.value = chosen if chosen in listed else None
        self._bars.value = bars_behind(self.found, self._ranking.probabilities[listed])
        return len(hits)

    def _choose_found(self):
        if self.found.value is not None:
            self._set_class(self.found.value)

    # Heatmaps

    def _draw(self):
        """Show the heatmap that the controls ask for, now or when a thread has computed it."""
        self._list_classes()
        method = self.method.value
        layer = None if METHODS[method].formula is None else self.layer.value
        self.layer.disabled = layer is None
        key = _Key(self._picture_key, self.classes.value, method, layer)
        is_new, self._shown_picture = key.picture != self._shown_picture, key.picture
        heatmap = self._find_heatmap(key)
        if heatmap is not None:
            self._stop()
            self._show(key, heatmap)
            return
        if is_new:
            self._show_nothing()
        say = f"Computing {METHODS[method].title} for {self.classes.label} ..."
        classifier, image = self.classifier, self._network_image
        self._compute(_work(key), lambda progress: _compute(classifier, image, key, progress), say)

    def _find_heatmap(self, key):
        """Return a heatmap that takes milliseconds, or None."""
        if key.layer is None:
            return memory.recall(key)
        if key.layer == self.classifier.last_conv_layer_name or memory.recall(_work(key)):
            return make_gradcam_heatmap(
                self.classifier, self._network_image, key.class_index, key.layer, key.method
            )
        return None

    def _show(self, key, heatmap):
        shown = for_the_eye(heatmap, key.method)
        picture, cmap, title = self._screen_image, self.colors.value, METHODS[key.method].title
        self.panels["heatmap"].value = pictures.heatmap_png(shown, picture.shape[:2], cmap)
        self.panels["overlay"].value = pictures.overlay_picture(
            picture, shown, self.alpha.value, cmap
        )
        self._describe(
            words.describe_class(key.class_index, self._ranking),
            f"{title} at {key.layer}:" if key.layer else f"{title}:",
            words.describe_heatmap(heatmap),
        )
        if key.layer and (limits := self._runner.explain_limits(key.layer)):
            self._say(limits, problem=True)
        if not heatmap.any():
            self._say(f"{title}: {words.describe_heatmap(heatmap)}", problem=True)


def _work(key):
    """Return what a thread computes for a heatmap: one run serves all methods at all layers."""
    return key if key.layer is None else ("all layers are there", key.picture, key.class_index)


def _compute(classifier, image, key, progress):
    if key.layer is None:
        return compute_map(classifier, image, key.class_index, key.method, progress)
    runner_of(classifier).all_maps_and_gradients(image, key.class_index)
    return True  # `make_gradcam_heatmap` finds them
