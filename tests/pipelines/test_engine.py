"""The whole, in one process: streams keep to themselves, stopping is always possible, failures are reported."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from pipelines.assembly import name_streams
from pipelines.engine import Pipeline
from streamvision.core.boxes import overlapping
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError, ModelError, OutputError, SourceError
from streamvision.inference.backends import open_backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from support.reference_models import yolov8n_onnx
from support.tiny_detector import tiny_detector


def config_of(data_dir: Path, *streams: dict[str, Any], **more: Any) -> AppConfig:
    model = {"path": data_dir / "models" / "yolox_nano.onnx"}
    return parse_config({"model": model, "streams": list(streams)} | more, origin="test")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that costs next to nothing."""
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def video(data_dir: Path) -> str:
    return str(data_dir / "videos" / "car-detection.mp4")


def test_a_dead_camera_does_not_hold_up_a_file(data_dir: Path, video: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dead = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live"
        streams = {"source": dead, "id": "dead", "open_timeout_s": 60}, {"source": video, "id": "file"}
        config = config_of(data_dir, *streams, max_frames=40)
        pipeline = Pipeline(config)
        with pipeline:
            deadline_s = time.monotonic() + 120
            while (file := pipeline.statuses()[1]).frames_done < 40:
                assert time.monotonic() < deadline_s, file
                time.sleep(0.05)
            begin_s = time.monotonic()
        assert time.monotonic() - begin_s < 30, "stopping is quick though a connection attempt hangs"
    dead_status, file_status = pipeline.statuses()
    assert (dead_status.frames_in, dead_status.state) == (0, "stopped")
    assert (file_status.frames_done, file_status.drops) == (40, {})


def test_a_live_stream_beside_a_file_stays_fresh(data_dir: Path, video: str) -> None:
    live = {"source": "synthetic:boxes?fps=30&size=320x240", "id": "live"}
    pipeline = Pipeline(config_of(data_dir, live, {"source": video, "id": "file"}, max_frames=60))
    with pipeline:
        assert pipeline.wait(200)
    live_status, file_status = pipeline.statuses()
    assert live_status.frames_in == 60
    assert live_status.frames_done + sum(live_status.drops.values()) == 60
    assert live_status.age_s is not None
    assert live_status.age_s["p50"] < 20
    assert file_status.frames_done == 60
    assert not pipeline.failures()


@pytest.mark.parametrize("requests", [1, 3])
def test_frames_come_in_order_and_identities_are_the_streams_own(
    data_dir: Path, video: str, tiny: Path, tmp_path: Path, requests: int
) -> None:
    out = tmp_path / "d.jsonl"
    model = {"path": tiny, "requests": requests, "score": 0.05}
    streams = {"source": video, "id": "a"}, {"source": video, "id": "b"}
    config = config_of(data_dir, *streams, max_frames=40, outputs={"detections": out}, model=model)
    with Pipeline(config) as pipeline:
        assert pipeline.wait(200)

    lines = [json.loads(line) for line in out.read_text().splitlines()]
    by_stream = {name: [line for line in lines if line["stream"] == name] for name in "ab"}
    for rows in by_stream.values():
        assert [row["frame"] for row in rows] == list(range(40))
    assert any(row["objects"] for row in by_stream["a"])
    assert [r["objects"] for r in by_stream["a"]] == [r["objects"] for r in by_stream["b"]]


def test_the_recording_of_a_file_is_whole_though_a_camera_goes_on(data_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((90, 160, 3), 60, np.uint8))
    streams = {"source": "synthetic:boxes?fps=10&size=320x240"}, {"source": str(folder), "id": "short"}
    with Pipeline(config_of(data_dir, *streams, outputs={"record": tmp_path / "v.mp4"})) as pipeline:
        deadline_s = time.monotonic() + 120
        while recorded_frames(tmp_path / "v.short.mp4") < 5:
            assert time.monotonic() < deadline_s, "what the recorder holds is written when the stream is over"
            time.sleep(0.1)
        assert not pipeline.wait(0)


def recorded_frames(path: Path) -> int:
    try:
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0))
    except (OSError, av.FFmpegError):
        return 0


