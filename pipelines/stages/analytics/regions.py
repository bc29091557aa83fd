"""What lines and zones have in common: the point of a box that counts, and the classes that do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.analytics import AnalyticsConfig, Anchor, LineConfig, ZoneConfig
from streamvision.core.errors import ConfigError

ANCHOR_HEIGHT: dict[Anchor, float] = {"center": 0.5, "bottom": 1.0}
"""Where on a box's middle the anchor is, from 0, the top, to 1, the bottom."""


def anchor_heights(places: Sequence[LineConfig | ZoneConfig]) -> NDArray[np.float64]:
    """Return (P, 1) the height of each place's anchor."""
    return np.array([ANCHOR_HEIGHT[place.anchor] for place in places], np.float64)[:, None]


def class_filter(places: Sequence[LineConfig | ZoneConfig], names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return (P, classes) whether each place counts each class; a class without a name counts where all do."""
    known = np.array(
        [[place.classes is None or name in place.classes for name in names] for place in places], np.bool_
    ).reshape(len(places), len(names))
    unnamed = np.array([place.classes is None for place in places], np.bool_)[:, None]
    return np.concatenate([known, unnamed], axis=1)


def check_classes(config: AnalyticsConfig, names: tuple[str, ...]) -> None:
    """Find out whether the network knows every class that a line or zone asks for.

    Raises:
        ConfigError: naming the first that it does not know.
    """
    places: tuple[LineConfig | ZoneConfig, ...] = (*config.lines, *config.zones)
    for place in places:
        for name in place.classes or ():
            if name not in names:
                raise ConfigError(
                    f"{place.name!r} asks for the class {name!r}, but the model knows only: {', '.join(names)}"
                )
