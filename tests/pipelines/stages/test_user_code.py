"""User code in a running pipeline: what it may change, and that whatever it does the stream lives on."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import streamvision
from streamvision.core.errors import ConfigError
from streamvision.core.status import StageStatus
from support import stage_examples
from support.tiny_detector import tiny_detector

FILE = "synthetic:drive?fps=30&size=320x180&frames={}&realtime=0"
LIVE = "synthetic:drive?fps=30&size=320x180"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


def run(
    model: Path, *stages: Any, frames: int = 12, **options: Any
) -> tuple[list[streamvision.StreamResult], tuple[StageStatus, ...]]:
    with streamvision.stream(FILE.format(frames), model=model, score=0.1, stages=stages, **options) as results:
        found = list(results)
        return found, results.statuses()[0].stages


def patient(function: str, **settings: Any) -> dict[str, Any]:
    return {"path": f"support.stage_examples:{function}", "budget_ms": 5000, **settings}


def test_a_stage_may_change_the_objects(model: Path) -> None:
    before, _ = run(model)
    after, (status,) = run(model, patient("only_first"))
    assert max(len(result.detections) for result in before) > 1
    assert {len(result.detections) for result in after} <= {0, 1}
    assert (status.name, status.state, status.done, status.failures) == ("only_first", "running", 12, 0)


def test_a_stage_may_change_the_picture_for_everybody_behind_it(model: Path) -> None:
    found, _ = run(model, patient("paints", options={"level": 9}), frames=2)
    assert {int(result.bgr.max()) for result in found} == {9}
    assert found[0].frame.picture.to_bgr().max() == 9


def test_a_stage_may_draw_and_tell(model: Path, tmp_path: Path) -> None:
    lines = tmp_path / "d.jsonl"
    plain, _ = run(model, frames=3)
    found, _ = run(model, patient("Counts", options={"start": 10}), frames=3, detections=lines)
    told = [json.loads(line)["stage_events"] for line in lines.read_text().splitlines()]
    assert [event["values"]["frames"] for (event,) in told] == [11, 12, 13]
    assert {(event["stage"], event["name"]) for (event,) in told} == {("Counts", "seen")}
    drawn, before = found[0].annotated_bgr, plain[0].annotated_bgr
    assert np.any(drawn[:40, :40] != before[:40, :40])


def test_each_stream_has_an_instance_of_its_own(model: Path) -> None:
    sources = {"a": FILE.format(4), "b": FILE.format(7)}
    last: dict[str, int] = {}
    for result in streamvision.stream(sources, model=model, stages=[stage_examples.Counts]):
        (event,) = result.result.stage_events
        last[result.stream_id] = event["values"]["frames"]
    assert last == {"a": 4, "b": 7}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("raises", r"KeyError: 'no such plate' \(stage_examples.py, line \d+\)"),
        ("exits", "SystemExit: enough"),
        ("wrong_type", "it returned str; a stage returns None, Detections"),
        ("wrong_size", r"its picture is \(3, 3, 3\) uint8, not \(180, 320, 3\)"),
    ],
)
def test_a_stage_that_raises_or_returns_nonsense_is_switched_off_and_the_stream_lives_on(
    model: Path, function: str, words: str
) -> None:
    found, (status,) = run(model, patient(function, give_up_after=4), frames=20)
    assert [result.frame.index for result in found] == list(range(20))
    assert (status.state, status.done, status.failures, status.skipped) == ("off", 0, 4, 16)
    assert re.search(words, status.reason), status.reason
    assert status.reason.startswith("switched off after 4 errors in a row")


def test_a_stage_that_recovers_is_not_switched_off(model: Path) -> None:
    calls = 0

    @streamvision.stage(budget_ms=5000, give_up_after=3)
    def moody(view: streamvision.StageView) -> None:
        nonlocal calls
        calls += 1
        if calls % 3:
            raise ValueError("not now")

    _, (status,) = run(model, moody, frames=12)
    assert (status.failures, status.done) == (8, 4)
    assert status.state in ("running", "failing")


def test_a_stage_that_sleeps_costs_one_budget_and_is_skipped_from_then_on(model: Path) -> None:
    begin_s = time.monotonic()
    found, (status,) = run(model, patient("sleeps", budget_ms=50, options={"seconds": 600.0}), frames=30)
    assert len(found) == 30
    assert time.monotonic() - begin_s < 200, "it sleeps for 600 s"
    assert (status.state, status.overruns, status.skipped, status.done) == ("late", 1, 29, 0)
    assert status.reason.startswith("took longer than its 50 ms; busy for")


def test_a_live_stream_goes_on_beside_a_stage_that_is_always_late(model: Path) -> None:
    slow = patient("sleeps", budget_ms=10, options={"seconds": 0.2})
    with streamvision.stream(LIVE, model=model, stages=[slow]) as results:
        for _ in results:
            (status,) = results.statuses()[0].stages
            if status.overruns > 2:
                break
    assert status.skipped > 0


def test_what_came_too_late_is_never_used(model: Path) -> None:
    def late(view: streamvision.StageView) -> np.ndarray:
        time.sleep(0.1)
        return np.zeros_like(view.bgr)

    found, _ = run(model, streamvision.stage(budget_ms=5)(late), frames=20)
    assert all(result.bgr.max() > 0 for result in found)


def test_what_a_stage_did_not_finish_can_be_hidden(model: Path) -> None:
    plain, _ = run(model, frames=3)
    hidden, _ = run(model, patient("raises", unfinished="hide"), frames=3)
    for before, after in zip(plain, hidden, strict=True):
        assert after.bgr.shape == before.bgr.shape
        assert detail(after.bgr) < detail(before.bgr) / 5


def detail(bgr: np.ndarray) -> float:
    return float(np.abs(np.diff(bgr.astype(np.float32), axis=1)).max())


def test_stages_run_in_their_order(model: Path) -> None:
    seen: list[int] = []

    @streamvision.stage(budget_ms=5000)
    def looks(view: streamvision.StageView) -> None:
        seen.append(int(view.bgr.max()))

    run(model, patient("paints", options={"level": 3}), looks, patient("paints", options={"level": 5}), frames=2)
    assert seen == [3, 3]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("support.stage_examples:nothing", "has no 'nothing'"),
        ("support.no_such_module:f", "cannot be imported: ModuleNotFoundError"),
        ("nowhere.py:f", "cannot be imported"),
        ("support.stage_examples", "path"),
        ("support.stage_examples:__doc__", "cannot be called"),
    ],
)
def test_code_that_is_not_there_is_said_before_anything_runs(model: Path, path: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        streamvision.stream(FILE.format(1), model=model, stages=[path])


def test_options_that_do_not_fit_are_said_before_anything_runs(model: Path) -> None:
    with pytest.raises(ConfigError, match="does not take its options"):
        streamvision.stream(FILE.format(1), model=model, stages=[patient("paints", options={"colour": 1})])


def test_a_stage_may_stand_in_a_file(model: Path, tmp_path: Path) -> None:
    code = tmp_path / "mine.py"
    code.write_text("def first(view):\n    return view.detections[:1]\n")
    found, (status,) = run(model, {"path": f"{code}:first", "budget_ms": 5000}, frames=3)
    assert status.done == len(found) == 3


def test_speeds_follow_their_objects_when_a_stage_takes_some_away(model: Path) -> None:
    from pipelines.stages.user_code import _reordered
    from streamvision.core.analysis import Analysis

    def found(*identities: int | None) -> streamvision.Detections:
        count = len(identities)
        ids = np.ma.array([i or 0 for i in identities], np.int64, mask=[i is None for i in identities])
        boxes = np.zeros((count, 4), np.float32)
        return streamvision.Detections(boxes, np.ones(count, np.float32), np.zeros(count, np.int32), ids)

    moved = _reordered(Analysis(speed_kmh=np.array([10.0, 20.0, np.nan])), found(1, 2, None), found(2, None, 9))
    assert moved is not None and moved.speed_kmh is not None
    assert np.array_equal(moved.speed_kmh, [20.0, np.nan, np.nan], equal_nan=True)


def test_a_decorated_function_is_still_that_function() -> None:
    decorate: Callable[[Any], Any] = streamvision.stage(budget_ms=20)
    assert decorate(stage_examples.only_first) is stage_examples.only_first
    del stage_examples.only_first.__streamvision_stage__  # type: ignore[attr-defined]


def test_an_error_that_names_an_address_is_told_without_its_password(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(view: streamvision.StageView) -> None:
        raise OSError("cannot reach rtsp://admin:p@ss/word@camera/live?token=word " + "x" * 100_000)

    _, (status,) = run(model, unreachable, frames=3)
    assert "rtsp://***@camera/live?token=***" in status.reason
    assert "word" not in status.reason
    assert len(status.reason) < 400
    ours = [record.getMessage() for record in caplog.records if "unreachable" in record.getMessage()]
    assert ours and not any("word" in message for message in ours)
