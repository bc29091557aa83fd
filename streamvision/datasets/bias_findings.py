"""What of a data set is suspicious: each finding needs a large effect and many pictures.

With many classes some small difference is always there, and would only be noise here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamvision.datasets.bias_facts import Facts
from streamvision.datasets.bias_tests import auc_of, ks_of

LEAST_PICTURES, LEAST_OBJECTS = 10, 20
"""What a class needs for anything to be said of it."""
NEARLY_ALWAYS, MUCH_MORE = 0.9, 0.3
"""Share of a class's pictures with another class or from one source, and how much more than of all pictures."""
SAME_SIZE = 2.0
"""Sides of nine in ten objects that differ by less than so many times are of one size."""
ONE_SIDE, ONE_CELL = 0.9, 0.6
"""Share of a class's objects in one half, and in one ninth, of the picture."""
OTHER_LIGHT = 0.75
"""How often a picture of a class is brighter, or darker, than one without it."""
DARK_LEVEL, FEW_DARK, ENOUGH_TO_TELL = 50.0, 0.02, 100
"""Mean grey level of a dark picture, the share of them that is too small, and of how many pictures that can be said."""
ONE_SOURCE = 0.95
RARE = 10.0
"""How many times fewer pictures than the commonest class a rare one has."""
UNLIKE, SURE = 0.2, 1e-3
"""Distance of the distribution functions of two parts, and the chance of it, from which on they differ."""


@dataclass(frozen=True)
class Suspicion:
    """One thing that a network could learn in place of a class, or that the parts of the set differ in."""

    kind: str
    """together, size, place, light, source, rare or shift."""
    sentence: str
    """What it is, and what to do about it."""


def suspicions(facts: Facts) -> list[Suspicion]:
    """Return what to look at, class by class, and then what parts differ in."""
    kinds = (_together, _sizes, _places, _light, _one_source, _rare, _shifts)
    return [one for kind in kinds for one in kind(facts)]


def _together(facts: Facts) -> list[Suspicion]:
    found = []
    total = len(facts.shown)
    for a in facts.there:
        if (alone := int(facts.both[a, a])) < LEAST_PICTURES:
            continue
        for b in facts.there:
            share, usual = facts.both[a, b] / alone, facts.both[b, b] / total
            if a != b and share >= NEARLY_ALWAYS and share - usual >= MUCH_MORE:
                found.append(
                    Suspicion(
                        "together",
                        f"{facts.names[a]} is on {alone} pictures, and {share:.0%} of them show {facts.names[b]}, too "
                        f"(of all pictures {usual:.0%}): the one may be learnt by the other; add pictures of "
                        f"{facts.names[a]} without it.",
                    )
                )
    return found


def _sizes(facts: Facts) -> list[Suspicion]:
    found = []
    for c in facts.there:
        side = facts.objects_of(c)[:, 3]
        if len(side) < LEAST_OBJECTS:
            continue
        low, high = np.percentile(side, [5, 95])
        if low > 0 and high / low < SAME_SIZE:
            found.append(
                Suspicion(
                    "size",
                    f"{facts.names[c]} always has about one size: nine in ten of {len(side)} objects have a side of "
                    f"{low:.1%} to {high:.1%} of the picture's; nearer and farther ones may not be found.",
                )
            )
    return found


def _places(facts: Facts) -> list[Suspicion]:
    found = []
    for c in facts.there:
        across, down = facts.objects_of(c)[:, 1:3].T
        if len(across) < LEAST_OBJECTS:
            continue
        column, row = (np.clip((values * 3).astype(int), 0, 2) for values in (across, down))
        cell, most = Counter(zip(row.tolist(), column.tolist(), strict=True)).most_common(1)[0]
        halves = {"left": (across < 0.5).mean(), "right": (across >= 0.5).mean()}
        halves |= {"upper": (down < 0.5).mean(), "lower": (down >= 0.5).mean()}
        where = None
        if most / len(across) >= ONE_CELL:
            where = f"{most / len(across):.0%} of {len(across)} objects lie in the {_cell_name(*cell)} ninth"
        elif (half := max(halves, key=lambda side: halves[side])) and halves[half] >= ONE_SIDE:
            where = f"{halves[half]:.0%} of {len(across)} objects lie in the {half} half"
        if where:
            found.append(
                Suspicion(
                    "place",
                    f"{facts.names[c]}: {where} of the picture; a camera that looks elsewhere may not find it. --flip "
                    "and --translate help where the class allows it.",
                )
            )
    return found


def _cell_name(row: int, column: int) -> str:
    return " ".join(part for part in (("upper", "", "lower")[row], ("left", "", "right")[column]) if part) or "middle"


