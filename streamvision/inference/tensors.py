"""What goes into a network and comes out of it, in shapes and types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelLocation
from streamvision.core.redaction import short


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and type of one input or output; a dynamic axis is ``None``."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    value_range: tuple[float, float] | None = None
    """For a quantised input the values of its lowest and its highest level."""

    @property
    def layout(self) -> Literal["nchw", "nhwc"]:
        """Order of the axes of a picture input: three channels are looked for first, then one."""
        last = self.shape[1] != 3 and (self.shape[3] == 3 or self.shape[1] != 1)
        return "nhwc" if last else "nchw"

    @property
    def is_whole_pictures(self) -> bool:
        """Whether it takes whole pictures, as bytes of any size; other models have inputs of that name as well."""
        return self.name == PICTURES and self.dtype == "uint8" and self.shape[1:] in _WHOLE_SHAPES


MAX_SIDE_PX = 1 << 16
MAX_ELEMENTS = 1 << 28
"""Far above the input of any call: more would end a machine without a word. A picture of 8192x8192 has 201 million."""
PICTURE_DTYPES = ("float32", "float16", "uint8")
PICTURES = "pictures"
"""Name of the input of models that take whole pictures."""
_WHOLE_SHAPES = ((None, None, 3), (None, None, 1))
YUV_TO_RGB = "yuv_to_rgb"
"""Name of its companion where the pictures are YUV: (N, 12) float32, the rows of (3, 4) affine maps to RGB levels."""


def check_tensor(spec: TensorSpec, tensor: NDArray[Any], *, path: ModelLocation) -> None:
    """Refuse a tensor that does not fit the model's input.

    Runtimes differ in this: one converts in silence, another fails deep inside.

    Raises:
        ModelError: when shape or type differ from what the model takes.
    """
    fits = tensor.ndim == len(spec.shape) and all(
        wanted is None or wanted == given for wanted, given in zip(spec.shape, tensor.shape, strict=True)
    )
    if not fits or tensor.dtype != spec.dtype:
        raise ModelError(
            f"{path} takes {shape_text(spec.shape)} {spec.dtype}, not {shape_text(tensor.shape)} {tensor.dtype}"
        )


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Return a shape as text, a dynamic axis as ``?``."""
    return "x".join("?" if n is None else str(n) for n in shape)


def last_line(error: BaseException) -> str:
    """Return the last line of a runtime's message: there stands the cause, above it the way to it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300].rstrip(".") if lines else type(error).__name__


def picture_input(inputs: tuple[TensorSpec, ...], *, path: ModelLocation) -> TensorSpec:
    """Return the only input of a model.

    Raises:
        ModelError: when it has several, or one that cannot take a batch of pictures, or one that is too large.
    """
    if len(inputs) != 1:
        names = ", ".join(spec.name for spec in inputs)
        raise ModelError(
            f"{path} has {len(inputs)} inputs ({names}), but here a model must take one batch of pictures and nothing "
            "else; export it again with the picture as its only input"
        )
    spec = inputs[0]
    if spec.shape == (None,) * 4:
        spec = replace(spec, shape=(None, 3, None, None))  # optimum leaves every axis free; its pictures are NCHW
    if not _takes_pictures(spec):
        raise ModelError(
            f"{path} takes {shape_text(spec.shape)} {spec.dtype}, but a model must take pictures of three channels or "
            f"one, as Nx3xHxW, NxHxWx3, Nx1xHxW or NxHxWx1 of {', '.join(PICTURE_DTYPES)}"
        )
    check_size(spec.shape, path)  # before anything of that size is made and run
    return spec


def check_size(shape: tuple[int | None, ...], path: ModelLocation) -> None:
    """Refuse an input that is too large; free axes count as 1.

    Raises:
        ModelError: when it is.
    """
    if max(n or 1 for n in shape) > MAX_SIDE_PX or prod(n or 1 for n in shape) > MAX_ELEMENTS:
        raise ModelError(
            f"{path} takes {short(shape_text(shape))}, which is larger than any input that is accepted here: "
            f"sides of {MAX_SIDE_PX} px and {MAX_ELEMENTS} values; export it for smaller pictures"
        )


def _takes_pictures(spec: TensorSpec) -> bool:
    if len(spec.shape) != 4 or spec.dtype not in PICTURE_DTYPES:
        return False
    return any(channels in (spec.shape[1], spec.shape[3]) for channels in (3, 1))


@dataclass(frozen=True)
class ModelInputs:
    """All inputs of a model that takes pictures: the picture, and what is asked beside.

    The sizes that PaddleDetection, RT-DETR and D-FINE ask for are answered with the network input's own, so that boxes
    come out in its pixels.
    """

    picture: TensorSpec
    """The batch of pictures, with four axes."""
    batched: bool
    """Whether the model's own input has the batch axis; torchvision's detectors take one picture without it."""
    companions: tuple[TensorSpec, ...] = ()
    """The other inputs."""

    @classmethod
    def of(cls, inputs: tuple[TensorSpec, ...], *, path: ModelLocation) -> ModelInputs:
        """Tell the picture from its companions.

        Raises:
            ModelError: when there is another input that nobody knows, or none that takes pictures.
        """
        companions = tuple(spec for spec in inputs if spec.name in COMPANIONS and len(spec.shape) == 2)
        pictures = tuple(spec for spec in inputs if spec not in companions)
        batched = len(pictures) != 1 or len(pictures[0].shape) != 3
        if not batched:
            pictures = (replace(pictures[0], shape=(1, *pictures[0].shape)),)
        return cls(picture_input(pictures, path=path), batched, companions)

    @property
    def own(self) -> tuple[TensorSpec, ...]:
        """The inputs as the model itself has them, the picture first."""
        picture = self.picture if self.batched else replace(self.picture, shape=self.picture.shape[1:])
        return (picture, *self.companions)

    def feeds(self, tensor: NDArray[Any], given: Mapping[str, NDArray[Any]] | None = None) -> dict[str, NDArray[Any]]:
        """Return what each input is given for a batch of pictures; ``given`` are companions by name, where known."""
        feeds = {self.picture.name: tensor if self.batched else tensor[0]}
        height, width = tensor.shape[2:] if self.picture.layout == "nchw" else tensor.shape[1:3]
        for spec in self.companions:
            if given is not None and spec.name in given:
                feeds[spec.name] = given[spec.name]
                continue
            values = COMPANIONS[spec.name](width, height)
            feeds[spec.name] = np.tile(np.array(values, spec.dtype), (len(tensor), 1))
        return feeds


COMPANIONS: Mapping[str, Callable[[int, int], tuple[float, ...]]] = {
    "orig_target_sizes": lambda width, height: (width, height),
    "im_shape": lambda width, height: (height, width),
    "scale_factor": lambda width, height: (1, 1),
    YUV_TO_RGB: lambda width, height: (1, 0, 0, 0) * 3,
}
"""Values a picture by the input's name, from width and height of the network's input, where nothing else is given: grey
for pictures in YUV. Sources: the exporters of
RT-DETR (https://github.com/lyuwenyu/RT-DETR) and PaddleDetection (https://github.com/PaddlePaddle/PaddleDetection)."""
