"""Finds out how to feed a model and how to read what comes out.

In this order: our own card in the file's metadata; ultralytics' metadata; the shapes of input and outputs, where they
can only be one head's. What had to be assumed is written into the card; what cannot be known is an error, not a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import ValidationError

from streamvision.core.config.wording import fault_in_words
from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.core.model_location import ModelLocation
from streamvision.core.redaction import short
from streamvision.inference.backends.base import Backend
from streamvision.inference.coco import COCO_BY_NUMBER, COCO_NAMES
from streamvision.inference.grid_probe import in_fractions, is_grid, settle_grid
from streamvision.inference.heads.base import Head
from streamvision.inference.heads.ctc_text import alphabet
from streamvision.inference.heads.layout import box_tensor, describe_outputs
from streamvision.inference.heads.registry import HEADS, find_head, match_head, ultralytics_head
from streamvision.inference.model_card import ALPHABET_KEY, CARD_KEY, LABELS_KEY, InputCard, ModelCard
from streamvision.inference.tensors import TensorSpec, check_size, shape_text
from streamvision.inference.ultralytics_metadata import MAX_CHARS, UltralyticsMetadata, parse_ultralytics

_DEFAULT_SIDE_PX = 640
_NAMELESS = ("embed", "depth", "image")
"""Tasks of models that have no classes."""

_FED = "The input is fed as"
_SETTLE = "say which it is with --head ({heads}) and, where the file has no class names, --names"


def read_card(
    backend: Backend,
    *,
    path: ModelLocation,
    head: str | None = None,
    names: Sequence[str] | None = None,
    fed: Mapping[str, Any] | None = None,
) -> ModelCard:
    """Return the card of a loaded model.

    Args:
        backend: the loaded model.
        path: its file, for messages.
        head: the user's word on the layout of the outputs; it overrides the file's.
        names: the user's class names; they override the file's. ``coco`` alone stands for COCO's 80.
        fed: the user's word on how it is fed, by field of :class:`streamvision.inference.model_card.InputCard`.

    Raises:
        UnknownHeadError: when the layout of the outputs cannot be known; the message says which options settle it.
        ModelError: when the metadata is damaged, contradicts the file, or names a task that is not supported.
    """
    if head is not None:
        find_head(head)
    check_size(backend.input.shape, path)
    given = COCO_NAMES if tuple(names or ()) == ("coco",) else tuple(names) if names else None
    if CARD_KEY in backend.metadata:
        card = _own_card(backend, path, head, given)
    elif (metadata := parse_ultralytics(backend.metadata, path=path)) is not None:
        card = _ultralytics_card(backend, path, metadata, head, given)
    else:
        card = _card_by_shapes(backend, path, head, given)
    if fed:
        card = _fed_as_asked(card, fed, backend.input, path)
    of = card.input
    check_size((of.batch, of.channels, of.height_px, of.width_px), path)
    return card


def _fed_as_asked(card: ModelCard, fed: Mapping[str, Any], spec: TensorSpec, path: ModelLocation) -> ModelCard:
    """Return the card with the user's word on how pictures are fed."""
    if card.input.pixel_format is not None:
        raise ModelError(
            f"{path} takes whole pictures, and how they are fed to its network is part of its graph; leave out the "
            "model's input settings, or export it with others"
        )
    facts = {} if "layout" not in fed else _input_facts(spec, None, layout=fed["layout"])
    changed = card.input.model_copy(update={**facts, **fed})
    if changed.channels != card.input.channels or (facts and spec.shape[_channel_axis(fed["layout"])] not in (1, 3)):
        raise ModelError(
            f"{path} takes {shape_text(spec.shape)}, which cannot be fed as {changed.layout} {changed.color}; leave "
            "out the input's layout and color, or give those that fit"
        )
    said = ", ".join(f"{key} {value}" for key, value in fed.items())
    others = (sentence for sentence in card.assumed if not sentence.startswith(_FED))
    sentence = f"{_FED} you said ({said}): {describe_input(changed)}."
    return card.model_copy(update={"input": changed, "assumed": (*others, sentence)})


