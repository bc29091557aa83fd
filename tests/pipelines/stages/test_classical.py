"""Without a network a stream's own stage finds objects, and all that comes behind works on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import streamvision
from pipelines.engine import Pipeline
from streamvision.core.config.app import parse_config
from support.changes import status_of, until
from support.tiny_detector import tiny_detector

GREEN = ["in_range:lower=45/100/80,upper=75/255/255", {"contours": {"name": "green"}}]
BOXES = "synthetic:boxes?frames=40&realtime=0&size=320x192&fps=10&seed={seed}"
LINE = {"name": "middle", "points": [[0.5, 0], [0.5, 1]], "anchor": "center"}


def config_of(*streams: dict[str, Any], steps: Any = GREEN, **more: Any) -> Any:
    document = {"model": {"path": "none", "steps": steps}, "streams": list(streams)}
    return parse_config(document | more, origin="test")


def boxes(seed: int, **more: Any) -> list[list[list[float]]]:
    results = streamvision.stream(BOXES.format(seed=seed), model="none", tracker="none", **more)
    return [result.detections.box_xyxy_px.round(2).tolist() for result in results]


def test_streams_do_not_share_their_background() -> None:
    alone = {seed: boxes(seed, steps=["mog2"]) for seed in (1, 2)}
    assert alone[1] != alone[2] and any(alone[1]) and any(alone[2])
    together: dict[str, list[list[list[float]]]] = {"1": [], "2": []}
    sources = [BOXES.format(seed=seed) for seed in (1, 2)]
    config = {"streams": [{"source": source, "id": str(seed)} for seed, source in zip((1, 2), sources, strict=True)]}
    for result in streamvision.stream(config=config, model="none", steps=["mog2"], tracker="none"):
        together[result.frame.stream_id].append(result.detections.box_xyxy_px.round(2).tolist())
    assert together == {str(seed): found for seed, found in alone.items()}


def test_the_score_is_how_much_of_its_box_an_object_fills() -> None:
    every, full = (boxes(3, steps=["mog2"], score=score) for score in (0.0, 0.9))
    assert 0 < sum(map(len, full)) < sum(map(len, every))


def test_objects_get_identities_and_are_counted() -> None:
    config = config_of({"source": BOXES.format(seed=3), "id": "one"}, analytics={"lines": [LINE]})
    with Pipeline(config) as pipeline:
        assert pipeline.wait(200)
    (status,) = pipeline.statuses()
    assert not pipeline.failures()
    assert status.identities["green"] >= 2
    assert set(status.identities) == {"green"}
    assert "lines" in status.analytics
    assert "detect" in pipeline.stages_ms() and "inference" not in pipeline.stages_ms()


def test_scores_masks_and_detection_change_while_it_runs() -> None:
    live = BOXES.replace("frames=40&realtime=0&", "").format(seed=3)
    config = config_of({"source": live, "id": "one"}, tracker={"name": "none"})
    with Pipeline(config) as pipeline:

        def shows(count: int) -> None:
            until(lambda: status_of(pipeline, "one").objects.get("green", 0) == count, f"{count} objects", 200)

        until(lambda: status_of(pipeline, "one").objects.get("green", 0) > 0, "objects", 200)
        begun = status_of(pipeline, "one").frames_in
        (stream,) = config.streams
        everywhere = [[0, 0], [1, 0], [1, 1], [0, 1]]
        for changed in ({"ignore": (everywhere,)}, {"detect": False}, {"classes": ()}):
            pipeline.replace_stream("one", stream.model_copy(update=changed))
            shows(0)
            pipeline.replace_stream("one", stream)
            until(lambda: status_of(pipeline, "one").objects.get("green", 0) > 0, "objects again", 200)
        assert status_of(pipeline, "one").frames_in > begun, "the stream did not begin anew"
        assert pipeline.failures() == []


def test_some_streams_have_a_network_and_some_none(tmp_path: Path) -> None:
    document = {
        "model": {"path": tiny_detector(tmp_path / "tiny.onnx")},
        "models": {"motion": {"path": "none", "steps": GREEN}},
        "streams": [
            {"source": BOXES.format(seed=3).replace("frames=40", "frames=4"), "id": "network"},
            {"source": BOXES.format(seed=3).replace("frames=40", "frames=4"), "id": "motion", "model": "motion"},
        ],
        "tracker": {"name": "none"},
    }
    with Pipeline(parse_config(document, origin="test")) as pipeline:
        assert pipeline.wait(200)
        objects = {status.id: status.objects for status in pipeline.statuses()}
        assert "in_range, contours of OpenCV on cpu, for green" in pipeline.view.model
    assert objects["motion"].get("green", 0) > 0
    assert "green" not in objects["network"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"slices": "auto"}, "slices is auto, which cuts pictures for a network, but the model is none"),
        ({"tracker": {"name": "botsort", "appearance": "people.onnx"}}, "tracker.appearance"),
        ({"steps": ["mog2", "open:ksize=2"]}, "give 3 or more"),
    ],
)
def test_what_needs_a_network_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(streamvision.StreamVisionError, match=said):
        Pipeline(config_of({"source": BOXES.format(seed=3)}, **more))
