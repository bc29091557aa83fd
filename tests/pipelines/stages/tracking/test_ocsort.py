"""What sets OC-SORT apart."""

from __future__ import annotations

from pipelines.stages.tracking.sort import OcSort, Sort
from streamvision.core.detections import Detections
from support.moving_boxes import Box, at, found, watch


def stops(t_s: float) -> Box:
    """A box that moves fast until 1 s and then stands still."""
    left = 100 + 600 * min(t_s, 1.0)
    return (left, 200, left + 60, 360)


def test_an_object_that_stopped_out_of_sight_is_recovered_where_it_was_last_seen() -> None:
    """The filter lets it fly on; only the last observation still overlaps. SORT is the twin that loses it."""
    seen = {}
    for kind in (OcSort, Sort):
        tracker = kind(report_score=0.25)
        watch(tracker, at(30, 1), lambda t: found(stops(t)))
        watch(tracker, at(30, 0.5, begin_s=1), lambda t: Detections.empty())
        seen[kind] = watch(tracker, at(30, 0.5, begin_s=1.5), lambda t: found(stops(t)))[-1]
    assert seen == {OcSort: [1], Sort: [2]}


def test_after_a_gap_the_filter_believes_the_straight_line_over_it() -> None:
    tracker = OcSort(report_score=0.25, smooth=True)
    watch(tracker, at(30, 1), lambda t: found(stops(t)))
    watch(tracker, at(30, 0.5, begin_s=1), lambda t: Detections.empty())
    after = [tracker.update(found(stops(t)), pts_s=t) for t in at(30, 0.3, begin_s=1.5)]
    assert all(abs(float(one.box_xyxy_px[0, 0]) - 700) < 30 for one in after)


def test_of_two_that_overlap_equally_the_one_ahead_is_taken() -> None:
    tracker = OcSort(report_score=0.25)
    watch(tracker, at(30, 1), lambda t: found((100 + 90 * t, 200, 160 + 90 * t, 360)))
    ahead, behind = (190 + 18, 200, 250 + 18, 360), (190 - 18, 200, 250 - 18, 360)
    result = tracker.update(found(behind, ahead), pts_s=1.0)
    assert result.identities() == [None, 1]