def _light(facts: Facts) -> list[Suspicion]:
    found = []
    known = np.isfinite(facts.level)
    for c in facts.there:
        inside, outside = facts.level[known & facts.has[:, c]], facts.level[known & ~facts.has[:, c]]
        if min(len(inside), len(outside)) < LEAST_PICTURES:
            continue
        auc, chance = auc_of(inside, outside)
        if max(auc, 1 - auc) >= OTHER_LIGHT and chance < SURE:
            found.append(
                Suspicion(
                    "light",
                    f"Pictures of {facts.names[c]} are {'brighter' if auc > 0.5 else 'darker'} than others (median "
                    f"grey level {np.median(inside):.0f} beside {np.median(outside):.0f} of 255): the light may be "
                    "learnt in its place; add pictures in other light, or --brightness.",
                )
            )
    dark = facts.level[known] < DARK_LEVEL
    if len(dark) >= ENOUGH_TO_TELL and dark.mean() < FEW_DARK:
        found.append(
            Suspicion(
                "light",
                f"{int(dark.sum())} of {len(dark)} pictures are dark (a mean grey level below {DARK_LEVEL:.0f} of "
                "255): nothing is learnt of the night.",
            )
        )
    return found


def _one_source(facts: Facts) -> list[Suspicion]:
    found = []
    source = np.array(facts.source)
    for c in facts.there:
        own = source[facts.has[:, c]]
        if len(own) < LEAST_PICTURES:
            continue
        name, most = Counter(own.tolist()).most_common(1)[0]
        usual = (source == name).mean()
        if most / len(own) >= ONE_SOURCE and most / len(own) - usual >= MUCH_MORE:
            found.append(
                Suspicion(
                    "source",
                    f"{most / len(own):.0%} of the pictures of {facts.names[c]} come from {name!r} (of all pictures "
                    f"{usual:.0%}): its camera or place may be learnt in place of the class; add some from elsewhere.",
                )
            )
    return found


def _rare(facts: Facts) -> list[Suspicion]:
    counts = {c: int(facts.both[c, c]) for c in facts.there}
    most = max(counts.values(), default=0)
    rare = [facts.names[c] for c, count in counts.items() if count * RARE < most]
    if not rare:
        return []
    return [
        Suspicion(
            "rare",
            f"{', '.join(rare[:8])}{' ...' * (len(rare) > 8)}: on less than a tenth as many pictures as the commonest "
            f"class ({most}); --balance oversample shows them more often, more pictures are better.",
        )
    ]


def _shifts(facts: Facts) -> list[Suspicion]:
    if "train" not in facts.parts:
        return []
    found = []
    train = facts.of_part("train")
    for part in facts.parts[1:]:
        other = facts.of_part(part)
        found += [Suspicion("shift", f"{part} {what}.") for what in _unlike(facts, train, other)]
        missing = [facts.names[c] for c in facts.there if facts.has[train, c].any() and not facts.has[other, c].any()]
        if missing:
            found.append(
                Suspicion("shift", f"No picture of {part} shows {', '.join(missing)}: nothing is measured of it there.")
            )
        unseen = [facts.names[c] for c in facts.there if facts.has[other, c].any() and not facts.has[train, c].any()]
        if unseen:
            found.append(
                Suspicion("shift", f"{part} shows {', '.join(unseen)}, which train does not: it is not learnt.")
            )
    return found


def _unlike(facts: Facts, train: NDArray[np.bool_], other: NDArray[np.bool_]) -> list[str]:
    """Return in which respects two parts differ, in clauses: a large distance that is not by chance."""
    row = facts.objects[:, 4].astype(int)
    counts = np.bincount(row, minlength=len(facts.shown)).astype(float)
    known = np.isfinite(facts.level)
    respects = {
        "has other light than train (grey levels {b:.0f} and {a:.0f})": (facts.level, known),
        "has other numbers of objects a picture than train ({b:.1f} and {a:.1f})": (counts, np.ones_like(known)),
    }
    said = []
    for text, (values, usable) in respects.items():
        a, b = values[train & usable], values[other & usable]
        if min(len(a), len(b)) >= LEAST_PICTURES and _differ(a, b):
            said.append(text.format(a=np.mean(a), b=np.mean(b)))
    for text, column in (("sizes of objects", 3), ("places across", 1), ("heights in the picture", 2)):
        a, b = facts.objects[train[row], column], facts.objects[other[row], column]
        if min(len(a), len(b)) >= LEAST_OBJECTS and _differ(a, b):
            unit = "side" if column == 3 else "middle"
            said.append(
                f"has other {text} than train (median {unit} {np.median(b):.1%} and {np.median(a):.1%} of the picture)"
            )
    for c in facts.there:
        a, b = facts.has[train, c], facts.has[other, c]
        spread = np.sqrt(facts.has[:, c].mean() * (1 - facts.has[:, c].mean()) * (1 / len(a) + 1 / len(b)))
        if b.any() and a.any() and abs(b.mean() - a.mean()) > max(UNLIKE / 2, 4 * spread):
            said.append(f"shows {facts.names[c]} on {b.mean():.0%} of its pictures, train on {a.mean():.0%}")
    return said


def _differ(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    distance, chance = ks_of(a, b)
    return distance >= UNLIKE and chance < SURE
