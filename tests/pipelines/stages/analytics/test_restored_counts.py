"""What lines and zones had counted goes on in a later run, where they are as they were."""

from __future__ import annotations

import json

import pytest

from streamvision.core.config.analytics import LineConfig, ZoneConfig
from support.walkers import analytics, walk

LINE = {"name": "door", "points": [[0.5, 0.0], [0.5, 1.0]]}
ZONE = {"name": "yard", "points": [[0.4, 0.1], [0.9, 0.1], [0.9, 0.9], [0.4, 0.9]], "stay_s": 0.4}
ACROSS = [[(1, 0.2 + 0.05 * step, 0.5)] for step in range(10)]


def test_counts_go_on_and_whoever_was_inside_comes_in_again() -> None:
    first = analytics(lines=[LINE], zones=[ZONE])
    walk(first, ACROSS)
    saved = [(type(region), json.loads(region.model_dump_json()), json.loads(json.dumps(counts)))
             for region, counts in first.saved_counts()]  # fmt: skip
    second = analytics(lines=[LINE], zones=[ZONE])
    second.restore_counts((kind.model_validate(region), counts) for kind, region, counts in saved)
    assert second.report()["lines"] == first.report()["lines"]
    assert second.report()["lines"]["door"]["out"] == {"total": 1, "classes": {"car": 1}}
    assert first.report()["zones"]["yard"] | {"inside": 0, "entered": 0} == second.report()["zones"]["yard"]
    walk(second, ACROSS)
    assert second.report()["lines"]["door"]["out"] == {"total": 2, "classes": {"car": 2}}
    assert second.report()["zones"]["yard"]["inside"] == 1
    assert second.report()["zones"]["yard"]["entered"] == 1


def test_dwell_times_and_alarms_go_on() -> None:
    def stay() -> list[list[tuple[int, float, float]]]:
        return [[(1, 0.2, 0.5)], *[[(1, 0.6, 0.5)]] * 8, *[[(1, 0.2, 0.5)]] * 3]

    first = analytics(zones=[ZONE])
    walk(first, stay())
    second = analytics(zones=[ZONE])
    second.restore_counts(first.saved_counts())
    assert second.report() == first.report()
    before = first.report()["zones"]["yard"]
    assert before["left"] == 1 and before["alarms"] == {"stay": 1}
    walk(second, stay())
    after = second.report()["zones"]["yard"]
    assert (after["entered"], after["left"], after["alarms"]) == (2, 2, {"stay": 2})
    assert after["dwell_mean_s"] == pytest.approx(before["dwell_mean_s"])


def test_what_was_counted_before_the_restoring_is_not_lost() -> None:
    first = analytics(lines=[LINE])
    walk(first, ACROSS)
    second = analytics(lines=[LINE])
    walk(second, ACROSS)
    second.restore_counts(first.saved_counts())
    assert second.report()["lines"]["door"]["out"]["total"] == 2


def test_a_region_that_was_moved_counts_from_nought() -> None:
    first = analytics(lines=[LINE], zones=[ZONE])
    walk(first, ACROSS)
    second = analytics(lines=[{**LINE, "band": 0.2}], zones=[{**ZONE, "stay_s": 9.0}])
    untouched = second.report()
    second.restore_counts(first.saved_counts())
    assert second.report() == untouched
    assert all(isinstance(region, (LineConfig, ZoneConfig)) for region, _ in first.saved_counts())
