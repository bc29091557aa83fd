"""Lines: each who crosses counts once, in the right direction, and nobody else does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamvision.core.config.app import parse_analytics
from streamvision.core.errors import ConfigError
from streamvision.core.frame import FilePlace, KeyFrame, WallTime
from streamvision.core.image_result import ImageResult
from support.walkers import analytics, events, result, walk

ACROSS = {"name": "gate", "points": [[0.2, 0.5], [0.8, 0.5]], "directions": ["down", "up"]}


def totals(subject, name="gate"):
    return {way: counts["total"] for way, counts in subject.report()["lines"][name].items()}


def path(*ys, x=0.5, who=1):
    return [[(who, x, y)] for y in ys]


@pytest.mark.parametrize(
    ("ys", "expected"), [((0.3, 0.4, 0.6, 0.7), {"down": 1, "up": 0}), ((0.7, 0.55, 0.45, 0.3), {"down": 0, "up": 1})]
)
def test_who_crosses_counts_once_and_in_its_direction(ys, expected) -> None:
    subject = analytics(lines=[ACROSS])
    said = walk(subject, path(*ys))
    assert totals(subject) == expected
    [event] = events(said)
    assert (event.kind, event.track_id, event.class_name, event.region) == ("line", 1, "car", "gate")
    assert expected[event.direction] == 1
    assert said[-1].lines[0].counts[0 if event.direction == "down" else 1] == {"car": 1}


@pytest.mark.parametrize("wall_time", [WallTime(1704112205.5, "container"), None])
def test_an_event_happened_when_its_frame_was_taken(wall_time) -> None:
    subject, said = analytics(lines=[ACROSS]), []
    for index, [walker] in enumerate(path(0.3, 0.7)):
        seen = result([walker], index=index, pts_s=index / 10)
        seen.frame = replace(seen.frame, wall_time=wall_time)
        said.append(subject.update(seen))
    [event] = events(said)
    told = event.to_json()
    expected = (1704112205.5, "container") if wall_time else (None, None)
    assert (told["time_unix_s"], told["time_source"]) == expected


@pytest.mark.parametrize("place", [FilePlace("clip_7.mp4", 41, 1.64), None])
def test_an_event_of_a_file_says_where_in_it(place) -> None:
    subject, said = analytics(lines=[ACROSS]), []
    for index, [walker] in enumerate(path(0.3, 0.7)):
        seen = result([walker], index=index, pts_s=index / 10)
        seen.frame = replace(seen.frame, place=place)
        said.append(subject.update(seen))
    [told] = [event.to_json() for event in events(said)]
    assert (told["file"], told["file_frame"]) == (place[:2] if place else (None, None))


def test_the_first_direction_is_to_the_right_of_the_line() -> None:
    turned = {**ACROSS, "points": ACROSS["points"][::-1]}
    subject = analytics(lines=[turned])
    walk(subject, path(0.3, 0.7))
    assert totals(subject) == {"down": 0, "up": 1}


def test_flicker_at_the_line_counts_once() -> None:
    subject = analytics(lines=[ACROSS])
    jitter = 0.5 + 0.009 * np.random.default_rng(0).choice([-1.0, 1.0], 60)  # 1.8 px; the band is 2 px
    walk(subject, path(0.3, *jitter, 0.7, *jitter, 0.7))
    assert totals(subject) == {"down": 1, "up": 0}


def test_a_single_false_box_beyond_the_band_counts_nothing() -> None:
    subject = analytics(lines=[ACROSS])
    walk(subject, path(*[0.48] * 5, 0.52, *[0.48] * 5))  # 4 px past the line; the band is 2 px, the box 20 px
    assert totals(subject) == {"down": 0, "up": 0}
    walk(subject, path(*[0.48] * 5, *[0.52] * 2))
    assert totals(subject) == {"down": 1, "up": 0}


def test_without_a_band_flicker_counts_each_time() -> None:
    subject = analytics(lines=[{**ACROSS, "band": 0}])
    walk(subject, path(0.3, 0.51, 0.49, 0.51, 0.7))
    assert totals(subject) == {"down": 2, "up": 1}


def test_turning_round_in_the_band_does_not_count() -> None:
    subject = analytics(lines=[ACROSS])
    walk(subject, path(0.3, 0.505, 0.495, 0.3))
    assert totals(subject) == {"down": 0, "up": 0}


def test_there_and_back_counts_both_ways() -> None:
    subject = analytics(lines=[ACROSS])
    walk(subject, path(0.3, 0.7, 0.3, 0.7))
    assert totals(subject) == {"down": 2, "up": 1}


def test_past_the_end_of_the_segment_does_not_count() -> None:
    subject = analytics(lines=[ACROSS])
    walk(subject, path(0.3, 0.7, x=0.9))
    walk(subject, [[(2, 0.1, 0.3)], [(2, 0.19, 0.7)]])
    assert totals(subject) == {"down": 0, "up": 0}


def test_round_the_end_and_back_through_the_segment_counts_the_way_back() -> None:
    subject = analytics(lines=[ACROSS])
    walk(subject, [[(1, 0.9, 0.3)], [(1, 0.9, 0.7)], [(1, 0.5, 0.7)], [(1, 0.5, 0.3)]])
    assert totals(subject) == {"down": 0, "up": 1}


def test_a_jump_over_dropped_frames_counts_where_its_path_meets_the_line() -> None:
    subject = analytics(lines=[ACROSS])
    assert subject.update(result([(1, 0.1, 0.05)], pts_s=0.0)) is not None
    assert subject.update(result([(1, 0.6, 0.95)], index=9, pts_s=0.9)) is not None  # meets it at x = 0.35
    assert totals(subject) == {"down": 1, "up": 0}


def test_an_identity_that_was_forgotten_begins_anew() -> None:
    subject = analytics(lines=[ACROSS], memory_s=0.5)
    for pts_s, y in ((0.0, 0.3), (2.0, 0.7)):
        subject.update(result([(1, 0.5, y)], pts_s=pts_s))
        subject.update(result([], pts_s=pts_s + 1))
    assert totals(subject) == {"down": 0, "up": 0}


def test_without_identity_nobody_counts() -> None:
    subject = analytics(lines=[ACROSS])
    walk(subject, path(0.3, 0.4, 0.6, 0.7, who=None))
    assert totals(subject) == {"down": 0, "up": 0}


def test_who_is_first_seen_on_the_line_is_on_neither_side() -> None:
    subject = analytics(lines=[ACROSS])
    walk(subject, path(0.5, 0.6, 0.7))
    assert totals(subject) == {"down": 0, "up": 0}


def test_a_step_onto_the_very_line_is_part_of_the_crossing() -> None:
    subject = analytics(lines=[ACROSS])
    walk(subject, path(0.3, 0.5, 0.7))
    assert totals(subject) == {"down": 1, "up": 0}


def test_the_anchor_is_a_choice() -> None:
    low, high = {**ACROSS, "name": "feet"}, {**ACROSS, "name": "middles", "anchor": "center"}
    subject = analytics(lines=[low, high])
    walk(subject, path(0.40, 0.53))  # the middle of the box is 10 px, or 0.05, above
    assert totals(subject, "feet")["down"] == 1
    assert totals(subject, "middles")["down"] == 0


def test_a_change_of_resolution_changes_nothing() -> None:
    subject = analytics(lines=[ACROSS])
    subject.update(result([(1, 0.5, 0.45)], pts_s=0.0, size_px=(400, 200)))
    subject.update(result([(1, 0.5, 0.46)], pts_s=0.1, size_px=(800, 400), box_px=(80, 40)))
    subject.update(result([(1, 0.5, 0.6)], pts_s=0.2, size_px=(800, 400), box_px=(80, 40)))
    assert totals(subject) == {"down": 1, "up": 0}


def test_the_class_is_the_one_that_the_identity_had_most_of_the_time() -> None:
    subject = analytics(lines=[ACROSS, {**ACROSS, "name": "buses", "classes": ["bus"]}])
    for index, (y, class_id) in enumerate(((0.2, 1), (0.3, 1), (0.4, 1), (0.6, 0), (0.7, 0))):
        subject.update(result([(1, 0.5, y)], index=index, pts_s=index / 10, class_id=class_id))
    assert subject.report()["lines"]["gate"]["down"] == {"total": 1, "classes": {"bus": 1}}
    assert totals(subject, "buses") == {"down": 1, "up": 0}


def test_other_classes_do_not_count() -> None:
    subject = analytics(lines=[{**ACROSS, "classes": ["bus"]}])
    walk(subject, path(0.3, 0.7))
    assert totals(subject) == {"down": 0, "up": 0}


def test_a_line_is_edited_and_the_others_keep_their_counts() -> None:
    subject = analytics(lines=[ACROSS])
    walk(subject, path(0.3, 0.7))
    other = {"name": "other", "points": [[0.2, 0.8], [0.8, 0.8]]}
    subject.apply(parse_analytics({"lines": [other, ACROSS]}, origin="test"))
    subject.update(result([(1, 0.5, 0.75)], index=3, pts_s=0.3))
    subject.update(result([(1, 0.5, 0.9)], index=4, pts_s=0.4))
    assert (totals(subject), totals(subject, "other")) == ({"down": 1, "up": 0}, {"in": 1, "out": 0})
    subject.apply(parse_analytics({"lines": [{**ACROSS, "band": 0.2}]}, origin="test"))
    assert totals(subject) == {"down": 0, "up": 0}, "a line that was changed begins at nought"


def test_a_class_that_the_model_does_not_know_is_refused_and_nothing_changes() -> None:
    subject = analytics(lines=[ACROSS])
    unknown = parse_analytics({"lines": [{**ACROSS, "classes": ["tram"]}]}, origin="test")
    with pytest.raises(ConfigError, match=r"'gate' asks for the class 'tram', but the model knows only: car, bus"):
        subject.apply(unknown)
    assert subject.config.lines[0].classes is None


def test_a_class_may_be_given_by_its_number() -> None:
    subject = analytics(lines=[{**ACROSS, "classes": [1]}, {**ACROSS, "name": "other", "classes": [0]}])
    walk(subject, path(0.3, 0.7))
    assert (totals(subject), totals(subject, "other")) == ({"down": 0, "up": 0}, {"down": 1, "up": 0})
    with pytest.raises(ConfigError, match="'gate' asks for the class '2'"):
        subject.apply(parse_analytics({"lines": [{**ACROSS, "classes": [2]}]}, origin="test"))


def test_many_at_once_are_told_apart() -> None:
    subject = analytics(lines=[ACROSS])
    steps = np.linspace(0.2, 0.8, 13)
    frames = [[(who, 0.25 + 0.01 * who, (y if who % 2 else 1 - y)) for who in range(1, 51)] for y in steps]
    said = walk(subject, frames)
    assert totals(subject) == {"down": 25, "up": 25}
    assert sorted(event.track_id for event in events(said)) == list(range(1, 51))
    assert all((event.direction == "down") == bool(event.track_id % 2) for event in events(said))


def test_memory_stays_bounded_over_many_short_lives() -> None:
    subject = analytics(lines=[ACROSS], zones=[{"name": "all", "points": [[0, 0], [1, 0], [1, 1], [0, 1]]}])
    for index in range(2000):
        subject.update(result([(index * 5 + k, 0.5, 0.4) for k in range(5)], index=index, pts_s=index / 10))
    assert len(subject._table) <= 5 * 12
    assert subject._lines._state.shape[1] == subject._zones._state.shape[1] == len(subject._table)
    zone = subject.report()["zones"]["all"]
    assert zone["entered"] - zone["left"] == zone["inside"] == len(subject._table)


@pytest.mark.parametrize("scores", [(0.9, 0.8), None])
def test_an_event_says_what_the_captioner_last_said(scores) -> None:
    subject, said = analytics(lines=[ACROSS]), []
    words = None if scores is None else np.array(scores, np.float32)
    sentence = KeyFrame("captions", ImageResult(text="a van", text_score=0.85, word_score=words), ("x",), 0.5, {})
    for index, [walker] in enumerate(path(0.3, 0.7)):
        seen = result([walker], index=index, pts_s=index / 10)
        seen.key_frames = (sentence,)
        said.append(subject.update(seen))
    [told] = [event.to_json() for event in events(said)]
    assert told["caption"] == (None if scores is None else "a van"), "text that was read is no caption"