def test_a_model_is_never_overwritten(data_dir: Path, video: str, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.symlink_to(data_dir / "models" / "yolox_nano.onnx")
    document = {"model": {"path": model}, "streams": [{"source": video}], "outputs": {"detections": model}}
    with pytest.raises(OutputError, match="would overwrite"):
        Pipeline(parse_config(document, origin="test"))


def test_a_model_that_fails_midway_ends_the_run_with_a_sentence(data_dir: Path, video: str) -> None:
    config = config_of(data_dir, {"source": video})
    detector = Model.open(config.model)
    calls = 0
    run = detector.backend.run

    def failing(tensor: np.ndarray) -> list[np.ndarray]:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise ModelError("the device was lost; restart it")
        return run(tensor)

    detector.backend.run = failing  # type: ignore[method-assign]
    pipeline = Pipeline(config, model=detector)
    with pipeline:
        assert pipeline.wait(200)
    assert pipeline.failures() == ["the device was lost; restart it"]
    assert pipeline.statuses()[0].frames_done == 5


class UnevenBackend:
    """A real network of which every other call takes longer, so that results overtake each other."""

    requests = 3

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._calls = itertools.count()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        outputs: list[np.ndarray] = self._backend.run(tensor)
        time.sleep(0.03 * (next(self._calls) % 3))
        return outputs


def test_results_that_overtake_each_other_are_put_in_order_and_files_lose_nothing(
    data_dir: Path, video: str, tiny: Path, tmp_path: Path
) -> None:
    def lines(name: str, wrap: Callable[[Any], Any]) -> list[str]:
        out = tmp_path / name
        streams = {"source": video, "id": "a"}, {"source": video, "id": "b"}
        model = {"path": tiny, "score": 0.05}
        config = config_of(data_dir, *streams, max_frames=30, outputs={"detections": out}, model=model)
        backend = open_backend(config.model.path)
        detector = Model(wrap(backend), read_card(backend, path=config.model.path), config.model, score_floor=0.05)
        with Pipeline(config, model=detector) as pipeline:
            assert pipeline.wait(200)
        return sorted(out.read_text().splitlines(), key=lambda line: json.loads(line)["stream"])

    assert lines("uneven.jsonl", UnevenBackend) == lines("plain.jsonl", lambda backend: backend)


def test_a_live_stream_with_a_slow_model_stays_fresh_with_several_requests(data_dir: Path) -> None:
    config = config_of(data_dir, {"source": "synthetic:boxes?fps=30&size=320x240"}, max_frames=60)
    backend = open_backend(config.model.path)
    detector = Model(UnevenBackend(backend), read_card(backend, path=config.model.path), config.model)
    with Pipeline(config, model=detector) as pipeline:
        assert pipeline.wait(200)
    (status,) = pipeline.statuses()
    assert status.frames_done + sum(status.drops.values()) == 60
    assert status.age_s is not None
    assert status.age_s["p50"] < 20


def test_old_results_survive_a_run_that_cannot_begin(data_dir: Path, tmp_path: Path) -> None:
    kept = tmp_path / "d.jsonl"
    kept.write_text("precious\n")
    with pytest.raises(SourceError):
        Pipeline(config_of(data_dir, {"source": "/no/such.mp4"}, outputs={"detections": kept}))
    missing = config_of(
        data_dir, {"source": "synthetic:boxes"}, outputs={"detections": kept, "mot": tmp_path / "x" / "m"}
    )
    with pytest.raises(OutputError):
        Pipeline(missing)
    assert kept.read_text() == "precious\n"


def test_stopping_before_starting_and_twice_is_harmless(data_dir: Path) -> None:
    pipeline = Pipeline(config_of(data_dir, {"source": "synthetic:boxes"}))
    pipeline.stop()
    pipeline.stop()
    assert pipeline.statuses()[0].state == "stopped"


def test_streams_are_named_after_their_sources(video: str) -> None:
    streams = tuple(StreamConfig(source=source) for source in (video, video, "synthetic:boxes"))
    assert list(name_streams(streams)) == ["car-detection", "car-detection-2", "boxes"]
    with pytest.raises(ConfigError, match="'x'"):
        name_streams((StreamConfig(source=video, id="x"), StreamConfig(source=video, id="x")))


@pytest.mark.slow
@pytest.mark.reference
def test_adaptive_effort_finds_the_same_for_less(
    data_dir: Path, video: str, tmp_path: Path, reference_dir: Path
) -> None:
    model = {"path": yolov8n_onnx(data_dir, reference_dir, dynamic=True)}
    boxes: dict[str, list[list[list[float]]]] = {}
    for mode in ("full", "adaptive"):
        out = tmp_path / f"{mode}.jsonl"
        config = config_of(
            data_dir, {"source": video}, max_frames=100, outputs={"detections": out}, model=model, effort={"mode": mode}
        )
        with Pipeline(config) as pipeline:
            assert pipeline.wait(200)
        assert not pipeline.failures()
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert [line["frame"] for line in lines] == list(range(100))
        boxes[mode] = [[o["box_xyxy_px"] for o in line["objects"] if o["track_id"] is not None] for line in lines]
    (status,) = pipeline.statuses()
    assert status.adaptive is not None
    assert status.adaptive.share < 0.45 and sum(status.adaptive.plans.values()) == 100

    ious = []
    for full, adaptive in zip(boxes["full"], boxes["adaptive"], strict=True):
        for box in full:
            a, b = np.array([box]), np.array(adaptive).reshape(-1, 4)
            ious.append(max(overlapping(a, b).iou, default=0.0))
    assert len(ious) > 30
    assert np.mean(np.array(ious) > 0.7) > 0.9
