"""What a network could learn in place of the classes: what goes with what in a data set, where, in which light.

A network learns whatever tells classes apart in the pictures that it is given, the light, the camera or the company too
(Torralba and Efros, "Unbiased Look at Dataset Bias", CVPR 2011).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.datasets.bias_facts import Facts, Shown
from streamvision.datasets.bias_findings import Suspicion, suspicions

GRID = 6
"""Cells of a picture, across and down, in which objects are counted by their middle."""
SIDE_EDGES = (0.0, 0.02, 0.04, 0.08, 0.16, 0.32, 1.0)
"""Borders of the bands of an object's side (the root of its area) as a share of the picture's."""
LIGHT_EDGES = tuple(range(0, 257, 32))
"""Borders of the bands of a picture's mean grey level, 0..255."""
MOST_SOURCES = 12
"""Sources that are shown by themselves, those with most pictures."""


@dataclass(frozen=True)
class Source:
    """Pictures that seem to come from one place: one folder and way of naming, or one size."""

    name: str
    """Their common name."""
    pictures: int
    """How many."""
    classes: dict[str, int]
    """Pictures that show each class."""
    splits: dict[str, int]
    """Pictures by part."""


@dataclass(frozen=True)
class Bias:
    """What goes with what. Class names are those of the data set; classes without pictures are left out."""

    together: dict[str, dict[str, int]]
    """By class and class, the pictures that show both, where there are any; with itself, all that show it."""
    sides: dict[str, tuple[int, ...]]
    """By class, objects in each band of :data:`SIDE_EDGES`; empty without boxes."""
    places: dict[str, tuple[tuple[int, ...], ...]]
    """By class, objects in each cell of the picture, from the top; empty without boxes."""
    light: dict[str, tuple[int, ...]]
    """By class, pictures in each band of :data:`LIGHT_EDGES`."""
    light_by_part: dict[str, tuple[int, ...]]
    """By part, the same; empty where there is one part only."""
    sources: tuple[Source, ...]
    """Where pictures seem to come from, the largest first; none where it seems to be one place."""
    suspicions: tuple[Suspicion, ...]
    """What to look at, in sentences."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self) | {"side_edges": SIDE_EDGES, "light_edges": LIGHT_EDGES}


def find_bias(names: Sequence[str], shown: Sequence[Shown], *, folders_are_classes: bool = False) -> Bias:
    """Say what goes with what in a data set, and what of it is suspicious.

    Args:
        names: class names by class id.
        shown: the pictures.
        folders_are_classes: whether a picture's folder says its class, and so nothing of where it comes from.
    """
    facts = Facts.of(names, shown, folders_are_classes=folders_are_classes)
    names = facts.names
    boxed = facts.there if len(facts.objects) else ()
    return Bias(
        together={
            names[a]: {names[b]: int(facts.both[a, b]) for b in facts.there if facts.both[a, b]} for a in facts.there
        },
        sides={names[c]: _counts(facts.objects_of(c)[:, 3], SIDE_EDGES) for c in boxed},
        places={names[c]: _cells(facts.objects_of(c)) for c in boxed},
        light={names[c]: _counts(facts.level[facts.has[:, c]], LIGHT_EDGES) for c in facts.there},
        light_by_part={part: _counts(facts.level[facts.of_part(part)], LIGHT_EDGES) for part in facts.parts},
        sources=tuple(_sources(facts)),
        suspicions=tuple(suspicions(facts)),
    )


def _counts(values: NDArray[np.float64], edges: Sequence[float]) -> tuple[int, ...]:
    return tuple(np.histogram(values[np.isfinite(values)], edges)[0].tolist())


def _cells(objects: NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
    column, row = (np.clip((objects[:, at] * GRID).astype(int), 0, GRID - 1) for at in (1, 2))
    counts = np.bincount(row * GRID + column, minlength=GRID * GRID).reshape(GRID, GRID)
    return tuple(tuple(line) for line in counts.tolist())


def _sources(facts: Facts) -> list[Source]:
    counts = Counter(facts.source)
    if len(counts) < 2:
        return []
    common = [name for name, _ in counts.most_common(MOST_SOURCES)]
    rows = {name: np.array([one == name for one in facts.source]) for name in common}
    if len(counts) > MOST_SOURCES:
        rows["others"] = np.array([one not in rows for one in facts.source])
    return [
        Source(
            name,
            int(own.sum()),
            {facts.names[c]: int(facts.has[own, c].sum()) for c in facts.there},
            dict(Counter(one.split or "none" for one, here in zip(facts.shown, own, strict=True) if here)),
        )
        for name, own in rows.items()
    ]
