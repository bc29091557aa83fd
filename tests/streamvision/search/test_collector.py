"""The collector keeps the best of each identity, in bounded memory, and costs a few calls an identity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import streamvision.search.collector as collector_module
from streamvision.core.crops import small_jpeg
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.frame import Frame, Result, WallTime
from streamvision.core.picture import BgrPicture
from streamvision.models import default_model_path
from streamvision.search.collector import MAX_CROPS, TrackletCollector
from streamvision.search.embedder import Embedder, mark_of
from support.tiny_embedder import DIMENSIONS, tiny_embedder

FPS = 10
BGR = {"red": (0, 0, 230), "green": (0, 230, 0), "blue": (230, 0, 0)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_embedder(tmp_path_factory.mktemp("embed") / "tiny.onnx")


class Counted(Embedder):
    """An embedding model whose calls are written down."""

    batches: list[int]

    def describe(self, pictures):  # type: ignore[no-untyped-def]
        self.batches.append(len(pictures))
        return super().describe(pictures)


@pytest.fixture
def embedder(model: Path):  # type: ignore[no-untyped-def]
    opened = Counted.open(model)
    opened.batches = []
    yield opened
    opened.close()


def frame(index: int, *objects: tuple[int, str, int], stream: str = "gate") -> Result:
    """Return a frame with a coloured square for each (identity, colour, side in pixels)."""
    bgr = np.full((120, 400, 3), 90, np.uint8)
    boxes = []
    for number, (_, color, side_px) in enumerate(objects):
        left = 100 * number
        bgr[10 : 10 + side_px, left : left + side_px] = BGR[color]
        boxes.append([left, 10, left + side_px, 10 + side_px])
    count = len(objects)
    found = Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.full(count, 0.9, np.float32),
        np.zeros(count, np.int32),
        np.ma.array([one[0] for one in objects], dtype=np.int64, mask=[one[0] == 0 for one in objects]),
    )
    return Result(Frame(stream, index, index / FPS, 0.0, BgrPicture(bgr)), found)


def test_each_identity_is_described_by_its_best_crops_in_one_call(embedder: Counted) -> None:
    collector = TrackletCollector(embedder, names=("car",), memory_s=1.0)
    for index in range(50):
        collector.add(frame(index, (1, "red", 20 + index), (2, "blue", 80 - index), (0, "green", 50)))
    index = collector.finish({})
    assert embedder.batches == [2 * MAX_CROPS], "fifty frames cost as much as a few"
    red, blue = sorted(index.tracklets, key=lambda one: one.track_id)
    assert (red.frames, red.first_s, red.last_s, red.class_name) == (50, 0.0, 4.9, "car")
    assert red.best_frame == 49 and blue.best_frame == 0, "the largest"
    assert red.box_xyxy_px == (0.0, 10.0, 69.0, 79.0)
    assert index.embedding.shape == (2, DIMENSIONS)
    (vector,) = embedder.describe([BgrPicture(np.full((30, 30, 3), BGR["blue"], np.uint8))])
    assert [match.tracklet.track_id for match in index.search(vector)] == [2, 1]


def test_who_is_gone_is_described_and_let_go(embedder: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "BATCH_CROPS", 1)
    collector = TrackletCollector(embedder, names=("car",), memory_s=1.0)
    for index in range(100):
        collector.add(frame(index, (1 + index // 20, "red", 40)))
        assert len(collector._in_view) <= 2, "whoever is out of sight is not held"
    assert len(embedder.batches) >= 3
    index = collector.finish({})
    assert [one.track_id for one in index.tracklets] == [1, 2, 3, 4, 5]
    assert [one.first_s for one in index.tracklets] == [0, 2, 4, 6, 8]


def test_memory_is_bounded(embedder: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "MAX_HELD_PX", 20_000)
    monkeypatch.setattr(collector_module, "MAX_TRACKLETS", 30)
    collector = TrackletCollector(embedder, names=("car",), memory_s=60.0)
    for index in range(100):
        collector.add(frame(index, (index + 1, "red", 90)))
        assert collector._held_px <= 20_000
        assert len(collector._tracklets) <= 30
    collector.add(frame(100, (200, "blue", 90)))
    collector.add(frame(101, (200, "blue", 90)))
    assert 200 in [one.track_id for one in collector.finish({}).tracklets], "the briefest are left out first"


def test_streams_share_no_identities(embedder: Counted) -> None:
    collector = TrackletCollector(embedder, names=("car",), memory_s=1.0)
    collector.add(frame(0, (1, "red", 40), stream="gate"))
    collector.add(frame(0, (1, "blue", 40), stream="yard"))
    assert [(one.stream_id, one.track_id) for one in collector.finish({}).tracklets] == [("gate", 1), ("yard", 1)]


def test_nothing_seen_is_an_empty_index(embedder: Counted) -> None:
    collector = TrackletCollector(embedder, names=("car",), memory_s=1.0)
    collector.add(frame(0))
    collector.add(frame(1, (0, "red", 40)))
    assert len(collector.finish({})) == 0
    assert embedder.batches == []


def test_a_thumbnail_is_small_and_keeps_its_shape() -> None:
    def shape_of(height_px: int, width_px: int) -> tuple[int, ...]:
        jpeg = small_jpeg(BgrPicture(np.zeros((height_px, width_px, 3), np.uint8)), longest_px=160)
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)
        assert decoded is not None
        return decoded.shape

    assert shape_of(800, 200) == (160, 40, 3)
    assert shape_of(9, 5) == (9, 5, 3), "nothing is blown up"


def test_a_model_is_known_by_its_content(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(model.read_bytes())
    assert mark_of(copy).sha256 == mark_of(model).sha256
    other = tiny_embedder(tmp_path / "other.onnx", grey=0.4)
    assert mark_of(other).sha256 != mark_of(model).sha256
    weights = tmp_path / "net.bin"
    xml = tmp_path / "net.xml"
    xml.write_text("<net/>")
    weights.write_bytes(b"a")
    before = mark_of(xml).sha256
    weights.write_bytes(b"b")
    assert mark_of(xml).sha256 != before, "the weights lie beside it"


def test_a_model_that_does_not_describe_is_refused() -> None:
    with pytest.raises(ConfigError, match="is for 'detect'; give an embedding model"):
        Embedder.open(default_model_path())


def test_who_is_seen_hours_later_by_the_clock_is_another_identity(embedder: Counted) -> None:
    collector = TrackletCollector(embedder, names=("car",), memory_s=1.0)
    for index in range(20):
        result = frame(index, (1, "red", 40))
        unix_s = 1_777_638_600.0 + index / FPS + (7200 if index >= 10 else 0)
        collector.add(replace(result, frame=replace(result.frame, wall_time=WallTime(unix_s, "file_name"))))
    first, second = collector.finish({}).tracklets
    assert (first.frames, second.frames) == (10, 10)
    assert (first.first_unix_s, first.last_unix_s) == (1_777_638_600.0, 1_777_638_600.9)
    assert second.first_unix_s == 1_777_638_600.0 + 7201
