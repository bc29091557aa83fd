"""What each benchmark counts: which classes of its truth are to be found, and which may be found or not.

The rules are those of TrackEval's ``MotChallenge2DBox``: MOT15 has no classes, MOT16 and MOT17 count pedestrians, MOT20
also lets vehicles without motor be found, and DanceTrack is measured as MOT17 is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

PEDESTRIAN = 1
CLASS_NAMES = (
    "pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "vehicle without motor", "static person",
    "distractor", "occluder", "occluder on ground", "full occluder", "reflection", "crowd",
)  # fmt: skip
"""Names of the classes of MOTChallenge, from 1."""
_NAMED = re.compile(r"(?:2d)?mot(?:20)?(15|16|17|20)(?![0-9])|dancetrack", re.IGNORECASE)
"""How benchmarks call their folders and sequences: MOT17, MOT20-01, 2DMOT2015, dancetrack0004."""
_CLASS_COLUMNS = (8, 9)
"""A truth of so many columns says classes; MOT15's has ten, with a place in the world."""


@dataclass(frozen=True)
class Rules:
    """What counts."""

    benchmark: str
    """Whose rules they are."""
    has_classes: bool = True
    """Whether the truth says what each object is."""
    wanted: tuple[int, ...] = (PEDESTRIAN,)
    """Classes that are to be found."""
    distractors: tuple[int, ...] = (2, 7, 8, 12)
    """Classes that may be found or not: people on vehicles, standing dummies, distractors, reflections."""

    def counting(self, classes: Sequence[int]) -> Rules:
        """Return the rules with other classes to be found; none given: the rules as they are."""
        if not classes:
            return self
        others = tuple(one for one in self.distractors if one not in classes)
        return replace(self, has_classes=True, wanted=tuple(classes), distractors=others)


BENCHMARKS = {
    "mot15": Rules("mot15", has_classes=False),
    "mot16": Rules("mot16"),
    "mot17": Rules("mot17"),
    "mot20": Rules("mot20", distractors=(2, 6, 7, 8, 12)),
    "dancetrack": Rules("dancetrack"),
}
"""The benchmarks, by name."""


def rules_of(name: str, folder: Path, *, root: Path, columns: int | None) -> Rules:
    """Return the rules for a sequence by its name and those of the folders, and by the form of its truth.

    Args:
        name: what the sequence calls itself.
        folder: where it lies.
        root: the folder that was given; the one above it is asked last, as in ``MOT20/train``.
        columns: how many columns the truth has; ``None`` for one without objects.
    """
    above = root.resolve()
    names = (name, folder.resolve().name, above.name, above.parent.name)
    named = next((found for one in names if (found := _NAMED.match(one))), None)
    has_classes = columns is None or columns in _CLASS_COLUMNS
    if named is None or (not has_classes and named[1] != "15"):
        return BENCHMARKS["mot17" if has_classes else "mot15"]
    return BENCHMARKS[f"mot{named[1]}" if named[1] else "dancetrack"]


def class_label(number: int) -> str:
    """Return a class in words.

    >>> class_label(3), class_label(0)
    ('3 (car)', '0')
    """
    return f"{number} ({CLASS_NAMES[number - 1]})" if 1 <= number <= len(CLASS_NAMES) else str(number)
