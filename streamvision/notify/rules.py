"""Which of a stream's events are told, by which rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np

from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.config.notify import RuleConfig, minutes_of
from streamvision.core.detections import box_fractions
from streamvision.core.event_message import moment_of
from streamvision.core.frame import Result

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_PENDING = 10_000
"""Most objects in zones of which it is waited whether they stay; the oldest make room."""


@dataclass(frozen=True)
class Told:
    """An event, and the rules by which it is told."""

    event: AnalyticsEvent
    rules: tuple[RuleConfig, ...]


class LastTold:
    """When something was last told by each rule, of each stream; shared by all streams."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], float] = {}

    def is_due(self, rule: RuleConfig, stream: str, now_unix_s: float) -> bool:
        """Say whether a rule may tell something of a stream now, and take note that it does."""
        if not rule.every_min:
            return True
        last = self._at.get((rule.name, stream))
        if last is not None and 0 <= now_unix_s - last < 60 * rule.every_min:
            return False
        self._at[rule.name, stream] = now_unix_s
        return True


class StreamRules:
    """The rules for one stream, whose results come in order from one thread.

    Args:
        rules: all rules.
        stream_id: the stream.
        names: its class names by class id.
        last_told: when something was last told.
    """

    def __init__(
        self, rules: Sequence[RuleConfig], stream_id: str, names: tuple[str, ...], last_told: LastTold
    ) -> None:
        self.given = rules
        """All rules, those for other streams, too."""
        own = [rule for rule in rules if rule.streams is None or stream_id in rule.streams]
        self._rules = [(rule, _Filter(rule, names)) for rule in own]
        self._stream_id = stream_id
        self._last_told = last_told
        self._pending: dict[tuple[str, str, int | None], tuple[float, AnalyticsEvent]] = {}

    @property
    def waits(self) -> bool:
        """Whether it depends on later frames whether something is told."""
        return bool(self._pending)

    def told(self, result: Result) -> list[Told]:
        """Return what is told once the next frame with events, or any while it waits, has come."""
        events = result.analysis.events if result.analysis is not None else ()
        found: list[Told] = []
        for event in events:
            matching = [rule for rule, wanted in self._rules if wanted.takes(event)]
            found += self._due(event, matching)
            self._note_visit(event)
        if self._pending:
            found += self._stays(result)
        return found

    def _due(self, event: AnalyticsEvent, rules: Iterable[RuleConfig]) -> list[Told]:
        now_unix_s = event.captured_unix_s
        due = tuple(rule for rule in rules if self._last_told.is_due(rule, self._stream_id, now_unix_s))
        return [Told(event, due)] if due else []

    def _note_visit(self, event: AnalyticsEvent) -> None:
        """Wait for how long an object stays in a zone that it has come into, or do so no more."""
        for rule, wanted in self._rules:
            key = (rule.name, event.region, event.track_id)
            if event.kind == "zone_left":
                self._pending.pop(key, None)
            elif event.kind == "zone_entered" and rule.dwell_s is not None and wanted.awaits(event):
                self._pending[key] = (event.pts_s + rule.dwell_s, event)
                if len(self._pending) > MAX_PENDING:
                    del self._pending[next(iter(self._pending))]

    def _stays(self, result: Result) -> list[Told]:
        now_s, found = result.frame.pts_s, []
        due = [key for key, (at_s, _) in self._pending.items() if at_s <= now_s]
        rules = {rule.name: (rule, wanted) for rule, wanted in self._rules} if due else {}
        for key in due:
            _, entered = self._pending.pop(key)
            rule, wanted = rules[key[0]]
            stay = _stay(entered, result)
            if wanted.is_time(stay.captured_unix_s):
                found += self._due(stay, [rule])
        return found


class _Filter:
    """What one rule asks of an event, but for how often."""

    def __init__(self, rule: RuleConfig, names: tuple[str, ...]) -> None:
        self._rule = rule
        self._classes = None if rule.classes is None else {_class_name(one, names) for one in rule.classes}
        self._spans = None if rule.hours is None else [minutes_of(hours) for hours in rule.hours]
        self._zone = None if rule.time_zone is None else ZoneInfo(rule.time_zone)

    def takes(self, event: AnalyticsEvent) -> bool:
        """Say whether an event is told as it is."""
        rule = self._rule
        if rule.dwell_s is not None:
            lasted_s = event.values.get("idle_s" if event.kind == "idle" else "dwell_s")
            is_one = event.kind in ("idle", "zone_left") and event.kind in (rule.kinds or ())
            if not is_one or lasted_s is None or lasted_s < rule.dwell_s:
                return False
        elif rule.kinds is not None and event.kind not in rule.kinds:
            return False
        return self._is_about(event) and self.is_time(event.captured_unix_s)

    def awaits(self, entered: AnalyticsEvent) -> bool:
        """Say whether an object that has come into a zone is told of if it stays."""
        return (self._rule.kinds is None or "stay" in self._rule.kinds) and self._is_about(entered)

    def _is_about(self, event: AnalyticsEvent) -> bool:
        regions = self._rule.regions
        return (self._classes is None or event.class_name in self._classes) and (
            regions is None or event.region in regions
        )

    def is_time(self, unix_s: float) -> bool:
        """Say whether it is one of the rule's times of the day and days of the week."""
        if self._spans is None and self._rule.days is None:
            return True
        local = datetime.fromtimestamp(unix_s, self._zone)
        minute, days = 60 * local.hour + local.minute, self._rule.days or _DAYS
        today, yesterday = _DAYS[local.weekday()] in days, _DAYS[local.weekday() - 1] in days
        if self._spans is None:
            return today
        return any(
            (today and begin <= minute < end)
            if begin < end
            else (today and minute >= begin) or (yesterday and minute < end)
            for begin, end in self._spans
        )


def _class_name(given: str, names: tuple[str, ...]) -> str:
    """Return the name of a class that was given by name or by number."""
    is_number = given not in names and given.isascii() and given.isdigit() and int(given) < len(names)
    return names[int(given)] if is_number else given


def _stay(entered: AnalyticsEvent, result: Result) -> AnalyticsEvent:
    """Return what is told of an object that has stayed in a zone since it came in."""
    frame, found = result.frame, result.detections
    is_it = None if found.track_id is None else np.ma.filled(found.track_id == entered.track_id, False)
    rows: list[int] = [] if is_it is None else np.flatnonzero(is_it).tolist()
    box: tuple[float, float, float, float] | None = None
    score: float | None = None
    if rows:
        picture_px = frame.picture.width_px, frame.picture.height_px
        (box,) = box_fractions(found.box_xyxy_px[rows[:1]], picture_px=picture_px)
        score = round(float(found.score[rows[0]]), 4)
    return replace(
        entered,
        id=uuid4().hex,
        kind="stay",
        **moment_of(frame),
        box=box,
        score=score,
        values={"dwell_s": round(frame.pts_s - entered.pts_s, 3)},
    )
