from __future__ import annotations

import numpy as np
import pytest

from streamvision.collecting.finding import Finding
from streamvision.collecting.flicker import MAX_IDENTITIES, Earlier, FlickerWatch
from streamvision.core.detections import Detections

NAMES = ("car", "truck")
FPS = 10
Row = tuple[int | None, int, float, float]
"""Identity, class, score, left edge."""


def frame(*rows: Row) -> Detections:
    box = [[left, 200, left + 40, 240] for *_, left in rows]
    return Detections(
        np.array(box, np.float32).reshape(-1, 4),
        np.array([row[2] for row in rows], np.float32),
        np.array([row[1] for row in rows], np.int32),
        np.ma.MaskedArray([row[0] or 0 for row in rows], [row[0] is None for row in rows], np.int64),
    )


def watched(*frames: Detections) -> tuple[dict[int, list[Finding]], list[Earlier]]:
    watch, now, later = FlickerWatch(), {}, []
    for index, found in enumerate(frames):
        here, earlier = watch.look(found, index=index, pts_s=index / FPS, names=NAMES, picture_px=(640, 480))
        if here:
            now[index] = here
        later += earlier
    return now, later


def test_what_moves_steadily_shows_nothing() -> None:
    now, later = watched(*(frame((1, 0, 0.9, 100 + 5 * at)) for at in range(40)))
    assert (now, later) == ({}, [])


def test_a_gap_is_about_the_frames_that_missed_the_object() -> None:
    frames = [frame((1, 0, 0.8, 100 + 10 * at)) for at in range(20)]
    frames[8] = frames[9] = frame()
    now, later = watched(*frames)
    assert list(now) == [8]
    assert [one.kind for one in now[8]] == ["disagreement"]
    assert [one.frame for one in later] == [8, 9]
    [box] = later[0].finding.boxes
    assert (box.class_name, box.origin) == ("car", "tracker")
    assert box.box_xyxy_px == pytest.approx((180, 200, 220, 240))
    assert later[0].finding.value > now[8][0].value


def test_an_object_in_the_place_of_a_lost_one_is_a_flicker_and_no_miss() -> None:
    frames = [frame((1, 0, 0.8, 100)) for _ in range(10)] + [frame((2, 1, 0.8, 104)) for _ in range(10)]
    now, later = watched(*frames)
    assert [(at, one.kind, one.why) for at, several in now.items() for one in several] == [
        (10, "flicker", "a car loses its identity, and a truck begins in its place")
    ]
    assert later == []


def test_a_class_that_changes_is_a_flicker() -> None:
    now, _ = watched(*(frame((1, int(at == 7), 0.8, 100)) for at in range(12)))
    assert [(at, one.why) for at, several in now.items() for one in several] == [
        (7, "a car becomes a truck from one frame to the next"),
        (8, "a truck becomes a car from one frame to the next"),
    ]


@pytest.mark.parametrize(("left", "said"), [(300, [4]), (0, [])])
def test_what_is_there_for_a_moment_is_a_flicker_but_at_an_edge(left: float, said: list[int]) -> None:
    frames = [frame((1, 0, 0.8, left)) if 2 <= at <= 4 else frame() for at in range(40)]
    _, later = watched(*frames)
    assert [one.frame for one in later if one.finding.kind == "flicker"] == said


def test_an_object_that_no_track_confirms_is_told_once_that_is_sure() -> None:
    frames = [frame((None, 0, 0.7, 300)) if at == 3 else frame() for at in range(20)]
    now, later = watched(*frames)
    assert now == {}
    assert [(one.frame, one.finding.kind) for one in later] == [(3, "disagreement")]
    confirmed = [frame(*([(None if at == 3 else 1, 0, 0.7, 300.0)] if at >= 3 else [])) for at in range(20)]
    assert watched(*confirmed) == ({}, [])


def test_without_a_tracker_nothing_is_said() -> None:
    plain = frame((None, 0, 0.9, 100)).with_columns(track_id=None)
    assert watched(*[plain, frame().with_columns(track_id=None)] * 10) == ({}, [])


def test_memory_has_a_bound() -> None:
    watch = FlickerWatch()
    for at in range(4):
        rows = [(1 + at * 300 + one, 0, 0.9, float(one)) for one in range(300)]
        watch.look(frame(*rows), index=at, pts_s=at / FPS, names=NAMES, picture_px=(640, 480))
    assert len(watch._identities) <= MAX_IDENTITIES
    watch.look(frame(), index=9, pts_s=90.0, names=NAMES, picture_px=(640, 480))
    assert not watch._identities


def test_time_that_runs_backwards_forgets() -> None:
    watch = FlickerWatch()
    watch.look(frame((1, 0, 0.9, 100)), index=0, pts_s=50.0, names=NAMES, picture_px=(640, 480))
    now, earlier = watch.look(frame(), index=1, pts_s=1.0, names=NAMES, picture_px=(640, 480))
    assert now == []
    assert not watch._identities
    assert len(earlier) <= 1