def _channel_axis(layout: str) -> int:
    return 1 if layout == "nchw" else 3


def _own_card(backend: Backend, path: ModelLocation, head: str | None, names: tuple[str, ...] | None) -> ModelCard:
    if len(text := backend.metadata[CARD_KEY]) > MAX_CHARS:
        raise ModelError(f"the model card in {path} has {len(text)} characters, of which {MAX_CHARS} are read")
    try:
        card = ModelCard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        said = f"{short(where)}: {short(fault_in_words(first))}"
        raise ModelError(f"the model card in {path} is not valid ({said}); export it again") from error
    if card.input.pixel_format is None:
        facts = _input_facts(backend.input, (card.input.width_px, card.input.height_px))
    else:
        facts = _whole_picture_facts(backend.input, card.input, path)
    if any(facts[key] != getattr(card.input, key) for key in ("width_px", "height_px", "layout") if key in facts):
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


def _whole_picture_facts(spec: TensorSpec, card: InputCard, path: ModelLocation) -> dict[str, Any]:
    """Return what the input tensor says where it is whole pictures; the rest of the card is about what lies behind."""
    batch, *sides, last = spec.shape
    if spec.dtype != "uint8" or last != (3 if card.pixel_format == "bgr24" else 1) or sides != [None, None]:
        raise ModelError(
            f"the model card in {path} says that it takes whole pictures in {card.pixel_format}, but the model takes "
            f"{shape_text(spec.shape)} {spec.dtype}; export it again"
        )
    return {"dynamic_size": False, "dynamic_batch": batch is None, "batch": batch or 1}


def _ultralytics_card(
    backend: Backend,
    path: ModelLocation,
    metadata: UltralyticsMetadata,
    head: str | None,
    names: tuple[str, ...] | None,
) -> ModelCard:
    tasks = [plugin.task for plugin in HEADS.built_in if plugin.ultralytics == "raw"]
    if metadata.task not in ("detect", *tasks):
        raise ModelError(
            f"{path} is a model for {short(metadata.task)!r}, which cannot be run; give one for detect, "
            f"{', '.join(tasks)}"
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
    if _is_built_in(backend):
        facts |= {"dynamic_size": False, "dynamic_batch": False}  # optimum frees axes that the graph has built in
    levels = _levels_by_tensor(backend.input) if backend.input.dtype == "uint8" else {}
    plugin = find_head(head)
    usual = dict(plugin.head_class().usual_input)
    if usual.get("resize") == "crop_center" and facts["width_px"] != facts["height_px"]:
        usual["resize"] = "stretch"  # ultralytics cuts the middle out for square inputs only
    return ModelCard(
        task=plugin.task,
        head=head,
        names=names,
        input=InputCard(**{**usual, **facts, **levels}, stride_px=metadata.stride_px),
        box_unit=_box_unit(backend, head, facts["layout"], end2end=metadata.end2end),
        keypoints=metadata.keypoints if plugin.task == "pose" else None,
        nms_inside=plugin.head_class().selected,
        licence=metadata.licence,
        source=metadata.description,
    )


def _card_by_shapes(
    backend: Backend, path: ModelLocation, head: str | None, names: tuple[str, ...] | None
) -> ModelCard:
    assumed: list[str] = []
    if head is None:
        head, sentence = _head_by_shapes(backend, path, names)
        assumed.append(sentence)
    plugin = find_head(head)
    layout = plugin.head_class()
    if names is None:
        names, sentence = _names_by_shapes(backend, path, head)
        assumed.append(sentence)
    names = _without_background(names, layout, backend.outputs)
    if layout.coco_numbers and names == COCO_NAMES:
        names = COCO_BY_NUMBER
        assumed.append("The classes were taken to be numbered as COCO's categories are, 90 with gaps.")
    usual = dict(layout.usual_input_of(backend.outputs))
    usual_size = (usual.pop("width_px", _DEFAULT_SIDE_PX), usual.pop("height_px", _DEFAULT_SIDE_PX))
    facts = _input_facts(backend.input, usual_size) | {"dynamic_size": False}  # nothing says what sizes it can take
    levels = _levels_by_tensor(backend.input)
    card = ModelCard(
        task=plugin.task,
        head=head,
        names=names,
        input=InputCard(**{**usual, **facts, **levels}),
        box_unit=_box_unit(backend, head, facts["layout"], end2end=False),
        keypoints=layout.usual_keypoints,
        nms_inside=layout.selected,
    )
    source = "its type and quantisation say" if levels else f"{head} models usually are"
    assumed.append(f"{_FED} {source}: {describe_input(card.input)}.")
    if card.box_unit == "normalized" and layout.usual_box_unit == "px":
        assumed.append("The boxes were taken for fractions of the input, as TFLite exports of YOLO have them.")
    return card.model_copy(update={"assumed": tuple(assumed)})


def _without_background(names: tuple[str, ...], layout: type[Head], outputs: Sequence[TensorSpec]) -> tuple[str, ...]:
    """Return the names without the background that label files of jetson-inference and torchvision begin with."""
    first = names[0].strip("_").casefold() == "background" and len(names) > 1
    return names[1:] if first and (layout.coco_numbers or layout.class_count(outputs) == len(names) - 1) else names


def describe_input(card: InputCard) -> str:
    """Return how pictures are fed, in words."""
    levels = f"levels times {card.scale:.3g}"
    levels += "" if card.mean is None else f" less {_listed(card.mean)}"
    levels += "" if card.std is None else f" divided by {_listed(card.std)}"
    whole = "" if card.pixel_format is None else f"whole pictures in {card.pixel_format}, in the graph "
    return f"{whole}{card.width_px}x{card.height_px}, {card.color.upper()}, {levels}, {card.resize}"


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in (values[:1] if len(set(values)) == 1 else values))


