"""A network that fails now and then, that hangs, and that is broken: what becomes of the streams, and who is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines import inference_threads
from pipelines.engine import Pipeline
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.errors import ModelAwayError, ModelError, ModelRefusedError
from streamvision.core.status import StreamStatus
from streamvision.inference.backends import open_backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from streamvision.web.app import create_app

LIVE = "synthetic:boxes?fps=10&size=160x120"


def config_of(data_dir: Path, *streams: dict[str, Any], timeout_s: float = 10.0, **more: Any) -> AppConfig:
    path = data_dir / "models" / "yolox_nano.onnx"
    model = {"path": path, "threads": 1, "requests": 1, "call_timeout_s": timeout_s}
    return parse_config({"model": model, "streams": list(streams)} | more, origin="test")


def with_fault(model: Model, fault: Callable[[int], None]) -> Model:
    """Let a fault be asked before each call of the network; it may raise or wait."""
    run, calls = model.backend.run, iter(range(1_000_000))

    def faulty(tensor: np.ndarray) -> list[np.ndarray]:
        fault(next(calls))
        return run(tensor)

    model.backend.run = faulty  # type: ignore[method-assign]
    return model


def raising(*calls: int) -> Callable[[int], None]:
    def fault(call: int) -> None:
        if call in calls:
            raise RuntimeError("CUDA error: device busy")

    return fault


@contextmanager
def hanging_from(first: int) -> Iterator[Callable[[int], None]]:
    over = threading.Event()

    def fault(call: int) -> None:
        if call >= first:
            over.wait(250)
            raise RuntimeError("the test is over")

    try:
        yield fault
    finally:
        over.set()


def until(condition: Callable[[], object], what: str, timeout_s: float = 90) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.05)


def assert_balanced(status: StreamStatus) -> None:
    assert status.frames_in == status.frames_done + sum(status.drops.values()), status


def test_one_error_costs_no_frame(data_dir: Path) -> None:
    config = config_of(data_dir, {"source": str(data_dir / "videos" / "car-detection.mp4")}, max_frames=20)
    pipeline = Pipeline(config, model=with_fault(Model.open(config.model), raising(3, 9)))
    with pipeline:
        assert pipeline.wait(200)
    (status,) = pipeline.statuses()
    assert (status.frames_in, status.frames_done, status.drops) == (20, 20, {})
    assert not pipeline.failures()


def test_a_frame_that_fails_twice_is_given_up_and_counted(data_dir: Path) -> None:
    streams = {"source": LIVE, "id": "a"}, {"source": LIVE, "id": "b"}
    config = config_of(data_dir, *streams, max_frames=20)
    pipeline = Pipeline(config, model=with_fault(Model.open(config.model), raising(3, 4, 9, 10)))
    with pipeline:
        assert pipeline.wait(200)
    for status in pipeline.statuses():
        assert_balanced(status)
    assert sum(status.drops.get("inference_failed", 0) for status in pipeline.statuses()) == 2
    assert not pipeline.failures()


def test_a_network_that_always_fails_ends_the_run(data_dir: Path) -> None:
    config = config_of(data_dir, {"source": LIVE})
    pipeline = Pipeline(config, model=with_fault(Model.open(config.model), raising(*range(5, 100))))
    with pipeline:
        assert pipeline.wait(200)
    assert pipeline.failures() == ["inference failed: RuntimeError('CUDA error: device busy')"]
    (status,) = pipeline.statuses()
    assert_balanced(status)
    assert (status.frames_done, status.drops["inference_failed"]) == (5, 5)


def test_a_server_that_refuses_one_batch_after_another_is_waited_for(data_dir: Path) -> None:
    """One that is full, or begins its model anew, is ready and refuses all the same."""
    refuses = threading.Event()

    def fault(call: int) -> None:
        if refuses.is_set():
            raise ModelRefusedError("the server answers that its queue is full")

    config = config_of(data_dir, {"source": LIVE})
    with Pipeline(config, model=with_fault(Model.open(config.model), fault)) as pipeline:

        def status() -> StreamStatus:
            return pipeline.statuses()[0]

        until(lambda: status().frames_done > 2, "it runs")
        refuses.set()
        until(lambda: "its queue is full" in status().reason, "it is said")
        until(lambda: status().drops.get("model_away"), "live frames are dropped")
        assert status().state == "live" and status().drops["inference_failed"] == 4
        refuses.clear()
        done = status().frames_done
        until(lambda: status().frames_done > done + 2, "it is used again")
        assert not pipeline.failures() and not status().reason
    assert_balanced(pipeline.statuses()[0])


def test_a_network_that_hangs_is_seen_and_opened_again(data_dir: Path) -> None:
    streams = {"source": LIVE, "id": "a"}, {"source": LIVE, "id": "b"}
    config = config_of(data_dir, *streams, timeout_s=8.0)
    with hanging_from(10) as fault:
        pipeline = Pipeline(config, model=with_fault(Model.open(config.model), fault))
        page = create_app(pipeline.view).test_client()
        with pipeline:
            until(lambda: page.get("/readyz").status_code == 200, "ready")
            until(lambda: page.get("/readyz").status_code == 503, "unready while it hangs")
            answer = page.get("/readyz").json
            assert any("finished no frame for" in sentence for sentence in answer["missing"]), answer
            assert set(answer["newest_age_s"]) == {"a", "b"}
            until(lambda: page.get("/readyz").status_code == 200, "ready again")
            before = [status.frames_done for status in pipeline.statuses()]
            until(
                lambda: all(s.frames_done > n + 5 for s, n in zip(pipeline.statuses(), before, strict=True)),
                "both streams go on",
            )
    for status in pipeline.statuses():
        assert_balanced(status)
    assert sum(status.drops.get("inference_hung", 0) for status in pipeline.statuses()) == 1
    assert not pipeline.failures()


def test_a_network_that_hangs_and_cannot_be_opened_again_ends_the_run(data_dir: Path) -> None:
    config = config_of(data_dir, {"source": LIVE}, timeout_s=1.0)
    backend = open_backend(config.model.path)
    given = Model(backend, read_card(backend, path=config.model.path), config.model)
    with pytest.raises(ModelError, match="not opened from a file"):
        given.reopened()
    with hanging_from(10) as fault:
        pipeline = Pipeline(config, model=with_fault(given, fault))
        with pipeline:
            assert pipeline.wait(200)
            begin_s = time.monotonic()
        assert time.monotonic() - begin_s < 60
    (failure,) = pipeline.failures()
    assert "the network has not answered for" in failure
    assert "cannot be opened again" in failure
    assert_balanced(pipeline.statuses()[0])


def test_a_network_that_hangs_while_its_server_is_away_is_waited_for(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_threads, "AWAY_PAUSE_S", 0.2)
    config = config_of(data_dir, {"source": LIVE}, timeout_s=2.0)
    model, is_back = Model.open(config.model), threading.Event()
    open_again = model._open_again

    def opened_again() -> Model:
        if not is_back.is_set():
            raise ModelAwayError("the server does not answer")
        assert open_again is not None
        return open_again()

    model._open_again = opened_again
    with hanging_from(10) as fault, Pipeline(config, model=with_fault(model, fault)) as pipeline:
        until(lambda: "the server does not answer; for" in pipeline.statuses()[0].reason, "it is said")
        is_back.set()
        done = pipeline.statuses()[0].frames_done
        until(lambda: pipeline.statuses()[0].frames_done > done + 3, "it goes on")
        assert not pipeline.statuses()[0].reason
    assert not pipeline.failures()
    assert_balanced(pipeline.statuses()[0])


def test_stopping_is_quick_while_the_network_hangs_and_the_outputs_are_whole(data_dir: Path, tmp_path: Path) -> None:
    lines = tmp_path / "d.jsonl"
    config = config_of(data_dir, {"source": LIVE}, outputs={"detections": lines, "record": tmp_path / "v.mp4"})
    with hanging_from(10) as fault:
        pipeline = Pipeline(config, model=with_fault(Model.open(config.model), fault))
        with pipeline:
            until(lambda: pipeline.statuses()[0].pending_s > 1.0, "it hangs")
            begin_s = time.monotonic()
        assert time.monotonic() - begin_s < 60
    assert not pipeline.failures()
    assert_balanced(pipeline.statuses()[0])
    assert len(lines.read_text().splitlines()) == pipeline.statuses()[0].frames_done == 10


def test_what_is_lost_before_decoding_has_come_too(data_dir: Path, tmp_path: Path) -> None:
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((90, 160, 3), 60, np.uint8))
    (tmp_path / "3.png").write_bytes(b"no picture")
    config = config_of(data_dir, {"source": str(tmp_path)})
    with Pipeline(config) as pipeline:
        assert pipeline.wait(200)
    (status,) = pipeline.statuses()
    assert (status.frames_in, status.frames_done, status.drops) == (6, 5, {"unreadable": 1})
