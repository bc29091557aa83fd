"""Trackers by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.stages.tracking import TRACKERS, create_tracker
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from support.moving_boxes import at, found, walker, watch


def test_none_is_no_tracker() -> None:
    assert create_tracker(TrackerConfig(name="none"), score=0.25) is None


def test_an_unknown_tracker_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"'botsrt' is no tracker: did you mean 'botsort'\?"):
        create_tracker(TrackerConfig(name="botsrt"), score=0.25)


def test_options_are_for_trackers_that_have_some() -> None:
    with pytest.raises(ConfigError, match="sort has no options, but speed were given"):
        create_tracker(TrackerConfig(name="sort", options={"speed": 3}), score=0.25)


PACKAGE = """
from streamvision.core.config.section import Section
from pipelines.stages.tracking import TrackerPlugin
from pipelines.stages.tracking.sort import Sort


class Options(Section):
    match: float = 0.3


class Mine(Sort):
    def __init__(self, *, options, **shared):
        super().__init__(match=options.match, **shared)


MINE = TrackerPlugin(name="mine", factory="my_tracker:Mine", summary="a test", config="my_tracker:Options")
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put a package that adds a tracker where Python finds packages."""
    (tmp_path / "my_tracker.py").write_text(PACKAGE)
    info = tmp_path / "my_tracker-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-tracker\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[streamvision.trackers]\nmine = my_tracker:MINE\n")
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    vars(TRACKERS).pop("_entry_points", None)  # what was read before this package was there
    yield
    vars(TRACKERS).pop("_entry_points", None)


@pytest.mark.usefixtures("installed")
def test_another_package_adds_a_tracker_with_settings_of_its_own() -> None:
    config = TrackerConfig(name="mine", memory_s=3, options={"match": 0.6})
    tracker = create_tracker(config, score=0.25)
    assert type(tracker).__name__ == "Mine"
    watch(tracker, at(30, 1), walking := lambda t: found(walker(t)))
    assert tracker.update(walking(1), pts_s=1.0).identities() == [1]
    with pytest.raises(ConfigError, match="options of mine: unknown key 'matc': did you mean 'match'"):
        create_tracker(TrackerConfig(name="mine", options={"matc": 0.6}), score=0.25)


@pytest.mark.parametrize("name", TRACKERS.names())
def test_each_stream_gets_a_tracker_of_its_own(name: str) -> None:
    config = TrackerConfig.model_validate({"name": name})
    one, two = create_tracker(config, score=0.25), create_tracker(config, score=0.25)
    assert isinstance(one, TRACKERS.get(name).load())
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
