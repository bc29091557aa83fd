"""What goes into a network and comes out of it, in shapes and types."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from streamvision.core.errors import ModelError


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and type of one input or output; a dynamic axis is ``None``."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


PICTURE_DTYPES = ("float32", "float16", "uint8")


def check_tensor(spec: TensorSpec, tensor: NDArray[Any], *, path: Path) -> None:
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


def picture_input(inputs: tuple[TensorSpec, ...], *, path: Path) -> TensorSpec:
    """Return the only input of a model.

    Raises:
        ModelError: when it has several, or one that cannot take a batch of colour pictures.
    """
    if len(inputs) != 1:
        names = ", ".join(spec.name for spec in inputs)
        raise ModelError(
            f"{path} has {len(inputs)} inputs ({names}), but a model must take one batch of pictures and nothing else; "
            "export it again with the picture as its only input"
        )
    spec = inputs[0]
    if len(spec.shape) != 4 or 3 not in (spec.shape[1], spec.shape[3]) or spec.dtype not in PICTURE_DTYPES:
        raise ModelError(
            f"{path} takes {shape_text(spec.shape)} {spec.dtype}, but a model must take colour pictures as "
            f"Nx3xHxW or NxHxWx3 of {', '.join(PICTURE_DTYPES)}"
        )
    return spec
