"""All heads by name. A new head is one new file, its test and its line here."""

from __future__ import annotations

from collections.abc import Sequence

from streamvision.core.errors import UnknownHeadError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import ObjectHead, PictureHead
from streamvision.inference.heads.blaze_pose import BlazePoseHead
from streamvision.inference.heads.classify import ClassifyHead
from streamvision.inference.heads.classify_logits import ClassifyLogitsHead
from streamvision.inference.heads.ctc_text import CtcTextHead
from streamvision.inference.heads.depth import DepthHead
from streamvision.inference.heads.detr import DetrHead
from streamvision.inference.heads.embed import EmbedHead
from streamvision.inference.heads.image import ImageHead
from streamvision.inference.heads.layout import describe_outputs
from streamvision.inference.heads.rf_detr import RfDetrHead
from streamvision.inference.heads.rows import RowsHead
from streamvision.inference.heads.rtdetr import RtDetrHead
from streamvision.inference.heads.semantic import SemanticHead
from streamvision.inference.heads.several import SeveralHead
from streamvision.inference.heads.tflite_detection import TfliteDetectionHead
from streamvision.inference.heads.vision_objects import VisionObjectsHead
from streamvision.inference.heads.yolo_end2end import YoloEnd2EndHead
from streamvision.inference.heads.yolo_obb import YoloObbHead
from streamvision.inference.heads.yolo_obb_end2end import YoloObbEnd2EndHead
from streamvision.inference.heads.yolo_pose import YoloPoseHead
from streamvision.inference.heads.yolo_pose_end2end import YoloPoseEnd2EndHead
from streamvision.inference.heads.yolo_seg import YoloSegHead
from streamvision.inference.heads.yolo_seg_end2end import YoloSegEnd2EndHead
from streamvision.inference.heads.yolo_v5 import YoloV5Head
from streamvision.inference.heads.yolo_v8 import YoloV8Head
from streamvision.inference.heads.yolox import YoloxHead
from streamvision.inference.model_card import ModelCard

HEADS: dict[str, type[ObjectHead] | type[PictureHead]] = {
    "yolo_v8": YoloV8Head,
    "yolo_v5": YoloV5Head,
    "yolo_end2end": YoloEnd2EndHead,
    "yolox": YoloxHead,
    "yolo_seg": YoloSegHead,
    "yolo_seg_end2end": YoloSegEnd2EndHead,
    "yolo_pose": YoloPoseHead,
    "yolo_pose_end2end": YoloPoseEnd2EndHead,
    "yolo_obb": YoloObbHead,
    "yolo_obb_end2end": YoloObbEnd2EndHead,
    "blaze_pose": BlazePoseHead,
    "rows": RowsHead,
    "detr": DetrHead,
    "rtdetr": RtDetrHead,
    "rf_detr": RfDetrHead,
    "classify": ClassifyHead,
    "classify_logits": ClassifyLogitsHead,
    "several": SeveralHead,
    "semantic": SemanticHead,
    "depth": DepthHead,
    "embed": EmbedHead,
    "image": ImageHead,
    "ctc_text": CtcTextHead,
    "tflite_detection": TfliteDetectionHead,
    "vision_objects": VisionObjectsHead,
}
"""Head by the name that model cards use."""


def match_head(input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> str | None:
    """Return the name of the only head that these shapes can belong to; ``None`` where none or several could be."""
    matching = [name for name, head in HEADS.items() if head.matches(input_spec, outputs)]
    return matching[0] if len(matching) == 1 else None


def create_head(card: ModelCard, outputs: Sequence[TensorSpec]) -> ObjectHead | PictureHead:
    """Return the head that the card names, prepared for the model's outputs.

    Raises:
        UnknownHeadError: when no head has that name, or the outputs do not have its shape.
    """
    if card.head not in HEADS:
        raise UnknownHeadError(
            f"the head {card.head!r} is not known (the model's outputs are {describe_outputs(outputs)}); "
            f"known heads are {', '.join(HEADS)}"
        )
    return HEADS[card.head](card, outputs)
