"""The known heads, by the name that model cards and ``--head`` use; other packages add theirs by entry point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from streamvision.core.errors import UnknownHeadError
from streamvision.core.registry import Plugin, Registry
from streamvision.inference.heads.base import ObjectHead, PictureHead
from streamvision.inference.model_card import ModelCard, Task
from streamvision.inference.tensors import TensorSpec


@dataclass(frozen=True, kw_only=True)
class HeadPlugin(Plugin):
    """A head; the factory is its class, an :class:`ObjectHead` or a :class:`PictureHead`."""

    task: Task
    """What models with this head do, where their card does not say."""
    ultralytics: Literal["raw", "selected"] | None = None
    """Which of ultralytics' exports for the task have this head: those of raw outputs, or those of selected objects
    (end-to-end models, NMS inside). Its exports for ``detect`` are told apart by their shapes."""

    def head_class(self) -> type[ObjectHead] | type[PictureHead]:
        """Return the head's class, importing it where that is still to be done."""
        head: type[ObjectHead] | type[PictureHead] = self.load()
        return head


def _head(name: str, task: Task, factory: str, summary: str, **more: Any) -> HeadPlugin:
    module = f"streamvision.inference.heads.{factory}"
    return HeadPlugin(name=name, task=task, factory=module, summary=summary, **more)


