"""How models of other projects are fed: what is usual, what is asked for beside the picture, and what nobody knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from streamvision.core.errors import ModelError, StreamVisionError
from support.foreign_layouts import CELLS, KNOWN, N, Writer, detr_deploy, opened, pp_yoloe, torchvision, yolo_v8
from support.red_box_networks import BOX, SCORE, RedBox, red_box_picture


class TestHowItIsFed:
    def test_keys_win_over_what_is_usual(self, tmp_path: Path) -> None:
        net = RedBox((-1, -1, 1), tolerance=0.5)
        rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
        out = net.node("Transpose", rows, perm=[0, 2, 1])
        path = net.save(tmp_path / "model.onnx", {"output0": (out, [1, 4 + N, CELLS], "float32")})
        with opened(path) as model:
            assert len(model.detect([red_box_picture()])[0]) == 0
        with opened(path, input={"mean": 0.5, "std": (0.5, 0.5, 0.5), "color": "bgr", "resize": "stretch"}) as model:
            (found,) = model.detect([red_box_picture()])
            np.testing.assert_allclose(found.box_xyxy_px, [BOX], atol=1)
            assert (model.card.input.color, model.card.input.resize) == ("bgr", "stretch")
            assert any("as you said" in note and "BGR" in note for note in model.notes())

    def test_a_layout_that_the_tensor_does_not_have_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="cannot be fed as nhwc rgb"):
            opened(yolo_v8(tmp_path / "model.onnx"), input={"layout": "nhwc"})

    def test_six_channels_are_refused_with_those_that_there_are(self, tmp_path: Path) -> None:
        net = RedBox((1, 0, 0, 0, 0, 0))
        rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
        path = net.save(tmp_path / "model.onnx", {"output0": (rows, [1, CELLS, 4 + N], "float32")})
        with pytest.raises(
            ModelError, match=r"takes 1x6x160x160 float32, but a model must take .* three channels or one"
        ):
            opened(path)


@pytest.mark.parametrize("write", [detr_deploy, pp_yoloe, torchvision])
def test_openvino_answers_what_they_ask_beside_the_picture(write: Writer, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    settings = next(settings for writer, settings, _ in KNOWN if writer is write)
    with opened(write(tmp_path / "model.onnx"), **settings, backend="openvino") as model:
        (found,) = model.detect([red_box_picture()])
        np.testing.assert_allclose(found.box_xyxy_px, [BOX], atol=1.5)
        np.testing.assert_allclose(found.score, [SCORE], atol=0.01)


def test_openvino_takes_several_pictures_and_sizes_of_them(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    from streamvision.inference.backends.open_vino import OpenVinoBackend

    picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])
    size = helper.make_tensor_value_info("im_shape", TensorProto.FLOAT, ["n", 2])
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Concat", ["flat", "im_shape"], ["both"], axis=1),
    ]
    both = helper.make_tensor_value_info("both", TensorProto.FLOAT, ["n", 5])
    graph = helper.make_graph(nodes, "sizes", [picture, size], [both])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    backend = OpenVinoBackend(path, threads=1, dynamic_batch=True)
    for count, height, width in ((1, 32, 64), (3, 64, 32), (1, 32, 64)):
        (rows,) = backend.run(np.full((count, 3, height, width), 0.5, np.float32))
        np.testing.assert_allclose(rows, [[0.5, 0.5, 0.5, height, width]] * count)
    backend.close()


@pytest.mark.parametrize("inputs", [{"prompt": "float32"}, {"scale_factor": "float32", "prompt": "int64"}])
def test_an_input_that_nobody_knows_is_refused(inputs: dict[str, str], tmp_path: Path) -> None:
    net = RedBox()
    outputs = {f"{name}_out": (net.node("Identity", name), [1, 2], dtype) for name, dtype in inputs.items()}
    rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
    outputs["output0"] = (rows, [1, CELLS, 4 + N], "float32")
    path = net.save(tmp_path / "model.onnx", outputs, companions=inputs)
    with pytest.raises(StreamVisionError, match=r"has 2 inputs \(images, prompt\)"):
        opened(path)
