"""Streams shared out over processes: the same results, one page, and a process that dies takes only its own streams."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipelines.engine import Pipeline
from pipelines.workers import WorkerPool, remote
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.errors import ConfigError, ModelError, OutputError
from streamvision.web.app import create_app
from support.tiny_detector import tiny_detector

FILE = "synthetic:drive?fps=30&size=320x180&frames=20&realtime=0&seed={}"
LIVE = "synthetic:drive?fps=10&size=320x180&seed={}"


def never_numbers(path: Path) -> Path:
    """Write a detector whose outputs are all NaN."""
    picture = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])
    nodes = [
        helper.make_node("ReduceMin", ["images"], ["least"], keepdims=1),
        helper.make_node("Sub", ["least", "two"], ["below"]),
        helper.make_node("Sqrt", ["below"], ["none"]),
        helper.make_node("Reshape", ["none", "one"], ["single"]),
        helper.make_node("Expand", ["single", "shape"], ["output0"]),
    ]
    stored = [
        numpy_helper.from_array(np.array([2], np.float32), "two"),
        numpy_helper.from_array(np.array([1, 1, 1]), "one"),
        numpy_helper.from_array(np.array([1, 84, 84]), "shape"),
    ]
    out = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 84, 84])
    graph = helper.make_graph(nodes, "never numbers", [picture], [out], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {"task": "detect", "names": str({n: f"c{n}" for n in range(80)}), "stride": "32"})
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


def config_of(model: Path, *sources: str, **more: Any) -> AppConfig:
    streams = [{"source": source, "id": f"s{number}"} for number, source in enumerate(sources)]
    document = {"model": {"path": model, "score": 0.1}, "streams": streams, "workers": 2, **more}
    return parse_config(document, origin="test")


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    """What the shared run said before it was started."""
    return {}


@pytest.fixture(scope="module")
def run(model: Path, before: dict[str, Any]) -> Iterator[WorkerPool]:
    """Two live streams in two processes, with a page, for all tests that harm nothing."""
    pool = WorkerPool(config_of(model, LIVE.format(1), LIVE.format(2), serve={"port": 0}))
    before |= {"times": pool.view.stage_times(), "states": [status.state for status in pool.statuses()]}
    with pool:
        yield pool


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 120.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_results_are_those_of_one_process_and_files_are_shared(model: Path, tmp_path: Path) -> None:
    sources = [FILE.format(seed) for seed in (1, 2, 3)]
    lines: dict[str, dict[str, list[Any]]] = {}
    for name, kind in (("one", Pipeline), ("two", WorkerPool)):
        folder = tmp_path / name
        folder.mkdir()
        outputs = {"detections": folder / "d.jsonl", "mot": folder / "m.txt", "events": folder / "e.csv"}
        with kind(config_of(model, *sources, outputs=outputs)) as run:
            assert run.wait(300)
            assert not run.failures()
        assert [(s.id, s.state, s.frames_done) for s in run.statuses()] == [(f"s{n}", "ended", 20) for n in range(3)]
        files = sorted(path.name for path in folder.iterdir())
        assert files == [
            "d.jsonl",
            "e.csv",
            "m.s0.txt",
            "m.s1.txt",
            "m.s2.txt",
        ]
        assert len((folder / "e.csv").read_text().splitlines()) == 1, "the header is written once"
        rows = [json.loads(line) for line in (folder / "d.jsonl").read_text().splitlines()]
        lines[name] = {f"s{n}": [row for row in rows if row["stream"] == f"s{n}"] for n in range(3)}
        assert {"decode", "inference", "track"} <= run.stages_ms().keys()
    assert lines["one"] == lines["two"]
    assert any(row["objects"] for row in lines["one"]["s0"])


def test_a_process_that_dies_takes_only_its_own_streams(model: Path) -> None:
    with WorkerPool(config_of(model, LIVE.format(1), LIVE.format(2))) as run:
        wait_until(lambda: len(run.statuses()) == 2 and all(s.frames_done for s in run.statuses()))
        run._workers[0]._process.kill()
        wait_until(lambda: bool(run.failures()))
        assert run.failures() == ["worker process 0 with s0 ended unexpectedly (code -9)"]
        assert run.statuses()[0].state == "failed"
        done = run.statuses()[1].frames_done
        wait_until(lambda: run.statuses()[1].frames_done > done)
        assert not run.wait(0)


def test_a_process_that_hangs_is_seen_and_holds_up_nobody(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SILENT_S", 2.0)
    with WorkerPool(config_of(model, LIVE.format(1), LIVE.format(2), serve={"port": 0})) as run:
        page = create_app(run.view).test_client()
        wait_until(lambda: page.get("/readyz").status_code == 200 and all(s.frames_done for s in run.statuses()))
        os.kill(run.pids[0], signal.SIGSTOP)
        wait_until(lambda: run.statuses()[0].state == "stalled")
        hung, other = run.statuses()
        assert "its worker process has told nothing for" in hung.reason
        assert hung.newest_age_s is not None and hung.newest_age_s > 2
        wait_until(lambda: "stream s0 has finished no frame" in str(page.get("/readyz").get_json()["missing"]))
        assert run.view.analytics["s0"].report() == {}
        wait_until(lambda: run.statuses()[1].frames_done > other.frames_done)
        os.kill(run.pids[0], signal.SIGCONT)
        wait_until(lambda: run.statuses()[0].state == "live" and page.get("/readyz").status_code == 200)
        os.kill(run.pids[0], signal.SIGSTOP)
    assert run._workers[0]._process.poll() is not None, "it is ended with the run"
    assert [status.state for status in run.statuses()] == ["stopped", "stopped"] and run.failures() == []


def test_stopping_keeps_one_deadline_and_is_no_failure(model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dead = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live"
        run = WorkerPool(config_of(model, dead, dead, dead, dead))
        with run:
            wait_until(lambda: {status.state for status in run.statuses()} == {"connecting"})
            begin_s = time.monotonic()
            run.stop(3.0)
            assert time.monotonic() - begin_s < 11.5, "and not 3 s for each of four"
    assert run.failures() == []
    assert {status.state for status in run.statuses()} == {"stopped"}


def test_an_output_that_cannot_be_opened_ends_the_start_with_its_reason(model: Path, tmp_path: Path) -> None:
    record = tmp_path / "v.mp4"
    run = WorkerPool(config_of(model, LIVE.format(1), LIVE.format(2), outputs={"record": record}))
    (tmp_path / "v.s1.mp4").mkdir()
    with pytest.raises(OutputError, match=r"v\.s1\.mp4"):
        run.start()


def test_what_is_refused_is_said_as_in_one_process(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        WorkerPool(config_of(broken, LIVE.format(1), LIVE.format(2)))
    with pytest.raises(OutputError, match="there is no folder"):
        WorkerPool(config_of(model, LIVE.format(1), outputs={"mot": tmp_path / "missing" / "m.txt"}))


def test_outputs_that_are_no_numbers_are_counted_over_all_processes(tmp_path: Path) -> None:
    model = never_numbers(tmp_path / "never.onnx")
    with WorkerPool(config_of(model, *(FILE.format(seed) for seed in (1, 2)))) as run:
        assert run.wait(300)
        assert not run.failures()
    assert run.notes()[-1].startswith("On 40 pictures the model gave values that are no numbers")


# --- of the shared run; last, so that it does not run beside the others -----------------------------------------------


def test_questions_before_the_start_harm_nothing(run: WorkerPool, before: dict[str, Any]) -> None:
    assert before == {"times": {}, "states": ["idle", "idle"]}
    wait_until(lambda: all(status.frames_done for status in run.statuses()))
    assert not run.failures()


def test_pictures_cross_only_for_those_who_watch(run: WorkerPool) -> None:
    channels = run.view.channels
    wait_until(lambda: all(channel.latest is not None for channel in channels.values()))
    unwatched = channels["s0"].latest
    assert unwatched is not None
    assert unwatched.jpeg().startswith(b"\xff\xd8"), "fetched, where somebody wants a snapshot"
    assert unwatched.result.frame.age_s() < 60
    with channels["s1"].watching():
        wait_until(lambda: (newest := channels["s1"].latest) is not None and newest._jpeg is not None)
        wait_until(lambda: {s.id: s.viewers for s in run.statuses()} == {"s0": 0, "s1": 1})
    wait_until(lambda: {s.id: s.viewers for s in run.statuses()} == {"s0": 0, "s1": 0})


def test_regions_are_edited_across_processes(run: WorkerPool) -> None:
    control = run.view.analytics["s1"]
    line = {"name": "door", "points": [[0.5, 0.0], [0.5, 1.0]]}
    control.apply(AnalyticsConfig.model_validate({"lines": [line]}))
    assert [one.name for one in control.config.lines] == ["door"]
    assert "door" in control.report()["lines"]
    with pytest.raises(ConfigError, match="no-such-class"):
        control.apply(AnalyticsConfig.model_validate({"lines": [{**line, "classes": ["no-such-class"]}]}))
    assert [one.name for one in control.config.lines] == ["door"]


def test_a_process_that_is_asked_all_the_time_still_reports(run: WorkerPool) -> None:
    done = run.statuses()[1].frames_done
    wait_until(lambda: run.view.analytics["s1"].report() is not None and run.statuses()[1].frames_done > done + 5)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not bind processes to cores")
def test_each_process_keeps_to_its_own_cores(run: WorkerPool) -> None:
    usable = os.sched_getaffinity(0)
    if len(usable) < 2:
        pytest.skip("needs two cores")
    first, second = (os.sched_getaffinity(pid) for pid in run.pids)
    assert first | second == usable
    assert not first & second
