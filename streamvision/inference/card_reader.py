"""Finds out how to feed a model and how to read what comes out.

In this order: our own card in the file's metadata; ultralytics' metadata; the shapes of input and outputs, where they
can only be one head's. What had to be assumed is written into the card; what cannot be known is an error, not a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.backends.base import Backend
from streamvision.inference.coco import COCO_NAMES
from streamvision.inference.heads.ctc_text import alphabet
from streamvision.inference.heads.layout import box_tensor, describe_outputs
from streamvision.inference.heads.registry import HEADS, find_head, match_head, ultralytics_head
from streamvision.inference.model_card import ALPHABET_KEY, CARD_KEY, InputCard, ModelCard
from streamvision.inference.tensors import TensorSpec
from streamvision.inference.ultralytics_metadata import UltralyticsMetadata, parse_ultralytics

_DEFAULT_SIDE_PX = 640
_NAMELESS = ("embed", "depth", "image")
"""Tasks of models that have no classes."""

_SETTLE = "say which it is with --head ({heads}) and, where the file has no class names, --names"


def read_card(
    backend: Backend, *, path: Path, head: str | None = None, names: Sequence[str] | None = None
) -> ModelCard:
    """Return the card of a loaded model.

    Args:
        backend: the loaded model.
        path: its file, for messages.
        head: the user's word on the layout of the outputs; it overrides the file's.
        names: the user's class names; they override the file's.

    Raises:
        UnknownHeadError: when the layout of the outputs cannot be known; the message says which options settle it.
        ModelError: when the metadata is damaged, contradicts the file, or names a task that is not supported.
    """
    if head is not None:
        find_head(head)
    given = tuple(names) if names else None
    if CARD_KEY in backend.metadata:
        return _own_card(backend, path, head, given)
    if (metadata := parse_ultralytics(backend.metadata, path=path)) is not None:
        return _ultralytics_card(backend, path, metadata, head, given)
    return _card_by_shapes(backend, path, head, given)


def _own_card(backend: Backend, path: Path, head: str | None, names: tuple[str, ...] | None) -> ModelCard:
    try:
        card = ModelCard.model_validate_json(backend.metadata[CARD_KEY])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        raise ModelError(f"the model card in {path} is not valid ({where}: {first['msg']}); export it again") from error
    facts = _input_facts(backend.input, (card.input.width_px, card.input.height_px))
    if any(facts[key] != getattr(card.input, key) for key in ("width_px", "height_px", "layout")):
        raise ModelError(
            f"the model card in {path} says {card.input.width_px}x{card.input.height_px} {card.input.layout}, but the "
            f"model takes {facts['width_px']}x{facts['height_px']} {facts['layout']}; export it again"
        )
    changes: dict[str, Any] = {"input": card.input.model_copy(update=facts)}
    if head is not None:
        plugin = find_head(head)
        changes |= {"head": head, "nms_inside": plugin.head_class().selected}
        if head != card.head:
            changes["task"] = plugin.task
    if names is not None:
        changes["names"] = names
    return card.model_copy(update=changes)


def _ultralytics_card(
    backend: Backend,
    path: Path,
    metadata: UltralyticsMetadata,
    head: str | None,
    names: tuple[str, ...] | None,
) -> ModelCard:
    tasks = [plugin.task for plugin in HEADS.built_in if plugin.ultralytics == "raw"]
    if metadata.task not in ("detect", *tasks):
        raise ModelError(
            f"{path} is a model for {metadata.task!r}, which cannot be run; give one for detect, {', '.join(tasks)}"
        )
    names = names or metadata.names
    if head is None and metadata.task == "detect":
        head = _detection_head(backend.outputs, len(names), metadata)
    elif head is None:
        head = ultralytics_head(metadata.task, selected=metadata.selected)
    if head is None:
        raise UnknownHeadError(
            f"{path} has ultralytics metadata with {len(names)} classes, but its outputs are "
            f"{describe_outputs(backend.outputs)}, which is no known layout; {_settle()}"
        )
    facts = _input_facts(backend.input, metadata.size_px)
    plugin = find_head(head)
    usual = dict(plugin.head_class().usual_input)
    if usual.get("resize") == "crop_center" and facts["width_px"] != facts["height_px"]:
        usual["resize"] = "stretch"  # ultralytics cuts the middle out for square inputs only
    return ModelCard(
        task=plugin.task,
        head=head,
        names=names,
        input=InputCard(**usual, **facts, stride_px=metadata.stride_px),
        box_unit=_box_unit(backend, head, facts["layout"], end2end=metadata.end2end),
        keypoints=metadata.keypoints if plugin.task == "pose" else None,
        nms_inside=plugin.head_class().selected,
        licence=metadata.licence,
        source=metadata.description,
    )


def _card_by_shapes(backend: Backend, path: Path, head: str | None, names: tuple[str, ...] | None) -> ModelCard:
    assumed: list[str] = []
    shapes = describe_outputs(backend.outputs)
    if head is None and ALPHABET_KEY in backend.metadata:
        head = "ctc_text"
    if head is None:
        head = match_head(backend.input, backend.outputs)
        if head is None:
            raise UnknownHeadError(f"{path} has no metadata and its outputs {shapes} could be anything; {_settle()}")
        assumed.append(f"The file has no metadata; by the shape of its outputs, {shapes}, the head is {head}.")
    if names is None:
        names, sentence = _names_by_shapes(backend, path, head)
        assumed.append(sentence)
    plugin = find_head(head)
    layout = plugin.head_class()
    usual = dict(layout.usual_input)
    usual_size = (usual.pop("width_px", _DEFAULT_SIDE_PX), usual.pop("height_px", _DEFAULT_SIDE_PX))
    facts = _input_facts(backend.input, usual_size) | {"dynamic_size": False}  # nothing says what sizes it can take
    card = ModelCard(
        task=plugin.task,
        head=head,
        names=names,
        input=InputCard(**usual, **facts),
        box_unit=_box_unit(backend, head, facts["layout"], end2end=False),
        keypoints=layout.usual_keypoints,
        nms_inside=layout.selected,
    )
    assumed.append(
        f"The input is fed as {head} models usually are: {card.input.width_px}x{card.input.height_px}, "
        f"{card.input.color.upper()}, levels times {card.input.scale:.3g}, {card.input.resize}."
    )
    if card.box_unit == "normalized":
        assumed.append("The boxes were taken for fractions of the input, as TFLite exports of YOLO have them.")
    return card.model_copy(update={"assumed": tuple(assumed)})


def _names_by_shapes(backend: Backend, path: Path, head: str) -> tuple[tuple[str, ...], str]:
    """Return class names for a file without any, and the sentence that says where they are from."""
    plugin = find_head(head)
    if plugin.task == "text" and (letters := backend.metadata.get(ALPHABET_KEY)):
        return alphabet(letters), "The letters are those of the file's metadata, with a blank and a space."
    if labels := backend.metadata.get("model_info.labels", "").split():
        return tuple(labels), "The class names are the labels in the model's rt_info, where blanks are underscores."
    if usual := plugin.head_class().usual_names:
        return usual, f"Models with the head {head} name {', '.join(usual)}."
    if plugin.task in _NAMELESS:
        return (plugin.task,), f"A model for {plugin.task} has no classes."
    count = plugin.head_class().class_count(backend.outputs)
    if count is None:
        raise UnknownHeadError(
            f"{path} has no class names, and its outputs {describe_outputs(backend.outputs)} do not say how many "
            "classes there are; give them with --names"
        )
    if count == len(COCO_NAMES):
        return COCO_NAMES, "The file has no class names; its 80 classes were taken for those of COCO."
    numbered = tuple(f"class {class_id}" for class_id in range(count))
    return numbered, f"The file has no class names; its {count} classes were numbered, --names gives them names."


def _detection_head(outputs: Sequence[TensorSpec], classes: int, metadata: UltralyticsMetadata) -> str | None:
    """Return the head that fits the box tensor of an ultralytics detector, whose class count is known."""
    position = box_tensor(outputs)
    if position is None:
        return None
    _, rows, columns = outputs[position].shape
    # 300 rows are no raw output: no picture size has 300 grid cells times three anchors.
    if metadata.layer == "RTDETRDecoder" or (rows == 300 and columns == 4 + classes != 6):
        return "rtdetr"
    if metadata.selected or (rows, columns) == (300, 6):
        return "yolo_end2end" if columns == 6 else None
    if rows == 4 + classes:
        return "yolo_v8"
    return "yolo_v5" if columns == 5 + classes else None


def _box_unit(backend: Backend, head: str, layout: str, *, end2end: bool) -> Literal["px", "normalized"]:
    """Return the unit of the boxes: ultralytics' TFLite exports divide them by the input's size.

    The newer of ultralytics' two TFLite exporters, told by its NCHW input, leaves those of end-to-end models in pixels.
    """
    divided = backend.name == "litert" and head.startswith("yolo_") and not (layout == "nchw" and end2end)
    return "normalized" if divided else "px"


def _input_facts(spec: TensorSpec, size_px: tuple[int, int] | None) -> dict[str, Any]:
    """Return what the input tensor itself says; ``size_px`` stands in for dynamic sides."""
    layout = "nchw" if spec.shape[1] == 3 else "nhwc"
    height, width = spec.shape[2:] if layout == "nchw" else spec.shape[1:3]
    wanted_width, wanted_height = size_px or (_DEFAULT_SIDE_PX, _DEFAULT_SIDE_PX)
    return {
        "width_px": width or wanted_width,
        "height_px": height or wanted_height,
        "layout": layout,
        "dynamic_size": width is None and height is None,
        "dtype": spec.dtype,
        "dynamic_batch": spec.shape[0] is None,
        "batch": spec.shape[0] or 1,
    }


def _settle() -> str:
    return _SETTLE.format(heads=", ".join(HEADS.names()))
