"""Noisy linear imputation: pixels that are missing, guessed from those around them."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu

# A pixel and its neighbors below and to the right, each with its weight; the other four neighbors
# are the same pairs, seen from the other end. All eight weights sum to 1.
_NEIGHBORS = {(0, 1): 1 / 6, (1, 0): 1 / 6, (1, 1): 1 / 12, (1, -1): 1 / 12}
_NOISE = 0.01  # of the range of colors


def impute(picture: NDArray, missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill missing pixels so that each is the weighted mean of its neighbors, present or filled.

    A neighbor beside a pixel weighs twice as much as one across its corner. At the edge of the
    picture the weights of the neighbors that there are count.

    Args:
        picture: Real numbers (h, w, colors).
        missing: bool (h, w). What `picture` holds there is not used.

    Returns:
        float64 (h, w, colors). With all pixels missing, those of `picture`.

    Source:
        Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods (ROAD),
        https://arxiv.org/abs/2202.00449.
    """
    filled = np.array(picture, np.float64)
    count = np.count_nonzero(missing)
    if count in (0, missing.size):
        return filled
    numbers = np.full(missing.shape, -1)  # of the equations
    numbers[missing] = np.arange(count)
    weights, rows, columns = [], [], []
    known, total = np.zeros((count, filled.shape[-1])), np.zeros(count)
    for offset, weight in _NEIGHBORS.items():
        for here, there in _both_ways(missing.shape, offset):
            equations, neighbors = numbers[here], numbers[there]
            ours = equations >= 0
            unknown = ours & (neighbors >= 0)
            total[equations[ours]] += weight
            known[equations[ours & ~unknown]] += weight * filled[there][ours & ~unknown]
            rows.append(equations[unknown])
            columns.append(neighbors[unknown])
            weights.append(np.full(len(rows[-1]), -weight))
    diagonal = np.arange(count)
    values = np.concatenate([*weights, total])
    places = np.concatenate([*rows, diagonal]), np.concatenate([*columns, diagonal])
    matrix = coo_array((values, places), (count, count)).tocsc()
    # Symmetric, and its diagonal is as large as the rest of a row: it needs no pivoting.
    options = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    filled[missing] = splu(matrix, permc_spec="MMD_AT_PLUS_A", **options).solve(known)
    return filled


def _both_ways(shape, offset):
    """Yield the slices of all pixels that have such a neighbor, and of the neighbors; and back."""
    (height, width), (down, right) = shape, offset
    here = slice(height - down), slice(max(-right, 0), width - max(right, 0))
    there = slice(down, None), slice(max(right, 0), width - max(-right, 0))
    yield here, there
    yield there, here


def noise_like(picture: NDArray[np.uint8], seed: int = 0) -> NDArray[np.float64]:
    """Draw the noise that is added to imputed pixels, so that they don't betray where they are."""
    return np.random.default_rng(seed).normal(0, _NOISE * 255, picture.shape)
