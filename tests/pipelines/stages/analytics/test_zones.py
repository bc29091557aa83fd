"""Zones: who is inside and for how long; crowding, stays, idling and the wrong way are told once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.stages.analytics import Analytics
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.config.app import parse_analytics
from streamvision.core.errors import ConfigError
from streamvision.core.inference_plan import FULL, PREDICTED, SKIPPED, InferencePlan
from support.walkers import analytics, events, kinds, result, walk

YARD = {"name": "yard", "points": [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]}
INSIDE, OUTSIDE = (0.5, 0.5), (0.5, 0.95)


def yard(subject):
    return subject.report()["zones"]["yard"]


def at(*places, who=1):
    return [[(who, *place)] for place in places]


def test_who_walks_through_enters_and_leaves_and_its_dwell_is_measured() -> None:
    subject = analytics(zones=[YARD])
    said = walk(subject, at(OUTSIDE, *[INSIDE] * 20, OUTSIDE))
    assert kinds(said) == ["zone_entered", "zone_left"]
    assert events(said)[1].values == {"dwell_s": 2.0}
    assert {key: yard(subject)[key] for key in ("inside", "entered", "left", "most")} == {
        "inside": 0, "entered": 1, "left": 1, "most": 1,
    }  # fmt: skip
    assert yard(subject)["dwell_mean_s"] == yard(subject)["dwell_longest_s"] == 2.0


def test_flicker_at_the_edge_neither_leaves_nor_enters() -> None:
    subject = analytics(zones=[YARD])
    edge = [(0.5, 0.807), (0.5, 0.793)] * 20  # 1.4 px to both sides; the band is a tenth of the box, 2.8 px
    assert kinds(walk(subject, at(INSIDE, *edge, INSIDE))) == ["zone_entered"]
    without = analytics(zones=[{**YARD, "band": 0}])
    assert len(kinds(walk(without, at(INSIDE, *edge, INSIDE)))) > 20


FLICKER = (0.5, 0.83)
"""6 px past the edge: beyond the band of 2.8 px, and less than the 20 px of a box from where it was."""


def test_a_single_false_box_beyond_the_band_neither_leaves_nor_enters() -> None:
    subject = analytics(zones=[YARD])
    near = (0.5, 0.78)
    assert kinds(walk(subject, at(*[near] * 5, FLICKER, *[near] * 5))) == ["zone_entered"]
    outside = analytics(zones=[YARD])
    assert kinds(walk(outside, at(*[FLICKER] * 5, near, *[FLICKER] * 5))) == []


def test_who_stays_beyond_the_band_has_left_when_it_got_there() -> None:
    subject = analytics(zones=[YARD])
    said = walk(subject, at(*[(0.5, 0.78)] * 5, *[FLICKER] * 5))
    assert [(event.kind, event.frame) for event in events(said)] == [("zone_entered", 0), ("zone_left", 6)]
    assert events(said)[1].values == {"dwell_s": 0.5}


THIN = {
    "door mat": [[0.4, 0.49], [0.6, 0.49], [0.6, 0.51], [0.4, 0.51]],
    "lane strip": [[0.1, 0.2], [0.12, 0.2], [0.92, 0.8], [0.9, 0.8]],
}
"""4 px high, and 7 px wide across; the band of a box of 80 x 60 px is 6.9 px."""


@pytest.mark.parametrize("name", THIN)
def test_a_zone_thinner_than_its_bands_is_entered_and_left(name: str) -> None:
    subject = analytics(zones=[{"name": "yard", "points": THIN[name]}])
    down = [(0.5, 0.4 + 0.005 * step) for step in range(41)]  # 1 px a frame, all the way through
    assert kinds(walk(subject, at(*down), box_px=(80, 60))) == ["zone_entered", "zone_left"]
    assert yard(subject)["entered"] == yard(subject)["left"] == 1


def test_who_passes_a_thin_zone_has_not_been_inside() -> None:
    subject = analytics(zones=[{"name": "yard", "points": THIN["door mat"]}])
    along = [(0.3 + 0.01 * step, 0.52) for step in range(40)]
    assert kinds(walk(subject, at(*along), box_px=(80, 60))) == []


@pytest.mark.parametrize(
    ("anchor", "offset_px"),
    [("center", (0, -10)), ("top", (0, -20)), ("left", (-20, -10)), ("right", (20, -10)), ("bottom_left", (-20, 0)),
     ("bottom_right", (20, 0)), ("top_left", (-20, -20)), ("top_right", (20, -20)), ("bottom", (0, 0))],
)  # fmt: skip
def test_any_point_of_a_box_can_be_the_one_that_must_be_inside(anchor: str, offset_px: tuple[int, int]) -> None:
    x, y = 200 + offset_px[0], 100 + offset_px[1]
    spot = [[(x + dx) / 400, (y + dy) / 200] for dx, dy in ((-4, -4), (4, -4), (4, 4), (-4, 4))]
    subject = analytics(zones=[{"name": "yard", "points": spot, "anchor": anchor, "band": 0}])
    assert kinds(walk(subject, at(INSIDE))) == ["zone_entered"]


MASK = {"name": "screen", "points": [[0.4, 0.3], [0.6, 0.3], [0.6, 0.7], [0.4, 0.7]], "ignore": True}


def test_in_an_ignored_area_nobody_counts() -> None:
    speed = {"picture": [[0, 0], [1, 0], [1, 1], [0, 1]], "ground_m": [[0, 0], [40, 0], [40, 20], [0, 20]]}
    gate = {"name": "gate", "points": [[0.5, 0.2], [0.5, 0.8]]}
    subject = analytics(zones=[YARD, MASK], lines=[gate], speed=speed, heat_map={})
    across = [[(1, 0.45 + 0.01 * step, 0.5), (2, 0.3, 0.5)] for step in range(11)]
    said = walk(subject, across)
    assert [(event.kind, event.track_id) for event in events(said)] == [("zone_entered", 2)]
    assert [one is not None and np.isfinite(one).tolist() for one in [said[-1].speed_kmh]] == [[False, True]]
    assert set(subject.report()["zones"]) == {"yard"}, "a mask counts nothing itself"
    heat = subject._heat.seconds()
    assert heat[:, :45].sum() == pytest.approx(1.0) and heat[:, 45:].sum() == 0


def test_an_area_ignores_the_classes_that_it_is_for() -> None:
    subject = analytics(zones=[YARD, {**MASK, "classes": ["bus"]}])
    assert kinds(walk(subject, at(INSIDE), class_id=1)) == []
    assert kinds(walk(subject, at(INSIDE))) == ["zone_entered"]


def test_an_area_that_ignores_and_tells_is_refused() -> None:
    with pytest.raises(ConfigError, match="'screen' ignores what is inside and tells of it; leave out ignore, or"):
        analytics(zones=[{**MASK, "crowd": 3}])


def test_who_is_lost_inside_has_left_when_it_was_last_seen() -> None:
    subject = analytics(zones=[YARD], memory_s=1.0)
    said = walk(subject, [*at(*[INSIDE] * 11), *[[]] * 9])
    assert kinds(said) == ["zone_entered"]
    assert yard(subject)["inside"] == 1, "out of sight for a moment is still inside"
    last = subject.update(result([], index=40, pts_s=4.0))
    assert last is not None
    [left] = last.events
    assert (left.kind, left.track_id, left.values) == ("zone_left", 1, {"dwell_s": 1.0, "lost": True})
    assert yard(subject)["inside"] == 0


def test_a_reconnect_empties_the_zone() -> None:
    subject = analytics(zones=[YARD])
    subject.update(result([(1, *INSIDE)], pts_s=0.0))
    after = subject.update(result([(2, *INSIDE)], index=1, pts_s=0.1, segment=1))
    assert after is not None
    assert [(event.kind, event.track_id) for event in after.events] == [("zone_left", 1), ("zone_entered", 2)]
    assert yard(subject)["most"] == 1


def test_crowding_is_told_once_until_it_falls_again() -> None:
    subject = analytics(zones=[{**YARD, "crowd": 3}])
    many = [(who, 0.3 + 0.1 * who, 0.5) for who in range(1, 5)]
    frames = [many[:2], many[:3], many, many[:3], [*many[:2], (3, *OUTSIDE), (4, *OUTSIDE)], many]
    said = walk(subject, frames)
    crowded = [event for event in events(said) if event.kind == "crowding"]
    assert [(event.frame, event.values) for event in crowded] == [(1, {"inside": 3}), (5, {"inside": 4})]
    assert crowded[0].track_id is None
    assert yard(subject)["alarms"] == {"crowding": 2}


def test_a_long_stay_is_told_once_a_visit() -> None:
    subject = analytics(zones=[{**YARD, "stay_s": 1.0}])
    said = walk(subject, at(*[INSIDE] * 30, OUTSIDE, *[INSIDE] * 30))
    stays = [event for event in events(said) if event.kind == "stay"]
    assert [event.frame for event in stays] == [10, 41]


def test_who_stands_is_told_once_until_it_moves() -> None:
    subject = analytics(zones=[{**YARD, "idle_s": 1.0}])
    moving = [(0.3 + 0.02 * step, 0.5) for step in range(20)]  # 8 px a frame, a fifth of the box
    jitter = [(0.68 + 0.005 * (-1) ** step, 0.5) for step in range(30)]
    said = walk(subject, at(*moving, *jitter, *moving, *jitter))
    idle = [event for event in events(said) if event.kind == "idle"]
    assert len(idle) == 2
    assert idle[0].values["idle_s"] == pytest.approx(1.0, abs=0.11)
    assert not any(event.kind == "idle" for event in events(said[:20])), "who moves is not idle"


def test_who_stands_outside_is_not_told() -> None:
    subject = analytics(zones=[{**YARD, "idle_s": 1.0, "stay_s": 1.0}])
    assert kinds(walk(subject, at(*[OUTSIDE] * 40))) == []


@pytest.mark.parametrize("way", [{"heading_deg": 0}, {"heading": [[0.1, 0.5], [0.9, 0.5]]}, {"heading_deg": 360}])
def test_the_wrong_way_is_told_once_and_the_right_one_is_not(way) -> None:
    right = [(0.25 + 0.02 * step, 0.5) for step in range(25)]
    for places, wrong in ((right, 0), (right[::-1], 1)):
        subject = analytics(zones=[{**YARD, **way}])
        told = [event for event in events(walk(subject, at(*places))) if event.kind == "wrong_way"]
        assert len(told) == wrong
        assert all(event.values == {"heading_deg": 180.0, "off_deg": 180.0} for event in told)


def test_jitter_of_who_stands_is_no_wrong_way() -> None:
    subject = analytics(zones=[{**YARD, "heading_deg": 0}])
    said = walk(subject, at(*[(0.5 + 0.02 * (-1) ** step, 0.5) for step in range(50)]))
    assert kinds(said) == ["zone_entered"]


def test_other_classes_are_not_seen() -> None:
    subject = analytics(zones=[{**YARD, "classes": ["bus"]}])
    assert kinds(walk(subject, at(*[INSIDE] * 5))) == []
    assert kinds(walk(subject, at(*[INSIDE] * 5, who=2), class_id=1)) == ["zone_entered"]


def test_a_zone_with_a_notch_has_nobody_in_the_notch() -> None:
    horseshoe = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.7, 0.9], [0.7, 0.4], [0.3, 0.4], [0.3, 0.9], [0.1, 0.9]]
    subject = analytics(zones=[{"name": "yard", "points": horseshoe}, {**YARD, "name": "square"}])
    walk(subject, [[(1, 0.5, 0.7), (2, 0.15, 0.7), (3, 0.85, 0.7), (4, 0.5, 0.25)]])
    assert yard(subject)["inside"] == 3
    assert subject.report()["zones"]["square"]["inside"] == 2


NEAR = {"name": "yard", "points": [[0, 0], [1, 0], [1, 1], [0, 1]], "within_m": 15}


def drive(subject, distances_m):
    """Let an object stand in the middle of the picture and come as near as said; None: where it is not known."""
    said = []
    for index, distance_m in enumerate(distances_m):
        frame = result([(1, *INSIDE)], index=index, pts_s=index / 10)
        place = None if distance_m is None else {"space": {"distance_m": distance_m, "score": 0.9}}
        frame.detections = frame.detections.with_columns(attributes=np.array([place], np.object_))
        said.append(subject.update(frame))
    return said


def test_who_is_near_by_its_place_in_space_is_inside() -> None:
    subject = analytics(zones=[NEAR])
    said = drive(subject, [40, 30, 20, 14, 12, 16, 14, None, 12, 17, 30])
    assert kinds(said) == ["zone_entered", "zone_left"]
    entered, left = events(said)
    assert (entered.frame, left.frame) == (4, 9)
    assert entered.values == {"distance_m": 12.0}
    assert left.values == {"dwell_s": pytest.approx(0.6), "distance_m": 17.0}
    assert (yard(subject)["inside"], yard(subject)["entered"]) == (0, 1)


@pytest.mark.parametrize("is_estimated", [False, True])
@pytest.mark.parametrize("plan", [FULL, SKIPPED, PREDICTED])
def test_events_of_lines_and_zones_say_how_a_place_is_known(is_estimated: bool, plan: InferencePlan) -> None:
    line = {"name": "gate", "points": [[0.5, 0], [0.5, 1]]}
    zone = {"name": "right", "points": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]], "stay_s": 0.1}
    subject = analytics(lines=[line], zones=[zone])
    place = {"space": {"distance_m": 7.125} | ({"estimated": True} if is_estimated else {})}
    said = []
    for index, x in enumerate((0.1, 0.3, 0.8, 0.8, 0.8)):
        frame = result([(1, x, 0.5)], index=index, pts_s=index / 5)
        frame.detections = frame.detections.with_columns(attributes=np.array([place], np.object_))
        frame.plan = plan
        said.append(subject.update(frame))
    told = {event.kind: event.values for event in events(said)}
    assert set(told) == {"line", "zone_entered", "stay"}
    expected = {"distance_m": 7.12}
    expected |= {"estimated": True} if is_estimated else {}
    expected |= {"predicted": True} if plan is PREDICTED else {}
    for values in told.values():
        assert {key: value for key, value in values.items() if key not in ("dwell_s", "speed_kmh")} == expected


def test_without_a_place_nobody_is_near_and_zones_without_a_distance_count_as_before() -> None:
    assert kinds(drive(analytics(zones=[NEAR]), [None] * 5)) == []
    everywhere = {key: value for key, value in NEAR.items() if key != "within_m"}
    assert kinds(drive(analytics(zones=[everywhere]), [None, 90, 90])) == ["zone_entered"]


def test_distances_that_nobody_tells_are_refused_and_those_that_are_none_are_not_known() -> None:
    config = parse_analytics({"zones": [{**YARD, "within_m": 5}]}, origin="test")
    with pytest.raises(ConfigError, match="'yard' counts objects within_m of the camera, but no secondary model"):
        Analytics(config, ("car",), memory_s=1.0, knows_distances=False)
    subject = Analytics(AnalyticsConfig(), ("car",), memory_s=1.0, knows_distances=False)
    with pytest.raises(ConfigError, match="within_m"):
        subject.apply(config)
    near = analytics(zones=[{**YARD, "within_m": 5}])
    told = result([(1, *INSIDE)])
    for value in (None, "near", np.nan):
        attributes = np.array([{"own": {"distance_m": value}}], dtype=object)
        near.update(replace(told, detections=replace(told.detections, attributes=attributes)))
    assert yard(near)["inside"] == 0
