"""One stream's analytics: takes its results in order, and is asked and reconfigured from other threads."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.analytics.heat_map import HeatMap
from pipelines.stages.analytics.lines import Lines
from pipelines.stages.analytics.regions import IgnoredAreas, check_classes
from pipelines.stages.analytics.speed import Speeds
from pipelines.stages.analytics.track_table import Change, Float, FrameTracks, Rows, TrackTable
from pipelines.stages.analytics.zones import Incident, Zones
from pipelines.stages.base import FrameStage, StageContext
from streamvision.core.analysis import Analysis, AnalyticsEvent, EventKind
from streamvision.core.config.analytics import AnalyticsConfig, LineConfig, ZoneConfig
from streamvision.core.detections import Detections, box_fractions, class_name
from streamvision.core.errors import ConfigError
from streamvision.core.event_message import moment_of
from streamvision.core.frame import Frame, Result

RECENT_EVENTS = 100
"""How many of the newest events :meth:`Analytics.recent` returns at most."""

Seen = tuple[tuple[float, float, float, float], float]
"""An object's box, as fractions of the picture, and its score."""


@dataclass(frozen=True, eq=False)
class _Moment:
    """When something happened, and who was to be seen then."""

    frame: Frame
    tracks: FrameTracks | None = None
    """The identities on the frame; ``None`` for what is told of those that are not on it."""
    score: NDArray[np.float32] | None = None
    """(N,) scores of the frame's detections."""
    is_predicted: bool = False
    """Whether the tracker said where objects are, without the network."""

    def seen(self, row: int | None) -> Seen | tuple[None, None]:
        """Return where an identity was, a row of the table, and how sure the network was of it."""
        column = [] if self.tracks is None or row is None else np.flatnonzero(self.tracks.row == row).tolist()
        if self.tracks is None or self.score is None or not column:
            return None, None
        (box,) = box_fractions(self.tracks.box_xyxy_px[column], picture_px=self.tracks.picture_px)
        return box, round(float(self.score[self.tracks.detection[column[0]]]), 4)

    def place(self, row: int | None) -> dict[str, float | bool]:
        """Return how far from the camera an identity was, a row of the table, and how that and its box are known."""
        column = [] if self.tracks is None or row is None else np.flatnonzero(self.tracks.row == row).tolist()
        if self.tracks is None or not column:
            return {}
        said: dict[str, float | bool] = {"predicted": True} if self.is_predicted else {}
        distance_m = float(self.tracks.distance_m[column[0]])
        if not np.isnan(distance_m):
            said["distance_m"] = round(distance_m, 2)
            if self.tracks.is_estimated[column[0]]:
                said["estimated"] = True
        return said


