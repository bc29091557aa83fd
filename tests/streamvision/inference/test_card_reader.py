from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.base import Backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.coco import COCO_NAMES
from streamvision.inference.heads.registry import create_head
from streamvision.inference.model_card import CARD_KEY, InputCard, ModelCard
from streamvision.inference.tensors import TensorSpec
from support.model_files import with_onnx_metadata, with_tflite_metadata
from support.reference_models import yolov8n_onnx, yolov8n_openvino

PATH = Path("model.onnx")
ULTRALYTICS = {"stride": "32", "task": "detect", "imgsz": "[640, 640]", "names": "{0: 'cat', 1: 'dog', 2: 'cow'}"}


@dataclass
class Shapes:
    """A model of which only the shapes and metadata matter."""

    outputs: tuple[TensorSpec, ...]
    input: TensorSpec
    metadata: Mapping[str, str] = field(default_factory=dict)
    name: str = "onnxruntime"
    device: str = "cpu"
    precision: str = "fp32"

    def run(self, tensor: Any) -> list[Any]:
        return [np.zeros([n or 1 for n in output.shape], np.float32) for output in self.outputs]

    def close(self) -> None:
        raise NotImplementedError


def model(
    *output: int | None,
    metadata: Mapping[str, str] | None = None,
    takes: tuple[int | None, ...] = (1, 3, 640, 640),
    name: str = "onnxruntime",
    dtype: str = "float32",
) -> Backend:
    outputs = (TensorSpec("output0", output, "float32"),)
    return Shapes(outputs, TensorSpec("images", takes, dtype), metadata or {}, name)


class TestOwnCard:
    CARD = ModelCard(
        head="yolox",
        names=tuple(f"thing {i}" for i in range(80)),
        input=InputCard(width_px=416, height_px=416, color="bgr", scale=1.0, resize="letterbox_top_left"),
        licence="Apache-2.0",
    )

    def test_it_is_read_as_it_was_written(self, yolox: Path, tmp_path: Path) -> None:
        path = with_onnx_metadata(yolox, tmp_path / "carded.onnx", self.CARD.to_metadata())
        assert read_card(open_backend(path), path=path) == self.CARD

    def test_openvino_reads_it_from_its_own_format(self, yolox: Path, tmp_path: Path) -> None:
        openvino = pytest.importorskip("openvino")
        ir = openvino.Core().read_model(yolox)
        for key, value in self.CARD.to_metadata().items():
            ir.set_rt_info(value, [key])
        path = tmp_path / "carded.xml"
        openvino.save_model(ir, path)
        assert read_card(open_backend(path), path=path) == self.CARD

    def test_litert_reads_it_from_the_zip(self, tiny_tflite: Path, tmp_path: Path) -> None:
        pytest.importorskip("ai_edge_litert")
        card = ModelCard(
            head="yolo_v8", names=("cat",), input=InputCard(width_px=8, height_px=8, layout="nhwc"), licence="CC0"
        )
        path = with_tflite_metadata(tiny_tflite, tmp_path / "carded.tflite", card.to_metadata())
        assert read_card(open_backend(path), path=path) == card

    def test_options_override_it(self) -> None:
        backend = model(1, 300, 6, metadata=self.CARD.to_metadata(), takes=(None, 3, 416, 416))
        card = read_card(backend, path=PATH, head="yolo_end2end", names=["cat"])
        assert (card.head, card.names, card.nms_inside) == ("yolo_end2end", ("cat",), True)
        assert card.input.dynamic_batch

    def test_a_damaged_card_is_an_error(self) -> None:
        for text in ("{", '{"head": "yolox"}', '{"head": 3}'):
            with pytest.raises(ModelError, match=r"the model card in model\.onnx is not valid"):
                read_card(model(1, 3549, 85, metadata={CARD_KEY: text}), path=PATH)

    def test_a_card_that_contradicts_the_file_is_an_error(self) -> None:
        backend = model(1, 8400, 85, metadata=self.CARD.to_metadata(), takes=(1, 3, 640, 640))
        with pytest.raises(ModelError, match="says 416x416 nchw, but the model takes 640x640 nchw"):
            read_card(backend, path=PATH)


