"""Streams and settings that are changed while they run are there again after a restart, in either database."""

from __future__ import annotations

import functools
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simplejpeg import decode_jpeg_header

from pipelines.rendering.renderer import JpegEncoder
from streamvision.core.errors import BusyError
from streamvision.core.picture import BgrPicture
from streamvision.service.service import Service
from streamvision.state.streams import read_streams
from support.serving import BOXES, Served, serving, until, write_config

Start = Callable[..., Any]
CORNER = [[0.0, 0.0], [0.2, 0.0], [0.0, 0.2]]
NESTED: dict[str, Any] = functools.reduce(lambda inner, _: {"x": inner}, range(900), {})
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


def test_what_a_stream_has_of_its_own_wins_over_the_run_which_changes_for_the_others(
    start: Start, tmp_path: Path, model: Path, config_file: Callable[..., Path]
) -> None:
    file = config_file(models={"second": {"path": str(model), "threads": 1}})
    with start(str(tmp_path / "state"), file=file) as served:
        served.add(id="own", name="Tür", score=0.6, overlay={"boxes": False}, model="second", ignore=[CORNER])
        served.add(id="off", enabled=False)
        served.add(id="plain")
        assert served.ask("PATCH", "/api/settings", {"score": 0.3, "overlay": {"labels": False}})[0] == 200
        settings = {name: served.service._running[name] for name in ("own", "plain")}
        assert (settings["own"].score, settings["own"].overlay.boxes) == (0.6, False)
        assert (settings["plain"].score, settings["plain"].overlay.labels) == (0.3, False)
        names = {one["id"]: (one["name"], one["state"]) for one in served.get("/api/streams")["streams"]}
        assert names["own"][0] == "Tür" and names["off"] == ("off", "stopped")
        models = served.get("/api/models")["models"]
        assert [(one["name"], one["default"], len(one["classes"])) for one in models] == [
            (None, True, 3), ("second", False, 3),
        ]  # fmt: skip
        assert served.ask("POST", "/api/streams", {"source": BOXES, "model": "third"})[0] == 400
        assert served.ask("PATCH", "/api/streams/off", {"enabled": True})[0] == 200
        until(lambda: served.get("/api/streams/off")["frames_done"] > 2, "it runs now")


def test_what_a_stream_leaves_out_of_a_section_follows_the_run(start: Start, tmp_path: Path) -> None:
    with start(str(tmp_path / "state")) as served:
        served.add(id="gate", overlay={"labels": False}, tracker={"memory_s": 3})

        def drawn() -> tuple[bool, bool, float]:
            overlay = served.service.pipeline._streams["gate"].settings.run.overlay
            return overlay.boxes, overlay.labels, overlay.trails_s

        assert drawn() == (True, False, 2)
        assert served.ask("PATCH", "/api/settings", {"overlay": {"boxes": False, "trails_s": 0}})[0] == 200
        assert drawn() == (False, False, 0)
        assert served.ask("PATCH", "/api/streams/gate", {"overlay": {"boxes": True}})[0] == 200
        assert drawn() == (True, False, 0)
        assert served.ask("PATCH", "/api/streams/gate", {"overlay": {"boxes": None}})[0] == 200
        assert drawn() == (False, False, 0)  # though the default is what was set before
        assert served.ask("PATCH", "/api/settings", {"overlay": None, "tracker": {"name": "sort"}})[0] == 200
        assert drawn() == (True, False, 2)
        tracker = served.service.pipeline._streams["gate"].settings.run.tracker
        assert (tracker.name, tracker.memory_s) == ("sort", 3)
        assert served.get("/api/streams/gate/config")["overlay"] == {"labels": False}
        assert served.ask("PATCH", "/api/streams/gate", {"overlay": None})[0] == 200
        assert drawn() == (True, True, 2)


