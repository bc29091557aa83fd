from __future__ import annotations

import numpy as np
import pytest

from streamvision.core.errors import UnknownHeadError
from streamvision.inference.heads.registry import create_head, match_head
from streamvision.inference.heads.yolo_maps import YoloV5MapsHead
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

SIDE_PX, CLASSES = 64, 3
SIDES = (8, 4, 2)
PICTURE = TensorSpec("images", (1, 3, SIDE_PX, SIDE_PX), "float32")


def logit(value: float) -> float:
    return float(np.log(value / (1 - value)))


def maps() -> list[np.ndarray]:
    """Return maps with one object at stride 16, second anchor, row 1 and column 2."""
    answer = [np.full((1, 3, side, side, 5 + CLASSES), -20, np.float32) for side in SIDES]
    answer[1][0, 1, 1, 2] = [logit(0.5), logit(0.75), logit(0.25), logit(0.5), logit(0.9), -20, -20, logit(0.8)]
    return answer


def specs(tensors: list[np.ndarray]) -> list[TensorSpec]:
    return [TensorSpec(f"o{at}", one.shape, "float32") for at, one in enumerate(tensors)]


@pytest.mark.parametrize(("head", "anchor"), [("yolo_v5_maps", (62, 45)), ("yolo_v7_maps", (76, 55))])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("flat", [False, True])
def test_boxes_are_decoded_with_the_anchors_of_their_scale(
    head: str, anchor: tuple[int, int], order: tuple[int, ...], flat: bool
) -> None:
    tensors = [maps()[at] for at in order]
    if flat:
        tensors = [one.transpose(0, 1, 4, 2, 3).reshape(1, 3 * (5 + CLASSES), *one.shape[2:4]) for one in tensors]
    card = make_card(head, classes=CLASSES, width_px=SIDE_PX, height_px=SIDE_PX)
    (found,) = create_head(card, specs(tensors)).decode(tensors, score_threshold=0.25)
    x, y = (2 * 0.5 - 0.5 + 2) * 16, (2 * 0.75 - 0.5 + 1) * 16
    width, height = (2 * 0.25) ** 2 * anchor[0], (2 * 0.5) ** 2 * anchor[1]
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    np.testing.assert_allclose(found.box_xyxy_px, [expected], rtol=1e-5)
    np.testing.assert_allclose(found.score, [0.9 * 0.8], rtol=1e-5)
    assert found.class_id.tolist() == [2]


def test_the_anchors_are_not_guessed() -> None:
    assert match_head(PICTURE, specs(maps())) is None
    assert YoloV5MapsHead.class_count(specs(maps())) == CLASSES


def test_other_classes_are_refused() -> None:
    with pytest.raises(UnknownHeadError, match="reads three maps"):
        create_head(make_card("yolo_v5_maps", classes=CLASSES + 1), specs(maps()))
