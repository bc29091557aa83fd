"""Pictures that a program has already: numpy arrays, and images of Pillow."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture

_FROM_CHANNELS = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}
ACCEPTED = "give (height, width, 3) uint8 in BGR as OpenCV has it, (height, width) grey, or a Pillow image"


def is_picture(given: object) -> bool:
    """Return whether it is one picture: an array of two or three axes, or a Pillow image."""
    return (isinstance(given, np.ndarray) and given.ndim in (2, 3)) or _is_pillow(given)


def picture_of(given: Any) -> BgrPicture:
    """Return an array or a Pillow image as a picture; an array of the usual form is shared, not copied.

    Args:
        given: (H, W, 3) uint8 BGR, (H, W) or (H, W, 1) uint8 grey, (H, W, 4) uint8 BGRA, or a Pillow image, which is
            turned upright as its EXIF says.

    Raises:
        ConfigError: when it is something else.
    """
    array = _array_of_pillow(given) if _is_pillow(given) else np.asarray(given)
    is_shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if array.dtype != np.uint8 or not is_shaped or not array.size:
        raise ConfigError(f"an array of shape {array.shape} and type {array.dtype} is no picture; {ACCEPTED}")
    array = np.ascontiguousarray(array[..., None] if array.ndim == 2 else array)
    if array.shape[2] in _FROM_CHANNELS:
        array = np.asarray(cv2.cvtColor(array, _FROM_CHANNELS[array.shape[2]]), np.uint8)
    return BgrPicture(array)


def _is_pillow(given: object) -> bool:
    """Return whether it is an image of Pillow, which is not imported for that."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(given).__mro__)


def _array_of_pillow(image: Any) -> Any:
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image) or image
    return np.asarray(upright.convert("RGB"))[..., ::-1]
