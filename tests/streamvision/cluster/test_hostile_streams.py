"""Streams that end the process of their machine, or hold it, and results that come while a stream moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamvision.cluster import scheduler as scheduler_module
from streamvision.cluster import suspects as suspects_module
from streamvision.cluster.head import ClusterPipeline
from streamvision.cluster.link import NodeGoneError
from streamvision.cluster.messages import Counted, NodeOrder, Orders, Told
from streamvision.cluster.ray_nodes import Member
from streamvision.core.config.app import parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.live import LiveChannel
from support.cluster_of_threads import ClusterOfThreads, ThreadNode
from support.serving import EVERYWHERE, until
from support.tiny_detector import tiny_detector

WITHIN_S = 120.0
SOURCE = "synthetic:boxes?fps=10&size=160x120"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


class CrashingNode(ThreadNode):
    """Its process ends as soon as it runs a stream that is called bad."""

    def exchange(self, orders: Orders, timeout_s: float) -> Told:
        if "bad" in self.running():
            self._end()
            raise NodeGoneError("its process is gone")
        return super().exchange(orders, timeout_s)


class HangingNode(ThreadNode):
    """It never comes back from the beginning of a stream that is called bad."""

    def __init__(self, order: NodeOrder) -> None:
        super().__init__(order)
        self.ended = threading.Event()
        begin = self.node._pipeline.add_stream

        def add_stream(stream: StreamConfig) -> str:
            if stream.id == "bad":
                self.ended.wait()
            return begin(stream)

        self.node._pipeline.add_stream = add_stream  # type: ignore[method-assign]

    def end(self) -> None:
        self.ended_at_s = 0.0
        super().end()
        self.ended.set()


class Machines(ClusterOfThreads):
    """Of a kind of nodes."""

    def __init__(self, kind: type[ThreadNode], *names: str, **labels: dict[str, str]) -> None:
        super().__init__(*names, labels=labels)
        self._kind = kind
        self.begun = 0

    def begin(self, member: Member, order: NodeOrder, *, gpu: bool) -> ThreadNode:
        self.begun += 1
        self.nodes[member.name] = self._kind(order)
        return self.nodes[member.name]


@pytest.fixture
def heads(model: Path) -> Iterator[list[ClusterPipeline]]:
    begun: list[ClusterPipeline] = []
    yield begun
    for pipeline in begun:
        pipeline.stop()


def head(model: Path, cluster: Machines, begun: list[ClusterPipeline]) -> ClusterPipeline:
    document = {"model": {"path": str(model), "load_timeout_s": 1}, "cluster": {"address": "auto", "lease_s": 5.0}}
    pipeline = ClusterPipeline(parse_config(document, origin="test"), cluster, quiet_s=0.0)
    pipeline.start()
    begun.append(pipeline)
    return pipeline


def live(pipeline: ClusterPipeline) -> set[str]:
    return {status.id for status in pipeline.statuses() if status.state == "live" and status.frames_done}


def test_a_stream_that_ends_its_process_again_and_again_is_tried_seldom_and_others_run(
    model: Path, heads: list[ClusterPipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspects_module, "PAUSES_S", (0.0, 3600.0))
    cluster = Machines(CrashingNode, "north", "south")
    pipeline = head(model, cluster, heads)
    for name in ("a", "bad", "b"):
        pipeline.add_stream(StreamConfig(id=name, source=SOURCE))

    def waits() -> bool:
        (status,) = (status for status in pipeline.statuses() if status.id == "bad")
        return status.state == "failed" and "processes that ran it were lost" in status.reason

    until(lambda: waits() and live(pipeline) == {"a", "b"}, "it waits, and the others are live", WITHIN_S)
    begun = cluster.begun
    pipeline.replace_stream("bad", StreamConfig(id="bad", source=SOURCE, name="changed"))
    until(lambda: cluster.begun > begun, "what was changed is tried at once", WITHIN_S)


def test_a_stream_that_holds_its_process_is_taken_from_it_and_the_others_run(
    model: Path, heads: list[ClusterPipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_module, "HANG_S", 1.0)
    monkeypatch.setattr(suspects_module, "PAUSES_S", (0.0, 3600.0))
    cluster = Machines(HangingNode, "north")
    pipeline = head(model, cluster, heads)
    for name in ("a", "bad", "b"):
        threading.Thread(target=pipeline.add_stream, args=(StreamConfig(id=name, source=SOURCE),), daemon=True).start()
        until(lambda name=name: name in {status.id for status in pipeline.statuses()}, "it is added")  # type: ignore[misc]
    until(lambda: live(pipeline) == {"a", "b"}, "those that came before and after it are live", WITHIN_S)
    assert cluster.begun > 1, "its process was ended"


def test_what_is_found_between_the_order_to_move_and_the_end_counts(model: Path, heads: list[ClusterPipeline]) -> None:
    cluster = Machines(ThreadNode, "north", "south", north={"site": "north"}, south={"site": "south"})
    pipeline = head(model, cluster, heads)
    zone = {"zones": [EVERYWHERE]}
    stream = {"id": "a", "source": SOURCE, "score": 0.05, "analytics": zone}
    pipeline.add_stream(StreamConfig(**stream, node_labels={"site": "north"}))  # type: ignore[arg-type]
    until(lambda: live(pipeline) == {"a"}, "it runs", WITHIN_S)
    here: list[int] = []
    there: list[int] = []
    final: list[int] = []

    def note(found: list[int], channel: LiveChannel) -> None:
        latest = channel.latest
        if latest is not None:
            found.append(latest.result.frame.index)

    pipeline.view.channels["a"].add_listener(lambda channel: note(here, channel))
    analytics = pipeline.view.analytics["a"]
    counted: list[int] = []
    tell = analytics.tell  # type: ignore[attr-defined]

    def note_counted(one: Counted) -> None:
        counted.extend(counts["entered"] for _, counts in one.counts)
        tell(one)

    analytics.tell = note_counted  # type: ignore[attr-defined]
    node = cluster.nodes["north"].node._pipeline
    node.view.channels["a"].add_listener(lambda channel: note(there, channel))
    remove = node.remove_stream

    def remove_late(stream_id: str) -> None:
        before, analytics = len(there), node.view.analytics["a"]
        until(lambda: len(there) > before + 5, "frames come meanwhile", WITHIN_S)
        remove(stream_id)
        ((_, counts),) = analytics.saved_counts()  # type: ignore[attr-defined]
        final.append(counts["entered"])

    node.remove_stream = remove_late  # type: ignore[method-assign]
    pipeline.replace_stream("a", StreamConfig(**stream, node_labels={"site": "south"}))  # type: ignore[arg-type]
    until(lambda: pipeline.statuses()[0].node == "south" and live(pipeline) == {"a"}, "it runs elsewhere", WITHIN_S)
    begun = there[there.index(here[0]) :] if here[0] in there else there
    until(lambda: set(begun) <= set(here), "all that was found on the node before has come", WITHIN_S)
    assert final[0] > 0
    assert final[0] in counted, "what was counted last was not told"
