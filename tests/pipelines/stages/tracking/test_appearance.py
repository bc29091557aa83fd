"""An embedding model tells objects apart that change places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pipelines.engine import Pipeline
from pipelines.stages.tracking.appearance import STRONG_SCORE, Appearance
from pipelines.stages.tracking.botsort import BotSort
from streamvision.core.config.app import parse_config
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Prediction
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.models import default_model_path


@pytest.fixture(scope="module")
def mean_color(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose embedding is the mean colour of the crop, less grey."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 16, 16])
    color = helper.make_tensor_value_info("color", TensorProto.FLOAT, ["batch", 3, 1, 1])
    grey = helper.make_tensor("grey", TensorProto.FLOAT, [1], [0.5])
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Sub", ["mean", "grey"], ["color"]),
    ]
    graph = helper.make_graph(nodes, "mean color", [image], [color], [grey])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    card = ModelCard(
        task="embed",
        head="embed",
        names=("object",),
        input=InputCard(width_px=16, height_px=16, resize="stretch", dynamic_batch=True),
    )
    helper.set_model_props(model, card.to_metadata())
    path = tmp_path_factory.mktemp("embed") / "mean-color.onnx"
    onnx.save(model, path)
    return path


def scene(*, swapped: bool) -> tuple[BgrPicture, Prediction]:
    """A red and a blue object, nearly one over the other, and a weak third."""
    bgr = np.full((240, 320, 3), 128, np.uint8)
    boxes = np.array([[40, 40, 100, 160], [44, 40, 104, 160], [200, 40, 240, 80]], np.float32)
    red, blue = (0, 0, 255), (255, 0, 0)
    bgr[40:100, 40:104] = red
    bgr[100:160, 40:104] = blue
    boxes[0, 3], boxes[1, 1] = 100, 100
    if swapped:
        bgr[40:160] = bgr[40:160][::-1]
    found = Detections(boxes, np.array([0.9, 0.8, STRONG_SCORE - 0.1], np.float32), np.zeros(3, np.int32))
    return BgrPicture(bgr), Prediction(found, None)


def test_strong_objects_are_described_and_weak_ones_are_like_nothing(mean_color: Path) -> None:
    appearance = Appearance.open(TrackerConfig(name="botsort", appearance=mean_color), requests=1)
    assert appearance is not None
    pictures, found = zip(scene(swapped=False), scene(swapped=True), strict=True)
    straight, swapped = (one.detections.embedding for one in appearance.describe(pictures, found))
    appearance.close()
    assert straight is not None and swapped is not None
    assert np.allclose(np.linalg.norm(straight, axis=1), [1, 1, 0], atol=1e-5)
    assert straight[0] @ straight[1] < 0 < 0.99 < straight[0] @ swapped[1]


def test_nothing_found_is_nothing_described(mean_color: Path) -> None:
    appearance = Appearance.open(TrackerConfig(name="botsort", appearance=mean_color), requests=1)
    assert appearance is not None
    picture, _ = scene(swapped=False)
    assert appearance.describe([picture], [Prediction(Detections.empty(), None)])[0].detections.embedding is None
    appearance.close()


def test_looks_reach_the_tracker_in_a_run(mean_color: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Detections] = []
    update = BotSort.update

    def watched(self: BotSort, detections: Detections, **frame: object) -> Detections:
        seen.append(detections)
        return update(self, detections, **frame)  # type: ignore[arg-type]

    monkeypatch.setattr(BotSort, "update", watched)
    document = {
        "model": {"path": default_model_path()},
        "streams": [{"source": "synthetic:drive?seed=1&frames=6&realtime=0&size=640x360", "policy": "file"}],
        "tracker": {"name": "botsort", "appearance": mean_color},
    }
    with Pipeline(parse_config(document, origin="test")) as pipeline:
        assert pipeline.wait(200)
        assert pipeline.failures() == []
    described = [one for one in seen if (one.score >= STRONG_SCORE).any()]
    assert described and all(one.embedding is not None for one in described)


def test_what_does_not_fit_is_refused(mean_color: Path) -> None:
    with pytest.raises(ConfigError, match="botsort"):
        Appearance.open(TrackerConfig(name="steady", appearance=mean_color), requests=1)
    with pytest.raises(ConfigError, match="embedding model"):
        Appearance.open(TrackerConfig(name="botsort", appearance=default_model_path()), requests=1)
