"""Files that are not read, pictures and links: named, so that a set is not smaller than it looks without a word."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from streamvision.datasets.dataset import Problem
from streamvision.datasets.files import files_below, links_passed_over

_JPEG_SUFFIXES = (".jfif", ".jpe", ".jif", ".pjpeg")
"""Other endings of JPEG, which training libraries do not know."""
_OTHER_SUFFIXES = (
    *(".avif", ".gif", ".heic", ".heif", ".hif", ".jp2", ".jxl", ".pgm", ".ppm", ".psd", ".svg", ".tga"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),
)


def skipped_pictures(folder: Path, taken: Iterable[Path]) -> Iterator[Problem]:
    """Yield the pictures in a folder and those below that were not taken for their endings, and what to do about them.

    Args:
        folder: the data set.
        taken: pictures that were read; a label file may have named some of these.
    """
    found = files_below(folder, (*_JPEG_SUFFIXES, *_OTHER_SUFFIXES))
    read = {os.path.realpath(path) for path in taken} if found else set()
    for path in found:
        if os.path.realpath(path) not in read:
            suffix = path.suffix.lower()
            advice = "call it .jpg" if suffix in _JPEG_SUFFIXES else "save it as .jpg or .png"
            reason = f"is a picture with an ending that is not read, {suffix} ({advice}); left out"
            yield Problem(path, reason, "broken_picture")


def skipped_links(folder: Path) -> Iterator[Problem]:
    """Yield the links of a data set that lead out of it and were not followed, as only those to pictures are."""
    for path in links_passed_over(folder):
        reason = "is a link that leads out of the data set, which is followed to pictures alone (copy it); left out"
        yield Problem(path, reason, "broken_labels")
