"""A stream that is removed is gone at once, with its model: nothing waits for a garbage collector that comes rarely."""

from __future__ import annotations

import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pipelines.engine import Pipeline
from pipelines.stream import Stream
from streamvision.core.config.app import parse_config
from streamvision.core.config.stream import StreamConfig
from support.changes import LIVE, until, until_frames
from support.collector import no_collector
from support.tiny_detector import tiny_detector

ZONE = {"name": "all", "points": [[0, 0], [1, 0], [1, 1], [0, 1]], "anchor": "center", "crowd": 1}
LINE = {"name": "door", "points": [[0.5, 0.0], [0.5, 1.0]]}
IGNORED = [[0.0, 0.0], [0.2, 0.0], [0.0, 0.2]]
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as it is": ({}, {}),
    "with a model of its own": ({}, {"model": "other"}),
    "adaptive": ({"adaptive": {"mode": "adaptive"}}, {}),
    "in tiles": ({}, {"slices": "2x2"}),
    "without a network": ({"models": {"steps": {"path": "none", "steps": ["mog2"]}}}, {"model": "steps"}),
    "counted": ({"analytics": {"lines": [LINE], "zones": [ZONE]}}, {"ignore": [IGNORED]}),
    "watched": ({"serve": {"port": 0}}, {}),
    "read as a file": ({}, {"policy": "file"}),
}
"""What is set for the run, and for the stream that comes and goes."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


def parts_of(stream: Stream) -> dict[str, weakref.ref[Any]]:
    """Return what refers to all that must go with a stream, and to its model, as long as they live."""
    parts = {
        "stream": stream,
        "capture": stream.capture,
        "worker": stream.worker,
        "settings": stream.settings,
        "channel": stream.channel,
        "frame": stream.channel.latest,
        "group": stream.group,
        "model": stream.group.models.first,
    }
    return {name: weakref.ref(part) for name, part in parts.items()}


def until_gone(parts: dict[str, weakref.ref[Any]]) -> None:
    """Wait for threads that have the last frame in hand for a moment."""
    with suppress(AssertionError):
        until(lambda: all(part() is None for part in parts.values()), "all are gone", timeout_s=20)
    assert [name for name, part in parts.items() if part() is not None] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_removed_is_gone_at_once(kind: str, model: Path, tmp_path: Path) -> None:
    of_run, of_stream = KINDS[kind]
    opened = {"path": model, "threads": 1}
    document = {
        "model": opened,
        "models": {"other": opened},
        "streams": [{"source": LIVE, "id": "stays"}],
        "outputs": {"detections": tmp_path / "d.jsonl", "mot": tmp_path / "m.txt", "record": tmp_path / "v.mp4"},
    }
    with Pipeline(parse_config(document | of_run, origin="test"), service=True) as pipeline, no_collector():
        until_frames(pipeline, "stays")
        pipeline.add_stream(StreamConfig.model_validate({"source": LIVE, "id": "guest"} | of_stream))
        until_frames(pipeline, "guest")
        stream = pipeline._streams["guest"]
        assert isinstance(stream, Stream)
        parts = parts_of(stream)
        if stream.config.model is None:
            del parts["group"], parts["model"]  # which the other one has, too
        del stream
        pipeline.remove_stream("guest")
        until_gone(parts)
        until_frames(pipeline, "stays")


def test_what_a_stream_was_is_gone_when_it_begins_anew(model: Path) -> None:
    document = {"model": {"path": model, "threads": 1}, "streams": [{"source": LIVE, "id": "gate"}]}
    with Pipeline(parse_config(document, origin="test"), service=True) as pipeline, no_collector():
        until_frames(pipeline, "gate")
        stream = pipeline._streams["gate"]
        assert isinstance(stream, Stream)
        parts = parts_of(stream)
        for stays in ("channel", "group", "model"):
            del parts[stays]  # the viewers' channel stays, and the network is opened again only where nobody has it
        del stream
        pipeline.replace_stream("gate", StreamConfig(source="synthetic:boxes?fps=20&size=320x240"))
        until_gone(parts)
        until_frames(pipeline, "gate")
