"""Picture files of a data set: finding them, and their size without decoding them.

Sizes are those of the picture as viewers show it, its EXIF orientation applied, since that is how OpenCV and the
training libraries load it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamvision.core.errors import MissingDependencyError
from streamvision.datasets.folders import files_below

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

_EXIF_ORIENTATION = 0x0112
_JPEG_END = b"\xff\xd9"


class BrokenPictureError(ValueError):
    """A file is no picture, or not a whole one; the message is a clause that goes on from its name."""


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
    def stored_size_px(self) -> tuple[int, int]:
        """Width and height of the pixels in the file, before the EXIF orientation is applied."""
        size = (self.width_px, self.height_px)
        return size if self.orientation < 5 else (size[1], size[0])


def open_image(file: Path | bytes) -> Image:
    """Open a picture with Pillow, lazily.

    Raises:
        BrokenPictureError: when it is none.
        MissingDependencyError: when Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingDependencyError(
            "reading data sets needs Pillow, which is not installed; install it with pip install '.[eval]'"
        ) from error
    try:
        return Image.open(io.BytesIO(file) if isinstance(file, bytes) else file)
    except (UnidentifiedImageError, ImportError):
        # Once ultralytics is loaded, Pillow's opener asks for another package where it does not know a file.
        raise BrokenPictureError("is not a picture") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BrokenPictureError(f"cannot be opened ({_clause(error)})") from None


def read_picture(path: Path) -> PictureFile:
    """Read a picture's size and orientation from its header, and see that its end is there.

    Raises:
        BrokenPictureError: when the file is empty, no picture or cut short.
    """
    if not path.stat().st_size:
        raise BrokenPictureError("is empty")
    with open_image(path) as image:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        orientation = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
        width, height = image.size
        if image.format == "JPEG" and not _ends_like_jpeg(path):
            decode(image)
    return PictureFile(path, *((width, height) if orientation < 5 else (height, width)), orientation)


def decode(image: Image) -> None:
    """Decode all pixels.

    Raises:
        BrokenPictureError: when they are damaged or cut short.
    """
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, IndexError) as error:
        raise BrokenPictureError(f"cannot be decoded ({_clause(error)})") from None


def find_pictures(folder: Path) -> list[Path]:
    """Return all pictures in a folder and those below, sorted."""
    return files_below(folder, PICTURE_SUFFIXES)


def _ends_like_jpeg(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, 64), io.SEEK_END)
        return _JPEG_END in file.read()


def _clause(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