class Analytics:
    """Counts and measures what one stream's identities do; see :class:`streamvision.core.analysis.AnalyticsControl`.

    Args:
        config: what to count and measure.
        names: class names by class id.
        memory_s: how long the tracker remembers an identity out of sight.
        knows_distances: whether a secondary model places objects in space.

    Raises:
        ConfigError: when a line or zone asks for a class that the network does not know, or for distances that nobody
            tells.
    """

    def __init__(
        self, config: AnalyticsConfig, names: tuple[str, ...], *, memory_s: float, knows_distances: bool = True
    ) -> None:
        self._knows_distances = knows_distances
        self._check(config, names)
        self._names = names
        self._lock = threading.Lock()
        self._config = config
        self._recent: deque[AnalyticsEvent] = deque(maxlen=RECENT_EVENTS)
        self._event_counts: Counter[str] = Counter()
        self._picture_px = (16, 9)
        self._segment: int | None = None
        self._caption: str | None = None
        self._table = TrackTable(memory_s)
        self._global_ids: dict[int | None, int] = {}
        self._lines, self._zones = Lines(config.lines, names), Zones(_counting(config), names)
        self._ignored = _ignored(config, names)
        self._speeds = Speeds(config.speed) if config.speed else None
        self._heat = HeatMap(config.heat_map) if config.heat_map else None

    @property
    def config(self) -> AnalyticsConfig:
        """What is counted and measured."""
        with self._lock:
            return self._config

    def apply(self, config: AnalyticsConfig) -> None:
        """Count and measure this from the next frame on; a line or zone that stays as it was keeps its counts.

        Raises:
            ConfigError: when a line or zone asks for a class that the network does not know; nothing changes then.
        """
        with self._lock:
            self._apply(config, self._names)

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on; what was counted stays."""
        with self._lock:
            self._apply(self._config, names)

    def _apply(self, config: AnalyticsConfig, names: tuple[str, ...]) -> None:
        self._check(config, names)
        # All is made before any of it counts: what fails changes nothing.
        rows = len(self._table)
        lines = Lines(config.lines, names, before=self._lines, rows=rows)
        zones = Zones(_counting(config), names, before=self._zones, rows=rows)
        speeds, heat = self._speeds, self._heat
        if config.speed != (speeds.config if speeds else None):
            speeds = Speeds(config.speed, rows=rows) if config.speed else None
        if config.heat_map is None:
            heat = None
        elif heat is None or not heat.continues(config.heat_map):
            heat = HeatMap(config.heat_map)
        self._ignored = _ignored(config, names)
        self._config, self._lines, self._zones, self._speeds, self._heat = config, lines, zones, speeds, heat
        self._names = names

    def _check(self, config: AnalyticsConfig, names: tuple[str, ...]) -> None:
        check_classes(config, names)
        far = [] if self._knows_distances else [zone.name for zone in config.zones if zone.within_m is not None]
        if far:
            raise ConfigError(
                f"zone {far[0]!r} counts objects within_m of the camera, but no secondary model places them in space; "
                "add one of task cuboid to secondary_models, or leave out within_m"
            )

    def update(self, result: Result) -> Analysis | None:
        """Take the stream's next result, with identities, and return what happened; ``None`` with nothing to do."""
        with self._lock:
            if not (self._config.lines or self._config.zones or self._speeds or self._heat):
                return None
            return self._analyse(result)

    def _analyse(self, result: Result) -> Analysis:
        frame, detections = result.frame, result.detections
        self._picture_px = (frame.picture.width_px, frame.picture.height_px)
        self._caption = result.caption
        events = list(self._start_segment(frame))
        self._note_global_ids(detections)
        ignored = self._ignored.covers(detections, self._picture_px) if self._ignored else None
        tracks = self._table.update(detections, pts_s=frame.pts_s, picture_px=self._picture_px, ignored=ignored)
        self._follow(tracks.arrival)
        speed_kmh = self._speeds.update(tracks) if self._speeds else None
        here = _Moment(frame, tracks, detections.score, result.plan.kind == "predicted")
        events += self._crossed(here, speed_kmh)
        events += self._zone_events(here, self._zones.update(tracks))
        events += self._forget(frame, self._table.departing(frame.pts_s))
        events += self._zone_events(here, self._zones.crowds())
        if self._heat:
            self._heat.update(tracks)
        self._recent.extend(events)
        self._event_counts.update(event.kind for event in events)
        shown = self._heat is not None and self._config.heat_map is not None and self._config.heat_map.show
        return Analysis(
            events=tuple(events),
            lines=self._lines.tallies,
            zones=self._zones.tallies,
            speed_kmh=None if speed_kmh is None else _spread(speed_kmh, tracks, len(detections)),
            heat=self._heat.seconds() if self._heat and shown else None,
        )

    def _note_global_ids(self, detections: Detections) -> None:
        """Remember who is who in all cameras, for events of objects that have left."""
        if detections.global_id is not None:
            both = zip(detections.identities(), detections.global_id.tolist(), strict=True)
            self._global_ids.update({one: known for one, known in both if one is not None and known is not None})

    def _start_segment(self, frame: Frame) -> list[AnalyticsEvent]:
        """Forget all identities where the stream began anew: none of them will come again."""
        new = self._segment is not None and frame.segment != self._segment
        self._segment = frame.segment
        return self._forget(frame, np.arange(len(self._table))) if new else []

    def _crossed(self, here: _Moment, speed_kmh: Float | None) -> list[AnalyticsEvent]:
        """Return the events of lines and of speeds."""
        events, tracks = [], here.tracks
        assert tracks is not None
        for crossing in self._lines.update(tracks):
            values = _speed_of(crossing.row, tracks, speed_kmh)
            events.append(
                self._event("line", here, crossing.row, crossing.line.name, values, direction=crossing.direction)
            )
        if self._speeds and speed_kmh is not None:
            for column in self._speeds.speeding(tracks, speed_kmh):
                row = int(tracks.row[column])
                events.append(self._event("speeding", here, row, "ground", _speed_of(row, tracks, speed_kmh)))
        return events

    def _forget(self, frame: Frame, departing: Rows) -> list[AnalyticsEvent]:
        if not len(departing):
            return []
        events = self._zone_events(_Moment(frame), self._zones.forget(self._table, departing))
        for identity in self._table.identity[departing].tolist():
            self._global_ids.pop(identity, None)
        self._follow(self._table.forget(departing))
        return events

    def _follow(self, change: Change) -> None:
        self._lines.follow(change)
        self._zones.follow(change)
        if self._speeds:
            self._speeds.follow(change)

    def _zone_events(self, here: _Moment, incidents: list[Incident]) -> list[AnalyticsEvent]:
        return [self._event(one.kind, here, one.row, one.zone.name, one.values) for one in incidents]

    def _event(
        self,
        kind: EventKind,
        here: _Moment,
        row: int | None,
        region: str,
        values: dict[str, float | bool],
        *,
        direction: str | None = None,
    ) -> AnalyticsEvent:
        frame = here.frame
        box, score = here.seen(row)
        values = {**values, **here.place(row)}
        track_id = None if row is None else int(self._table.identity[row])
        return AnalyticsEvent(
            kind=kind,
            stream=frame.stream_id,
            **moment_of(frame),
            track_id=track_id,
            class_name=None if row is None else class_name(int(self._table.class_id[row]), self._names),
            region=region,
            direction=direction,
            box=box,
            score=score,
            values=values if (known := self._global_ids.get(track_id)) is None else {**values, "global_id": known},
            caption=self._caption,
        )

    def report(self) -> dict[str, Any]:
        """Return the counts so far as plain values."""
        with self._lock:
            return Analysis(lines=self._lines.tallies, zones=self._zones.tallies).to_json()

    def event_counts(self) -> dict[str, int]:
        """Return how many events of each kind there were since the start."""
        with self._lock:
            return dict(self._event_counts)

    def saved_counts(self) -> list[tuple[LineConfig | ZoneConfig, dict[str, Any]]]:
        """Return each line and zone that counts, with what :meth:`restore_counts` takes, as plain values."""
        with self._lock:
            return [*self._lines.saved(), *self._zones.saved()]

    def restore_counts(self, saved: Iterable[tuple[LineConfig | ZoneConfig, Mapping[str, Any]]]) -> None:
        """Add what lines and zones had counted in an earlier run; one that is not the same any more counts from nought.

        Args:
            saved: as :meth:`saved_counts` gave it.
        """
        with self._lock:
            for region, counts in saved:
                if isinstance(region, LineConfig):
                    self._lines.restore(region, counts)
                else:
                    self._zones.restore(region, counts)

    def recent(self) -> list[AnalyticsEvent]:
        """Return the newest events, the newest last."""
        with self._lock:
            return list(self._recent)

    def heat_map_png(self) -> bytes | None:
        """Return the heat map as a PNG file; ``None`` where there is none."""
        with self._lock:
            return self._heat.png(self._picture_px) if self._heat else None


