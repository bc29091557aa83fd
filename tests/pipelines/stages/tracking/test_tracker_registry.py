"""Trackers by name."""

from __future__ import annotations

from typing import get_args

import pytest

from pipelines.stages.tracking import create_tracker
from pipelines.stages.tracking.registry import TRACKERS
from streamvision.core.config.app import TrackerConfig, TrackerName
from streamvision.core.detections import Detections
from support.moving_boxes import at, found, walker, watch


def test_none_is_no_tracker() -> None:
    assert create_tracker(TrackerConfig(name="none"), score=0.25) is None


def test_every_name_of_the_configuration_is_a_tracker() -> None:
    assert {*TRACKERS, "none"} == set(get_args(TrackerName))


@pytest.mark.parametrize("name", TRACKERS)
def test_each_stream_gets_a_tracker_of_its_own(name: str) -> None:
    config = TrackerConfig.model_validate({"name": name})
    one, two = create_tracker(config, score=0.25), create_tracker(config, score=0.25)
    assert isinstance(one, TRACKERS[name])
    assert one is not two


def test_the_settings_reach_the_tracker() -> None:
    tracker = create_tracker(TrackerConfig(memory_s=3, class_agnostic=True), score=0.7)
    assert tracker is not None
    watch(tracker, at(30, 1), lambda t: found(walker(t), class_id=1))
    watch(tracker, at(30, 2, begin_s=1), lambda t: Detections.empty())
    assert tracker.update(found(walker(3), class_id=2), pts_s=3.0).identities() == [1]
    assert len(tracker.update(found(walker(0, start_px=1500), score=0.69), pts_s=3.03)) == 0


def test_a_shorter_memory_and_strict_classes_reach_it_too() -> None:
    tracker = create_tracker(TrackerConfig(memory_s=1, class_agnostic=False), score=0.5)
    assert tracker is not None
    watch(tracker, at(30, 1), lambda t: found(walker(t), class_id=1))
    assert tracker.update(found(walker(1), class_id=2), pts_s=1.0).identities() == [None]


def test_a_tracker_without_tracks_is_still_a_tracker() -> None:
    """Callers write ``tracker.low_score if tracker else None``."""
    assert create_tracker(TrackerConfig(), score=0.25)
