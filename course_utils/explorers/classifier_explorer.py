"""What explorers of a classifier have: its classes by rank, and a thread for what takes longer."""

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from course_utils.arguments import check_count
from course_utils.display import pictures, words
from course_utils.engine import memory
from course_utils.engine.runner import to_array
from course_utils.explorers.base import Explorer
from course_utils.explorers.controls import control, on_colab
from course_utils.methods.baselines import BASELINE_MAPS
from course_utils.methods.table import METHODS
from course_utils.networks.classifier import ImageClassifier, to_probabilities

OF_PIXELS = [key for key, method in METHODS.items() if method.formula is None]
_NUM_CLASSES = 20  # on the slider


class _Stopped(Exception):
    """Ends a computation whose result is no longer wanted."""


class ClassifierExplorer(Explorer):
    """A subclass has `_draw`: it shows what the memory holds, or calls `_compute`."""

    def __init__(self, classifier: ImageClassifier, image: Any):
        super().__init__(classifier, image)
        self.classes = control(widgets.SelectionSlider, "Class", options=[("", 0)])
        self.progress = control(widgets.FloatProgress, "Progress", min=0, max=1)
        self.progress.layout.visibility = "hidden"
        self._below.insert(1, self.progress)
        self._work: Hashable = None  # what is being computed
        self._computing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def _draw(self) -> None:
        raise NotImplementedError

    def _show_picture(self):
        logits = to_array(self._runner.logits_of(self._network_image))
        probabilities = to_probabilities(self.classifier, logits)
        self._ranking = words.rank_classes(self.classifier.class_names, logits, probabilities)
        self._picture_key = self._runner.picture_key(self._network_image)
        self.panels["input"].value = pictures.encode_picture(self._screen_image)
        self._set_class(self._ranking.order[0])

    def choose(self, class_index: int) -> None:
        """Move the slider to a class; one that is not among the first becomes its last.

        Raises:
            ValueError: There is no such class.
        """
        last = self.classifier.num_classes - 1
        self._set_class(check_count("class_index", class_index, 0, last))

    def _set_class(self, index):
        shown = dict.fromkeys([*self._ranking.order[:_NUM_CLASSES], index])
        with self._silently():
            self.classes.options = [words.class_option(i, self._ranking) for i in shown]
            self.classes.value = index
        self._draw()

    def _show_nothing(self):
        """Blank the panels, so that no old result stands beside what is asked now."""
        for panel in self.panels.values():
            panel.value = pictures.encode_picture(np.full_like(self._screen_image, 128))
        self.panels["input"].value = pictures.encode_picture(self._screen_image)
        self._describe(words.describe_class(self.classes.value, self._ranking))

    # What takes longer: one computation at a time, in a thread, so that sliders answer meanwhile

    def _compute(self, work: Hashable, compute: Callable[[Callable], Any], say: str) -> None:
        """Have a thread compute something, keep it in the memory and draw, unless it does already.

        `work` is the result's key in the memory, a new object for each call. `compute` gets a
        function `progress`, as the methods take it. `say` is what to tell meanwhile.
        """
        self._say(say)
        if self._work == work:
            return
        self._work = work
        self.progress.value = 0
        self.progress.layout.visibility = "visible"
        # No daemon, so Python waits for it at exit: TensorFlow aborts if a thread is cut off.
        self._thread = threading.Thread(target=self._run, args=(work, compute))
        if on_colab():  # its page learns nothing from a thread: colabtools #3373
            self._thread.run()
        else:
            self._thread.start()

    def _stop(self):
        """Let the computation end at its next batch."""
        self._work = None
        self.progress.layout.visibility = "hidden"

    def _run(self, work, compute):
        def progress(batches: Sequence) -> Iterable:
            for number, batch in enumerate(batches):
                self._check_wanted(work)
                self.progress.value = number / len(batches)
                yield batch

        try:
            with self._computing:
                self._check_wanted(work)
                memory.keep(work, compute(progress))
            with self._lock:
                self._check_wanted(work)
                self._say("")
                self._draw()
        except _Stopped:
            pass
        except Exception as error:
            with self._lock:
                self._error = error  # wait() raises it
                if self._work is work:
                    self._stop()
                self._say_unexpected(error)

    def _check_wanted(self, work):
        """Stop where something else was asked for, or Python has come to its end."""
        if self._work is not work or not threading.main_thread().is_alive():
            raise _Stopped

    def wait(self) -> None:
        """Wait until everything asked for is shown; raises what a thread could not."""
        if self._thread and self._thread.is_alive():
            self._thread.join()
        error, self._error = self._error, None
        if error:
            raise error


def compute_map(
    classifier: ImageClassifier, image: NDArray, class_index: int, key: str, progress: Callable
) -> NDArray:
    """Compute a heatmap by its key in `METHODS` or in `BASELINE_MAPS`."""
    if key in BASELINE_MAPS:
        return BASELINE_MAPS[key](image)
    options = {"progress": progress} if METHODS[key].num_gradients > 1 else {}
    return METHODS[key].compute(classifier, image, class_index, **options)


def for_the_eye(heatmap: NDArray, key: str) -> NDArray:
    """Brighten a map of pixels, where a few outshine all others."""
    return pictures.brighten(heatmap) if key in OF_PIXELS else heatmap