def _head_by_shapes(backend: Backend, path: ModelLocation, names: tuple[str, ...] | None) -> tuple[str, str]:
    """Return the head of a file without metadata, and the sentence that says what showed it."""
    shapes = describe_outputs(backend.outputs)
    if ALPHABET_KEY in backend.metadata:
        return "ctc_text", "The file has an alphabet, so it reads lines of text."
    if (head := match_head(backend.input, backend.outputs)) is not None:
        if head == "yolo_end2end" and in_fractions(backend):
            raise UnknownHeadError(
                f"{path} has no metadata, and its outputs {shapes} look like selected boxes in pixels, but on a drawn "
                "picture they are fractions, as RT-DETR's are: " + _SETTLE.format(heads="rtdetr")
            )
        return head, f"The file has no metadata; by the shape of its outputs, {shapes}, the head is {head}."
    settled = settle_grid(backend) if is_grid(backend) else None
    if settled is not None:
        return settled.head, (
            f"The file has no metadata; it was run on a drawn picture, and {settled.reason}, so the head is "
            f"{settled.head}."
        )
    fitting = _fitting_heads(backend, names)
    raise UnknownHeadError(
        f"{path} has no metadata and its outputs {shapes} could be anything; "
        + (_settle() if not fitting else _SETTLE.format(heads=", ".join(fitting)))
    )


def _fitting_heads(backend: Backend, names: tuple[str, ...] | None) -> list[str]:
    """Return the heads of detectors that the outputs' shapes allow; empty where there is none."""
    fitting = []
    for plugin in HEADS:
        if plugin.task != "detect":
            continue
        head = plugin.head_class()
        if head.selected and is_grid(backend):
            continue  # a row for each cell is not selected, and duplicates would stay
        count = len(names) if names else head.class_count(backend.outputs) or 1
        card = ModelCard(head=plugin.name, names=("?",) * count, input=InputCard(**_input_facts(backend.input, None)))
        try:
            head(card, backend.outputs)
        except UnknownHeadError:
            continue
        fitting.append(plugin.name)
    return fitting


