"""Pictures that lie inside label files are put into a cache folder, since everything else works on picture files."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path, PurePosixPath

from streamvision.core.files import cache_folder
from streamvision.datasets.files import PICTURE_SUFFIXES

CACHE_DAYS = 30
"""What has not been read for so long is deleted by the next reading."""
_LONGEST_NAME = 100


def put_picture(kind: str, name: str, content: bytes) -> Path:
    """Write a picture into the cache of a format and return where; the same picture stays where it is.

    Args:
        kind: the cache, such as ``labelme``.
        name: what the label file calls the picture; folders in it are left out.
        content: the encoded picture.
    """
    folder = cache_folder(kind) / hashlib.sha256(content).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    path = folder / safe_name(name, content)
    if not path.is_file() or path.stat().st_size != len(content):
        unfinished = folder / f".{os.getpid()}-unfinished"
        unfinished.write_bytes(content)
        unfinished.replace(path)
    return path


def delete_old(cache: Path) -> None:
    """Delete the folders of a cache that have not been read for :data:`CACHE_DAYS` days."""
    oldest = time.time() - CACHE_DAYS * 86400
    for folder in cache.iterdir() if cache.is_dir() else ():
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def safe_name(name: str, content: bytes) -> str:
    """Return the name of a file for a picture, whatever a label file calls it: no folder, printable, not too long."""
    shown = "".join(letter for letter in name.replace("\\", "/").rpartition("/")[2] if letter.isprintable()).lstrip(".")
    path = PurePosixPath(shown or "picture")
    suffix = path.suffix if path.suffix.lower() in PICTURE_SUFFIXES else _suffix(content)
    stem = path.stem if path.suffix.lower() in PICTURE_SUFFIXES else path.name
    return f"{stem.encode()[:_LONGEST_NAME].decode(errors='ignore')}{suffix}"


def _suffix(content: bytes) -> str:
    return ".png" if content.startswith(b"\x89PNG") else ".jpg"