def test_the_tiles_of_a_stream_are_changed_while_it_runs(start: Start, tmp_path: Path) -> None:
    with start(str(tmp_path / "state")) as served:
        served.add(id="gate")
        until(lambda: served.get("/api/streams/gate")["frames_done"] > 0, "it runs")
        running = served.service._running["gate"]
        assert served.ask("PATCH", "/api/streams/gate", {"slices": "2x2"})[1]["slices"] == {"tiles": "2x2"}
        status, answer = served.ask("PATCH", "/api/streams/gate", {"slices": "many"})
        assert status == 400 and "COLSxROWS" in json.dumps(answer)
        assert served.service._running["gate"].slices.tiles == "2x2" and running.slices is None
        assert served.ask("PATCH", "/api/streams/gate", {"slices": None})[0] == 200
        assert served.ask("PATCH", "/api/settings", {"slices": {"tiles": "auto", "overlap": 0.3}})[0] == 200
        assert served.get("/api/settings")["slices"]["overlap"] == 0.3


def test_a_stream_whose_source_is_not_there_at_the_start_is_told_and_tried_again(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamvision.service.service.RETRY_S", 0.5)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "a.jpg").write_bytes(JpegEncoder()(BgrPicture(np.zeros((64, 64, 3), np.uint8)).to_canvas()))
    with start(str(tmp_path / "state")) as served:
        served.add(source=str(pictures), id="files", loop=True, realtime=True)
        served.add(id="gate")
    hidden = pictures.rename(tmp_path / "hidden")
    with start(str(tmp_path / "state")) as served:
        until(lambda: served.stream_ids() == ["gate", "files"], "both are shown")
        (absent,) = [one for one in served.get("/api/streams")["streams"] if one["id"] == "files"]
        assert absent["state"] == "failed" and "does not exist" in absent["reason"]
        assert served.get("/api/streams/files")["reason"] == absent["reason"], "each answer knows it"
        status, ready = served.ask("GET", "/readyz")
        assert status == 503 and any("stream files is failed" in sentence for sentence in ready["missing"])
        assert served.ask("PATCH", "/api/settings", {"score": 0.5})[0] == 200
        assert served.ask("PATCH", "/api/streams/files", {"name": "Files"})[0] == 200
        status, answer = served.ask("PATCH", "/api/streams/files", {"source": "elsewhere.mp4"})
        assert status == 400 and "does not exist" in answer["error"]
        hidden.rename(pictures)
        until(lambda: served.get("/api/streams/files")["state"] != "failed", "it has begun")
        assert served.get("/api/streams/files")["name"] == "Files"
        assert served.service._running["files"].score == 0.5


def test_a_stream_that_cannot_end_yet_is_removed_and_ends_later(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamvision.service.service.RETRY_S", 0.5)
    with start(str(tmp_path / "state")) as served:
        served.add(id="gate")
        pipeline, busy = served.service.pipeline, [BusyError("stream 'gate' is in the middle of another change")]
        end = pipeline.remove_stream

        def remove(stream_id: str) -> None:
            if busy:
                raise busy.pop()
            end(stream_id)

        monkeypatch.setattr(pipeline, "remove_stream", remove)
        assert served.ask("DELETE", "/api/streams/gate")[0] == 204
        assert not busy
        until(lambda: served.stream_ids() == [] and not pipeline.view.channels, "it has ended")


def test_a_stream_that_is_wanted_again_before_it_could_end_stays(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(str(tmp_path / "state")) as served:
        served.add(id="gate")
        service, pipeline = served.service, served.service.pipeline
        config = service._running["gate"]

        def busy(*_: object) -> None:
            raise BusyError("stream 'gate' is in the middle of another change")

        with monkeypatch.context() as changed, service.changing():
            changed.setattr(pipeline, "remove_stream", busy)
            changed.setattr(pipeline, "replace_stream", busy)
            service._remove("gate")
            service._try_move("gate", config)
        service._retry()
        assert service._running["gate"] == config and not service._absent
        assert served.stream_ids() == ["gate"] and "gate" in pipeline.view.channels


def test_a_source_is_tried_for_seconds_only_and_few_at_a_time(
    unchanged: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, jpeg = unchanged.request("POST", "/api/streams/test-picture", {"source": BOXES})
    assert (status, decode_jpeg_header(jpeg)[:2]) == (200, (120, 160))
    monkeypatch.setattr("streamvision.service.trial.TRY_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        source = f"rtsp://user:geheim@127.0.0.1:{silent.getsockname()[1]}/live"
        with ThreadPoolExecutor(5) as pool:
            tries = [
                pool.submit(unchanged.ask, "POST", "/api/streams/test-picture", {"source": source}) for _ in range(5)
            ]
            answers = [one.result(60) for one in tries]
    assert sorted(status for status, _ in answers) == [400, 400, 400, 503, 503]
    sentences = sorted(answer["error"] for _, answer in answers)
    assert sum("sources are being tried already" in sentence for sentence in sentences) == 2
    assert not any("geheim" in sentence for sentence in sentences)
    picture = {"source": BOXES}
    until(lambda: unchanged.request("POST", "/api/streams/test-picture", picture)[0] == 200, "there is room again")


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
        ("POST", "/api/streams", {"source": ""}, 400, "source: is empty; give a value"),
        ("POST", "/api/streams", {"source": []}, 400, "source: is empty; give a value"),
        ("POST", "/api/streams", {"source": " "}, 400, "is empty; give"),
        ("POST", "/api/streams", {"source": BOXES, "id": "a b"}, 400, "id: give 1 to 64 letters"),
        ("POST", "/api/streams", {"source": BOXES, "name": ""}, 400, "name: give 1 to 80 characters on one line"),
        ("POST", "/api/streams", {"source": BOXES, "model": "third"}, 400, "no model has a name here; leave it out"),
        ("PATCH", "/api/settings", {"layout": {"x": float("nan")}}, 400, "not JSON"),
        ("PATCH", "/api/settings", {"layout": {"x": [float("-inf")]}}, 400, "not JSON"),
        ("PATCH", "/api/settings", {"layout": {"x": "\ud800"}}, 400, "not JSON"),
        ("PATCH", "/api/settings", {"layout": {"\udfff": 1}}, 400, "not JSON"),
        ("PATCH", "/api/streams/gate", {"name": "\ud800"}, 400, "not JSON"),
        ("POST", "/api/streams/gate/analytics", {"speed": float("inf")}, 400, "not JSON"),
        ("PATCH", "/api/streams/gate", {"analytics": NESTED}, 400, "not JSON"),
        ("PATCH", "/api/settings", {"overlay": NESTED}, 400, "not JSON"),
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


def test_a_password_by_reference_is_written_nowhere_when_its_source_changes(
    start: Start, tmp_path: Path, config_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_PASSWORD", "geheim-17")
    file = config_file({"id": "gate", "source": "rtsp://bob:${GATE_PASSWORD}@127.0.0.1:9/live"})
    with start(str(tmp_path / "state"), file=file) as served:
        shown = served.get("/api/streams/gate/config")["source"]
        assert shown == "rtsp://***@127.0.0.1:9/live"
        changed = {"source": shown.replace("live", "other"), "name": "Gate"}
        assert served.ask("PATCH", "/api/streams/gate", changed)[0] == 200
        exported = served.service.layers.exported()["streams"][0]
        assert exported["source"] == "rtsp://bob:${GATE_PASSWORD}@127.0.0.1:9/other"
        stored = read_stream_changes(served.service, "gate")
        assert stored == {"source": exported["source"], "name": "Gate"}
        refused = {"source": "http://***@127.0.0.1:9/other"}
        assert served.ask("PATCH", "/api/streams/gate", refused)[0] == 400


def read_stream_changes(service: Service, stream_id: str) -> dict[str, Any]:
    """Return what the database holds of a stream's changes."""
    with service.database.reading() as connection:
        return {one.id: dict(one.changes) for one in read_streams(connection).values()}[stream_id]


def test_a_key_that_is_cleared_stays_so(start: Start, config_file: Callable[..., Path], tmp_path: Path) -> None:
    tracker = {"name": "bytetrack", "memory_s": 3}
    with start(
        str(tmp_path / "state"), file=config_file({"id": "gate", "source": BOXES, "tracker": tracker})
    ) as served:

        def changed(**keys: Any) -> dict[str, Any]:
            status, answer = served.ask("PATCH", "/api/streams/gate", keys)
            assert status == 200, answer
            return answer.get("tracker", {})

        assert changed(tracker={"memory_s": None}) == {"name": "bytetrack"}
        assert changed(tracker=None) == {}
        assert changed(tracker={"name": "sort"}) == {"name": "sort"}  # and no memory_s of the file
        yard = served.add(id="yard", overlay={"boxes": False, "trails_s": None})  # null: the default, for new ones too
        assert served.get(f"/api/streams/{yard}/config")["overlay"] == {"boxes": False}
