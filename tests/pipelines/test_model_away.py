"""A model's server that goes and comes back, beside a model that is loaded here: who notices, and who does not."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from exporters.repository import write_repository
from pipelines.engine import Pipeline
from pipelines.model_away import ModelAway
from streamvision.core.config.app import parse_config
from streamvision.core.errors import ModelAwayError
from streamvision.core.status import StreamStatus
from support.model_servers import Triton
from support.serving import until
from support.tiny_detector import tiny_detector

pytest.importorskip("tritonclient.grpc")
LIVE = "synthetic:boxes?fps=10&size=160x120"
FRAMES = 6000


def film(path: Path) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    for _ in range(FRAMES):
        writer.write(picture)
    writer.release()
    return path


@pytest.mark.parametrize(("protocol", "beside_a_file"), [("http", True), ("grpc", False)])
def test_a_server_is_killed_and_comes_back_under_running_streams(
    tmp_path: Path, protocol: str, beside_a_file: bool, caplog: pytest.LogCaptureFixture
) -> None:
    tiny_detector(tmp_path / "tiny.onnx")
    write_repository(tmp_path / "tiny.onnx", tmp_path / "models", platform="python")
    server = Triton(tmp_path / "models", tmp_path / "scratch")
    with server:
        file = [{"id": "file", "source": str(film(tmp_path / "film.avi"))}] if beside_a_file else []
        config = parse_config(
            {
                "model": {"path": server.address("tiny", protocol), "call_timeout_s": 20},
                "models": {"here": {"path": str(tmp_path / "tiny.onnx"), "threads": 1, "requests": 1}},
                "streams": [
                    {"id": "live", "source": LIVE},
                    {"id": "other", "source": LIVE, "model": "here"},
                    *file,
                ],
                "serve": {},
            },
            origin="test",
        )
        with Pipeline(config) as pipeline, caplog.at_level(logging.WARNING):

            def status(name: str) -> StreamStatus:
                return next(one for one in pipeline.statuses() if one.id == name)

            until(lambda: all(one.frames_done > 3 for one in pipeline.statuses()), "all run")
            server.kill()
            until(lambda: "the server does not answer" in status("live").reason, "it is said")
            assert status("live").state == "live"
            causes = ["model_away"] + ["newer_frame"] * beside_a_file  # all calls may wait with frames of the file
            until(lambda: sum(status("live").drops.get(one, 0) for one in causes) > 3, "live frames are dropped")
            if beside_a_file:
                waiting = status("file").frames_done
                assert waiting < FRAMES
            before = status("other")
            until(lambda: status("other").frames_done > before.frames_done + 5, "the other stream goes on")
            assert status("other").drops == before.drops and status("other").reason == ""
            server.start()
            done = status("live").frames_done
            until(lambda: status("live").frames_done > done + 5, "it is used again")
            assert status("live").reason == ""
            if beside_a_file:
                until(lambda: status("file").frames_done > waiting, "the file waited and goes on")
                assert status("file").drops == {}
    said = [record.getMessage() for record in caplog.records if record.name == "pipelines.model_away"]
    gone, back = said[::2], said[1::2]  # a server that is being killed may answer once more
    assert len(gone) == len(back) >= 1, said
    assert all("live frames are dropped and files wait" in one for one in gone), said
    assert all("the model's server is back after" in one for one in back), said
    assert not pipeline.failures()
    for one in pipeline.statuses():
        assert one.frames_in == one.frames_done + sum(one.drops.values()), one


def test_a_run_stops_while_the_server_is_away(tmp_path: Path) -> None:
    tiny_detector(tmp_path / "tiny.onnx")
    write_repository(tmp_path / "tiny.onnx", tmp_path / "models", platform="python")
    server = Triton(tmp_path / "models", tmp_path / "scratch")
    with server:
        streams = [{"id": "file", "source": str(film(tmp_path / "film.avi"))}]
        config = parse_config({"model": {"path": server.address("tiny")}, "streams": streams}, origin="test")
        with Pipeline(config) as pipeline:
            until(lambda: pipeline.statuses()[0].frames_done > 3, "it runs")
            server.kill()
            until(lambda: pipeline.statuses()[0].reason, "it is said")
        (status,) = pipeline.statuses()
    assert status.drops.keys() == {"stopped"} and status.frames_done < FRAMES
    assert status.frames_in == status.frames_done + sum(status.drops.values())


def test_one_thread_asks_and_the_pause_grows() -> None:
    away = ModelAway()
    assert not away.waits() and away.reason is None
    away.note(ModelAwayError("no answer"))
    away.note(ModelAwayError("no answer"))  # of a call that was under way
    assert away.waits() and away.reason is not None and away.reason.startswith("no answer; for 0 s")
    until(lambda: not away.waits(), "it is to be asked")
    assert away.waits(), "somebody asks already"
    away.over()
    assert not away.waits() and away.reason is None
