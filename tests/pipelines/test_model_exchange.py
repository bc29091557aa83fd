"""A model takes another's place while streams run: no frame, no identity is lost, and from what fails one goes back."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import inference_threads
from pipelines.engine import Pipeline
from pipelines.first_model import FirstModel
from pipelines.model_group import ModelGroup
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ModelAwayError, ModelError
from streamvision.inference.model import Model
from support.changes import status_of, until, until_frames
from support.red_box_film import red_box_detector, red_box_film

FRAMES = 600
NAMES = ("cat", "dog", "fox")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return red_box_film(tmp_path_factory.mktemp("film") / "red.mp4", frames=FRAMES)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "first": red_box_detector(folder / "first.onnx"),
        "larger": red_box_detector(folder / "larger.onnx", side_px=128),
        "turned": red_box_detector(folder / "turned.onnx", names=("fox", "cat", "dog")),
        "more": red_box_detector(folder / "more.onnx", names=("owl", "fox", "elk"), found="fox", side_px=96),
    }


def config_of(model: Path, *streams: dict[str, Any], **more: Any) -> AppConfig:
    settings = {"path": model, "threads": 1, "requests": 2, "call_timeout_s": 5.0}
    return parse_config({"model": settings, "streams": list(streams)} | more, origin="test")


def group_of(pipeline: Pipeline) -> ModelGroup:
    (group,) = pipeline.model_groups.open
    return group


def beside(pipeline: Pipeline, path: Path, **more: Any) -> FirstModel:
    return group_of(pipeline).open_beside(ModelConfig(path=path, threads=1, **more))


def take_over(pipeline: Pipeline, model: FirstModel, told: list[str]) -> None:
    group_of(pipeline).exchange(model, slowest_s=None, on_going_back=told.append)


def lines_of(file: Path) -> dict[str, list[dict[str, Any]]]:
    streams: dict[str, list[dict[str, Any]]] = {}
    for line in map(json.loads, file.read_text().splitlines()):
        streams.setdefault(line["stream"], []).append(line)
    return streams


def failing_once_used(model: FirstModel, fault: Any) -> FirstModel:
    def run(tensor: np.ndarray) -> list[np.ndarray]:
        fault()
        raise RuntimeError("out of memory")

    model.model.backend.run = run  # type: ignore[method-assign]
    return model


def test_six_exchanges_lose_no_frame_and_no_identity(film: Path, models: dict[str, Path], tmp_path: Path) -> None:
    streams = [{"source": str(film), "id": name} for name in ("a", "b")]
    lines = tmp_path / "found.jsonl"
    line = {"name": "middle", "points": [[0.5, 0.0], [0.5, 1.0]], "classes": ["fox"]}
    config = config_of(models["first"], *streams, outputs={"detections": lines}, analytics={"lines": [line]})
    told: list[str] = []
    with Pipeline(config) as pipeline:
        for number, name in enumerate(("larger", "turned", "more", "first", "more", "turned"), start=1):
            opened = beside(pipeline, models[name], requests=1 + number % 3)
            done = 50 * number  # long before the end of the film, however busy the machine is
            until(lambda done=done: status_of(pipeline, "a").frames_done >= done, "frames")  # type: ignore[misc]
            take_over(pipeline, opened, told)
            until_frames(pipeline, "a")
            assert group_of(pipeline).models.first is opened.model
            group_of(pipeline).keep()
            assert pipeline.view.model.startswith(f"{name}.onnx")
        assert pipeline.wait(200)
        counted = [status_of(pipeline, name).analytics["lines"]["middle"] for name in ("a", "b")]
        assert pipeline.names == (*NAMES, "owl", "elk")
        assert not pipeline.failures() and not told
    for found in lines_of(lines).values():
        assert [one["frame"] for one in found] == list(range(FRAMES))
        seen = [one["objects"][0] for one in found if one["objects"]]
        assert len(seen) == FRAMES
        assert {one["class_name"] for one in seen} == {"fox"} and {one["class_id"] for one in seen} == {2}
        assert {one["track_id"] for one in seen} - {None} == {seen[-1]["track_id"]}
    crossings = sum(1 for number in range(1, FRAMES) if _crosses(number))
    totals = [sum(way["classes"]["fox"] for way in one.values()) for one in counted]
    assert all(abs(total - crossings) <= 1 for total in totals), (counted, crossings)


def test_copies_of_a_model_that_take_over_change_nothing_at_all(
    film: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    streams = [{"source": str(film), "id": name} for name in ("a", "b")]
    found = []
    for exchanges in (0, 6):
        lines = tmp_path / f"{exchanges}.jsonl"
        with Pipeline(config_of(models["first"], *streams, outputs={"detections": lines})) as pipeline:
            for number in range(1, exchanges + 1):
                opened = beside(pipeline, models["first"], requests=2)
                done = 50 * number
                until(lambda done=done: status_of(pipeline, "a").frames_done >= done, "frames")  # type: ignore[misc]
                take_over(pipeline, opened, [])
                group_of(pipeline).keep()
            assert pipeline.wait(200)
            assert not pipeline.failures()
        found.append(
            {
                name: [(one["frame"], one["pts_s"], one["objects"]) for one in rows]
                for name, rows in lines_of(lines).items()
            }
        )
    assert found[0] == found[1] and {len(rows) for rows in found[0].values()} == {FRAMES}


def _crosses(number: int) -> bool:
    before, now = (np.sin(at / 40) for at in (number - 1, number))
    return bool(before * now < 0)


def test_a_model_that_fails_on_its_first_frame_is_gone_back_from_and_no_frame_is_lost(
    film: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    lines = tmp_path / "found.jsonl"
    streams = [{"source": str(film), "id": name} for name in ("a", "b")]
    told: list[str] = []
    with Pipeline(config_of(models["first"], *streams, outputs={"detections": lines})) as pipeline:
        until_frames(pipeline, "a", 50)
        before = group_of(pipeline).models.first
        take_over(pipeline, failing_once_used(beside(pipeline, models["larger"]), lambda: None), told)
        until(lambda: told, "it is told")
        assert group_of(pipeline).models.first is before
        assert pipeline.model_groups.config.model.path == models["first"]
        assert pipeline.wait(200)
        assert not pipeline.failures()
    assert len(told) == 1 and "out of memory" in told[0]
    for found in lines_of(lines).values():
        assert [one["frame"] for one in found] == list(range(FRAMES))
        assert len({one["objects"][0]["track_id"] for one in found} - {None}) == 1


def test_a_model_that_hangs_on_trial_is_gone_back_from(film: Path, models: dict[str, Path]) -> None:
    told: list[str] = []
    over = threading.Event()
    with Pipeline(config_of(models["first"], {"source": str(film), "id": "a", "realtime": True})) as pipeline:
        until_frames(pipeline, "a")
        before = group_of(pipeline).models.first
        hanging = failing_once_used(beside(pipeline, models["larger"]), lambda: over.wait(60))
        group_of(pipeline).exchange(hanging, slowest_s=0.01, on_going_back=told.append)
        until(lambda: told, "it is told")
        until_frames(pipeline, "a")
        over.set()
        assert group_of(pipeline).models.first is before
        assert status_of(pipeline, "a").drops["inference_hung"] >= 1
    assert "has not answered for" in told[0]


def test_another_takes_over_while_a_call_of_the_present_one_hangs(film: Path, models: dict[str, Path]) -> None:
    hangs, over = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        over.wait(60)

    streams = [{"source": str(film), "id": name, "realtime": True} for name in ("a", "b")]
    with Pipeline(config_of(models["first"], *streams)) as pipeline:
        until_frames(pipeline, "a")
        opened = beside(pipeline, models["turned"])
        failing_once_used(group_of(pipeline).models.current, hang)
        assert hangs.wait(60)
        take_over(pipeline, opened, [])
        group_of(pipeline).keep()
        until_frames(pipeline, "a")
        until_frames(pipeline, "b")
        hung = "inference_hung"
        until(lambda: any(status.drops.get(hung) for status in pipeline.statuses()), "what hung is given up", 90)
        until_frames(pipeline, "a")
        assert group_of(pipeline).models.first is opened.model, "the one that took over stays"
        assert not pipeline.failures()
        over.set()


def test_another_takes_over_while_the_present_one_hangs_and_its_server_is_away(
    film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_threads, "AWAY_PAUSE_S", 0.2)
    over = threading.Event()

    def away() -> Model:
        raise ModelAwayError("the server does not answer")

    with Pipeline(config_of(models["first"], {"source": str(film), "id": "a", "realtime": True})) as pipeline:
        until_frames(pipeline, "a")
        opened = beside(pipeline, models["turned"])
        present = group_of(pipeline).models.current
        present.model._open_again = away
        failing_once_used(present, lambda: over.wait(60))
        until(lambda: "the server does not answer" in status_of(pipeline, "a").reason, "it is said", 90)
        take_over(pipeline, opened, [])
        until_frames(pipeline, "a")
        group_of(pipeline).keep()
        over.set()
        until_frames(pipeline, "a")
        assert group_of(pipeline).models.first is opened.model and not status_of(pipeline, "a").reason
        assert not pipeline.failures()


def test_a_model_that_was_closed_while_its_server_was_away_is_opened_again_when_it_takes_over_again(
    film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_threads, "AWAY_PAUSE_S", 0.2)
    over, told = threading.Event(), []

    def away() -> Model:
        raise ModelAwayError("the server does not answer")

    with Pipeline(config_of(models["first"], {"source": str(film), "id": "a", "realtime": True})) as pipeline:
        until_frames(pipeline, "a")
        opened = beside(pipeline, models["turned"])
        present = group_of(pipeline).models.current
        there = present.model._open_again
        present.model._open_again = away
        failing_once_used(present, lambda: over.wait(60))
        until(lambda: "the server does not answer" in status_of(pipeline, "a").reason, "it is said", 90)
        take_over(pipeline, failing_once_used(opened, lambda: None), told)
        until(lambda: told, "it is gone back from")
        until(lambda: "the server does not answer" in status_of(pipeline, "a").reason, "it is waited for", 90)
        over.set()
        present.model._open_again = there
        until_frames(pipeline, "a")
        assert not pipeline.failures() and not status_of(pipeline, "a").reason


def test_streams_that_come_and_go_meanwhile_fit_the_model_that_is_there(film: Path, models: dict[str, Path]) -> None:
    stop, faults = threading.Event(), []

    def come_and_go() -> None:
        try:
            while not stop.is_set():
                name = pipeline.add_stream(StreamConfig(source=str(film), id="guest", adaptive={"mode": "adaptive"}))
                until_frames(pipeline, name, 2)
                pipeline.remove_stream(name)
        except BaseException as error:
            faults.append(error)

    with Pipeline(config_of(models["first"], {"source": str(film), "id": "a", "realtime": True})) as pipeline:
        until_frames(pipeline, "a")
        thread = threading.Thread(target=come_and_go)
        thread.start()
        for name in ("more", "turned", "larger", "more") * 3:
            take_over(pipeline, beside(pipeline, models[name]), [])
            until_frames(pipeline, "a", 1)
            group_of(pipeline).keep()
        stop.set()
        thread.join(60)
        assert not faults and not pipeline.failures()
        (stream,) = group_of(pipeline).streams
        assert len(stream.settings.limits.lowest) == len(group_of(pipeline).models.names)
        assert not status_of(pipeline, "a").drops.keys() - {"newer_frame"}


def test_what_takes_over_last_must_be_kept_before_the_next_and_stopping_releases_both(
    film: Path, models: dict[str, Path]
) -> None:
    pipeline = Pipeline(config_of(models["first"], {"source": str(film), "id": "a", "realtime": True}))
    with pipeline:
        until_frames(pipeline, "a")
        group = group_of(pipeline)
        first, second, third = group.models.first, *(beside(pipeline, models[one]) for one in ("larger", "turned"))
        take_over(pipeline, second, [])
        with pytest.raises(ModelError, match="still on trial"):
            take_over(pipeline, third, [])
        third.close()
    for model in (first, second.model):
        with pytest.raises(ModelError, match="closed"):
            model.backend.run(np.zeros((1, 3, 64, 64), np.float32))
    with pytest.raises(ModelError, match="stopped"):
        take_over(pipeline, second, [])


def test_what_a_stream_is_changed_to_later_is_of_the_model_that_is_there(film: Path, models: dict[str, Path]) -> None:
    stream = {"source": str(film), "id": "a", "realtime": True}
    with Pipeline(config_of(models["first"], stream), service=True) as pipeline:
        until_frames(pipeline, "a")
        take_over(pipeline, beside(pipeline, models["more"]), [])
        group_of(pipeline).keep()
        running = group_of(pipeline).streams[0]
        pipeline.replace_stream("a", StreamConfig.model_validate(stream | {"classes": ["elk"], "score": 0.6}))
        assert group_of(pipeline).streams == (running,), "it did not begin anew"
        until_frames(pipeline, "a", 5)
        assert status_of(pipeline, "a").objects == {}
        pipeline.replace_stream("a", StreamConfig.model_validate(stream | {"classes": ["fox"]}))
        until(lambda: status_of(pipeline, "a").objects == {"fox": 1}, "the box is back")
        pipeline.remove_stream("a")
        pipeline.add_stream(StreamConfig.model_validate(stream))
        until_frames(pipeline, "a")
        assert pipeline.view.model.startswith("more.onnx"), "what is opened again is what took over"


def test_adaptive_inference_goes_on_where_the_new_model_takes_no_parts(film: Path, models: dict[str, Path]) -> None:
    stream = {"source": str(film), "id": "a", "adaptive": {"mode": "adaptive"}}
    config = parse_config(
        {"model": {"path": "road_signs", "threads": 1, "side_px": 320}, "streams": [stream]}, origin="test"
    )
    with Pipeline(config) as pipeline:
        until_frames(pipeline, "a", 8)
        for path in (models["first"], Path("road_signs"), models["larger"]):
            take_over(pipeline, beside(pipeline, path), [])
            group_of(pipeline).keep()
            until_frames(pipeline, "a", 8)
        assert not pipeline.failures() and not status_of(pipeline, "a").drops
        pipeline.stop()
