"""Areas: who is inside and for how long, and what is worth telling: crowding, long stays, idling, the wrong way.

An identity that is first seen inside has entered; one that is lost inside has left, so those who entered and have not
left are always those inside. At the edge an identity stays what it was until it is past it by a band that grows with
its box.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.analytics.motion import Motion
from pipelines.stages.analytics.polygons import Polygons
from pipelines.stages.analytics.regions import anchor_heights, class_filter
from pipelines.stages.analytics.track_table import Change, Float, Rows, Sighting, TrackTable
from streamvision.core.analysis import EventKind, ZoneTally
from streamvision.core.config.analytics import ZoneConfig

Mask = NDArray[np.bool_]

_INSTANT_S = 1e-6
"""Differences of time stamps are no more exact than this."""


@dataclass(frozen=True)
class Incident:
    """Something happened in a zone."""

    kind: EventKind
    """What."""
    zone: ZoneConfig
    """Where."""
    row: int | None
    """Who: a row of the table; ``None`` for crowding."""
    values: dict[str, float | bool]
    """Numbers that belong to it."""


@dataclass
class _Count:
    """What is known of a zone since it was drawn."""

    entered: int = 0
    left: int = 0
    most: int = 0
    dwell_sum_s: float = 0.0
    dwell_longest_s: float = 0.0
    crowded: bool = False
    alarms: dict[str, int] = field(default_factory=dict)


class Zones:
    """All zones of one stream.

    Args:
        configs: the zones.
        names: class names by class id.
        before: zones with counts so far; one that is the same here keeps its counts, and who is inside.
        rows: length of the table now.
    """

    def __init__(
        self, configs: Sequence[ZoneConfig], names: tuple[str, ...], *, before: Zones | None = None, rows: int = 0
    ) -> None:
        self.configs = tuple(configs)
        self._classes = len(names)
        self._polygons = Polygons([zone.points for zone in self.configs])
        self._band = _column(self.configs, "band")
        self._height = anchor_heights(self.configs)
        self._counted = class_filter(self.configs, names)
        self._stay_s, self._idle_s = _column(self.configs, "stay_s"), _column(self.configs, "idle_s")
        self._idle_move = _column(self.configs, "idle_move")
        self._tolerance_deg = _column(self.configs, "heading_tolerance_deg")
        self._watches_stay = any(zone.stay_s is not None for zone in self.configs)
        self._watches_idle = any(zone.idle_s is not None for zone in self.configs)
        self._watches_heading = any(zone.heading is not None or zone.heading_deg is not None for zone in self.configs)
        self._motion: Motion = before._motion if before is not None else Motion(rows)
        self._counts = [_Count(alarms=_alarms(zone)) for zone in self.configs]
        self._state = _State.empty(len(self.configs), rows)
        for index, zone in enumerate(self.configs):
            if before is not None and zone in before.configs:
                old = before.configs.index(zone)
                self._counts[index] = before._counts[old]
                self._state.copy_row(index, before._state, old)
        self._tallies = tuple(self._tally(index) for index in range(len(self.configs)))

    @property
    def tallies(self) -> tuple[ZoneTally, ...]:
        """All zones with their counts."""
        return self._tallies

    def carry(self, change: Change) -> None:
        """Follow a change of the table."""
        self._motion.carry(change)
        self._state.carry(change)

    def update(self, seen: Sighting) -> list[Incident]:
        """Take the next frame's objects and return what they did."""
        return self._noted(self._move(seen)) if self.configs and len(seen.row) else []

    def lose(self, roster: TrackTable, departing: Rows) -> list[Incident]:
        """Let go of identities that will not come again: whoever was inside has left when it was last seen."""
        return self._noted(self._lose(roster, departing)) if self.configs and len(departing) else []

    def crowds(self) -> list[Incident]:
        """Return which zones have become crowded, once everybody has moved."""
        return self._noted(self._crowd())

    def _noted(self, happened: Iterator[Incident]) -> list[Incident]:
        incidents = list(happened)
        if incidents:
            touched = {incident.zone.name for incident in incidents}
            self._tallies = tuple(
                self._tally(index) if tally.name in touched else tally for index, tally in enumerate(self._tallies)
            )
        return incidents

    def _move(self, seen: Sighting) -> Iterator[Incident]:
        state, row, at, now_s = self._state, seen.row, seen.at, seen.pts_s
        size_px = seen.size_px
        anchor_px = seen.anchor_px(self._height)
        within, edge_px = self._polygons.locate(anchor_px, seen.picture_px)
        clear = edge_px > self._band * np.sqrt(size_px.prod(axis=1))
        was = state.inside[:, at]
        inside = np.where(clear | ~state.known[:, at], within, was)
        inside &= self._counted[:, np.minimum(seen.class_id, self._classes)]
        entered, left = inside & ~was, was & ~inside
        dwell_s = now_s - state.since_s[:, at]
        state.inside[:, at], state.known[:, at] = inside, True
        state.since_s[:, at] = np.where(entered, now_s, state.since_s[:, at])
        yield from self._tell("zone_left", left, row, dwell_s=dwell_s)
        yield from self._tell("zone_entered", entered, row)
        state.told_stay[:, at] &= ~entered
        state.told_wrong_way[:, at] &= ~entered
        if self._watches_stay:
            yield from self._stays(seen, inside)
        if self._watches_idle:
            yield from self._idlers(seen, inside, entered)
        if self._watches_heading:
            yield from self._wrong_ways(seen, inside)

    def _stays(self, seen: Sighting, inside: Mask) -> Iterator[Incident]:
        state, at = self._state, seen.at
        dwell_s = seen.pts_s - state.since_s[:, at]
        stay = inside & (dwell_s >= self._stay_s - _INSTANT_S) & ~state.told_stay[:, at]
        state.told_stay[:, at] |= stay
        return self._tell("stay", stay, seen.row, dwell_s=dwell_s)

    def _idlers(self, seen: Sighting, inside: Mask, entered: Mask) -> Iterator[Incident]:
        state, at = self._state, seen.at
        from_px = state.idle_xy[:, :, at].transpose(0, 2, 1) * seen.scale_px
        moved = np.hypot(*np.moveaxis((seen.center_px - from_px) / seen.size_px, -1, 0)) > self._idle_move
        moved |= entered
        state.idle_since_s[:, at] = np.where(moved, seen.pts_s, state.idle_since_s[:, at])
        from_px = np.where(moved[:, :, None], seen.center_px, from_px)
        state.idle_xy[:, :, at] = (from_px / seen.scale_px).transpose(0, 2, 1)
        idle_s = seen.pts_s - state.idle_since_s[:, at]
        told = state.told_idle[:, at] & ~moved
        idle = inside & (idle_s >= self._idle_s - _INSTANT_S) & ~told
        state.told_idle[:, at] = told | idle
        return self._tell("idle", idle, seen.row, idle_s=idle_s)

    def _wrong_ways(self, seen: Sighting, inside: Mask) -> Iterator[Incident]:
        state, at = self._state, seen.at
        heading_deg, begin_s = self._motion.update(seen)
        off_deg = np.abs((heading_deg - self._heading_deg(seen.picture_px) + 180) % 360 - 180)
        # Only a step that was begun inside counts: how somebody comes in is nobody's business.
        wrong = inside & (off_deg > self._tolerance_deg) & (state.since_s[:, at] <= begin_s)
        wrong &= ~state.told_wrong_way[:, at]
        state.told_wrong_way[:, at] |= wrong
        heading_deg = np.broadcast_to(heading_deg % 360, wrong.shape)
        return self._tell("wrong_way", wrong, seen.row, heading_deg=heading_deg, off_deg=off_deg)

    def _lose(self, roster: TrackTable, departing: Rows) -> Iterator[Incident]:
        state = self._state
        lost = state.inside[:, departing]
        dwell_s = roster.seen_s[departing] - state.since_s[:, departing]
        state.inside[:, departing] = False
        for incident in self._tell("zone_left", lost, departing, dwell_s=dwell_s):
            incident.values["lost"] = True
            yield incident

    def _crowd(self) -> Iterator[Incident]:
        for index, (zone, count) in enumerate(zip(self.configs, self._counts, strict=True)):
            inside = count.entered - count.left
            crowded = zone.crowd is not None and inside >= zone.crowd
            if crowded and not count.crowded:
                self._counts[index].alarms["crowding"] += 1
                yield Incident("crowding", zone, None, {"inside": inside})
            count.crowded = crowded

    def _tell(self, kind: EventKind, which: Mask, row: Rows, **values: Float) -> Iterator[Incident]:
        for index, column in np.argwhere(which).tolist():
            told: dict[str, float | bool] = {k: round(float(v[index, column]), 3) for k, v in values.items()}
            count = self._counts[index]
            if kind == "zone_entered":
                count.entered += 1
                count.most = max(count.most, count.entered - count.left)
            elif kind == "zone_left":
                count.left += 1
                count.dwell_sum_s += told["dwell_s"]
                count.dwell_longest_s = max(count.dwell_longest_s, told["dwell_s"])
            else:
                count.alarms[kind] += 1
            yield Incident(kind, self.configs[index], int(row[column]), told)

    def _heading_deg(self, picture_px: tuple[int, int]) -> Float:
        """Return (Z, 1) allowed headings; NaN where every way is right."""
        return np.array([_heading_of(zone, picture_px) for zone in self.configs])[:, None]

    def _tally(self, index: int) -> ZoneTally:
        zone, count = self.configs[index], self._counts[index]
        return ZoneTally(
            name=zone.name,
            points=zone.points,
            inside=count.entered - count.left,
            entered=count.entered,
            left=count.left,
            most=count.most,
            dwell_mean_s=round(count.dwell_sum_s / count.left, 3) if count.left else None,
            dwell_longest_s=round(count.dwell_longest_s, 3) if count.left else None,
            alarms=dict(count.alarms),
        )


