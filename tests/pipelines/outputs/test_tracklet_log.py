"""One row an identity, against a plain loop over the frames; few copies; bounded."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.outputs import tracklet_log
from pipelines.outputs.tracklet_log import BATCH_FRAMES, MAX_COPIES, QUIET_S, TrackletLog
from streamvision.core.cells import cells_of_boxes, packed
from streamvision.core.frame import Result
from streamvision.core.inference_plan import InferencePlan
from streamvision.core.telemetry import DropCounter
from streamvision.core.tracklet import Tracklet
from support.identities import HEIGHT_PX, WIDTH_PX, seen_on

NAMES = ("person", "car", "bus")
BOX = (20, 20, 120, 170)
"""Its area is that of a square of 122 pixels."""


def all_of(log: TrackletLog, results: list[Result]) -> dict[int, Tracklet]:
    for one in results:
        log.add(one)
    log.end()
    return {one.track_id: one for one in log.take()}


def wandering(seed: int, frames: int) -> list[Result]:
    """Return frames with up to six identities that come and go, change class, and objects without one."""
    random = np.random.default_rng(seed)
    results = []
    for index in range(frames):
        chosen = [identity for identity in range(1, 7) if random.random() < 0.6]
        objects = []
        for identity in [*chosen, None]:
            left, top = random.uniform(-20, 300), random.uniform(-20, 160)
            box = (left, top, left + random.uniform(2, 150), top + random.uniform(2, 90))
            objects.append((identity, box, float(np.float32(random.uniform(0.1, 1))), int(random.integers(3))))
        results.append(seen_on(index, *objects))
    return results


def truth(results: list[Result]) -> dict[int, dict[str, Any]]:
    """Return the rows as a plain loop finds them."""
    rows: dict[int, dict[str, Any]] = {}
    classes: dict[int, Counter[int]] = defaultdict(Counter)
    for result in results:
        for one in result.detections:
            if one.track_id is None:
                continue
            row = rows.setdefault(one.track_id, {"first": result.frame.index, "frames": 0, "score": -1.0, "cells": 0})
            row["last"], row["frames"] = result.frame.index, row["frames"] + 1
            if one.score > row["score"]:
                row |= {"score": one.score, "best": result.frame.index, "box": one.box_xyxy_px}
            cells = cells_of_boxes(np.array([one.box_xyxy_px], np.float32), picture_px=(WIDTH_PX, HEIGHT_PX))
            first, second, third = packed(cells[0])
            row["cells"] |= first | second << 48 | third << 96
            classes[one.track_id][one.class_id] += 1
    return {identity: {**row, "classes": classes[identity]} for identity, row in rows.items()}


@pytest.mark.parametrize("frames", [1, BATCH_FRAMES - 1, BATCH_FRAMES, 5 * BATCH_FRAMES + 7])
def test_rows_are_what_a_plain_loop_finds(frames: int) -> None:
    results = wandering(frames, frames)
    found, expected = all_of(TrackletLog("gate", NAMES), results), truth(results)
    assert found.keys() == expected.keys()
    for identity, row in expected.items():
        one = found[identity]
        assert (one.first.frame, one.last.frame, one.frames) == (row["first"], row["last"], row["frames"])
        assert (one.best.frame, one.best_score, one.best_box_xyxy_px) == (row["best"], row["score"], row["box"])
        assert one.cells[0] | one.cells[1] << 48 | one.cells[2] << 96 == row["cells"]
        counts = row["classes"]
        assert counts[NAMES.index(one.class_name)] == max(counts.values())
        assert one.is_over and one.stream == "gate" and one.picture_px == (WIDTH_PX, HEIGHT_PX)


def test_what_is_taken_now_and_then_ends_as_what_is_taken_once() -> None:
    results = wandering(3, 200)
    log, rows = TrackletLog("gate", NAMES), {}
    for index, one in enumerate(results):
        log.add(one)
        if index % 11 == 0:
            rows |= {taken.track_id: taken for taken in log.take()}
            assert not log.take(), "nothing has changed since"
    log.end()
    rows |= {taken.track_id: taken for taken in log.take()}
    once = all_of(TrackletLog("gate", NAMES), results)
    plain = {"key": 0, "crop": None, "first": None, "last": None, "best": None}
    assert {one: vars(replace(row, **plain)) for one, row in rows.items()} == {
        one: vars(replace(row, **plain)) for one, row in once.items()
    }


def test_the_class_is_that_of_most_frames() -> None:
    results = [seen_on(index, (5, BOX, 0.9, 1 if index < 40 else 2)) for index in range(100)]
    assert all_of(TrackletLog("gate", NAMES), results)[5].class_name == "bus"
    assert all_of(TrackletLog("gate", NAMES), results[:80])[5].class_name == "car", "of equal ones the first"


def test_an_identity_that_comes_back_in_time_is_one_row_and_a_later_one_another() -> None:
    log = TrackletLog("gate", NAMES, memory_s=2.0)
    times_s = [0.0, 1.0, QUIET_S + 2.5, 2 * QUIET_S + 6.0]
    for index, pts_s in enumerate(times_s):
        log.add(seen_on(index, (5, BOX, 0.9, 0), pts_s=pts_s))
        log.add(seen_on(index, pts_s=pts_s + 0.5))
        first = log.take()
        assert [one.frames for one in first if not one.is_over] == [[1], [2], [3], [1]][index]
    log.end()
    assert [(one.track_id, one.frames, one.is_over) for one in first + log.take()] == [
        (5, 3, True),
        (5, 1, False),
        (5, 1, True),
    ]


def test_the_same_number_after_a_reconnect_is_another_identity() -> None:
    log = TrackletLog("gate", NAMES)
    for index in range(30):
        log.add(seen_on(index, (1, BOX, 0.5, 0), segment=index // 10))
    log.end()
    rows = log.take()
    assert [(one.first.frame, one.last.frame, one.frames) for one in rows] == [(0, 9, 10), (10, 19, 10), (20, 29, 10)]
    assert len({one.key for one in rows}) == 3


def test_a_view_is_copied_where_it_is_much_clearer_and_otherwise_not() -> None:
    log = TrackletLog("gate", NAMES)
    for index, score in enumerate([0.4, 0.45, 0.49, 0.51, 0.6, 0.63, 0.7, 0.2]):
        log.add(seen_on(index, (1, BOX, score, 0), level=20 * index))
    (row,) = log.take()
    assert row.crop is not None and row.best_score == pytest.approx(0.7)
    assert np.unique(row.crop.to_bgr()).tolist() == [120], "the copies are those of 0.4, 0.51 and 0.7"
    assert (row.crop.width_px, row.crop.height_px) == (120, 176)
    log.add(seen_on(9, (1, BOX, 0.8, 0)))
    (row,) = log.take()
    assert row.crop is None, "not clearer by a quarter than the one that was taken"


def test_an_identity_costs_so_many_copies_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = []
    cut = tracklet_log.cut
    monkeypatch.setattr(tracklet_log, "cut", lambda *given: (copies.append(1), cut(*given))[1])
    log = TrackletLog("gate", NAMES)
    for index in range(3000):  # it comes nearer and nearer, and is surer and surer
        side = 3 + 170 * index / 3000
        log.add(seen_on(index, (1, (0, 0, side, side), 0.05 + 0.95 * index / 3000, 0)))
    assert 5 < len(copies) <= MAX_COPIES
    (row,) = log.take()
    assert row.crop is not None and min(row.crop.width_px, row.crop.height_px) > 120


def test_where_no_crops_are_wanted_none_are_copied() -> None:
    assert all_of(TrackletLog("gate", NAMES, crops=False), [seen_on(0, (1, BOX, 0.9, 0))])[1].crop is None


def test_copies_that_are_held_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracklet_log, "MAX_HELD_PX", 50_000)
    log = TrackletLog("gate", NAMES)
    log.add(seen_on(0, *[(identity, BOX, 0.9, 0) for identity in range(1, 11)]))
    assert sum(one.crop is not None for one in log.take()) == 2
    log.add(seen_on(1, *[(identity, BOX, 0.9, 0) for identity in range(1, 11)]))
    assert sum(one.crop is not None for one in log.take()) == 2, "the next ones, now that there is room"


def test_identities_that_nobody_takes_are_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracklet_log, "MAX_OVER", 5)
    monkeypatch.setattr(tracklet_log, "MAX_OPEN", 8)
    drops = DropCounter()
    log = TrackletLog("gate", NAMES, drops=drops)
    for index in range(64):
        log.add(seen_on(index, (index + 1, BOX, 0.9, 0)))
    rows = log.take()
    assert sorted(one.track_id for one in rows if one.is_over) == [1, 2, 3, 4, 5]
    assert sum(not one.is_over for one in rows) == 8 and drops.by_cause() == {"tracklets": 64 - 8 - 5}


def test_what_was_predicted_is_seen_but_is_no_best_view() -> None:
    first = seen_on(0, (1, BOX, 0.5, 0))
    later = seen_on(1, (1, BOX, 0.9, 0))
    later.plan = InferencePlan("predicted")
    row = all_of(TrackletLog("gate", NAMES), [first, later])[1]
    assert (row.frames, row.best.frame, row.best_score) == (2, 0, 0.5)


def test_objects_without_identity_make_no_row() -> None:
    nobody = seen_on(0, (None, BOX, 0.9, 0))
    untracked = seen_on(1, (4, BOX, 0.9, 0))
    untracked.detections = untracked.detections.with_columns(track_id=None)
    assert all_of(TrackletLog("gate", NAMES), [nobody, untracked, seen_on(2)]) == {}
