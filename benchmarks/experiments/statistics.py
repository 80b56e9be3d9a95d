"""What a table of several seeds shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["interquartile"]

_DRAWS = 2000


def interquartile(values: Sequence[float]) -> tuple[float, float, float]:
    """Interquartile mean, and the 95 % interval of its bootstrap over seeds (Agarwal et al. 2021). The same
    values have the same interval in every table: what is drawn hangs on nothing else."""
    rng = np.random.default_rng(0)

    def middle(some: npt.NDArray[np.float64]) -> float:
        ordered = np.sort(some)
        cut = len(ordered) // 4
        return float(ordered[cut : len(ordered) - cut].mean())

    given = np.array(values, np.float64)
    drawn = [middle(rng.choice(given, len(given))) for _ in range(_DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return middle(given), float(low), float(high)