class TestUltralytics:
    @pytest.mark.reference
    def test_its_onnx_export(self, data_dir: Path, reference_dir: Path) -> None:
        path = yolov8n_onnx(data_dir, reference_dir)
        self.check(read_card(open_backend(path), path=path), dynamic_batch=False)

    @pytest.mark.reference
    def test_its_dynamic_onnx_export(self, data_dir: Path, reference_dir: Path) -> None:
        path = yolov8n_onnx(data_dir, reference_dir, dynamic=True)
        self.check(read_card(open_backend(path), path=path), dynamic_batch=True, dynamic_size=True)

    @pytest.mark.reference
    def test_its_openvino_export(self, data_dir: Path, reference_dir: Path) -> None:
        path = yolov8n_openvino(data_dir, reference_dir)
        self.check(read_card(open_backend(path), path=path), dynamic_batch=False)

    @staticmethod
    def check(card: ModelCard, *, dynamic_batch: bool, dynamic_size: bool = False) -> None:
        assert (card.head, card.names, card.assumed) == ("yolo_v8", COCO_NAMES, ())
        free = {"dynamic_batch": dynamic_batch, "dynamic_size": dynamic_size}
        assert card.input == InputCard(width_px=640, height_px=640, **free)
        assert (card.box_unit, card.nms_inside) == ("px", False)
        assert card.licence is not None
        assert card.licence.startswith("AGPL-3.0")

    def test_its_tflite_export(self, tflite: Path) -> None:
        pytest.importorskip("ai_edge_litert")
        card = read_card(open_backend(tflite), path=tflite)
        assert (card.head, card.names, card.assumed) == ("yolo_v8", COCO_NAMES, ())
        assert card.input == InputCard(width_px=640, height_px=640, layout="nhwc")
        assert card.box_unit == "normalized"

    @pytest.mark.parametrize(
        ("output", "more", "head"),
        [
            ((1, 7, 8400), {}, "yolo_v8"),
            ((None, 7, None), {}, "yolo_v8"),
            ((1, 25200, 8), {}, "yolo_v5"),
            ((1, 300, 6), {}, "yolo_end2end"),
            ((1, 300, 6), {"end2end": "True"}, "yolo_end2end"),
            ((1, 100, 6), {"args": "{'nms': True}"}, "yolo_end2end"),
        ],
    )
    def test_the_head_follows_from_shape_and_classes(
        self, output: tuple[int | None, ...], more: dict[str, str], head: str
    ) -> None:
        backend = model(*output, metadata={**ULTRALYTICS, **more})
        card = read_card(backend, path=PATH)
        assert (card.head, card.nms_inside) == (head, head == "yolo_end2end")
        create_head(card, backend.outputs)

    @pytest.mark.parametrize(
        ("output", "more"), [((1, 9, 8400), {}), ((1, 300, 9), {}), ((1, 7, 8400), {"end2end": "True"})]
    )
    def test_a_shape_that_fits_nothing_is_an_error(self, output: tuple[int, ...], more: dict[str, str]) -> None:
        with pytest.raises(UnknownHeadError, match=r"3 classes.*--head.*--names"):
            read_card(model(*output, metadata={**ULTRALYTICS, **more}), path=PATH)

    @pytest.mark.parametrize(
        ("task", "end2end", "outputs", "head"),
        [
            ("segment", "False", [(1, 39, 8400), (1, 32, 160, 160)], "yolo_seg"),
            ("segment", "True", [(1, 300, 38), (1, 32, 160, 160)], "yolo_seg_end2end"),
            ("pose", "False", [(1, 58, 8400)], "yolo_pose"),
            ("pose", "True", [(1, 300, 57)], "yolo_pose_end2end"),
            ("obb", "False", [(1, 8, 8400)], "yolo_obb"),
            ("obb", "True", [(1, 300, 7)], "yolo_obb_end2end"),
            ("classify", "False", [(1, 3)], "classify"),
            ("semantic", "False", [(1, 3, 640, 640)], "semantic"),
            ("depth", "False", [(1, 1, 640, 640)], "depth"),
        ],
    )
    def test_every_task_has_its_heads(self, task: str, end2end: str, outputs: list[tuple[int, ...]], head: str) -> None:
        metadata = {**ULTRALYTICS, "task": task, "end2end": end2end, "kpt_shape": "[17, 3]"}
        specs = tuple(TensorSpec(f"output{i}", shape, "float32") for i, shape in enumerate(outputs))
        backend = Shapes(specs, TensorSpec("images", (1, 3, 640, 640), "float32"), metadata)
        card = read_card(backend, path=PATH)
        assert (card.task, card.head, card.nms_inside) == (task, head, end2end == "True")
        assert (card.keypoints is not None) == (task == "pose")
        assert card.input.resize == {"classify": "crop_center", "depth": "stretch"}.get(task, "letterbox_center")
        create_head(card, backend.outputs)

    @pytest.mark.parametrize(
        ("output", "more"), [((1, 300, 6), {"head": "RTDETRDecoder"}), ((1, 300, 7), {"names": "['a', 'b', 'c']"})]
    )
    def test_rtdetr_is_told_by_its_layer_or_its_300_rows(self, output: tuple[int, ...], more: dict[str, str]) -> None:
        backend = model(*output, metadata={**ULTRALYTICS, **more})
        card = read_card(backend, path=PATH)
        assert (card.head, card.nms_inside, card.input.resize) == ("rtdetr", True, "stretch")

    def test_a_task_that_nobody_knows_says_which_are(self) -> None:
        with pytest.raises(ModelError, match=r"'speech'.*give one for detect, segment, pose"):
            read_card(model(1, 7, 8400, metadata={**ULTRALYTICS, "task": "speech"}), path=PATH)

    def test_options_override_it(self) -> None:
        card = read_card(model(1, 7, 8400, metadata=ULTRALYTICS), path=PATH, names=["a", "b", "c"])
        assert card.names == ("a", "b", "c")

    @pytest.mark.parametrize(
        ("takes", "end2end", "unit"),
        [
            ((1, 640, 640, 3), "True", "normalized"),
            ((1, 3, 640, 640), "True", "px"),
            ((1, 3, 640, 640), "False", "normalized"),
        ],
    )
    def test_the_unit_of_tflite_boxes_follows_the_exporter(
        self, takes: tuple[int, ...], end2end: str, unit: str
    ) -> None:
        output = (1, 300, 6) if end2end == "True" else (1, 7, 8400)
        metadata = {**ULTRALYTICS, "end2end": end2end}
        assert read_card(model(*output, metadata=metadata, takes=takes, name="litert"), path=PATH).box_unit == unit