_NEARLY = 0.02
"""A quantised range this near to 0..1, of its width, is meant to be that."""


def _levels_by_tensor(spec: TensorSpec) -> dict[str, Any]:
    """Return how levels become values where the tensor itself says it; empty where it does not."""
    if spec.dtype == "uint8":
        return {"scale": 1.0, "mean": None, "std": None}
    if spec.value_range is None:
        return {}
    low, high = spec.value_range
    if abs(low) < _NEARLY and abs(high - 1) < _NEARLY:
        return {"scale": 1 / 255, "mean": None, "std": None}
    return {"scale": (high - low) / 255, "mean": (-low,) * 3 if low else None, "std": None}


def _names_by_shapes(backend: Backend, path: ModelLocation, head: str) -> tuple[tuple[str, ...], str]:
    """Return class names for a file without any, and the sentence that says where they are from."""
    plugin = find_head(head)
    if plugin.task == "text" and (letters := backend.metadata.get(ALPHABET_KEY)):
        return alphabet(letters), "The letters are those of the file's metadata, with a blank and a space."
    if lines := _label_lines(backend):
        return lines, "The class names are the labels in the file's metadata."
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
            "classes there are; give them with --names (--names coco stands for COCO's)"
        )
    if count == len(COCO_NAMES):
        return COCO_NAMES, "The file has no class names; its 80 classes were taken for those of COCO."
    numbered = tuple(f"class {class_id}" for class_id in range(count))
    return numbered, f"The file has no class names; its {count} classes were numbered, --names gives them names."


def _label_lines(backend: Backend) -> tuple[str, ...]:
    """Return the names in the label file of TensorFlow Lite's metadata, without the background that some begin with."""
    lines = [line.strip() for line in backend.metadata.get(LABELS_KEY, "").splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(name or f"class {at}" for at, name in enumerate(lines[1:] if lines[:1] == ["???"] else lines))


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


def _is_built_in(backend: Backend) -> bool:
    """Say whether the input's size and number are free by name only: no output has a free axis, not even the first."""
    return backend.input.shape[0] is None and all(None not in output.shape for output in backend.outputs)


def _box_unit(backend: Backend, head: str, layout: str, *, end2end: bool) -> Literal["px", "normalized"]:
    """Return the unit of the boxes: the head's usual one; ultralytics' TFLite exports divide them by the input's size.

    The newer of ultralytics' two TFLite exporters, told by its NCHW input, leaves those of end-to-end models in pixels.
    """
    divided = backend.name == "litert" and head.startswith("yolo_") and not (layout == "nchw" and end2end)
    return "normalized" if divided else find_head(head).head_class().usual_box_unit


def _input_facts(spec: TensorSpec, size_px: tuple[int, int] | None, *, layout: str | None = None) -> dict[str, Any]:
    """Return what the input tensor itself says; ``size_px`` stands in for dynamic sides."""
    layout = layout or spec.layout
    _, *rest = spec.shape
    channels, height, width = rest if layout == "nchw" else (rest[2], *rest[:2])
    wanted_width, wanted_height = size_px or (_DEFAULT_SIDE_PX, _DEFAULT_SIDE_PX)
    facts = {
        "width_px": width or wanted_width,
        "height_px": height or wanted_height,
        "layout": layout,
        "dynamic_size": width is None and height is None,
        "dtype": spec.dtype,
        "dynamic_batch": spec.shape[0] is None,
        "batch": spec.shape[0] or 1,
    }
    return facts | ({"color": "gray"} if channels == 1 else {})


def _settle() -> str:
    return _SETTLE.format(heads=", ".join(HEADS.names()))
