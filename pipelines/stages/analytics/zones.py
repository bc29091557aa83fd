"""Zones: which identities are inside and for how long, and the alarms: crowding, long stays, idling, the wrong way.

An identity that is first seen inside has entered; one that is lost inside has left, so entered minus left are always
those inside. At the edge an identity stays what it was until it is past it by a band that grows with its box, though no
deeper than half way to the middle of a thin zone; and a short step past the band must last to the next frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.analytics.regions import JUMP_BANDS, Motion, Polygons, anchor_offsets, class_filter
from pipelines.stages.analytics.track_table import Change, Float, FrameTracks, Rows, TrackTable
from streamvision.core.analysis import EventKind, ZoneTally
from streamvision.core.config.analytics import ZoneConfig

Mask = NDArray[np.bool_]

_INSTANT_S = 1e-6
"""Differences of time stamps are no more exact than this."""
_LEAVING = 1.1
"""Who is near is so until it is this much farther than a zone reaches; distances tremble."""
_MIDDLE_SHARE = 0.75
"""Share of the way from the edge of a thin zone to its middle from which on an object is in the middle."""


_STATE = np.dtype(
    [
        ("known", np.bool_),
        ("inside", np.bool_),
        ("pending", np.bool_),
        ("pending_s", np.float64),
        ("anchor_xy", np.float64, 2),
        ("since_s", np.float64),
        ("idle_xy", np.float64, 2),
        ("idle_since_s", np.float64),
        ("stay_reported", np.bool_),
        ("idle_reported", np.bool_),
        ("wrong_way_reported", np.bool_),
    ]
)
"""What is known of an identity in a zone: whether it was ever located; is inside, and since when; whether and since
when it is past the band on the other side without counting there yet; where its anchor last was; where its middle was,
as fractions of the picture, when it last moved, and when that was; which alarms it has caused."""


@dataclass(frozen=True)
class Incident:
    """Something happened in a zone."""

    kind: EventKind
    """What."""
    zone: ZoneConfig
    """Where."""
    row: int | None
    """The identity: a row of the table; ``None`` for crowding."""
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
        before: zones with counts so far; one that is the same here keeps its counts, and the identities inside.
        rows: length of the table now.
    """

    def __init__(
        self, configs: Sequence[ZoneConfig], names: tuple[str, ...], *, before: Zones | None = None, rows: int = 0
    ) -> None:
        self.configs = tuple(configs)
        self._classes = len(names)
        self._polygons = Polygons([zone.points for zone in self.configs])
        self._band = _column(self.configs, "band")
        self._offset = anchor_offsets(self.configs)
        self._counted = class_filter(self.configs, names)
        self._within_m = _column(self.configs, "within_m")
        self._stay_s, self._idle_s = _column(self.configs, "stay_s"), _column(self.configs, "idle_s")
        self._idle_move = _column(self.configs, "idle_move")
        self._tolerance_deg = _column(self.configs, "heading_tolerance_deg")
        self._watches_stay = any(zone.stay_s is not None for zone in self.configs)
        self._watches_idle = any(zone.idle_s is not None for zone in self.configs)
        self._watches_heading = any(zone.heading is not None or zone.heading_deg is not None for zone in self.configs)
        self._motion: Motion = before._motion if before is not None else Motion(rows)
        self._counts = [_Count(alarms=_alarms(zone)) for zone in self.configs]
        self._state = np.zeros((len(self.configs), rows), _STATE)
        for index, zone in enumerate(self.configs):
            if before is not None and zone in before.configs:
                old = before.configs.index(zone)
                self._counts[index] = before._counts[old]
                self._state[index] = before._state[old]
        self._tallies = tuple(self._tally(index) for index in range(len(self.configs)))

    @property
    def tallies(self) -> tuple[ZoneTally, ...]:
        """All zones with their counts."""
        return self._tallies

    def saved(self) -> list[tuple[ZoneConfig, dict[str, Any]]]:
        """Return each zone with what :meth:`restore` takes, as plain values."""
        return [(zone, asdict(count)) for zone, count in zip(self.configs, self._counts, strict=True)]

    def restore(self, zone: ZoneConfig, counts: Mapping[str, Any]) -> None:
        """Add what was counted in a zone in an earlier run; nothing where it is not the same zone any more.

        Whoever was inside at its end is not known here: one that still is comes in again.
        """
        if zone not in self.configs:
            return
        index = self.configs.index(zone)
        count = self._counts[index]
        count.entered += counts["left"]
        count.left += counts["left"]
        count.most = max(count.most, counts["most"])
        count.dwell_sum_s += counts["dwell_sum_s"]
        count.dwell_longest_s = max(count.dwell_longest_s, counts["dwell_longest_s"])
        for name, times in counts["alarms"].items():
            count.alarms[name] = count.alarms.get(name, 0) + times
        self._tallies = tuple(self._tally(i) if i == index else old for i, old in enumerate(self._tallies))

    def follow(self, change: Change) -> None:
        """Follow a change of the table."""
        self._motion.follow(change)
        self._state = change.applied(self._state, 0)

    def update(self, tracks: FrameTracks) -> list[Incident]:
        """Take the next frame's objects and return what they did."""
        return self._counted_up(self._move(tracks)) if self.configs and len(tracks.row) else []

    def forget(self, table: TrackTable, departing: Rows) -> list[Incident]:
        """Forget identities that will not come again: whoever was inside has left when it was last tracks."""
        return self._counted_up(self._leave(table, departing)) if self.configs and len(departing) else []

    def crowds(self) -> list[Incident]:
        """Return which zones have become crowded, once all identities have moved."""
        return self._counted_up(self._crowd())

    def _counted_up(self, happened: Iterator[Incident]) -> list[Incident]:
        """Return the incidents, once the tallies of their zones are renewed."""
        incidents = list(happened)
        if incidents:
            touched = {incident.zone.name for incident in incidents}
            self._tallies = tuple(
                self._tally(index) if tally.name in touched else tally for index, tally in enumerate(self._tallies)
            )
        return incidents

    def _move(self, tracks: FrameTracks) -> Iterator[Incident]:
        state, row, at, now_s = self._state, tracks.row, tracks.at, tracks.pts_s
        counted = self._counted[:, np.minimum(tracks.class_id, self._classes)] & self._is_near(tracks)
        within, differs, jumped = self._locate(tracks, counted)
        was, pending = state["inside"][:, at], state["pending"][:, at]
        settled = differs & (jumped | pending)
        inside = np.where(settled | ~state["known"][:, at], within, was) & counted
        begun_s = np.where(differs & pending, state["pending_s"][:, at], now_s)
        entered, left = inside & ~was, was & ~inside
        dwell_s = begun_s - state["since_s"][:, at]
        state["pending"][:, at], state["pending_s"][:, at] = differs & ~settled & state["known"][:, at], begun_s
        state["inside"][:, at], state["known"][:, at] = inside, True
        state["since_s"][:, at] = np.where(entered, begun_s, state["since_s"][:, at])
        yield from self._record("zone_left", left, row, dwell_s=dwell_s)
        yield from self._record("zone_entered", entered, row)
        state["stay_reported"][:, at] &= ~entered
        state["wrong_way_reported"][:, at] &= ~entered
        if self._watches_stay:
            yield from self._stays(tracks, inside)
        if self._watches_idle:
            yield from self._idlers(tracks, inside, entered)
        if self._watches_heading:
            yield from self._wrong_ways(tracks, inside)

    def _is_near(self, tracks: FrameTracks) -> Mask:
        """Return (Z, n) which objects are near enough; one whose distance is not known is what it was."""
        was = self._state["inside"][:, tracks.at]
        reach_m = self._within_m * np.where(was, _LEAVING, 1.0)
        near = np.where(np.isnan(tracks.distance_m), was, tracks.distance_m <= reach_m)
        return near | np.isinf(self._within_m)

    def _locate(self, tracks: FrameTracks, counted: Mask) -> tuple[Mask, Mask, Mask]:
        """Return (Z, n) which objects are within and count, are clearly not where they were, and got there at once."""
        state, at = self._state, tracks.at
        anchor_px = tracks.anchor_px(self._offset)
        within, edge_px = self._polygons.locate(anchor_px, tracks.picture_px)
        band_px = self._band * np.sqrt(tracks.size_px.prod(axis=1))
        depth_px = self._polygons.inradius_px(tracks.picture_px)
        clear = edge_px > np.where(within, np.minimum(band_px, depth_px / 2), band_px)
        step = (anchor_px - state["anchor_xy"][:, at] * tracks.scale_px) / np.maximum(tracks.size_px, 1e-9)
        jumped = np.hypot(step[..., 0], step[..., 1]) >= JUMP_BANDS * self._band
        # In the middle of a zone that is thinner than both its bands nobody gets deeper, and few for two frames.
        jumped |= within & (depth_px < 2 * band_px) & (edge_px > _MIDDLE_SHARE * depth_px)
        state["anchor_xy"][:, at] = anchor_px / tracks.scale_px
        within &= counted
        return within, clear & (within != state["inside"][:, at]), jumped

    def _stays(self, tracks: FrameTracks, inside: Mask) -> Iterator[Incident]:
        state, at = self._state, tracks.at
        dwell_s = tracks.pts_s - state["since_s"][:, at]
        stay = inside & (dwell_s >= self._stay_s - _INSTANT_S) & ~state["stay_reported"][:, at]
        state["stay_reported"][:, at] |= stay
        return self._record("stay", stay, tracks.row, dwell_s=dwell_s)

    def _idlers(self, tracks: FrameTracks, inside: Mask, entered: Mask) -> Iterator[Incident]:
        state, at = self._state, tracks.at
        from_px = state["idle_xy"][:, at] * tracks.scale_px
        moved = np.hypot(*np.moveaxis((tracks.center_px - from_px) / tracks.size_px, -1, 0)) > self._idle_move
        moved |= entered
        state["idle_since_s"][:, at] = np.where(moved, tracks.pts_s, state["idle_since_s"][:, at])
        from_px = np.where(moved[:, :, None], tracks.center_px, from_px)
        state["idle_xy"][:, at] = from_px / tracks.scale_px
        idle_s = tracks.pts_s - state["idle_since_s"][:, at]
        reported = state["idle_reported"][:, at] & ~moved
        idle = inside & (idle_s >= self._idle_s - _INSTANT_S) & ~reported
        state["idle_reported"][:, at] = reported | idle
        return self._record("idle", idle, tracks.row, idle_s=idle_s)

    def _wrong_ways(self, tracks: FrameTracks, inside: Mask) -> Iterator[Incident]:
        state, at = self._state, tracks.at
        heading_deg, begin_s = self._motion.update(tracks)
        off_deg = np.abs((heading_deg - self._heading_deg(tracks.picture_px) + 180) % 360 - 180)
        # Only a step that was begun inside counts: the way in may lead across the allowed heading.
        wrong = inside & (off_deg > self._tolerance_deg) & (state["since_s"][:, at] <= begin_s)
        wrong &= ~state["wrong_way_reported"][:, at]
        state["wrong_way_reported"][:, at] |= wrong
        heading_deg = np.broadcast_to(heading_deg % 360, wrong.shape)
        return self._record("wrong_way", wrong, tracks.row, heading_deg=heading_deg, off_deg=off_deg)

    def _leave(self, table: TrackTable, departing: Rows) -> Iterator[Incident]:
        state = self._state
        lost = state["inside"][:, departing]
        dwell_s = table.seen_s[departing] - state["since_s"][:, departing]
        state["inside"][:, departing] = False
        for incident in self._record("zone_left", lost, departing, dwell_s=dwell_s):
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

    def _record(self, kind: EventKind, which: Mask, row: Rows, **values: Float) -> Iterator[Incident]:
        for index, column in np.argwhere(which).tolist():
            numbers: dict[str, float | bool] = {k: round(float(v[index, column]), 3) for k, v in values.items()}
            count = self._counts[index]
            if kind == "zone_entered":
                count.entered += 1
                count.most = max(count.most, count.entered - count.left)
            elif kind == "zone_left":
                count.left += 1
                count.dwell_sum_s += numbers["dwell_s"]
                count.dwell_longest_s = max(count.dwell_longest_s, numbers["dwell_s"])
            else:
                count.alarms[kind] += 1
            yield Incident(kind, self.configs[index], int(row[column]), numbers)

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
