"""Rules tell what they say of which streams, kinds, classes, regions, at which times, and how often."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streamvision.core.analysis import Analysis, AnalyticsEvent
from streamvision.core.config.notify import NotifyConfig, RuleConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError
from streamvision.notify.rules import LastTold, StreamRules
from support import walkers
from support.told import happened

NAMES = ("car", "bus")
BERLIN = ZoneInfo("Europe/Berlin")


def rules(*given: dict[str, Any], stream: str = "gate", last_told: LastTold | None = None) -> StreamRules:
    configs = tuple(RuleConfig.model_validate({"name": f"rule {at}", **one}) for at, one in enumerate(given))
    return StreamRules(configs, stream, NAMES, last_told or LastTold())


def told(made: StreamRules, *events: AnalyticsEvent, pts_s: float = 0.0) -> list[tuple[str, tuple[str, ...]]]:
    result = walkers.result([(3, 0.5, 0.5)], pts_s=pts_s)
    result.analysis = Analysis(events)
    return [(one.event.kind, tuple(rule.name for rule in one.rules)) for one in made.told(result)]


@pytest.mark.parametrize(
    ("rule", "takes"),
    [
        ({}, True),
        ({"kinds": ["line", "stay"]}, True), ({"kinds": ["stay"]}, False),
        ({"classes": ["car"]}, True), ({"classes": ["bus"]}, False),
        ({"classes": [0]}, True), ({"classes": [1]}, False),
        ({"regions": ["door", "hall"]}, True), ({"regions": ["hall"]}, False),
        ({"streams": ["gate"]}, True), ({"streams": ["yard"]}, False),
        ({"classes": ["car"], "regions": ["hall"]}, False),
    ],
)  # fmt: skip
def test_each_condition_must_hold(rule: dict[str, Any], takes: bool) -> None:
    assert told(rules(rule), happened()) == ([("line", ("rule 0",))] if takes else [])


def test_several_rules_tell_one_event_once() -> None:
    made = rules({}, {"kinds": ["stay"]}, {"classes": ["car"]})
    assert told(made, happened(), happened(kind="stay")) == [
        ("line", ("rule 0", "rule 2")), ("stay", ("rule 0", "rule 1", "rule 2")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "days", "when", "takes"),
    [
        (["08:00-18:00"], None, "2026-03-02 08:00", True),
        (["08:00-18:00"], None, "2026-03-02 07:59", False),
        (["08:00-18:00"], None, "2026-03-02 18:00", False),
        (["8:00-9:00", "17:30-18:00"], None, "2026-03-02 17:45", True),
        (["22:00-06:00"], None, "2026-03-02 23:00", True),
        (["22:00-06:00"], None, "2026-03-03 05:59", True),
        (["22:00-06:00"], None, "2026-03-03 06:00", False),
        (["22:00-06:00"], ["fri"], "2026-03-06 22:00", True),  # a Friday
        (["22:00-06:00"], ["fri"], "2026-03-07 05:00", True),
        (["22:00-06:00"], ["fri"], "2026-03-06 05:00", False),
        (["22:00-06:00"], ["fri"], "2026-03-07 22:30", False),
        (["22:00-06:00"], ["sun"], "2026-03-09 01:00", True),  # the night to Monday
        (None, ["sat", "sun"], "2026-03-07 00:00", True),
        (None, ["sat", "sun"], "2026-03-09 00:00", False),
        (["00:00-00:00"], ["mon"], "2026-03-02 12:00", True),
        (["02:00-03:00"], None, "2026-10-25 02:30", True),  # the hour that there is twice
        (["01:00-04:00"], None, "2026-03-29 03:10", True),  # the hour before it is missing
    ],
)
def test_times_of_the_day_and_days_are_those_of_the_stated_zone(
    hours: list[str] | None, days: list[str] | None, when: str, takes: bool
) -> None:
    unix_s = datetime.fromisoformat(when).replace(tzinfo=BERLIN).timestamp()
    made = rules({"hours": hours, "days": days, "time_zone": "Europe/Berlin"})
    assert bool(told(made, happened(captured_unix_s=unix_s))) == takes


def test_a_rule_tells_of_each_stream_at_most_once_in_its_minutes() -> None:
    last_told = LastTold()
    gate, yard = (rules({"every_min": 2}, {}, stream=name, last_told=last_told) for name in ("gate", "yard"))
    names = lambda made, at_s: [n for _, found in told(made, happened(captured_unix_s=1e9 + at_s)) for n in found]  # noqa: E731
    assert names(gate, 0) == ["rule 0", "rule 1"]
    assert names(gate, 119) == ["rule 1"]
    assert names(yard, 119) == ["rule 0", "rule 1"]
    assert names(gate, 120) == ["rule 0", "rule 1"]
    assert names(gate, -500) == ["rule 0", "rule 1"], "a clock that was set back silences nobody"


def test_who_stays_is_told_at_that_moment_and_who_leaves_before_is_not() -> None:
    made = rules({"dwell_s": 5, "regions": ["hall"]})
    entered = happened(kind="zone_entered", region="hall", track_id=3, pts_s=10.0)
    other = happened(kind="zone_entered", region="hall", track_id=4, pts_s=10.0)
    elsewhere = happened(kind="zone_entered", region="yard", track_id=5, pts_s=10.0)
    assert told(made, entered, other, elsewhere, pts_s=10.0) == [] and made.waits
    assert told(made, happened(kind="zone_left", region="hall", track_id=4, pts_s=14.0), pts_s=14.0) == []
    assert told(made, pts_s=14.9) == []
    result = walkers.result([(7, 0.1, 0.5), (3, 0.5, 0.5)], pts_s=15.0, index=42)
    (one,) = made.told(result)
    assert (one.event.kind, one.event.track_id, one.event.region, one.event.frame) == ("stay", 3, "hall", 42)
    assert one.event.values == {"dwell_s": 5.0} and one.event.id != entered.id
    assert one.event.box == pytest.approx((0.45, 0.4, 0.55, 0.5), abs=0.01)
    assert not made.waits and told(made, pts_s=99.0) == [], "once a visit"


def test_what_has_lasted_is_told_when_it_lasted_long_enough() -> None:
    made = rules({"dwell_s": 5, "kinds": ["zone_left", "idle"]})
    assert told(made, happened(kind="zone_left", values={"dwell_s": 4.9})) == []
    assert told(made, happened(kind="zone_left", values={"dwell_s": 5.0})) == [("zone_left", ("rule 0",))]
    assert told(made, happened(kind="idle", values={"idle_s": 6.0})) == [("idle", ("rule 0",))]
    assert told(made, happened(kind="zone_entered")) == [] and not made.waits


@pytest.mark.parametrize(
    ("notify", "reason"),
    [
        ({"rules": [{"name": "a", "to": ["x"]}]}, "'x', which is no target"),
        ({"rules": [{"name": "a"}, {"name": "a"}]}, "more than once"),
        ({"rules": [{"name": "a", "hours": ["25:00-3:00"]}]}, "no span of a day; give one such as"),
        ({"rules": [{"name": "a", "time_zone": "Mars/Crater"}]}, "no time zone that is known here"),
        ({"rules": [{"name": "a", "time_zone": "../../etc/passwd"}]}, "no time zone that is known here"),
        ({"rules": [{"name": "a", "days": ["someday"]}]}, "days"),
        ({"rules": [{"name": "a", "kinds": ["line"], "dwell_s": 3}]}, "is about what lasts"),
        ({"rules": [{"name": "a", "kind": ["line"]}]}, "did you mean 'kinds'"),
        ({"targets": {"a/b": {"kind": "webhook"}}}, "targets"),
        ({"targets": {"a": {}}}, "'targets.a.kind' is missing"),
    ],
)
def test_rules_that_are_not_accepted_are_one_sentence(notify: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        validate(NotifyConfig, notify, origin="notify")
