"""Sentences about frames of the drive: a grammar that writes what is true, and reads what a network writes.

In extended Backus-Naur form::

    sentence = light, ", ", things ;
    light    = "by day" | "at dusk" | "in the rain" ;
    things   = "an empty road" | thing, { ", ", thing }, [ " and ", thing ] ;
    thing    = sign, place | vehicle, lane, distance ;
    sign     = "a speed limit" | "a crosswalk sign" | "a traffic light" | "a stop sign" ;
    place    = " on the left" | " straight ahead" | " on the right" ;
    vehicle  = "a car" | "a van" | "a truck" ;
    lane     = " coming towards us" | " in our lane" | " in the lane beside" ;
    distance = " close by" | " some way off" | " far away" ;

Every phrase says facts, each of a kind, so that a sentence can be compared with the truth fact by fact: captions of
the same meaning need not be the same words (SPICE, Anderson et al., ECCV 2016, does so for free text).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple, get_args

FactKind = Literal["light", "sign", "place", "vehicle", "lane", "distance"]
"""``light`` is that of the scene; ``place`` is a sign with where it stands, ``lane`` a vehicle with its lane, and
``distance`` that with how far away it is: each later word holds only where those before it do."""
FACT_KINDS: tuple[FactKind, ...] = get_args(FactKind)
EMPTY = "an empty road"
LIGHTS = {"day": "by day", "dusk": "at dusk", "rain": "in the rain"}
"""Words by the moods of :data:`streamvision.synthetic.drive.weather.MOODS`."""
SIGNS = ("a speed limit", "a crosswalk sign", "a traffic light", "a stop sign")
"""Words in the order of :data:`streamvision.synthetic.drive.signs.CLASS_NAMES`."""
PLACES = ("on the left", "straight ahead", "on the right")
VEHICLES = {"car": "a car", "van": "a van", "truck": "a truck"}
"""Words by the kinds of :data:`streamvision.synthetic.drive.vehicle_truth.VEHICLE_KINDS`."""
LANES = ("coming towards us", "in our lane", "in the lane beside")
DISTANCES = ("close by", "some way off", "far away")


class Fact(NamedTuple):
    """One thing that a sentence says."""

    kind: FactKind
    """What it is about."""
    value: str
    """What it says of that, in words."""


@dataclass(frozen=True)
class Reading:
    """What the grammar reads in a sentence."""

    facts: frozenset[Fact]
    """All that it says."""
    unread: tuple[str, ...]
    """Parts that are not of the grammar; none where the whole sentence is."""


def write_sentence(light: str, things: Sequence[str]) -> str:
    """Return the sentence of a light and things, each in the grammar's words; a thing that is said twice stands once.

    >>> write_sentence("at dusk", ["a stop sign on the right", "a van in our lane close by"])
    'at dusk, a stop sign on the right and a van in our lane close by'
    """
    said = list(dict.fromkeys(things)) or [EMPTY]
    *first, last = said
    return f"{light}, {', '.join(first)} and {last}" if first else f"{light}, {last}"


def read_sentence(sentence: str) -> Reading:
    """Return the facts of a sentence; parts that no phrase fits say nothing."""
    facts: set[Fact] = set()
    unread = []
    for part in re.split(r"\s*,\s*|\s+and\s+", " ".join(sentence.lower().split())):
        phrase = part.strip(" .,")
        if phrase in _FACTS:
            facts.update(_FACTS[phrase])
        elif phrase:
            unread.append(phrase)
    return Reading(frozenset(facts), tuple(unread))


def _facts_by_phrase() -> dict[str, tuple[Fact, ...]]:
    phrases: dict[str, tuple[Fact, ...]] = {EMPTY: ()}
    phrases |= {words: (Fact("light", words),) for words in LIGHTS.values()}
    for sign, place in product(SIGNS, PLACES):
        placed = f"{sign} {place}"
        phrases[placed] = Fact("sign", sign), Fact("place", placed)
    for vehicle, lane, distance in product(VEHICLES.values(), LANES, DISTANCES):
        driving = f"{vehicle} {lane}"
        away = f"{driving} {distance}"
        phrases[away] = Fact("vehicle", vehicle), Fact("lane", driving), Fact("distance", away)
    return phrases


_FACTS = _facts_by_phrase()