@dataclass(eq=False)
class _State:
    """What is known of each identity in each zone; every array ends with (..., rows)."""

    inside: Mask
    known: Mask
    told_stay: Mask
    told_idle: Mask
    told_wrong_way: Mask
    since_s: Float
    idle_since_s: Float
    idle_xy: Float

    @classmethod
    def empty(cls, zones: int, rows: int) -> _State:
        shape = (zones, rows)
        return cls(
            inside=np.zeros(shape, np.bool_),
            known=np.zeros(shape, np.bool_),
            told_stay=np.zeros(shape, np.bool_),
            told_idle=np.zeros(shape, np.bool_),
            told_wrong_way=np.zeros(shape, np.bool_),
            since_s=np.zeros(shape),
            idle_since_s=np.zeros(shape),
            idle_xy=np.zeros((zones, 2, rows)),
        )

    def carry(self, change: Change) -> None:
        if not change.same:
            for name, array in vars(self).items():
                setattr(self, name, change.carry(array, 0))

    def copy_row(self, index: int, other: _State, old: int) -> None:
        for name, array in vars(self).items():
            array[index] = getattr(other, name)[old]


def _column(zones: Sequence[ZoneConfig], name: str) -> Float:
    """Return (Z, 1) values of a setting; infinite where it is not set, so that no time ever reaches it."""
    values = [getattr(zone, name) for zone in zones]
    return np.array([math.inf if value is None else value for value in values], np.float64)[:, None]


def _alarms(zone: ZoneConfig) -> dict[str, int]:
    """Return a count of nought for each alarm that the zone has."""
    wanted = {
        "crowding": zone.crowd is not None,
        "stay": zone.stay_s is not None,
        "idle": zone.idle_s is not None,
        "wrong_way": zone.heading is not None or zone.heading_deg is not None,
    }
    return {name: 0 for name, on in wanted.items() if on}


def _heading_of(zone: ZoneConfig, picture_px: tuple[int, int]) -> float:
    if zone.heading is None:
        return math.nan if zone.heading_deg is None else zone.heading_deg
    (x0, y0), (x1, y1) = zone.heading
    return math.degrees(math.atan2((y1 - y0) * picture_px[1], (x1 - x0) * picture_px[0]))
