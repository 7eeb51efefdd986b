"""Sliders that look inside a network. Wiring only: `views` makes every picture and sentence."""

import hashlib
import html
import sys
import threading
from collections import OrderedDict
from contextlib import contextmanager, suppress
from functools import cache
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from course_utils import views
from course_utils.downloads import DownloadError
from course_utils.gradcam import make_gradcam_heatmap
from course_utils.images import SAMPLES, ImageError, load_image, sample_image_names
from course_utils.integrated import integrated_gradients
from course_utils.layerwise import heatmap_from, layer_gradients, numpy_maps, run_layers
from course_utils.receptive_field import receptive_fields
from course_utils.saliency import compute_saliency_map
from course_utils.smoothgrad import smooth_grad
from course_utils.tiles import colormap_names

_GIVEN = "the picture given"
_NUM_CLASSES = 20  # on the slider
_NUM_HEATMAPS = 64  # kept: 0.2 MB each at most
_NUM_GRADIENTS = 2  # kept: of all layers, some 100 MB each
_NUM_HOLDING = 2  # explorers that keep what they computed of all layers, some 100 MB each
_CAMS = {"Grad-CAM": "grad_cam", "Grad-CAM++": "grad_cam++", "LayerCAM": "layer_cam"}
_PIXELS = ["Saliency", "SmoothGrad", "Integrated Gradients"]
_ON_COLAB = (
    "Colab drops uploads over 1 MB without a word. Save a smaller copy, or put the file beside the "
    "notebook and give load_image('its name') to the explorer."
)
# A name beside a slider must not change the slider's length under the mouse that drags it. Buttons
# stand beside their label, as sliders do.
_STYLE = """<style>
.course-explorer .widget-slider .widget-readout { flex: 0 0 auto; width: 200px; max-width: 200px;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.course-explorer .widget-toggle-buttons { display: flex; flex-flow: row; align-items: center }
.course-explorer .widget-toggle-buttons > .widget-label { text-align: right; margin-right: 8px }
.course-explorer .widget-toggle-buttons > :last-child { display: flex; flex: 1; flex-wrap: wrap }
</style>"""
_LABELS = {"description_width": "90px"}
# Buttons and sliders only: to a drop-down list JupyterLab leaves neither arrow keys nor letters
# (https://github.com/jupyter-widgets/ipywidgets/issues/3912).
_BUTTONS = {**_LABELS, "button_width": "auto"}
_NOTHING_FOUND = [("type a part of a name above", -1)]


class _Stopped(Exception):
    """Raised in a job that nobody waits for any more, between two batches."""


