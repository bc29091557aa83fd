"""Pictures of an export: those that source and export are compared on, and those that int8 measures its ranges on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, ExportError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.files import PICTURE_SUFFIXES
from streamvision.evaluation.predictions import read_bgr
from streamvision.inference.model_card import InputCard
from streamvision.inference.preprocess import InputBatch
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


CALIBRATION_COUNT = 64
"""Ranges of activations hardly move beyond this many everyday pictures."""


def calibration_tensors(
    folder: Path | None, card: InputCard, *, count: int = CALIBRATION_COUNT
) -> Iterator[NDArray[Any]]:
    """Return an iterator of tensors with one picture each, as the card wants them.

    Args:
        folder: of the pictures, ``ExportOptions.calibration``.
        card: of the input that the ranges are measured behind.
        count: most pictures, evenly spaced by name.

    Raises:
        ExportError: when no folder was given.
        ConfigError: when there is no such folder, or no picture in it.
    """
    if folder is None:
        raise ExportError(
            "int8 needs pictures to measure the ranges of activations on: give a folder of some 64 everyday ones with "
            "--calibration DIR, or take fp16, which needs none"
        )
    return _tensors(pictures_in(folder, count=count).pictures, card)


def _tensors(pictures: Sequence[GatePicture], card: InputCard) -> Iterator[NDArray[Any]]:
    batch = InputBatch(card.model_copy(update={"dynamic_size": False}), 1)
    for picture in pictures:
        batch.put(0, picture.load())
        yield batch.tensor.copy()
