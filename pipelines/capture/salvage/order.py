"""Which chains of pictures are of the clip itself, and when each of their pictures is shown.

Behind the place where a camera stopped lies on its card what was written there before: an older clip, whose pictures
look like those that would have come next. It is told apart by the time in its blocks of positions, by the index or the
beginning of a film behind it, and, where no more than a few pictures can be missing, by numbers that do not go on.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipelines.capture.salvage.chains import Chain, CodedPicture
from pipelines.capture.salvage.index import PlacedPicture
from pipelines.capture.salvage.template import Template
from pipelines.capture.salvage.units import Slice
from streamvision.gps.boxes import Box

FEW = 12
"""Up to so many missing pictures their number is known well enough to be compared with the numbers in the pictures."""
_CLOCK_SLACK_S = 5.0
"""Clocks of positions may stand still or leap by so much."""


@dataclass(frozen=True)
class Found:
    """The pictures of a clip."""

    pictures: tuple[PlacedPicture, ...]
    """In the order of decoding."""
    lost: int
    """About how many are missing between them, or cannot be decoded for what is missing."""
    holes: int
    """At how many places."""
    old: int
    """How many pictures of older clips were left out."""
    times: tuple[tuple[int, float], ...]
    """The place in time of pictures, in frame intervals, with what the receiver's clock said there (unix seconds)."""


class _Part(NamedTuple):
    chain: Chain
    lost: int


def ordered(chains: Sequence[Chain], template: Template, clock: Callable[[Box], float | None]) -> Found:
    """Return the pictures of a clip.

    Args:
        chains: as they lie in the file.
        template: how they are coded.
        clock: returns the time that a block of positions says, in seconds since 1970.
    """
    chains = [one for one in chains if one.pictures]
    parts = _own_parts(chains, template, clock)
    pictures: list[PlacedPicture] = []
    times: list[tuple[int, float]] = []
    at = lost = 0
    for chain, missing in parts:
        at += missing
        first = _first_usable(chain.pictures)
        times += [(at + number, said) for number, box in chain.blocks if (said := clock(box)) is not None]
        shown = _shown(chain.pictures[first:], template.syntax.orders, at + first)
        pictures += [one for one in shown if one is not None]
        lost += missing + len(chain.pictures) - sum(one is not None for one in shown)
        at += len(chain.pictures)
    old = sum(len(one.pictures) for one in chains[len(parts) :])
    return Found(tuple(pictures), lost, max(len(parts) - 1, 0), old, tuple(times))


def _own_parts(chains: Sequence[Chain], template: Template, clock: Callable[[Box], float | None]) -> list[_Part]:
    """Return the chains up to the first one that is another clip's, with how many pictures are missing before each."""
    parts = [_Part(chain, 0) for chain in chains[:1]]
    interval = _key_interval(chains)
    for chain in chains[1:]:
        before = [part.chain for part in parts]
        said_s = _seconds_between(parts, chain, template.fps, clock)
        likely = round(chain.skipped / _bytes_each(before, template))
        missing = likely if said_s is None else round(said_s * template.fps)
        by_clock = said_s is not None and -_CLOCK_SLACK_S <= said_s <= likely / template.fps * 3 + _CLOCK_SLACK_S
        if chain.meets_film or (said_s is not None and not by_clock):
            break
        if said_s is None and likely <= FEW and not _numbers_go_on(before[-1], chain, template, likely, interval):
            break
        parts.append(_Part(chain, max(missing, 0)))
    return parts


def _bytes_each(chains: Sequence[Chain], template: Template) -> float:
    """Return how many bytes there are from picture to picture."""
    count = sum(len(one.pictures) for one in chains)
    if count < FEW and template.picture_bytes:
        return template.picture_bytes
    return max(sum(one.end - one.start for one in chains) / max(count, 1), 1.0)


def _seconds_between(
    parts: Sequence[_Part], chain: Chain, fps: float, clock: Callable[[Box], float | None]
) -> float | None:
    """Return how long the receiver's clock says a hole is; ``None`` where it says nothing on either end of it."""
    after = next(((number, said) for number, box in chain.blocks if (said := clock(box)) is not None), None)
    if after is None:
        return None
    passed = after[0]
    for earlier, missing in reversed(parts):
        passed += len(earlier.pictures)
        for number, box in reversed(earlier.blocks):
            if (said := clock(box)) is not None:
                return after[1] - said - (passed - number) / fps
        passed += missing
    return None


def _key_interval(chains: Sequence[Chain]) -> int | None:
    """Return how many pictures there are from key to key, where that is always the same."""
    steps: Counter[int] = Counter()
    for chain in chains:
        keys = [number for number, one in enumerate(chain.pictures) if one.head.is_key]
        steps.update(b - a for a, b in itertools.pairwise(keys))
    (step, count), *_ = steps.most_common(1) or [(0, 0)]
    return step if count >= 2 and count >= 0.9 * steps.total() else None


def _numbers_go_on(before: Chain, chain: Chain, template: Template, likely: int, interval: int | None) -> bool:
    """Say whether the numbers of a chain go on from the one before it, where few pictures can be missing."""
    most = 2 * likely + 4
    keys_before, keys = ([n for n, one in enumerate(some.pictures) if one.head.is_key] for some in (before, chain))
    if interval is not None and keys_before and keys:
        since_key = len(before.pictures) - keys_before[-1]
        return (interval - keys[0] - since_key) % interval <= most
    last, first = before.pictures[-1].head, chain.pictures[0].head
    since_key = first.number if first.number is not None else first.order or 0
    return template.syntax.missing(last, first) <= most or since_key <= most


def _first_usable(pictures: Sequence[CodedPicture]) -> int:
    """Return the number of the first picture that depends on none before it."""
    for number, one in enumerate(pictures):
        if one.head.is_key:
            return number
    for number, one in enumerate(pictures):
        if one.head.is_intra and number:
            return number
    return len(pictures)


def _shown(pictures: Sequence[CodedPicture], orders: int, at: int) -> list[PlacedPicture | None]:
    """Return pictures with their times; ``None`` for those that depend on what is not there."""
    placed: list[PlacedPicture | None] = []
    keys = [number for number, one in enumerate(pictures) if one.head.is_key or number == 0]
    for begin, end in zip(keys, [*keys[1:], len(pictures)], strict=False):
        group = pictures[begin:end]
        places = _unfolded([one.head for one in group], orders)
        ranks = {number: rank for rank, number in enumerate(sorted(range(len(group)), key=lambda n: (places[n], n)))}
        begins = begin == 0
        for number, one in enumerate(group):
            before_first = one.head.is_leading or (not group[0].head.is_key and places[number] < places[0])
            is_key = one.head.is_key or (begins and number == 0)
            picture = PlacedPicture(one.start, one.size, is_key, at + begin + number, at + begin + ranks[number])
            placed.append(None if begins and number and before_first else picture)
    return placed


def _unfolded(heads: Sequence[Slice], orders: int) -> list[int]:
    """Return the places in the order of showing, which begin again after so many."""
    places: list[int] = []
    anchor = heads[0].order or 0
    for number, head in enumerate(heads):
        if head.order is None:
            places.append(number)
            continue
        step = (head.order - anchor + orders // 2) % orders - orders // 2
        places.append(anchor + step)
        anchor = places[-1] if head.is_anchor else anchor
    return places