def _counting(config: AnalyticsConfig) -> list[ZoneConfig]:
    return [zone for zone in config.zones if not zone.ignore]


def _ignored(config: AnalyticsConfig, names: tuple[str, ...]) -> IgnoredAreas | None:
    zones = [zone for zone in config.zones if zone.ignore]
    return IgnoredAreas(zones, names) if zones else None


def _speed_of(row: int, tracks: FrameTracks, speed_kmh: Float | None) -> dict[str, float | bool]:
    """Return the speed of a row of the table as an event's values; nothing where it is not known."""
    if speed_kmh is None:
        return {}
    speed = float(speed_kmh[np.flatnonzero(tracks.row == row)[0]])
    return {"speed_kmh": round(speed, 1)} if np.isfinite(speed) else {}


def _spread(values: Float, tracks: FrameTracks, detections: int) -> Float:
    """Return the values of those with identity as values of all detections; NaN for the others."""
    spread = np.full(detections, np.nan)
    spread[tracks.detection] = values
    return spread


class Analysing(FrameStage):
    """Adds to each result what the analytics say of it; a fault of theirs ends them, not the stream."""

    name = "analytics"
    optional = True
    waits = False

    def __init__(self, analytics: Analytics) -> None:
        self.analytics = analytics
        """What counts; any thread may ask it."""

    def process(self, result: Result) -> None:
        """Count and measure."""
        result.analysis = self.analytics.update(result)

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self.analytics.use_names(names)


def analyse(context: StageContext) -> Analysing:
    """Return the stage of one stream; regions can be drawn at any time, so there always is one."""
    models = context.secondary.for_objects if context.secondary else ()
    placed = any(model.places_in_space for model in models)
    memory_s = context.config.tracker.memory_s
    return Analysing(Analytics(context.config.analytics, context.names, memory_s=memory_s, knows_distances=placed))
