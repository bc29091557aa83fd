"""Hard checks on scores, whatever the precision: wrong scores look like a good detector until somebody counts on them.

Core ML packages of another project reported 100 % confidence for 17 months; nothing compared their scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SATURATED = 0.999
"""A score from here up counts as certain."""
MANY = 0.5
"""Share of certain scores from which an export is suspect, where the source's share is not half of that."""
SPREAD_LOST = 0.05
"""An export whose scores spread by less than this share of the source's gives one score to everything."""
ENOUGH = 4
"""Fewer objects say nothing about a spread."""


def score_faults(source: NDArray[np.float32], export: NDArray[np.float32]) -> list[str]:
    """Return what is wrong with the scores of an export, one sentence each.

    Args:
        source: (N,) all scores of the source, over all pictures.
        export: (M,) all scores of the export.
    """
    if not len(source):
        return []
    if not len(export):
        return [f"the export finds nothing at all, where the source finds {len(source)} objects"]
    if not np.isfinite(export).all():
        return [f"{np.count_nonzero(~np.isfinite(export))} of the export's {len(export)} scores are not numbers"]
    faults = []
    if export.min() < 0 or export.max() > 1 + 1e-3:
        faults.append(f"the export's scores lie in {export.min():.3g}..{export.max():.3g} and not in 0..1")
    certain = [float((scores >= SATURATED).mean()) for scores in (source, export)]
    if len(export) >= ENOUGH and certain[1] >= MANY and certain[0] < certain[1] / 2:
        faults.append(
            f"the export's scores are saturated: {certain[1]:.0%} of them are {SATURATED} or more, "
            f"the source's only to {certain[0]:.0%}"
        )
    if min(len(source), len(export)) >= ENOUGH and export.std() <= SPREAD_LOST * source.std():
        faults.append(
            f"the export's scores are constant: all about {export.mean():.3f}, while the source's spread from "
            f"{source.min():.2f} to {source.max():.2f}"
        )
    return faults


def unreal_values(source: Sequence[NDArray[Any]], export: Sequence[NDArray[Any]]) -> int:
    """Return how many raw outputs of an export are no finite numbers; 0 where the source has such values too."""
    counts = [
        sum(int(np.count_nonzero(~np.isfinite(one))) for one in outputs if np.issubdtype(one.dtype, np.floating))
        for outputs in (source, export)
    ]
    return 0 if counts[0] else counts[1]
