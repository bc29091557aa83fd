"""Zones: who is inside and for how long; crowding, stays, idling and the wrong way are told once."""

from __future__ import annotations

import pytest

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
