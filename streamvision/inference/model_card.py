"""The contract that travels with every model: how to feed it and how to read what comes out.

It is stored as JSON under :data:`CARD_KEY` in the artefact's own metadata. Cards of models that others exported
are derived in :mod:`streamvision.inference.card_reader`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from streamvision.core.config.model_input import Color, Layout, Resize

CARD_KEY = "streamvision.card"
ALPHABET_KEY = "character"
"""Key of PaddleOCR's and RapidOCR's metadata: one letter a line, without the blank before and the space behind them."""
LABELS_KEY = "labels.txt"
"""Key under which the label file of TensorFlow Lite's own metadata stands: one name a line."""

Task = Literal[
    "detect", "segment", "pose", "obb", "classify", "semantic", "embed", "depth", "image", "text", "cuboid", "caption"
]
"""What a model does: find objects (``detect``), with masks (``segment``), keypoints (``pose``) or oriented boxes
(``obb``); name the whole picture (``classify``); name each pixel (``semantic``); describe it for comparison
(``embed``); measure distances (``depth``); turn it into another picture (``image``); read a line of text
(``text``); place the object in space of which it is a crop (``cuboid``); or describe it in a sentence
(``caption``)."""
PixelFormat = Literal["bgr24", "yuv420p"]
"""How whole pictures are laid out, in FFmpeg's words: blue, green, red bytes a pixel, or the three planes of I420."""
OBJECT_TASKS: tuple[Task, ...] = ("detect", "segment", "pose", "obb")
"""Tasks that find single objects; the others say something of the whole picture."""


MAX_NAME = 500
"""Longest name of a class or keypoint; each object of each result carries one."""
_JOINERS = "\u200c\u200d"
"""Not printable by themselves, but names in Persian, in Indian scripts and of emoji have them."""


def shown_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names as they may stand in terminals, on pages and in results.

    A file may say anything: what is not printable becomes a blank, and what is longer than :data:`MAX_NAME` is cut.

    >>> shown_names(("car", "\\x1b[2Jvan\\n", "\\x00"))
    ('car', '[2Jvan', 'class 2')
    """
    return tuple(_shown(name)[:MAX_NAME] or f"class {number}" for number, name in enumerate(names))


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() or one in _JOINERS else " " for one in text).strip()


MAX_WORDS = 2000
"""Longest text of an author: pages ask for all that is said of a model again and again."""
Words = Annotated[str, AfterValidator(lambda text: _shown(text[:MAX_WORDS]))]
"""What the author of a file says."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


Label = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
"""Words that stand on pages, in terminals and on pictures as a file gives them."""


Factor = Annotated[float, Field(ge=1e-9, le=1e9)]
"""A number that levels are multiplied or divided by in float32, in which it neither vanishes nor overflows."""


MOST_KNOWN = 4
"""Numbers that a network is given beside a picture, which take that many bands of its input."""


class KnownCard(BaseModel):
    """A number that is known beside the picture and given to the network, such as a car's own speed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Label = Field(description="What it is called.")
    unit: Label | None = Field(None, description="What it is counted in, such as m/s.")
    largest: float = Field(gt=0, le=1e30, description="What is shown as white; 0 and less are shown as black.")


class InputCard(BaseModel):
    """How a picture becomes the network's input tensor."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    width_px: int = Field(
        gt=0, le=1 << 16, description="Width that the network sees; for dynamic models the preferred one."
    )
    height_px: int = Field(
        gt=0, le=1 << 16, description="Height that the network sees; for dynamic models the preferred one."
    )
    layout: Layout = Field("nchw", description="Order of the tensor's axes.")
    dtype: Literal["float32", "float16", "uint8"] = Field("float32", description="Type of the tensor's elements.")
    color: Color = Field("rgb", description="Order of the colour channels; gray: one channel, the brightness.")
    resize: Resize = Field("letterbox_center", description="How the picture is fitted into the input size.")
    sampling: Literal["pixel_center", "pixel_corner", "bicubic"] = Field(
        "pixel_center",
        description="How resizing reads pixels: bilinearly with their middles laid onto each other, as most libraries "
        "do, or their top left corners, as MediaPipe does; or by the middles with Pillow's bicubic kernel.",
    )
    pad_value: int = Field(114, ge=0, le=255, description="Grey level of the letterbox border, before scaling.")
    scale: Factor = Field(1 / 255, description="Factor from uint8 levels to tensor values.")
    mean: tuple[float, float, float] | None = Field(
        None, description="Subtracted from the scaled values, one a channel in the order of `color`."
    )
    std: tuple[Factor, Factor, Factor] | None = Field(
        None, description="The scaled values less the mean are divided by it, one a channel in the order of `color`."
    )
    crop_short_side_px: int | None = Field(
        None, gt=0, description="For crop_center: length of the picture's shorter side before the middle is cut out."
    )
    pixel_format: PixelFormat | None = Field(
        None,
        description="Layout of the whole pictures, of any size, that the model takes where resizing, colour and "
        "scaling are part of its graph; the other fields then say what that does. None: the host does it.",
    )
    dynamic_size: bool = Field(
        False, description="Whether width and height are free; the larger of the two above is then the longer side."
    )
    own_size: bool = Field(
        False,
        description="With a free size: whether a picture keeps its own, rounded up to the stride, in place of one "
        "whose longer side is that above.",
    )
    stride_px: int = Field(32, gt=0, description="Sides of a free size must be multiples of this.")
    dynamic_batch: bool = Field(False, description="Whether one call may carry any number of pictures.")
    batch: int = Field(1, gt=0, description="Pictures per call where the batch is fixed.")
    known: tuple[KnownCard, ...] = Field(
        (),
        max_length=MOST_KNOWN,
        description="Numbers known beside the picture, each a grey band along the lower edge of the input, the first "
        "at the bottom; red where it is not known.",
    )

    @model_validator(mode="after")
    def _known_in_colours(self) -> InputCard:
        if self.known and (self.color == "gray" or self.pixel_format is not None):
            raise ValueError("known numbers are shown in three colours, which whole pictures and gray inputs have not")
        return self

    @property
    def channels(self) -> int:
        """How many channels the network sees."""
        return 1 if self.color == "gray" else 3


