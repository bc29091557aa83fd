"""Compares what both networks are fed with: first the pixels that the cards lead to, then the tensors themselves.

Most exports that go wrong go wrong here. The pixels are compared in levels of 0..255 and RGB, each tensor read back by
its own card: they differ where size, place or border do. The tensors are compared as the networks see them, channel by
channel, in the source's scale: they differ where colour order or scaling do. As source and export are both fed by the
runtime, a card that is wrong in both would go unseen; so the pixels are also compared with those of the source's
own library, which shares no code and no card with ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from exporters.base import UnverifiedArtifact
from exporters.parity.model_run import Trace
from exporters.parity.tolerances import INPUT_LEVELS
from exporters.parity.verdict import Figure, ParityStage, worst
from streamvision.checkpoints.base import Source
from streamvision.checkpoints.torch_runtime import import_torch, import_ultralytics
from streamvision.checkpoints.torchvision import TorchvisionSource
from streamvision.checkpoints.ultralytics import UltralyticsSource
from streamvision.core.picture import Picture
from streamvision.inference.model_card import InputCard, ModelCard

F64 = NDArray[np.float64]
Reference = Callable[[Picture], NDArray[np.uint8]]
"""The pixels, (H, W, 3) RGB, that the source's own library would feed the network with."""

REFERENCE_LEVELS = 2.0
"""Mean difference to the library's own pixels that other ways of interpolating explain; a wrong rule gives tens."""
GEOMETRY = frozenset({"resize", "sampling", "pad_value", "crop_short_side_px", "width_px", "height_px"})
"""Fields of the card that say where a picture lies."""
_FACTOR_SLACK = 0.02


class InputBytes:
    """Compares pixels: size, place, border and interpolation.

    Args:
        source: how the source is fed.
        export: how the export is fed.
        reference: what the source's own library does; ``None`` where it cannot be asked.
    """

    def __init__(self, source: InputCard, export: InputCard, *, reference: Reference | None) -> None:
        self._source, self._export, self._reference = source, export, reference
        self._names: list[str] = []
        self._greatest: list[float] = []
        self._to_reference: list[float] = []
        self._faults: list[str] = []

    def add(self, name: str, picture: Picture, source: Trace, export: Trace) -> None:
        """Compare one picture."""
        pixels, others = _rgb(levels(source.tensor, self._source), self._source), levels(export.tensor, self._export)
        others = _rgb(others, self._export)
        if self._reference is not None:
            self._compare_reference(pixels, self._reference(picture))
        if pixels.shape != others.shape:
            if not self._faults:
                self._faults.append(
                    f"the export's card leads to {_size(others)} pixels, the source's to {_size(pixels)}"
                )
            return
        self._names.append(name)
        self._greatest.append(float(np.abs(pixels - others).max()))

    def finish(self) -> ParityStage:
        """Return the verdict."""
        faults = list(self._faults)
        greatest = max(self._greatest, default=0.0)
        if greatest > INPUT_LEVELS:
            faults += self._reasons() or [f"the pixels differ by up to {greatest:.1f} of 255 levels"]
        figures = [Figure("greatest_difference_levels", greatest if self._names else None, INPUT_LEVELS)]
        notes: list[str] = []
        if self._reference is None:
            notes.append("The source's own library was not at hand to check the source's card against.")
        elif not faults or not self._faults:
            mean = max(self._to_reference, default=0.0)
            figures.append(Figure("difference_to_library_levels", mean, REFERENCE_LEVELS))
            if mean > REFERENCE_LEVELS:
                faults.append(
                    f"the source's own card leads to other pixels than its library does, by {mean:.1f} of 255 levels "
                    f"in the mean ({self._source.resize}, border {self._source.pad_value})"
                )
        return ParityStage(
            "input_bytes", tuple(figures), tuple(faults), tuple(notes), worst(self._names, self._greatest)
        )

    def _compare_reference(self, pixels: F64, reference: NDArray[np.uint8]) -> None:
        equal_shape = pixels.shape == reference.shape
        self._to_reference.append(float(np.abs(pixels - reference).mean()) if equal_shape else 255.0)

    def _reasons(self) -> list[str]:
        """Say which words of the cards explain it."""
        fields = {
            "resize": "resize rule",
            "sampling": "sampling",
            "pad_value": "grey of the border",
            "crop_short_side_px": "crop",
        }
        return [
            f"the {words} differs: the export's card says {getattr(self._export, field)}, "
            f"the source's {getattr(self._source, field)}"
            for field, words in fields.items()
            if getattr(self._source, field) != getattr(self._export, field)
        ]


