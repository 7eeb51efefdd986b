"""Scaling a map to [0, 1], the same for all methods."""

import numpy as np
from numpy.typing import NDArray


def scale_to_unit(values: NDArray) -> NDArray[np.float32]:
    """Divide a map that is nowhere negative by its largest value; all zeros stay zeros.

    Raises:
        ValueError: The largest value is NaN or infinite.
    """
    largest = values.max()
    if not np.isfinite(largest):
        raise ValueError(
            "The network's output for this picture is NaN or infinite, or its gradient is: there "
            "is nothing to show. Did its training diverge?"
        )
    return np.asarray(values / (largest or 1), np.float32)
