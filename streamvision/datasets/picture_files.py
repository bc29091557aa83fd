"""Pictures of a data set, read from their files.

Sizes are those that viewers show, the EXIF orientation applied, since that is how OpenCV and the training libraries
load them; they are read without decoding the pixels.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamvision.core.errors import MissingDependencyError
from streamvision.core.exif import orientation_in
from streamvision.core.install import install_command

if TYPE_CHECKING:
    from PIL.Image import Image

_TIFF_SIZE = (0x0100, 0x0101)
_JPEG_END = b"\xff\xd9"


class BrokenPictureError(ValueError):
    """A file is not a picture, or an incomplete one; the message is a clause that follows the file's name."""


@dataclass(frozen=True)
class PictureFile:
    """A picture that can be read."""

    path: Path
    """Where it lies."""
    width_px: int
    """Width as shown, EXIF orientation applied."""
    height_px: int
    """Height as shown, EXIF orientation applied."""
    orientation: int
    """EXIF orientation, 1 (upright) to 8; 5 and above swap width and height."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height as shown."""
        return self.width_px, self.height_px

    @property
    def stored_size_px(self) -> tuple[int, int]:
        """Width and height of the pixels in the file, before the EXIF orientation is applied."""
        return self.size_px if self.orientation < 5 else (self.height_px, self.width_px)


def open_image(file: Path | bytes) -> Image:
    """Open a picture with Pillow, lazily.

    Raises:
        BrokenPictureError: when it is not one.
        MissingDependencyError: when Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingDependencyError(
            f"reading data sets needs Pillow, which is not installed; install it with {install_command('eval')}"
        ) from error
    try:
        return Image.open(io.BytesIO(file) if isinstance(file, bytes) else file)
    except (UnidentifiedImageError, ImportError):
        # Once ultralytics is loaded, Pillow's opener asks for another package where it does not know a file.
        raise BrokenPictureError("is not a picture") from None
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        raise BrokenPictureError(f"cannot be opened ({_clause(error)})") from None


def read_picture(path: Path) -> PictureFile:
    """Read a picture's size and orientation from its header, and see that its end is there.

    Raises:
        BrokenPictureError: when the file is not there, empty, no picture, cut short, or a WebP that is to be turned.
    """
    try:
        is_empty = not path.stat().st_size
    except OSError as error:  # as where it was removed since the folder was listed
        raise BrokenPictureError(f"cannot be read ({error.strerror})") from None
    if is_empty:
        raise BrokenPictureError("is empty")
    with open_image(path) as image, path.open("rb") as file:
        orientation = orientation_in(file)
        width, height = _stored_size_px(image)
        if image.format == "WEBP" and orientation != 1:
            raise BrokenPictureError("is a WebP that its EXIF data turn, which not all libraries do; save it upright")
        if image.format == "JPEG" and not _ends_like_jpeg(path):
            decode(image)
    return PictureFile(path, *((width, height) if orientation < 5 else (height, width)), orientation)


def _stored_size_px(image: Image) -> tuple[int, int]:
    """Return width and height of the pixels in the file; Pillow has turned those of TIFF already."""
    if image.format != "TIFF":
        return image.size
    width, height = (int(image.tag_v2.get(tag, side)) for tag, side in zip(_TIFF_SIZE, image.size, strict=True))  # type: ignore[attr-defined]
    return width, height


def decode(image: Image) -> None:
    """Decode all pixels.

    Raises:
        BrokenPictureError: when they are damaged or cut short.
    """
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, IndexError, MemoryError) as error:
        raise BrokenPictureError(f"cannot be decoded ({_clause(error)})") from None


def _ends_like_jpeg(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, 64), io.SEEK_END)
        return _JPEG_END in file.read()


def _clause(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
