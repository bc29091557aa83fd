"""What a source's own library feeds its network with: a yardstick that shares no code and no card with ours.

Source and export are both fed by the runtime, so a card that is wrong on both sides would go unseen.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from exporters.parity.inputs import Reference
from streamvision.checkpoints.base import Source
from streamvision.checkpoints.torch_runtime import import_torch, import_ultralytics
from streamvision.checkpoints.torchvision import TorchvisionSource
from streamvision.checkpoints.ultralytics import UltralyticsSource
from streamvision.core.picture import Picture


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
