"""Streams and settings that are changed while they run are there again after a restart, in either database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streamvision.service.service import Service
from streamvision.state.streams import read_streams
from support.serving import BOXES, Served, serving, write_config

Start = Callable[..., Any]
LINE = {"name": "door", "points": [[0.5, 0.0], [0.5, 1.0]]}


def test_what_is_changed_while_it_runs_is_there_after_a_restart(start: Start, database_place: str) -> None:
    with start(database_place) as served:
        assert served.add() == "boxes"
        assert served.add(id="gate", policy="live") == "gate"
        assert served.add(id="gone") == "gone"
        status, answer = served.ask("PATCH", "/api/streams/gate", {"loop": True, "analytics": {"lines": [LINE]}})
        assert status == 200
        assert answer == {"id": "gate", "source": BOXES, "policy": "live", "loop": True, "analytics": {"lines": [LINE]}}
        assert served.ask("DELETE", "/api/streams/gone") == (204, None)
        changes = {"overlay": {"labels": False}, "score": 0.4, "layout": {"columns": 3}}
        assert served.ask("PATCH", "/api/settings", changes)[0] == 200
        assert served.stream_ids() == ["boxes", "gate"]
    with start(database_place) as served:
        assert served.stream_ids() == ["boxes", "gate"]
        assert served.get("/api/streams/gate/config") == answer
        settings = served.get("/api/settings")
        assert (settings["overlay"]["labels"], settings["overlay"]["boxes"]) == (False, True)
        assert (settings["score"], settings["layout"]) == (0.4, {"columns": 3})
        assert served.get("/api/streams/gate/analytics")["config"]["lines"][0]["name"] == "door"


def test_lines_drawn_on_the_page_are_there_after_a_restart(start: Start, tmp_path: Path) -> None:
    with start(str(tmp_path / "state")) as served:
        served.add(id="gate", analytics={"zones": [{"name": "yard", "points": [[0, 0], [1, 0], [1, 1]]}]})
        drawn = served.get("/api/streams/gate/analytics")["config"] | {"lines": [LINE], "zones": []}
        assert served.ask("POST", "/api/streams/gate/analytics", drawn)[0] == 200
        config = served.get("/api/streams/gate/analytics")["config"]
        assert [len(config["lines"]), len(config["zones"])] == [1, 0]
    with start(str(tmp_path / "state")) as served:
        assert served.get("/api/streams/gate/analytics")["config"] == config


def test_null_means_the_default_again(start: Start, tmp_path: Path) -> None:
    with start(str(tmp_path / "state")) as served:
        served.add(id="gate", policy="live", analytics={"lines": [LINE], "speed": None})
        patch = {"policy": None, "analytics": {"lines": None}}
        assert served.ask("PATCH", "/api/streams/gate", patch)[1] == {"id": "gate", "source": BOXES, "analytics": {}}
        assert served.ask("PATCH", "/api/settings", {"score": 0.7})[1]["score"] == 0.7
        assert served.ask("PATCH", "/api/settings", {"score": None})[1]["score"] == 0.05


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("POST", "/api/streams", {"source": BOXES, "id": "gate"}, 409, "there is a stream 'gate' already"),
        ("POST", "/api/streams", {}, 400, "'source' is missing"),
        ("POST", "/api/streams", {"source": "missing.mp4"}, 400, "'missing.mp4' does not exist"),
        ("POST", "/api/streams", {"source": BOXES, "colour": 1}, 400, "unknown key 'colour'"),
        ("POST", "/api/streams", {"source": BOXES, "id": "a/b"}, 400, "id: "),
        (
            "POST",
            "/api/streams",
            {"source": "gst:fakesrc ! filesink"},
            400,
            "can do more than give pictures",
        ),
        ("POST", "/api/streams", {"source": ["-", "a.mp4"]}, 400, "can do more than give pictures"),
        ("POST", "/api/streams", [1], 400, "no JSON object"),
        ("POST", "/api/streams", {"source": "rtsp://***@cam/"}, 400, "write the secret itself"),
        ("PATCH", "/api/streams/nobody", {"loop": True}, 404, "there is no stream 'nobody'; the streams are: gate"),
        ("PATCH", "/api/streams/gate", {"loop": 7}, 400, "loop: "),
        ("PATCH", "/api/streams/gate", {"source": None}, 400, "'source' is missing"),
        ("PATCH", "/api/streams/gate", {"id": "other"}, 400, "stays 'gate'"),
        ("PATCH", "/api/streams/gate", {"source": "gst:fakesrc"}, 400, "can do more than give pictures"),
        ("PATCH", "/api/streams/gate", {"analytics": {"lines": [{**LINE, "classes": ["x"]}]}}, 400, "the class 'x'"),
        ("DELETE", "/api/streams/nobody", None, 404, "there is no stream 'nobody'"),
        ("GET", "/api/streams/nobody/config", None, 404, "there is no stream 'nobody'"),
        ("PATCH", "/api/settings", {"serve": {}}, 400, "unknown key 'serve'"),
        ("PATCH", "/api/settings", {"score": 2}, 400, "model.score"),
        ("PATCH", "/api/settings", {"layout": [1]}, 400, "layout must be a JSON object"),
        ("PATCH", "/api/settings", {"layout": {"x": "y" * 40000}}, 400, "at most 32768 bytes"),
        ("POST", "/api/streams/test-picture", {"source": "missing.mp4"}, 400, "does not exist"),
        ("POST", "/api/streams/test-picture", {"source": "gst:fakesrc"}, 400, "can do more than give pictures"),
        ("POST", "/api/streams/test-picture", {}, 400, "'source' is missing"),
    ],
)
def test_what_is_refused_is_one_sentence_and_changes_nothing(
    unchanged: Served, method: str, path: str, body: Any, status: int, sentence: str
) -> None:
    served = unchanged
    before = _all_that_is_set(served.service)
    found, answer = served.ask(method, path, body)
    assert (found, set(answer)) == (status, {"error"})
    assert sentence in answer["error"] and "\n" not in answer["error"]
    assert _all_that_is_set(served.service) == before
    assert served.stream_ids() == ["gate"]


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("service")
    with serving(str(folder / "state"), folder / "state", write_config(folder / "cameras.yaml", model)) as served:
        served.add(id="gate")
        yield served


def _all_that_is_set(service: Service) -> str:
    with service.database.reading() as connection:
        return json.dumps([str(read_streams(connection)), service.layers.exported()])