class InputTensor:
    """Compares tensors: colour order, scale, mean and deviation.

    Args:
        source: how the source is fed.
        export: how the export is fed.
        meant: fields of the input card that the target changes on purpose, with the network changed to suit them;
            scaling always counts as such where the export takes bytes.
    """

    def __init__(self, source: InputCard, export: InputCard, *, meant: frozenset[str] = frozenset()) -> None:
        self._source, self._export = source, export
        own_scale = export.dtype == "uint8" or {"scale", "mean", "std"} & meant
        self._read_export_by = export if own_scale else source.model_copy(update={"layout": export.layout})
        self._own_color = "color" in meant
        self._names: list[str] = []
        self._greatest: list[float] = []
        self._reason: str | None = None
        self._incomparable = False

    def add(self, name: str, source: Trace, export: Trace) -> None:
        """Compare one picture."""
        ours = levels(source.tensor, self._source)
        theirs = levels(export.tensor, self._read_export_by)
        if self._own_color:
            ours, theirs = _rgb(ours, self._source), _rgb(theirs, self._export)
        if ours.shape != theirs.shape:
            self._incomparable = True
            return
        self._names.append(name)
        self._greatest.append(float(np.nan_to_num(np.abs(ours - theirs), nan=np.inf).max()))
        if self._greatest[-1] > INPUT_LEVELS and self._reason is None:
            self._reason = self._explain(ours, theirs)

    def finish(self) -> ParityStage:
        """Return the verdict."""
        figure = Figure("greatest_difference_levels", max(self._greatest, default=None), INPUT_LEVELS)
        faults = () if self._reason is None else (self._reason,)
        notes = ("The tensors differ in size, so their values were not compared.",) if self._incomparable else ()
        return ParityStage("input_tensor", (figure,), faults, notes, worst(self._names, self._greatest))

    def _explain(self, ours: F64, theirs: F64) -> str:
        if np.abs(ours - theirs[..., ::-1]).max() <= INPUT_LEVELS:
            return (
                f"the colours are in the other order: the export's card says {self._export.color.upper()}, "
                f"the source's {self._source.color.upper()}"
            )
        factor = float(np.abs(theirs).sum() / max(np.abs(ours).sum(), 1e-12))
        if np.abs(theirs - factor * ours).mean() < _FACTOR_SLACK * np.abs(theirs).mean():
            return (
                f"the values are {factor:.4g} times those of the source: the export's card says scale "
                f"{self._export.scale:.6g}, the source's {self._source.scale:.6g}"
            )
        if (self._source.mean, self._source.std) != (self._export.mean, self._export.std):
            return (
                f"the values are normalised differently: the export's card says mean {self._export.mean} and std "
                f"{self._export.std}, the source's {self._source.mean} and {self._source.std}"
            )
        return f"the values differ by up to {np.abs(ours - theirs).max():.1f} of 255 levels"


def fed_as(card: ModelCard, artifact: UnverifiedArtifact) -> ModelCard:
    """Return a source's card with the geometry that an export has changed on purpose.

    What such an export does to a picture can only be compared with what the source does to the same pixels.
    """
    changes = {field: getattr(artifact.card.input, field) for field in GEOMETRY & artifact.input_changes}
    return card.with_input(**changes)


def levels(tensor: NDArray[Any], card: InputCard) -> F64:
    """Return (H, W, 3) levels of 0..255, in the order of the network's channels, that a card has led from."""
    values = tensor.astype(np.float64)
    if card.layout == "nchw":
        values = values.transpose(1, 2, 0)
    if card.std is not None:
        values = values * np.array(card.std)
    if card.mean is not None:
        values = values + np.array(card.mean)
    return values / card.scale


def _rgb(channels: F64, card: InputCard) -> F64:
    return channels if card.color == "rgb" else channels[..., ::-1]


def _size(pixels: F64) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"


def library_reference(source: Source) -> Reference | None:
    """Return how the source's library prepares pictures; ``None`` where there is no rule of the library to follow.

    Ultralytics' ``LetterBox`` and ``classify_transforms``, and torchvision's ``ImageClassification`` are asked. The
    runtime gives torchvision's detectors one fixed size, which they do not do themselves, and ONNX files have no
    library.
    """
    if isinstance(source, UltralyticsSource):
        return _of_ultralytics(source)
    if isinstance(source, TorchvisionSource) and source.card.task == "classify":
        return _of_torchvision(source)
    return None


def _of_ultralytics(source: UltralyticsSource) -> Reference | None:
    import_ultralytics()
    from ultralytics.data.augment import LetterBox, classify_transforms

    size = (source.card.input.height_px, source.card.input.width_px)
    if source.card.task != "classify":
        stretch = source.card.input.resize == "stretch"
        letterbox = LetterBox(new_shape=size, auto=False, scale_fill=stretch, stride=source.card.input.stride_px)
        return lambda picture: np.ascontiguousarray(letterbox(image=picture.to_bgr())[..., ::-1])
    if size[0] != size[1]:
        return None  # its own rule makes squares only
    return _of_transforms(classify_transforms(size=size[0], mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))


def _of_torchvision(source: TorchvisionSource) -> Reference | None:
    import_torch()
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms._presets import ImageClassification

    of_input = source.card.input
    if of_input.crop_short_side_px is None:
        return None
    crop, short = of_input.width_px, of_input.crop_short_side_px
    transforms = ImageClassification(
        crop_size=crop,
        resize_size=short,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        interpolation=InterpolationMode.BICUBIC if of_input.sampling == "bicubic" else InterpolationMode.BILINEAR,
    )
    return _of_transforms(transforms)


def _of_transforms(transforms: Any) -> Reference:
    """Return what transforms from a Pillow image to a (3, H, W) tensor of 0..1 lead to, as bytes."""
    from PIL import Image

    def reference(picture: Picture) -> NDArray[np.uint8]:
        rgb = cv2.cvtColor(picture.to_bgr(), cv2.COLOR_BGR2RGB)
        planes = transforms(Image.fromarray(rgb)).numpy()
        pixels: NDArray[np.uint8] = np.rint(planes.transpose(1, 2, 0) * 255).astype(np.uint8)
        return pixels

    return reference
