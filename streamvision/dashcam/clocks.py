"""When clips begin, in UTC: satellites set the camera's clock, whose zone and error nobody knows.

A camera's clock runs in its owner's zone, or wherever it was left: an hour off since the last summer time, years off
since its battery is empty. Where positions carry the satellites' time, they tell how far it is ahead of UTC, and
that sets the clips of the same clock that have none. Some cameras write their local time where UTC belongs.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from statistics import median
from typing import NamedTuple

from streamvision.core.frame import WallTime
from streamvision.dashcam.camera_time import KINDS, Reading, ReadingKind, readings_of
from streamvision.dashcam.clip import Clip
from streamvision.dashcam.numbers import beside_neighbours, in_number_order
from streamvision.dashcam.receiver_time import Span, first_frame
from streamvision.dashcam.timed_clip import HOUR_S, Note, TimedClip, note

QUARTER_S = 900.0
"""Zones differ by quarters of an hour."""
SET_BY_HAND_S = 120.0
"""A clock that is set right is this near to it."""
SAME_CLOCK_S = 2.0
"""Beginnings of clips by one clock agree this well; more is another clock, or one that was set in between."""
NEIGHBOURS = 9
"""How many clips with positions set the clock of one without."""
MERIDIAN_DEG_PER_HOUR = 15.0
FARTHEST_ZONE_H = 3.5
"""No country's clock differs more from the sun's."""
ROLLOVER_S = 1024 * 7 * 86_400.0
"""Receivers count weeks in ten bits: old ones are 1024 weeks behind."""


class _Witness(NamedTuple):
    """A clip whose positions carry a time."""

    clip: Clip
    span: Span
    readings: list[Reading]


class _Known(NamedTuple):
    """How far a clock was ahead of UTC at one of its times."""

    local_s: float
    ahead_s: float


@dataclass
class _Clock:
    """The clock of one camera: each kind of reading with what is known of it, in the order of its time."""

    known: dict[ReadingKind, list[_Known]]

    def ahead_s(self, reading: Reading) -> float | None:
        """Return how far it was ahead of UTC, by the clips nearest to that time."""
        known = self.known[reading.kind]
        at = bisect_left(known, (reading.local_s,))
        around = known[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS]
        nearest = sorted(around, key=lambda one: abs(one.local_s - reading.local_s))[:NEIGHBOURS]
        if not nearest or (reading.kind == "file" and not self._is_steady()):
            return None
        return median(one.ahead_s for one in nearest if abs(one.ahead_s - nearest[0].ahead_s) <= SAME_CLOCK_S)

    def _is_steady(self) -> bool:
        ahead = [one.ahead_s for one in self.known["file"]]
        return max(ahead) - min(ahead) <= 3 * SAME_CLOCK_S


def time_clips(
    clips: Sequence[Clip], lengths: Mapping[Path, float], zone: tzinfo | None = None
) -> tuple[list[TimedClip], list[Note]]:
    """Return when each clip begins, and what the user should know of the clocks.

    Args:
        clips: of one card, or of several.
        lengths: how long each plays, in seconds.
        zone: of the cameras' clocks; ``None``: satellites tell it, or else it is taken for this machine's.
    """
    timed: list[TimedClip] = []
    notes: list[Note] = []
    unknown: list[tuple[list[Clip], dict[Path, list[Reading]]]] = []
    for maker in sorted({_maker(clip) for clip in clips}):
        own = in_number_order([clip for clip in clips if _maker(clip) == maker])
        readings = readings_of(own, lengths)
        witnesses = [
            _Witness(clip, span, readings[clip.path])
            for clip in own
            if (span := first_frame(clip, lengths[clip.path])) is not None
        ]
        if not witnesses:
            unknown.append((own, readings))
            continue
        witnesses = list(_rolled_over(witnesses))
        receiver_ahead_s, told = _receiver_ahead(witnesses, zone)
        clock = _clock_of(witnesses, receiver_ahead_s)
        timed += beside_neighbours(_by_clock(own, readings, witnesses, clock, receiver_ahead_s, lengths))
        notes += told + _about_clock(maker, witnesses, clock, zone)
    for own, readings in unknown:
        known_zone = zone or _zone_of(timed)
        timed += beside_neighbours(_by_zone(own, readings, known_zone, lengths))
        if known_zone is None:
            notes.append(note("No satellites tell the time: the camera's clock was taken for this machine's zone; "
                              "give the camera's by --zone", *own))  # fmt: skip
    return timed, notes


def _by_clock(
    clips: Sequence[Clip],
    readings: Mapping[Path, list[Reading]],
    witnesses: Sequence[_Witness],
    clock: _Clock,
    receiver_ahead_s: float,
    lengths: Mapping[Path, float],
) -> list[TimedClip]:
    spans = {witness.clip.path: witness for witness in witnesses}
    timed: list[TimedClip] = []
    for clip in clips:
        length_s = lengths[clip.path]
        best = next(((one, ahead) for one in readings[clip.path] if (ahead := clock.ahead_s(one)) is not None), None)
        by_camera_s = best[0].local_s - best[1] if best else None
        witness = spans.get(clip.path)
        if witness is not None:
            span = witness.span
            start_s = span.middle_s - receiver_ahead_s
            if by_camera_s is not None and span.low_s < span.high_s:
                start_s = min(max(by_camera_s, span.low_s - receiver_ahead_s), span.high_s - receiver_ahead_s)
            ahead_s = best[0].local_s - start_s if best else None
            right = _right_clip(witness, receiver_ahead_s)
            timed.append(TimedClip(right, WallTime(start_s, "gps"), length_s, True, ahead_s))
        elif best is not None and by_camera_s is not None:
            start, is_rough = WallTime(by_camera_s, best[0].source), best[0].kind == "file"
            timed.append(TimedClip(clip, start, length_s, False, best[1], is_rough=is_rough))
        else:
            timed.append(_after_the_one_before(clip, timed, length_s))
    return timed


def _by_zone(
    clips: Sequence[Clip], readings: Mapping[Path, list[Reading]], zone: tzinfo | None, lengths: Mapping[Path, float]
) -> list[TimedClip]:
    timed: list[TimedClip] = []
    for clip in clips:
        length_s = lengths[clip.path]
        if not readings[clip.path]:
            timed.append(_after_the_one_before(clip, timed, length_s))
            continue
        reading = readings[clip.path][0]
        ahead_s = 0.0 if reading.kind == "file" else _zone_ahead_s(reading.local_s, zone)
        start = WallTime(reading.local_s - ahead_s, reading.source)
        known_s = ahead_s if zone is not None else None
        timed.append(TimedClip(clip, start, length_s, False, known_s, is_rough=reading.kind == "file"))
    return timed


def _after_the_one_before(clip: Clip, timed: Sequence[TimedClip], length_s: float) -> TimedClip:
    """Return a clip that says no time at all behind the one with the number before its own."""
    before = next((one for one in reversed(timed) if one.clip.view == clip.view), None)
    start = WallTime(clip.modified_unix_s - length_s, "container")
    if before is not None:
        start = WallTime(before.end_s, before.start.source)
    return TimedClip(clip, start, length_s, False)


def _clock_of(witnesses: Sequence[_Witness], receiver_ahead_s: float) -> _Clock:
    clock = _Clock({kind: [] for kind in KINDS})
    exact = [one for one in witnesses if one.span.high_s - one.span.low_s <= SAME_CLOCK_S]
    for witness in exact or witnesses:
        for reading in witness.readings:
            ahead_s = reading.local_s - (witness.span.middle_s - receiver_ahead_s)
            told_s = witness.clip.gps.camera_minus_utc_s if witness.clip.gps else None
            is_its_own = told_s is not None and abs(told_s - ahead_s) <= SAME_CLOCK_S
            insort(clock.known[reading.kind], _Known(reading.local_s, told_s if told_s and is_its_own else ahead_s))
    return clock


def _receiver_ahead(witnesses: Sequence[_Witness], zone: tzinfo | None) -> tuple[float, list[Note]]:
    """Return how far the time of the positions is ahead of UTC: some cameras write their own clock there."""
    suspects = [one for one in witnesses if one.clip.gps is not None and one.clip.gps.may_be_local and one.readings]
    ahead = [one.readings[0].local_s - one.span.middle_s for one in suspects]
    if not ahead or abs(median(ahead)) > SET_BY_HAND_S:
        return 0.0, []
    clips = [one.clip for one in suspects]
    if zone is not None:
        zone_s = _zone_ahead_s(median(one.readings[0].local_s for one in suspects), zone)
        if abs(zone_s) < 1:
            return 0.0, []
        return zone_s, [note(
            f"The positions carry the camera's local time, not UTC: they were set by the zone given ({_hours(zone_s)})",
            *clips)]  # fmt: skip
    if abs(_longitude_deg(clips)) <= MERIDIAN_DEG_PER_HOUR * 1.5:
        return 0.0, []
    return 0.0, [note("The positions' time equals the camera's clock: both are taken for UTC; if that clock shows "
                      "local time, give its zone by --zone", *clips)]  # fmt: skip


def _about_clock(maker: str, witnesses: Sequence[_Witness], clock: _Clock, zone: tzinfo | None) -> list[Note]:
    known = next((clock.known[kind] for kind in ("name", "container") if clock.known[kind]), [])
    if not known:
        return []
    wrong: dict[float, list[Clip]] = {}
    told = {witness.clip.path: witness.readings[0] for witness in witnesses if witness.readings}
    longitude_deg = _longitude_deg([witness.clip for witness in witnesses])
    for witness in witnesses:
        reading = told.get(witness.clip.path)
        ahead_s = clock.ahead_s(reading) if reading is not None and reading.kind != "file" else None
        if reading is None or ahead_s is None:
            continue
        error_s = _clock_error_s(ahead_s, longitude_deg, None if zone is None else _zone_ahead_s(reading.local_s, zone))
        if error_s is not None:
            wrong.setdefault(round(error_s), []).append(witness.clip)
    return [
        note(f"The clock of the camera ({maker or 'unknown maker'}) was {_duration(error_s)} "
             f"{'ahead' if error_s > 0 else 'behind'}: the satellites' time was taken", *clips)
        for error_s, clips in wrong.items()
    ]  # fmt: skip


def _clock_error_s(ahead_s: float, longitude_deg: float, zone_s: float | None) -> float | None:
    """Return by how much a clock is wrong; ``None`` where it may be right."""
    if zone_s is not None:
        return ahead_s - zone_s if abs(ahead_s - zone_s) > SET_BY_HAND_S else None
    nearest_s = round(ahead_s / QUARTER_S) * QUARTER_S
    if abs(ahead_s - nearest_s) > SET_BY_HAND_S:
        return ahead_s - min(max(nearest_s, -12 * HOUR_S), 14 * HOUR_S)
    sun_s = longitude_deg / MERIDIAN_DEG_PER_HOUR * HOUR_S
    return ahead_s - round(sun_s / HOUR_S) * HOUR_S if abs(ahead_s - sun_s) > FARTHEST_ZONE_H * HOUR_S else None


def _zone_of(timed: Sequence[TimedClip]) -> tzinfo | None:
    """Return the zone that another camera's clock shows on the same card; ``None`` where none does."""
    ahead = [one.camera_minus_utc_s for one in timed if one.by_satellites and one.camera_minus_utc_s is not None]
    zone_s = round(median(ahead) / QUARTER_S) * QUARTER_S if ahead else None
    return None if zone_s is None or abs(zone_s) >= 86_400 else timezone(timedelta(seconds=zone_s))


