"""What explorers of a classifier have: its classes by rank, and a thread for what takes longer."""

from collections.abc import Callable, Hashable
from typing import Any

import ipywidgets as widgets

from course_utils.display import views
from course_utils.engine import memory
from course_utils.engine.runner import to_array
from course_utils.explorers.base import Explorer
from course_utils.explorers.controls import control
from course_utils.explorers.worker import Worker
from course_utils.networks.classifier import ImageClassifier, runner_of, to_probabilities

_NUM_CLASSES = 20  # on the slider


class ClassifierExplorer(Explorer):
    """A subclass has `_draw`: it shows what the memory holds, or calls `_compute`.

    Args:
        classifier: `ImageClassifier`.
        image: The first picture, anything that `load_image` takes.
    """

    def __init__(self, classifier: ImageClassifier, image: Any):
        super().__init__(runner_of(classifier).input_size, image)
        self.classifier = classifier
        self.classes = control(widgets.SelectionSlider, "Class", options=[("", 0)])
        self._error: Exception | None = None
        self.progress = control(widgets.FloatProgress, "Progress", min=0, max=1)
        self.progress.layout.visibility = "hidden"
        self._worker = Worker(self._show_progress, self._finish, self._fail)

    def _draw(self) -> None:
        raise NotImplementedError

    def _show_picture(self):
        runner = runner_of(self.classifier)
        logits = to_array(runner.logits_of(self._network_image))
        probabilities = to_probabilities(self.classifier, logits)
        self._ranking = views.rank_classes(self.classifier.class_names, logits, probabilities)
        self._picture_key = runner.picture_key(self._network_image)
        self.panels["input"].value = views.encode_picture(self._screen_image)
        self._set_class(int(logits.argmax()))

    def choose(self, class_index: int) -> None:
        """Move the slider to a class; one that is not among the first becomes its last.

        Args:
            class_index: int.

        Raises:
            ValueError: There is no such class.
        """
        self._set_class(runner_of(self.classifier).check_class_index(class_index))

    def _set_class(self, index):
        with self._silently():
            self.classes.options = views.class_options(self._ranking, _NUM_CLASSES, index)
            self.classes.value = index
        self._draw()

    def _compute(self, work: Hashable, compute: Callable, words: str) -> None:
        """Have a thread compute something and keep it in the memory, unless it does already.

        Args:
            work: The result's key in the memory.
            compute: As for `Worker.start`.
            words: What to tell meanwhile.
        """
        self._say(words)
        if self._worker.is_busy_with(work):
            return
        self.progress.layout.visibility = "visible"  # here: a thread might be late
        self._worker.start(work, compute)

    def _show_progress(self, share):
        self.progress.value = share

    def _stop(self):
        self._worker.stop()
        self.progress.layout.visibility = "hidden"

    def _finish(self, work, result):
        with self._lock:
            memory.keep(work, result)
            if self._worker.is_busy_with(work):
                self._say("")
                self._draw()

    def _fail(self, work, error):
        with self._lock:
            self._error = error  # wait() raises it
            if self._worker.is_busy_with(work):
                self._stop()
            self._say_unexpected(error)

    def wait(self) -> None:
        """Wait until everything asked for is shown; raises what a thread could not."""
        self._worker.wait()
        if error := self._error:
            self._error = None
            raise error