class _Explorer:
    """What both explorers have: a chooser of pictures, a status line, a still picture."""

    # Threads show results too. One lock for all explorers: one makes another let go.
    _lock = threading.RLock()
    _holding = []  # the newest last

    def __init__(self, classifier, image):
        self.classifier = classifier
        self._quiet = False
        self._pictures = {_GIVEN: self._resize(load_image(image))}
        # Read now, those that need no network: choosing one of them then takes half the time.
        with suppress(ImageError):  # choosing it will say what is wrong
            self._pictures |= _local_samples(classifier.input_size)
        self._chosen = _GIVEN
        names = [_GIVEN, *sample_image_names()]
        self.picture = self._buttons("Picture", names)
        self.upload = widgets.FileUpload(
            accept="image/*",
            multiple=False,
            description="Your own picture",
            layout=widgets.Layout(width="190px", flex="0 0 auto"),
        )
        self.colors = self._buttons("Colors", colormap_names())
        self.words = widgets.HTML()
        self.status = widgets.HTML()
        self._react(self.picture, self._choose_picture)
        self._react(self.upload, self._read_upload)

    def _control(self, kind, description, **options):
        layout = widgets.Layout(width="98%")
        return kind(description=description, style=_LABELS, layout=layout, **options)

    def _buttons(self, description, options):
        layout = widgets.Layout(flex="1 1 auto", min_width="0", height="auto")
        return widgets.ToggleButtons(
            description=description, options=options, style=_BUTTONS, layout=layout
        )

    def _react(self, control, function):
        """Call `function()` when the user changes `control`; its errors show in the status line."""

        def changed(_):
            if self._quiet:
                return
            with self._reported():
                function()

        control.observe(changed, "value")

    @contextmanager
    def _reported(self):
        self._say("")
        with self._lock:
            try:
                yield
            except (ImageError, DownloadError) as error:  # their messages are for people
                self._say(str(error), problem=True)
            except Exception as error:
                self._say_unexpected(error)
                raise

    @contextmanager
    def _silently(self):
        """Set controls without reacting to it."""
        self._quiet, before = True, self._quiet
        try:
            yield
        finally:
            self._quiet = before

    def _hold(self):
        """Make older explorers let go of large arrays: ipywidgets keeps each that a cell made."""
        others = [explorer for explorer in self._holding if explorer is not self]
        while len(others) >= _NUM_HOLDING:
            others.pop(0)._let_go()
        self._holding[:] = [*others, self]

    def _say(self, text, problem=False):
        color = "#b00020" if problem else "inherit"
        style = f"color: {color}; min-height: 1.5em; line-height: 1.5"
        self.status.value = f'<div role="status" style="{style}">{html.escape(text)}</div>'

    def _say_unexpected(self, error):
        self._say(f"Unexpected {type(error).__name__}: {error}", problem=True)

    def _describe(self, *sentences):
        self._sentence = " ".join(sentences)
        self.words.value = f'<div style="line-height: 1.5">{html.escape(self._sentence)}</div>'

    # Pictures

    def _choose_picture(self):
        name = self.picture.value
        try:
            self._set_picture(name)
        except Exception:
            with self._silently():
                self.picture.value = self._chosen
            raise
        self._chosen = name

    def _read_upload(self):
        if not self.upload.value:
            return
        name, content = _uploaded(self.upload.value)
        try:
            image = load_image(content)
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from error
        self._pictures[name] = self._resize(image)
        with self._silently():
            if name not in self.picture.options:
                self.picture.options = [*self.picture.options, name]
            self.picture.value = name
        self._choose_picture()

    def _set_picture(self, name):
        """Load a picture by its name in the chooser and show it."""
        if name not in self._pictures:
            self._pictures[name] = self._resize(load_image(name))
        with self._lock:
            self._network_image, self._screen_image = self._pictures[name]
            self._show_picture()

    def _resize(self, image):
        return _resize(image, self.classifier.input_size)

    def _picture_row(self):
        children = [widgets.HBox([self.picture, self.upload])]
        if "google.colab" in sys.modules:
            children.append(widgets.HTML(_ON_COLAB))
        return widgets.VBox(children)

    # Display

    def _picture_columns(self, **shares):
        """The panels side by side, each under its caption, all of one width but for `shares`."""
        return widgets.HBox(
            [
                _column(shares.get(name, 1), _caption(self._captions[name]), panel)
                for name, panel in self.panels.items()
            ]
        )

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The live widget; for pages without a kernel, a still picture and its sentence."""
        self.wait()
        return {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.widget.model_id,
            },
            "image/png": views.still_picture(
                {self._captions[name]: panel.value for name, panel in self.panels.items()},
                self._sentence,
            ),
            "text/plain": self._sentence,
        }

    def wait(self):
        """Wait until everything asked for is shown."""


class LayerExplorer(_Explorer):
    """Drag through a network's layers and channels, and see what each makes of a picture.

    The last line of a cell shows it. Its controls are attributes, to set them from Python:
    `layer`, `page`, `channel`, `picture`, `upload`, `colors`.

    Args:
        classifier: `ImageClassifier`.
        image: The first picture, anything that `load_image` takes.
    """

    _captions = {"page": "Feature maps", "input": "Input", "channel": "One channel"}

    def __init__(self, classifier, image):
        super().__init__(classifier, image)
        names = list(classifier.feature_map_shapes)
        self._fields = receptive_fields(classifier.graph)
        self._kinds = {c.layer.name: type(c.layer).__name__ for c in classifier.graph.calls}
        self.layer = self._control(
            widgets.SelectionSlider,
            "Layer",
            options=names,
            value=classifier.feature_layer_names[0],
        )
        self.page = self._control(widgets.SelectionSlider, "Channels", options=[("0", 0)])
        self.channel = self._control(widgets.IntSlider, "Channel", min=0, max=0)
        self.panels = {"page": _panel("png"), "input": _panel("jpeg"), "channel": _panel("png")}
        self._set_picture(_GIVEN)
        self._react(self.layer, self._show_layer)
        self._react(self.page, self._show_page)
        self._react(self.channel, self._show_channel)
        self._react(self.colors, self._draw)
        self.widget = self._arrange()

    def _arrange(self):
        controls = [self._picture_row(), self.layer, self.page, self.channel, self.colors]
        return _frame(*controls, self._picture_columns(page=1.6), self.words, self.status)

    def _show_picture(self):
        self._let_go()
        self.panels["input"].value = views.encode_picture(self._screen_image)
        self._show_layer()

    def _let_go(self):
        self._outputs = None

    def _show_layer(self):
        self._hold()
        name = self.layer.value
        if self._outputs is None:
            names = self.layer.options
            self._outputs, _ = run_layers(self.classifier, self._network_image, names)
        self._maps = numpy_maps(self._outputs[name])
        count = self._maps.shape[-1]
        field = self._fields[name]
        self._layer_words = views.describe_layer(name, self._kinds[name], self._maps, field)
        with self._silently():
            channel = min(self.channel.value, count - 1)
            self.channel.value, self.channel.max = channel, count - 1
            names = views.page_names(count)
            if [label for label, _ in self.page.options] != names:
                self.page.options = [(label, page) for page, label in enumerate(names)]
            self.page.value = channel // views.PAGE
        self._tile = views.page_tile(self._maps, self.page.value)
        self._draw()

    def _show_page(self):
        """Turn to another page; the channel keeps its place on it."""
        place = self.channel.value % views.PAGE
        with self._silently():
            channel = self.page.value * views.PAGE + place
            self.channel.value = min(channel, self.channel.max)
        self._tile = views.page_tile(self._maps, self.page.value)
        self._draw()

    def _show_channel(self):
        page = self.channel.value // views.PAGE
        if page != self.page.value:
            with self._silently():
                self.page.value = page
            self._tile = views.page_tile(self._maps, page)
        self._draw()

    def _draw(self):
        channel, cmap = self.channel.value, self.colors.value
        size = self._maps.shape[:2]
        self.panels["page"].value = views.page_png(self._tile, size, channel % views.PAGE, cmap)
        self.panels["channel"].value = views.channel_png(
            self._maps, channel, self._screen_image.shape[:2], cmap
        )
        self._describe(self._layer_words, views.describe_channel(self._maps, channel))


class ClassExplorer(_Explorer):
    """Choose a class, and see where on the picture a method finds it.

    The last line of a cell shows it. Its controls are attributes, to set them from Python:
    `classes` (a slider over the most probable), `search`, `found`, `method`, `layer`, `alpha`,
    `picture`, `upload`, `colors`. `wait()` waits for a slow method.

    Args:
        classifier: `ImageClassifier`.
        image: The first picture, anything that `load_image` takes.
    """

    _captions = {"input": "Input", "heatmap": "Heatmap", "overlay": "Overlay"}

    def __init__(self, classifier, image):
        super().__init__(classifier, image)
        self._heatmaps = OrderedDict()
        self._gradients = OrderedDict()
        self._job = None
        self._threads = []
        self._error = None
        layers = classifier.feature_layer_names
        self.classes = self._control(widgets.SelectionSlider, "Class", options=[("", 0)])
        self.search = self._control(
            widgets.Text, "Search", placeholder="a part of a name, such as cat"
        )
        self.found = self._control(
            widgets.SelectionSlider, "Found", options=_NOTHING_FOUND, disabled=True
        )
        self.method = self._buttons("Method", [*_CAMS, *_PIXELS])
        self.layer = self._control(
            widgets.SelectionSlider, "Layer", options=layers, value=layers[-1]
        )
        self.alpha = self._control(
            widgets.FloatSlider, "Opacity", min=0, max=1, step=0.05, value=0.5
        )
        self.progress = self._control(widgets.FloatProgress, "Progress", min=0, max=1)
        self.panels = {"input": _panel("jpeg"), "heatmap": _panel("png"), "overlay": _panel("jpeg")}
        self._set_picture(_GIVEN)
        # At its second use the part behind the last layer is compiled: not while a class waits.
        make_gradcam_heatmap(classifier, self._network_image)
        for control in (self.classes, self.method, self.layer, self.alpha, self.colors):
            self._react(control, self._draw)
        self._react(self.search, self._search)
        self._react(self.found, self._choose_found)
        self.widget = self._arrange()

    def _arrange(self):
        sliders = widgets.HBox(
            [_column(1, self.classes, self.layer, self.alpha), _column(1, self.search, self.found)]
        )
        controls = [self._picture_row(), self.method, sliders, self.colors]
        pictures = self._picture_columns()
        return _frame(*controls, pictures, self.words, self.progress, self.status)

    def _show_picture(self):
        _, self._logits = run_layers(self.classifier, self._network_image, [])
        self._picture_key = hashlib.blake2b(self._network_image.tobytes()).digest()
        self.panels["input"].value = views.encode_picture(self._screen_image)
        self._set_class(int(self._logits.argmax()))

    # Classes

    def _set_class(self, index):
        """Move the slider to a class; one that is not among the first becomes its last."""
        with self._silently():
            self.classes.options = views.class_options(self._logits, _NUM_CLASSES, index)
            self.classes.value = index
        self._draw()

    def _search(self):
        text, count = self.search.value.strip(), self.classifier.num_classes
        hits = views.find_classes(text, count)
        title = [(f"{len(hits)} found: drag to choose", -1)]
        with self._silently():
            self.found.options = title + hits if hits else _NOTHING_FOUND
            self.found.disabled = not hits
        if text and not hits:
            self._say(views.explain_no_class(text, count), problem=True)

    def _choose_found(self):
        if self.found.value >= 0:
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
        self._heatmaps[key] = heatmap
        _keep(self._heatmaps, _NUM_HEATMAPS)
        self._show(key, heatmap)

    def _key(self):
        method = self.method.value
        layer = self.layer.value if method in _CAMS else None
        return _Key(self._picture_key, layer, self.classes.value, method)

    def _heatmap(self, key):
        """Return a heatmap if it is there or takes milliseconds, else None."""
        if key in self._heatmaps:
            return self._heatmaps[key]
        if key.layer is None:
            return None
        if key.layer == self.classifier.feature_layer_names[-1]:
            return make_gradcam_heatmap(
                self.classifier, self._network_image, key.class_index, method=_CAMS[key.method]
            )
        if key.work not in self._gradients:
            return None
        self._hold()
        maps, gradients = map(numpy_maps, self._gradients[key.work][key.layer])
        return heatmap_from(maps, gradients, _CAMS[key.method])

    def _let_go(self):
        self._gradients.clear()

    def _show(self, key, heatmap):
        shown = views.brighten(heatmap) if key.layer is None else heatmap
        cmap = self.colors.value
        self.panels["heatmap"].value = views.heatmap_png(shown, self._screen_image.shape[:2], cmap)
        self.panels["overlay"].value = views.overlay_picture(
            self._screen_image, shown, self.alpha.value, cmap
        )
        self._describe(
            views.describe_class(key.class_index, self._logits),
            f"{key.method} at {key.layer}:" if key.layer else f"{key.method}:",
            views.describe_heatmap(heatmap),
        )
        if not heatmap.any():
            self._say(f"{key.method}: {views.describe_heatmap(heatmap)}", problem=True)

    # The thread that computes what takes longer

    def _start(self, key):
        self._say(f"Computing {key.method} for {self.classes.label} ...")
        if self._job and self._job.work == key.work:
            return
        self._stop()
        job = self._job = _Job(key.work, threading.Event())
        self.progress.value = 0
        self.progress.layout.visibility = "visible"
        arguments = (job, key, self._network_image)
        if "google.colab" in sys.modules:
            self._work(*arguments)  # Colab shows nothing of what a thread sets: colabtools #3373
            return
        # Python waits for it at its end: TensorFlow aborts where a daemon's thread is cut off.
        thread = threading.Thread(target=self._work, args=arguments)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def _stop(self):
        """Let the job that runs end at its next batch."""
        if self._job:
            self._job.stopped.set()
            self._job = None
        self.progress.layout.visibility = "hidden"

    def _work(self, job, key, image):
        try:
            result = self._compute(job, key, image)
            _stop_at_exit()
            with self._lock:
                if key.layer is None:
                    self._heatmaps[key] = result
                    _keep(self._heatmaps, _NUM_HEATMAPS)
                else:
                    self._hold()
                    self._gradients[key.work] = result
                    _keep(self._gradients, _NUM_GRADIENTS)
                if self._job is job:
                    self._say("")
                    self._draw()
        except _Stopped:
            pass
        except Exception as error:  # wait() raises it
            with self._lock:
                self._error = error
                if self._job is job:
                    self._stop()
                self._say_unexpected(error)

    def _compute(self, job, key, image):
        arguments = self.classifier, image, key.class_index

        def progress(batches):
            for number, batch in enumerate(batches):
                _stop_at_exit()
                if job.stopped.is_set():
                    raise _Stopped
                self.progress.value = number / len(batches)
                yield batch

        if key.layer is not None:
            return layer_gradients(*arguments)
        if key.method == "Saliency":
            return compute_saliency_map(*arguments)
        if key.method == "SmoothGrad":
            return smooth_grad(*arguments, progress=progress)
        return np.abs(integrated_gradients(*arguments, progress=progress).sum(axis=-1))

    def wait(self):
        """Wait until everything asked for is shown; raises what a thread could not."""
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            alive[0].join()
        if error := self._error:
            self._error = None
            raise error


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


class _Job(NamedTuple):
    work: tuple
    stopped: threading.Event


def _resize(image, size):
    """A picture as the network and as the screen shows it: two small arrays, not a photo."""
    return views.network_picture(image, size), views.screen_picture(image)


@cache
def _local_samples(size):
    names = [name for name, sample in SAMPLES.items() if sample.sha256 is None]
    return {name: _resize(load_image(name), size) for name in names}


def _stop_at_exit():
    """Stop this thread's job when Python has come to its end and waits for its threads."""
    if not threading.main_thread().is_alive():
        raise _Stopped


def _keep(entries, count):
    """Drop the oldest entries of an `OrderedDict`."""
    while len(entries) > count:
        entries.popitem(last=False)


def _uploaded(value):
    """Return (name, bytes) of a FileUpload's value: a dict in ipywidgets 7, a tuple in 8."""
    if isinstance(value, dict):
        [(name, file)] = list(value.items())[-1:]
    else:
        file = value[-1]
        name = file["name"]
    return name, bytes(file["content"])


def _panel(kind):
    return widgets.Image(format=kind, layout=widgets.Layout(width="100%", margin="0"))


def _caption(text):
    return widgets.HTML(f"<b>{html.escape(text)}</b>")


def _column(share, *children):
    layout = widgets.Layout(
        flex=f"{share} 1 0", min_width="0", overflow="hidden", padding="0 8px 0 0"
    )
    return widgets.VBox(children, layout=layout)


def _frame(*children):
    style = widgets.HTML(_STYLE, layout=widgets.Layout(display="none"))
    layout = widgets.Layout(max_width="1400px", overflow="hidden")
    frame = widgets.VBox([*children, style], layout=layout)
    return frame.add_class("course-explorer")
