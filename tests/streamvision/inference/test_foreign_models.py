"""Models as other projects export them find what is there, or are refused with a sentence that leads on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamvision.core.errors import UnknownHeadError
from support.foreign_layouts import (
    COCO,
    KNOWN,
    Writer,
    damo_yolo,
    deepstream,
    detr_deploy,
    mmdeploy,
    num_dets,
    opened,
    pp_yoloe,
    torchvision,
    yolo_v6,
    yolo_v7_end2end,
    yolo_v8_rows,
    yolox_decoded,
)
from support.red_box_networks import BOX, CLASS_ID, SCORE, SIDE_PX, RedBox, red_box_picture


@pytest.mark.parametrize(("write", "settings", "head"), KNOWN, ids=[write.__name__ for write, _, _ in KNOWN])
def test_the_red_box_is_found(write: Writer, settings: dict[str, object], head: str, tmp_path: Path) -> None:
    with opened(write(tmp_path / "model.onnx"), **settings) as model:
        assert model.card.head == head
        (found,) = model.detect([red_box_picture()])
        assert [model.names[class_id] for class_id in found.class_id] == ["car"]
        np.testing.assert_allclose(found.box_xyxy_px, [BOX], atol=1.5)
        np.testing.assert_allclose(found.score, [SCORE], atol=0.01)
        settled_by_the_file = bool(model.backend.metadata)
        assert bool(model.notes()) != settled_by_the_file


@pytest.mark.parametrize("write", [yolo_v8_rows, yolo_v6, yolox_decoded, deepstream, damo_yolo])
def test_what_neither_shape_nor_run_settles_is_refused_with_the_heads_that_fit(write: Writer, tmp_path: Path) -> None:
    with pytest.raises(UnknownHeadError, match=r"could be anything; say which it is with --head \((.*)\)") as caught:
        opened(write(tmp_path / "model.onnx"))
    heads = str(caught.value).partition("--head (")[2].partition(")")[0].split(", ")
    assert write.__name__ in heads
    assert not {"yolo_end2end", "rtdetr"} & set(heads)
    assert "classify" not in heads


def test_selected_rows_in_fractions_are_not_taken_for_pixels(tmp_path: Path) -> None:
    net = RedBox()
    fill = [0.4, 0.5, 0.2, 0.1, 0.01, 3.0]
    rows = net.row_of(50, *net.centre(unit=1 / SIDE_PX), net.score(), net.times(net.found, float(CLASS_ID)), fill=fill)
    path = net.save(tmp_path / "model.onnx", {"output0": (rows, [1, 50, 6], "float32")})
    with pytest.raises(UnknownHeadError, match=r"they are fractions, as RT-DETR's are: say .*--head \(rtdetr\)"):
        opened(path, names=COCO)
    with opened(path, names=COCO, head="rtdetr") as model:
        np.testing.assert_allclose(model.detect([red_box_picture()])[0].box_xyxy_px, [BOX], atol=1)


@pytest.mark.parametrize("write", [num_dets, mmdeploy, detr_deploy, pp_yoloe, yolo_v7_end2end, torchvision])
def test_classes_that_nothing_counts_are_asked_for(write: Writer, tmp_path: Path) -> None:
    with pytest.raises(UnknownHeadError, match=r"give them with --names \(--names coco"):
        opened(write(tmp_path / "model.onnx"))