HEADS: Registry[HeadPlugin] = Registry(
    "head",
    group="streamvision.heads",
    plugins=(
        _head("yolo_v8", "detect", "yolo_detect:YoloV8Head", "raw boxes of YOLOv8, v9, 11 and 12"),
        _head("yolo_v5", "detect", "yolo_detect:YoloV5Head", "raw boxes of YOLOv5 and v7"),
        _head("yolo_end2end", "detect", "yolo_detect:YoloEnd2EndHead", "selected boxes: NMS inside, YOLOv10, YOLO26"),
        _head("yolox", "detect", "yolo_detect:YoloxHead", "raw boxes of YOLOX"),
        _head("yolox_decoded", "detect", "grid_rows:YoloxDecodedHead", "boxes of YOLOX decoded inside"),
        _head("yolo_v6", "detect", "grid_rows:YoloV6Head", "boxes of YOLOv6"),
        _head("yolo_v8_rows", "detect", "grid_rows:YoloV8RowsHead", "raw boxes of YOLOv8, a row each"),
        _head("deepstream", "detect", "grid_rows:DeepStreamHead", "DeepStream-Yolo's corners, score and class"),
        _head("yolo_v9_two", "detect", "yolo_v9_two:YoloV9TwoHead", "YOLOv9 with its auxiliary boxes"),
        _head("yolo_v5_maps", "detect", "yolo_maps:YoloV5MapsHead", "raw maps of YOLOv5, one a scale"),
        _head("yolo_v7_maps", "detect", "yolo_maps:YoloV7MapsHead", "raw maps of YOLOv7, one a scale"),
        _head("yolo_v7_end2end", "detect", "yolo_v7_end2end:YoloV7End2EndHead", "selected rows of seven columns"),
        _head("yolo_v4", "detect", "yolo_v4:YoloV4Head", "boxes and scores of YOLOv4"),
        _head("yolo_nas", "detect", "yolo_nas:YoloNasHead", "boxes and scores of YOLO-NAS"),
        _head("damo_yolo", "detect", "damo_yolo:DamoYoloHead", "scores and boxes of DAMO-YOLO"),
        _head("jetson_ssd", "detect", "jetson_ssd:JetsonSsdHead", "scores and boxes of jetson-inference's SSD"),
        _head("num_dets", "detect", "num_dets:NumDetsHead", "selected objects in TensorRT's form"),
        _head("mmdeploy", "detect", "mmdeploy:MmdeployHead", "selected objects of MMDetection"),
        _head("detr_deploy", "detect", "detr_deploy:DetrDeployHead", "selected objects of RT-DETR, D-FINE, DEIM"),
        _head("pp_yoloe", "detect", "pp_yoloe:PpYoloeHead", "selected objects of PaddleDetection"),
        _head("torchvision", "detect", "torchvision_onnx:TorchvisionOnnxHead", "torchvision's own ONNX, one picture"),
        _head("tf_detection", "detect", "tf_detection:TfDetectionHead", "TensorFlow's Object Detection API"),
        _head("yolo_seg", "segment", "segment:YoloSegHead", "boxes, mask weights, prototypes", ultralytics="raw"),
        _head("yolo_seg_end2end", "segment", "segment:YoloSegEnd2EndHead", "the same selected", ultralytics="selected"),
        _head("yolo_pose", "pose", "pose:YoloPoseHead", "boxes and keypoints", ultralytics="raw"),
        _head("yolo_pose_end2end", "pose", "pose:YoloPoseEnd2EndHead", "the same selected", ultralytics="selected"),
        _head("yolo_obb", "obb", "oriented:YoloObbHead", "oriented boxes", ultralytics="raw"),
        _head("yolo_obb_end2end", "obb", "oriented:YoloObbEnd2EndHead", "the same selected", ultralytics="selected"),
        _head("blaze_pose", "pose", "pose:BlazePoseHead", "MediaPipe's 33 points of one person"),
        _head("rows", "detect", "selected:RowsHead", "torchvision's boxes, scores and labels"),
        _head("detr", "detect", "detr:DetrHead", "boxes and logits of DETR and its kind"),
        _head("rtdetr_hf", "detect", "detr:RtDetrHfHead", "Hugging Face's RT-DETR and D-FINE"),
        _head("rtdetr", "detect", "detr:RtDetrHead", "ultralytics' RT-DETR: one tensor of queries"),
        _head("rf_detr", "detect", "detr:RfDetrHead", "Roboflow's RF-DETR: dets and labels"),
        _head("classify", "classify", "vectors:ClassifyHead", "probabilities of classes", ultralytics="raw"),
        _head("classify_logits", "classify", "vectors:ClassifyLogitsHead", "logits of classes"),
        _head("several", "classify", "vectors:SeveralHead", "classes and numbers by name from several outputs"),
        _head("semantic", "semantic", "maps:SemanticHead", "a class for each pixel", ultralytics="raw"),
        _head("depth", "depth", "maps:DepthHead", "a distance for each pixel", ultralytics="raw"),
        _head("embed", "embed", "vectors:EmbedHead", "a vector that describes the picture for comparison"),
        _head("image", "image", "maps:ImageHead", "another picture, made of the picture"),
        _head("ctc_text", "text", "ctc_text:CtcTextHead", "a line of text, by connectionist temporal classification"),
        _head("cuboid", "cuboid", "cuboid:CuboidHead", "how a crop's object stands in space, by MultiBin"),
        _head("sentence", "caption", "sentence:SentenceHead", "a sentence that describes the picture, word by word"),
        _head("tflite_detection", "detect", "tflite_detection:TfliteDetectionHead", "TFLite's selected objects"),
        _head("vision_objects", "detect", "selected:VisionObjectsHead", "Core ML's selected objects"),
    ),
)


def find_head(name: str) -> HeadPlugin:
    """Return a head by its name.

    Raises:
        UnknownHeadError: when there is none, naming the known ones.
    """
    if name not in HEADS.names():
        raise UnknownHeadError(f"head {name!r} is not known; known heads are {', '.join(HEADS.names())}")
    return HEADS.get(name)


def ultralytics_head(task: str, *, selected: bool) -> str | None:
    """Return the name of the head of ultralytics' exports for a task; ``None`` where no head is bound to it."""
    heads = {head.ultralytics: head.name for head in HEADS.built_in if head.task == task}
    return heads.get("selected" if selected else "raw", heads.get("raw"))


def match_head(input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> str | None:
    """Return the name of the only head that these shapes can belong to; ``None`` where none or several could be."""
    matching = [head.name for head in HEADS if head.head_class().matches(input_spec, outputs)]
    return matching[0] if len(matching) == 1 else None


def create_head(card: ModelCard, outputs: Sequence[TensorSpec]) -> ObjectHead | PictureHead:
    """Return the head that the card names, prepared for the model's outputs.

    Raises:
        UnknownHeadError: when no head has that name, or the outputs do not have its shape.
    """
    return find_head(card.head).head_class()(card, outputs)
