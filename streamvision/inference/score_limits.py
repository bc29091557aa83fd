"""From which score on the objects of each class are reported, by what is configured."""

from __future__ import annotations

import difflib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import class_index
from streamvision.core.errors import ConfigError


class ScoreLimits(NamedTuple):
    """From which score on objects are reported."""

    lowest: NDArray[np.float32]
    """(classes,) lowest score of each class; infinity for one that is filtered out."""
    least: float
    """The least of these."""


def lowest_scores(config: ModelConfig, names: tuple[str, ...], *, score_floor: float | None) -> NDArray[np.float32]:
    """Return (classes,) the lowest score to report of each class; infinity for classes that are filtered out.

    A class with a threshold of its own keeps it; ``score_floor`` lowers that of the others.

    Raises:
        ConfigError: when the configuration names a class that is not among ``names``.
    """
    general = config.score if score_floor is None else min(config.score, score_floor)
    lowest = np.full(len(names), general, np.float32)
    for name, score in config.class_scores.items():
        lowest[_class_id(name, names, option="class_scores")] = score
    if config.classes is not None:
        wanted = [_class_id(name, names, option="classes") for name in config.classes]
        lowest[np.setdiff1d(np.arange(len(names)), wanted)] = np.inf
    return lowest


def _class_id(name: str, names: tuple[str, ...], *, option: str) -> int:
    if (found := class_index(name, names)) is not None:
        return found
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names[:10])}{' ...' * (len(names) > 10)}"
    raise ConfigError(f"{option} names {name!r}, which is not a class of this model: {hint}")
