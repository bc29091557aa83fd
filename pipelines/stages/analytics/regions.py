"""What lines and zones have in common: the point of a box that counts, and the classes that do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.analytics import AnalyticsConfig, Anchor, LineConfig, ZoneConfig
from streamvision.core.errors import ConfigError

ANCHOR_HEIGHT: dict[Anchor, float] = {"center": 0.5, "bottom": 1.0}
"""Where on a box's middle the anchor is, from 0, the top, to 1, the bottom."""


def anchor_heights(regions: Sequence[LineConfig | ZoneConfig]) -> NDArray[np.float64]:
    """Return (P, 1) the height of each region's anchor."""
    return np.array([ANCHOR_HEIGHT[region.anchor] for region in regions], np.float64)[:, None]


def class_filter(regions: Sequence[LineConfig | ZoneConfig], names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return (P, classes) whether each region counts each class; a class without a name counts where all do."""
    known = np.array(
        [[region.classes is None or name in region.classes for name in names] for region in regions], np.bool_
    ).reshape(len(regions), len(names))
    unnamed = np.array([region.classes is None for region in regions], np.bool_)[:, None]
    return np.concatenate([known, unnamed], axis=1)


def check_classes(config: AnalyticsConfig, names: tuple[str, ...]) -> None:
    """Find out whether the network knows every class that a line or zone asks for.

    Raises:
        ConfigError: naming the first that it does not know.
    """
    regions: tuple[LineConfig | ZoneConfig, ...] = (*config.lines, *config.zones)
    for region in regions:
        for name in region.classes or ():
            if name not in names:
                raise ConfigError(
                    f"{region.name!r} asks for the class {name!r}, but the model knows only: {', '.join(names)}"
                )
