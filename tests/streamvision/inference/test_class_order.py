"""Class numbers of a model that takes another's place are those by which its objects are known already."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamvision.core.config.model import ModelConfig
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import BgrPicture
from streamvision.inference.class_order import ClassOrder, joined_names
from streamvision.inference.model import Model
from support.red_box_film import red_box_detector


def red_picture() -> BgrPicture:
    picture = np.full((64, 64, 3), 128, np.uint8)
    picture[16:48, 16:48] = (0, 0, 255)
    return BgrPicture(picture)


def test_a_name_that_stands_twice_is_two_classes() -> None:
    assert joined_names(("a", "b"), ("b", "b", "c")) == ("a", "b", "b", "c")
    assert ClassOrder(("b", "b", "c"), ("a", "b", "b", "c")).known_ids.tolist() == [1, 2, 3]


def test_what_is_said_of_whole_pictures_is_renumbered_too() -> None:
    order = ClassOrder(("b", "a"), ("a", "b", "c"))
    whole = ImageResult(
        class_score=np.array([0.9, 0.1], np.float32), class_map=np.array([[0, 1]], np.uint8), text="as it is"
    )
    known = order.image_to_known(whole)
    assert known.class_score is not None and known.class_map is not None
    assert known.class_score.tolist() == np.array([0.1, 0.9, 0.0], np.float32).tolist()
    assert (known.class_map.tolist(), known.class_map.dtype, known.text) == ([[1, 0]], np.uint8, "as it is")


def test_filters_and_scores_go_by_the_known_numbers(tmp_path: Path) -> None:
    file = red_box_detector(tmp_path / "turned.onnx", names=("fox", "cat"))
    known = ("cat", "dog", "fox")
    config = ModelConfig(path=file, threads=1, class_scores={"cat": 0.99})
    with Model.open(config, known_names=known) as model:
        assert (model.names, model.own_card.names) == (known, ("fox", "cat"))
        (found,) = model.detect([red_picture()])
        assert found.class_id.tolist() == [2]
        for wanted, count in ((("fox",), 1), (("2",), 1), (("cat", "dog"), 0)):
            limits = model.limits_of(config.model_copy(update={"classes": wanted}), score_floor=None)
            assert len(model.find([red_picture()], limits=[limits])[0].detections) == count, wanted
        model.know((*known, "owl"))
        (found,) = model.detect([red_picture()])
        assert (found.class_id.tolist(), model.names) == ([2], (*known, "owl"))
        again = model.reopened()
        assert again.names == model.names
        again.close()