def _zone_ahead_s(local_s: float, zone: tzinfo | None) -> float:
    """Return how far a zone is ahead of UTC at one of its times; ``None`` stands for this machine's."""
    local = datetime.fromtimestamp(local_s, timezone.utc).replace(tzinfo=None)
    try:
        offset = (local.astimezone() if zone is None else local.replace(tzinfo=zone)).utcoffset()
    except (OSError, OverflowError, ValueError):
        offset = None
    return offset.total_seconds() if offset is not None else 0.0


def _rolled_over(witnesses: Iterable[_Witness]) -> Iterable[_Witness]:
    """Put receivers right that are whole rounds of 1024 weeks behind, where the camera's clock says so."""
    for one in witnesses:
        behind_s = one.readings[0].local_s - one.span.middle_s if one.readings else 0.0
        rounds = round(behind_s / ROLLOVER_S)
        is_off = rounds > 0 and abs(behind_s - rounds * ROLLOVER_S) < 2 * 86_400
        by_s = rounds * ROLLOVER_S if is_off else 0.0
        yield _Witness(_with_times(one.clip, by_s), Span(one.span.low_s + by_s, one.span.high_s + by_s), one.readings)


def _right_clip(witness: _Witness, receiver_ahead_s: float) -> Clip:
    return _with_times(witness.clip, -receiver_ahead_s)


def _with_times(clip: Clip, by_s: float) -> Clip:
    if not by_s or clip.gps is None:
        return clip
    fixes = (fix if fix.unix_s is None else replace(fix, unix_s=fix.unix_s + by_s) for fix in clip.gps.fixes)
    return replace(clip, gps=replace(clip.gps, fixes=tuple(fixes)))


def _longitude_deg(clips: Sequence[Clip]) -> float:
    return median(clip.gps.fixes[len(clip.gps.fixes) // 2].longitude_deg for clip in clips if clip.gps)


def _maker(clip: Clip) -> str:
    return clip.name.maker if clip.name else ""


def _hours(seconds: float) -> str:
    minutes = round(abs(seconds) / 60)
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _duration(seconds: float) -> str:
    seconds = abs(round(seconds))
    if seconds >= 2 * 86_400:
        return f"{seconds / 86_400:,.0f} days"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