class PictureCard(BaseModel):
    """How the levels of a picture that comes out became the tensor's values; by the words of :class:`InputCard`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    color: Literal["rgb", "bgr"] = Field("rgb", description="Order of the colour channels.")
    scale: float = Field(1 / 255, gt=0, description="Factor from uint8 levels to tensor values.")
    mean: tuple[float, float, float] | None = Field(None, description="Subtracted from the scaled values.")
    std: tuple[float, float, float] | None = Field(None, description="The rest is divided by it.")


class KeypointCard(BaseModel):
    """What the keypoints of one object are, and how they hang together."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    names: Annotated[tuple[str, ...], AfterValidator(shown_names)] = Field(
        min_length=1, description="Names, in the order of the output."
    )
    skeleton: tuple[tuple[int, int], ...] = Field((), description="Pairs of keypoints to draw a line between.")
    oks_sigma: tuple[float, ...] | None = Field(
        None, description="Spread of each keypoint in object keypoint similarity, as COCO defines it."
    )


class NumberCard(BaseModel):
    """A number that a network says of a picture."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Label = Field(description="What it is called.")
    unit: Label | None = Field(None, description="What it is counted in, such as m.")


class ModelCard(BaseModel):
    """Everything the runtime must know about a model, so that its file alone is enough to run it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    task: Task = Field("detect", description="What the model does.")
    head: str = Field(description="Layout of the outputs: the name of a head in streamvision.inference.heads.")
    names: tuple[str, ...] = Field(min_length=1, description="Class names, by class id.")
    input: InputCard = Field(description="How to feed it.")
    box_unit: Literal["px", "normalized"] = Field(
        "px", description="Unit of the boxes in the raw output: pixels of the network input, or 0..1 of it."
    )
    picture: PictureCard | None = Field(
        None, description="For image: scaling and colour order of the picture that comes out, where not the input's."
    )
    keypoints: KeypointCard | None = Field(None, description="For pose: the keypoints of an object.")
    numbers: tuple[NumberCard, ...] = Field(
        (), description="For several: the numbers, in the order of the outputs; empty: known by the outputs' names."
    )
    nms_inside: bool = Field(False, description="Whether the model's own outputs are already free of duplicates.")
    licence: Words | None = Field(None, description="Licence of the weights, as their author states it.")
    source: Words | None = Field(None, description="What the model was made from.")
    measured: dict[Words, float] | None = Field(
        None, description="Figures of the model where it was made, such as map50_95, by name."
    )
    assumed: tuple[Words, ...] = Field(
        (), description="What was not in the file and had to be assumed, one sentence each."
    )

    @field_validator("names")
    @classmethod
    def _are_shown(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        # Of models that read text they are its letters, among which there may be any.
        return names if info.data.get("task") == "text" else shown_names(names)

    def with_input(self, **changes: Any) -> ModelCard:
        """Return the card for an input of which some facts, by the names of :class:`InputCard`, are others."""
        return self.model_copy(update={"input": self.input.model_copy(update=changes)})

    def to_metadata(self) -> dict[str, str]:
        """Return the card in the form in which artefacts store it."""
        return {CARD_KEY: self.model_dump_json(exclude_defaults=True)}
