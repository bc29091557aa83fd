"""Which pictures source and export are compared on: the user's where there are any, else drawn ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.files import PICTURE_SUFFIXES
from streamvision.evaluation.predict import read_bgr
from streamvision.synthetic.drive import DriveScene

DEFAULT_COUNT = 16
"""Enough for some eighty objects on everyday photographs, and seconds on any network."""
_DRAWN_SIZE_PX = (1280, 720)
_DRAWN_FPS = 1.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class GatePicture:
    """One picture, read when it is needed."""

    name: str
    """Its name in reports."""
    load: Callable[[], BgrPicture]
    """Returns its pixels; raises :class:`streamvision.core.errors.SourceError` where the file cannot be read."""


@dataclass(frozen=True)
class GatePictures:
    """The pictures of one comparison."""

    pictures: tuple[GatePicture, ...]
    """At least one."""
    origin: str
    """Where they are from, in words."""


def pictures_in(folder: Path, *, count: int = DEFAULT_COUNT) -> GatePictures:
    """Return pictures of a folder and its folders, evenly spaced by name.

    Raises:
        ConfigError: when there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder of pictures at {folder}; give an existing one")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    if not paths:
        raise ConfigError(f"there is no picture in {folder} ({', '.join(sorted(PICTURE_SUFFIXES))}); give another")
    return pictures_of(paths, origin=f"{folder}", count=count)


def pictures_of(paths: Sequence[Path], *, origin: str, count: int = DEFAULT_COUNT) -> GatePictures:
    """Return evenly spaced ones of these files."""
    chosen = tuple(GatePicture(path.name, partial(_read, path)) for path in _spaced(paths, count))
    return GatePictures(chosen, f"{len(chosen)} of {len(paths)} pictures in {origin}")


def drawn_pictures(*, count: int = DEFAULT_COUNT) -> GatePictures:
    """Return pictures of the synthetic drive, the same ones each time."""
    scene = DriveScene(*_DRAWN_SIZE_PX, _DRAWN_FPS, 0)
    chosen = tuple(GatePicture(f"drive-{index}", partial(_draw, scene, index)) for index in scene.spread(count))
    return GatePictures(chosen, f"{count} drawn pictures of a drive, since no --images were given")


def _draw(scene: DriveScene, index: int) -> BgrPicture:
    return BgrPicture(scene.picture_at(index).to_bgr())


def _read(path: Path) -> BgrPicture:
    return BgrPicture(read_bgr(path))


def _spaced(items: Sequence[_T], count: int) -> list[_T]:
    if len(items) <= count:
        return list(items)
    return [items[index * len(items) // count] for index in range(count)]
