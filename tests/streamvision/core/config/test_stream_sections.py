"""A section of one stream: what it leaves out is as the run has it."""

from __future__ import annotations

from typing import Any

import pytest

from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.section import Section
from streamvision.core.errors import ConfigError

ZONE = {"name": "yard", "points": [[0, 0], [1, 0], [1, 1]]}
LINE = {"name": "door", "points": [[0, 0], [1, 1]]}


def as_the_stream_sees_it(section: str, run: Any, own: Any) -> Any:
    """Return a section of a stream as plain values, as it counts; ``own``: what the stream says, ``None``: nothing."""
    stream = {"source": "synthetic:boxes", **({} if own is None else {section: own})}
    config = parse_config({"model": {"path": "x.onnx"}, "streams": [stream], section: run}, origin="test")
    found: Section = getattr(config.for_stream(config.streams[0]), section)
    return found.model_dump(mode="json", exclude_defaults=True)


@pytest.mark.parametrize(
    ("section", "run", "own", "together"),
    [
        ("overlay", {"trails_s": 0, "boxes": False}, {"labels": False},
         {"trails_s": 0, "boxes": False, "labels": False}),
        ("overlay", {"labels": False}, {"labels": True}, {}),
        ("tracker", {"name": "sort", "memory_s": 3}, {"class_agnostic": False},
         {"name": "sort", "memory_s": 3, "class_agnostic": False}),
        ("tracker", {"name": "sort", "memory_s": 3}, "bytetrack", {"name": "bytetrack", "memory_s": 3}),
        ("tracker", {"name": "sort", "memory_s": 3}, {"name": "steady"}, {"memory_s": 3}),
        ("tracker", {"name": "none"}, {"memory_s": 3}, {"name": "none", "memory_s": 3}),
        ("tracker", {"name": "botsort", "appearance": "x.onnx", "appearance_head": "embed"}, {"memory_s": 3},
         {"name": "botsort", "appearance": "x.onnx", "appearance_head": "embed", "memory_s": 3}),
        ("tracker", {"name": "botsort", "appearance": "x.onnx", "appearance_head": "embed"}, "sort", {"name": "sort"}),
        ("tracker", {"name": "theirs", "options": {"a": 1}}, {"options": {"b": 2}},
         {"name": "theirs", "options": {"b": 2}}),
        ("tracker", {"name": "theirs", "options": {"a": 1}}, "sort", {"name": "sort"}),
        ("slices", {"tiles": "auto", "overlap": 0.4}, {"match_metric": "iou"},
         {"tiles": "auto", "overlap": 0.4, "match_metric": "iou"}),
        ("slices", {"tiles": "auto", "overlap": 0.4}, "4x2", {"tiles": "4x2", "overlap": 0.4}),
        ("slices", "auto", False, {}),
        ("adaptive", {"mode": "adaptive", "full_frames_per_s": 9}, {"refresh_s": 5},
         {"mode": "adaptive", "full_frames_per_s": 9, "refresh_s": 5}),
        ("adaptive", {"mode": "adaptive", "full_frames_per_s": 9}, {"full_frames_per_s": 1},
         {"mode": "adaptive", "full_frames_per_s": 9}),
    ],
)  # fmt: skip
def test_a_stream_changes_the_keys_that_it_gives(section: str, run: Any, own: Any, together: dict[str, Any]) -> None:
    assert as_the_stream_sees_it(section, run, own) == together


def test_lines_and_zones_of_a_stream_take_the_place_of_the_runs() -> None:
    run = {"zones": [ZONE], "heat_map": {"show": True}}
    assert as_the_stream_sees_it("analytics", run, {"lines": [LINE]}).keys() == {"lines"}
    assert as_the_stream_sees_it("analytics", run, {}) == {}
    assert as_the_stream_sees_it("analytics", run, None).keys() == {"zones", "heat_map"}


@pytest.mark.parametrize("section", ["overlay", "tracker", "slices", "adaptive", "analytics"])
def test_a_stream_that_says_nothing_is_as_the_run_is(section: str) -> None:
    run = {
        "overlay": {"trails_s": 1.0},
        "tracker": {"memory_s": 3.0},
        "slices": {"overlap": 0.4},
        "adaptive": {"refresh_s": 5.0},
        "analytics": {"lines": [LINE]},
    }[section]
    assert as_the_stream_sees_it(section, run, None).keys() == run.keys()


def test_rules_for_trackers_look_at_what_counts() -> None:
    one_tracks = {"source": "synthetic:boxes", "tracker": {"name": "sort"}}
    none_tracks = {"source": "synthetic:boxes", "tracker": {"memory_s": 2}}
    document = {"model": {"path": "x.onnx"}, "tracker": {"name": "none"}, "outputs": {"table": "objects.csv"}}
    assert isinstance(parse_config({**document, "streams": [one_tracks]}, origin="test"), AppConfig)
    with pytest.raises(ConfigError, match="the tracker is none"):
        parse_config({**document, "streams": [none_tracks]}, origin="test")