class TestShapes:
    def test_yolox_is_told_by_its_grid(self, yolox: Path) -> None:
        backend = open_backend(yolox)
        card = read_card(backend, path=yolox)
        assert (card.head, card.names) == ("yolox", COCO_NAMES)
        assert card.input == InputCard(
            width_px=416, height_px=416, color="bgr", scale=1.0, resize="letterbox_top_left", pad_value=114
        )
        assert any("COCO" in sentence for sentence in card.assumed)
        assert any("BGR" in sentence for sentence in card.assumed)
        create_head(card, backend.outputs)

    @pytest.mark.parametrize(
        ("output", "head", "classes"), [((1, 25200, 8), "yolo_v5", 3), ((1, 7, 8400), "yolo_v8", 3)]
    )
    def test_other_heads_are_told_by_theirs_and_classes_numbered(
        self, output: tuple[int, ...], head: str, classes: int
    ) -> None:
        card = read_card(model(*output), path=PATH)
        assert card.head == head
        assert card.names == tuple(f"class {i}" for i in range(classes))
        assert any(f"{classes} classes were numbered" in sentence for sentence in card.assumed)
        assert card.input.color == "rgb"

    def test_names_of_the_user_leave_nothing_to_assume_about_them(self) -> None:
        card = read_card(model(1, 7, 8400), path=PATH, names=["cat", "dog", "cow"])
        assert card.names == ("cat", "dog", "cow")
        assert not any("class names" in sentence for sentence in card.assumed)

    def test_labels_in_rt_info_are_taken(self) -> None:
        backend = model(1, 7, 8400, metadata={"model_info.labels": "cat traffic_light cow"}, name="openvino")
        card = read_card(backend, path=PATH)
        assert card.names == ("cat", "traffic_light", "cow")
        assert any("rt_info" in sentence for sentence in card.assumed)

    def test_selected_boxes_do_not_say_how_many_classes_there_are(self) -> None:
        with pytest.raises(UnknownHeadError, match="--names"):
            read_card(model(1, 300, 6), path=PATH)
        card = read_card(model(1, 300, 6), path=PATH, names=["cat"])
        assert (card.head, card.nms_inside) == ("yolo_end2end", True)

    @pytest.mark.parametrize("output", [(1, 1000), (1, 100, 91), (None, 84, None), (1, 19, 80, 80)])
    def test_an_unknown_head_is_an_error_not_a_guess(self, output: tuple[int | None, ...]) -> None:
        with pytest.raises(UnknownHeadError, match=r"could be anything; .*--head \(yolo\w+, .*--names") as caught:
            read_card(model(*output), path=PATH)
        assert "output0" in str(caught.value)

    def test_the_users_head_settles_it(self) -> None:
        card = read_card(model(None, 84, None, takes=(None, 3, None, None)), path=PATH, head="yolo_v8")
        assert (card.head, card.names) == ("yolo_v8", COCO_NAMES)
        assert (card.input.width_px, card.input.height_px, card.input.dynamic_batch) == (640, 640, True)
        assert not card.input.dynamic_size  # nothing in the file says what sizes its layers can take

    def test_a_head_that_does_not_exist_names_those_that_do(self) -> None:
        with pytest.raises(UnknownHeadError, match=r"head 'yolo' is not known; known heads are yolo_v8"):
            read_card(model(1, 84, 8400), path=PATH, head="yolo")

    def test_tflite_boxes_are_taken_for_fractions_and_it_says_so(self) -> None:
        card = read_card(model(1, 84, 8400, takes=(1, 640, 640, 3), name="litert"), path=PATH)
        assert (card.box_unit, card.input.layout) == ("normalized", "nhwc")
        assert any("fractions" in sentence for sentence in card.assumed)

    def test_half_precision_inputs_are_fed_as_such(self) -> None:
        assert read_card(model(1, 84, 8400, dtype="float16"), path=PATH).input.dtype == "float16"
