"""Progress of a method that takes seconds: a bar, or whatever its caller makes of it."""

from collections.abc import Callable, Iterable, Sequence

from tqdm.auto import tqdm

Progress = bool | Callable[[Sequence], Iterable]


def follow(steps: Sequence, progress: Progress, description: str) -> Iterable:
    """Yield the steps of a computation one by one.

    Args:
        steps: Sequence.
        progress: Whether to show a progress bar; or a function that takes the steps and yields
            them, as tqdm does. What it raises stops the computation.
        description: What stands before the bar.
    """
    if callable(progress):
        return progress(steps)
    return tqdm(steps, desc=description, disable=not progress)
