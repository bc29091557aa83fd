"""Streams of a head on nodes that come, go and are cut off; the nodes are threads, all else is real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.outputs.sink import SinkContext
from streamvision.cluster import head as head_module
from streamvision.cluster import machines as machines_module
from streamvision.cluster import node as node_module
from streamvision.cluster.head import ClusterPipeline
from streamvision.core.config.app import parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError, OutputError, StreamVisionError
from streamvision.core.rendered_frame import RenderedFrame
from support.cluster_of_threads import ClusterOfThreads
from support.serving import EVERYWHERE, until
from support.tiny_detector import tiny_detector

WITHIN_S = 120.0
SOURCE = "synthetic:boxes?fps=5&size=160x120"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


class Written:
    """An output of every stream that remembers its frames."""

    name = "written"

    def __init__(self) -> None:
        self.frames: dict[str, list[int]] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        self.may_open = threading.Event()
        self.may_open.set()
        self.fault: StreamVisionError | None = None

    def __call__(self, context: SinkContext) -> Written:
        assert self.may_open.wait(WITHIN_S)
        self.names[context.stream_id] = context.names
        if self.fault is not None:
            raise self.fault
        return self

    def write(self, rendered: RenderedFrame) -> None:
        frame = rendered.result.frame
        self.frames.setdefault(frame.stream_id, []).append(frame.index)

    def close(self) -> None:
        pass


class Head:
    def __init__(self, pipeline: ClusterPipeline, cluster: ClusterOfThreads, written: Written) -> None:
        self.pipeline, self.cluster, self.written = pipeline, cluster, written

    def add(self, *names: str, source: str = SOURCE, **settings: object) -> None:
        for name in names:
            self.pipeline.add_stream(StreamConfig(id=name, source=source, **settings))  # type: ignore[arg-type]

    def places(self) -> dict[str, str | None]:
        return {status.id: status.node for status in self.pipeline.statuses()}

    def live(self) -> set[str]:
        return {status.id for status in self.pipeline.statuses() if status.state == "live" and status.frames_done}


StartHead = Callable[..., Head]


@pytest.fixture
def head(model: Path) -> Iterator[StartHead]:
    begun: list[ClusterPipeline] = []

    def start(cluster: ClusterOfThreads, *, lease_s: float = 20.0, quiet_s: float = 0.0) -> Head:
        cluster_section = {"address": "auto", "lease_s": lease_s}
        config = parse_config({"model": {"path": str(model)}, "cluster": cluster_section}, origin="test")
        written = Written()
        pipeline = ClusterPipeline(config, cluster, sinks=[written], quiet_s=quiet_s)
        pipeline.start()
        begun.append(pipeline)
        return Head(pipeline, cluster, written)

    yield start
    for pipeline in begun:
        pipeline.stop()


def test_streams_are_spread_over_the_nodes_and_their_results_come_in_order(head: StartHead) -> None:
    here = head(ClusterOfThreads("north", "south"))
    here.add("a", "b", "c", "d")
    until(lambda: here.live() == set("abcd"), "all are live")
    assert sorted(here.places().values()) == ["north", "north", "south", "south"]
    until(lambda: all(len(frames) >= 4 for frames in here.written.frames.values()), "frames of all")
    for frames in here.written.frames.values():
        assert frames == sorted(set(frames)), "a frame came twice, or out of order"
    assert here.pipeline.view.channels["a"].names, "the names of the model's classes are known"
    assert "2 machines" in here.pipeline.view.model
    assert {"inference", "analytics"} <= here.pipeline.stages_ms().keys()


def test_what_a_cut_off_node_ran_runs_elsewhere_after_it_has_ended_there(head: StartHead) -> None:
    here = head(ClusterOfThreads("north", "south"), lease_s=5.0)
    here.add("a", "b", "c", "d")
    until(
        lambda: here.live() == set("abcd") <= here.written.frames.keys(), "all are live, and frames of each are written"
    )
    cut = here.cluster.nodes["north"]
    others = [name for name, node in here.places().items() if node == "south"]
    theirs = [name for name, node in here.places().items() if node == "north"]
    before = {name: here.written.frames[name][-1] for name in others}
    cut.reachable.clear()
    del here.cluster.there["north"]
    both: list[set[str]] = []

    def is_elsewhere() -> bool:
        both.append(cut.running() & here.cluster.nodes["south"].running())
        return all(here.places()[name] == "south" for name in theirs) and here.live() == set("abcd")

    until(is_elsewhere, "its streams are live elsewhere")
    assert not any(both), "a stream ran on two nodes"
    assert cut.ended_at_s is not None, "the node has not ended of itself"
    for name in others:
        since = [index for index in here.written.frames[name] if index > before[name]]
        (status,) = [status for status in here.pipeline.statuses() if status.id == name]
        missing = since[-1] - before[name] - len(since)
        assert 0 <= missing <= sum(status.drops.values()), "others lost frames on their way"


def test_what_is_found_arrives_though_answers_are_lost_and_pictures_cannot_be_drawn(head: StartHead) -> None:
    here = head(ClusterOfThreads("north"))
    here.add("a")
    until(lambda: here.live() == {"a"} and len(here.written.frames.get("a", ())) >= 2, "it runs")
    node, frames = here.cluster.nodes["north"], here.written.frames["a"]
    for _ in range(3):
        node.answers_to_lose, count = 4, len(frames)
        until(lambda count=count: not node.answers_to_lose and len(frames) > count, "it is heard again")  # type: ignore[misc]

    def failing(canvas: object) -> bytes:
        raise RuntimeError("no picture")

    node.node._outbox._encode = failing
    here.pipeline.view.channels["a"].add_viewer()
    count = len(frames)
    until(lambda: len(frames) > count + 2, "it goes on without pictures")
    assert frames == sorted(set(frames)), "results came twice, or out of order"
    missing = frames[-1] - frames[0] + 1 - len(frames)
    (status,) = here.pipeline.statuses()
    assert missing <= sum(status.drops.values()), "results were lost"
    assert here.cluster.nodes["north"] is node, "the node was given up"


def test_no_result_comes_before_the_names_of_its_classes(head: StartHead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "CONDITION_S", 1e9)
    here = head(ClusterOfThreads("north"))
    here.add("a", "b")
    until(lambda: here.written.names.keys() == {"a", "b"}, "outputs are opened")
    assert all(here.written.names.values()), here.written.names


def test_outputs_that_hang_or_fail_hinder_nobody_and_are_tried_again(
    head: StartHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_module, "OUTPUTS_RETRY_S", 0.2)
    here = head(ClusterOfThreads("north"))
    here.written.fault = OutputError("the disk is full")
    here.written.may_open.clear()
    here.add("a")
    until(lambda: here.pipeline._opening.locked(), "its output is about to be opened")
    done = here.pipeline.statuses()[0].frames_done
    until(lambda: here.pipeline.statuses()[0].frames_done > done, "the node is heard meanwhile")
    here.written.may_open.set()
    until(lambda: here.pipeline.failures() == ["stream a: the disk is full"], "it is said")
    here.written.fault = None
    until(lambda: bool(here.written.frames.get("a")) and not here.pipeline.failures(), "it is written after all")
    assert here.pipeline.statuses()[0].drops["not_written"] > 0


def test_a_node_goes_on_with_changes_after_one_that_failed(head: StartHead, monkeypatch: pytest.MonkeyPatch) -> None:
    here = head(ClusterOfThreads("north"))
    here.add("a", "b")
    until(lambda: here.live() == {"a", "b"}, "they run")
    pipeline = here.cluster.nodes["north"].node._pipeline
    remove = pipeline.remove_stream

    def failing(stream_id: str) -> None:
        monkeypatch.setattr(pipeline, "remove_stream", remove)
        raise RuntimeError("something unforeseen")

    monkeypatch.setattr(pipeline, "remove_stream", failing)
    here.pipeline.remove_stream("a")
    here.add("c")
    until(lambda: here.live() == {"b", "c"} and here.cluster.nodes["north"].running() == {"b", "c"}, "it is changed")


def test_a_head_waits_until_machines_have_ended_what_one_before_gave_them(head: StartHead) -> None:
    here = head(ClusterOfThreads("north"), quiet_s=3600.0)
    until(lambda: "1 machine" in here.pipeline.view.model, "north has joined")
    here.add("a")
    assert here.places() == {"a": None}
    here.pipeline._machines._quiet_s = 0.0
    until(lambda: here.live() == {"a"}, "it runs")


def test_a_stream_without_a_node_says_what_it_waits_for_and_begins_when_one_joins(head: StartHead) -> None:
    here = head(ClusterOfThreads("north", labels={"north": {"site": "north"}, "south": {"site": "south"}}))
    until(lambda: "1 machine" in here.pipeline.view.model, "north has joined")
    here.add("a", node_labels={"site": "south"})
    (status,) = here.pipeline.statuses()
    assert status.state == "connecting" and "site=south" in status.reason and status.node is None
    here.cluster.there["south"] = ClusterOfThreads("south", labels={"south": {"site": "south"}}).there["south"]
    until(lambda: here.live() == {"a"}, "it runs")
    assert here.places() == {"a": "south"}


def test_changes_reach_the_node_and_refusals_change_nothing(head: StartHead) -> None:
    here = head(ClusterOfThreads("north"))
    until(lambda: "1 machine" in here.pipeline.view.model, "north has joined")
    here.add("a")
    until(lambda: here.live() == {"a"}, "it runs")
    with pytest.raises(ConfigError, match="no-such-class"):
        here.pipeline.replace_stream("a", StreamConfig(id="a", source=SOURCE, classes=("no-such-class",)))
    assert here.places() == {"a": "north"}
    done = here.pipeline.statuses()[0].frames_done
    until(lambda: here.pipeline.statuses()[0].frames_done > done, "it goes on")
    here.pipeline.replace_stream("a", StreamConfig(id="a", source=SOURCE, name="Gate"))
    until(lambda: here.pipeline.statuses()[0].name == "Gate", "it is called so")
    here.pipeline.replace_stream("a", StreamConfig(id="a", source=SOURCE, enabled=False))
    until(lambda: not here.cluster.nodes["north"].running(), "it ended")
    assert here.pipeline.statuses()[0].state == "stopped"
    here.pipeline.remove_stream("a")
    assert not here.pipeline.statuses() and not here.pipeline.view.channels
    with pytest.raises(StreamVisionError, match="not-there"):
        here.add("b", source="/not-there.mp4")


def test_pictures_come_while_somebody_watches_and_when_one_is_asked_for(head: StartHead) -> None:
    here = head(ClusterOfThreads("north"))
    here.add("a")
    until(lambda: here.live() == {"a"} and here.pipeline.view.channels["a"].latest, "it runs")
    channel = here.pipeline.view.channels["a"]
    latest = channel.latest
    assert latest is not None and latest._jpeg is None, "nobody watched"
    assert _size_px(latest.jpeg()) == (160, 120)
    channel.add_viewer()
    until(lambda: channel.latest._jpeg is not None, "pictures come along")  # type: ignore[union-attr]
    assert _size_px(channel.latest.jpeg()) == (160, 120)  # type: ignore[union-attr]
    channel.remove_viewer()
    until(lambda: channel.latest._jpeg is None, "no pictures come along")  # type: ignore[union-attr]


def test_a_head_of_ray_that_is_away_for_long_ends_the_run(
    head: StartHead, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(machines_module, "HEAD_AWAY_S", 2.0)
    here = head(ClusterOfThreads("north"))
    may_answer = threading.Event()
    monkeypatch.setattr(here.cluster, "members", lambda: may_answer.wait(WITHIN_S) and [])
    until(lambda: "Ray's head has not answered for" in caplog.text, "it is said")
    may_answer.set()


def test_counts_go_on_where_the_next_node_begins(head: StartHead) -> None:
    here = head(ClusterOfThreads("north", "south"), lease_s=5.0)
    here.add("a", score=0.05, analytics={"zones": [EVERYWHERE]})
    analytics = here.pipeline.view.analytics["a"]

    def entered() -> int:
        zone: dict[str, int] = analytics.report()["zones"].get("all", {})
        return zone.get("entered", 0)

    def saved() -> int:
        ((_, counts),) = analytics.saved_counts()  # type: ignore[attr-defined]
        count: int = counts["entered"]
        return count

    until(lambda: analytics.saved_counts() and entered() >= 2, "two have come in")  # type: ignore[attr-defined]
    first = here.places()["a"]
    assert first is not None
    here.cluster.nodes[first].reachable.clear()
    counted = saved()
    assert counted >= 2
    until(lambda: here.places()["a"] not in (first, None) and entered() > counted, "the other goes on counting")
    until(lambda: saved() > counted, "what is written down goes on, too")
    assert analytics.recent(), "events are known here"


def _size_px(jpeg: bytes) -> tuple[int, int]:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.shape[1], picture.shape[0]
