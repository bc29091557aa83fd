"""Pictures of an export: those that source and export are compared on, and those that int8 measures its ranges on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, ExportError, SourceError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import Dataset
from streamvision.datasets.files import PICTURE_SUFFIXES, find_pictures
from streamvision.evaluation.predictions import read_bgr
from streamvision.inference.model_card import InputCard
from streamvision.inference.preprocess import InputBatch
from streamvision.synthetic.drive import DriveScene

DEFAULT_COUNT = 16
"""Enough for some eighty objects on everyday photographs, and seconds on any network."""
_LISTED = 20
"""Pictures that one sentence names."""
_DRAWN_SIZE_PX = (1280, 720)
_DRAWN_FPS = 1.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class GatePicture:
    """One picture, read when it is needed."""

    name: str
    """Its name in reports, by which it is told from the others."""
    load: Callable[[], BgrPicture]
    """Returns its pixels; raises :class:`streamvision.core.errors.SourceError` where the file cannot be read."""


@dataclass(frozen=True)
class GatePictures:
    """The pictures of one comparison."""

    pictures: tuple[GatePicture, ...]
    """At least one."""
    origin: str
    """Where they are from, in words."""


def pictures_in(folder: Path, *, count: int = DEFAULT_COUNT, most: int | None = None) -> GatePictures:
    """Return pictures of a folder and its folders, evenly spaced by name; those that cannot be read are left out.

    Args:
        folder: where they are.
        count: most pictures.
        most: how many files and folders may be there; ``None``: any number.

    Raises:
        ConfigError: when there is no such folder, no picture in it that can be read, or more in it than may be.
    """
    return pictures_of(_paths_in(folder, most=most), origin=f"{folder}", count=count)


def gate_pictures(
    *, images: Path | None, dataset: Dataset | None, data: Path | None, calibration: Path | None, count: int
) -> GatePictures:
    """Return what source and export are compared on: what the user gave for it, else what else was given, else drawn.

    Raises:
        ConfigError: when there is no picture that can be read.
    """
    if images:
        return pictures_in(images, count=count)
    if dataset:
        return pictures_of([image.path for image in dataset.images], origin=str(data), count=count)
    return pictures_in(calibration, count=count) if calibration else drawn_pictures(count=count)


def _paths_in(folder: Path, *, most: int | None = None) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"there is no folder of pictures at {folder}; give an existing one")
    paths = [path for path in find_pictures(folder, most=most) if path.is_file()]
    if not paths:
        raise ConfigError(f"there is no picture in {folder} ({', '.join(sorted(PICTURE_SUFFIXES))}); give another")
    return paths


def pictures_of(paths: Sequence[Path], *, origin: str, count: int = DEFAULT_COUNT) -> GatePictures:
    """Return evenly spaced ones of these files; those that cannot be read are left out, which the origin says.

    Raises:
        ConfigError: when none of them can be read.
    """
    tried = _spaced(paths, count)
    damaged = [path for path in tried if not _is_readable(path)]
    readable = [path for path in tried if path not in damaged]
    chosen = tuple(
        GatePicture(name, partial(_read, path)) for name, path in zip(_names(readable), readable, strict=True)
    )
    if not chosen:
        raise ConfigError(f"{_none_readable(damaged)}; give others than those in {origin}")
    said = f" ({_left_out(damaged)})" if damaged else ""
    return GatePictures(chosen, f"{len(chosen)} of {len(paths)} pictures in {origin}{said}")


def _names(paths: Sequence[Path]) -> list[str]:
    """Return what files are called from the innermost folder that holds all of them."""
    if len({path.parent for path in paths}) < 2:
        return [path.name for path in paths]
    absolute = [path.absolute() for path in paths]
    common = os.path.commonpath([path.parent for path in absolute])
    return [path.relative_to(common).as_posix() for path in absolute]


def _is_readable(path: Path) -> bool:
    try:
        read_bgr(path)
    except SourceError:
        return False
    return True


def _none_readable(damaged: Sequence[Path]) -> str:
    return f"none of {len(damaged)} pictures can be read: {_listed(damaged)}"


def _left_out(damaged: Sequence[Path]) -> str:
    be = "is" if len(damaged) == 1 else "are"
    return f"{len(damaged)} cannot be read and {be} left out: {_listed(damaged)}"


def _listed(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return ", ".join(map(str, paths[:_LISTED])) + more


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


class CalibrationTensors:
    """Tensors with one picture each, made again each time that they are gone through.

    Pictures that cannot be read are left out.
    """

    def __init__(self, paths: Sequence[Path], card: InputCard) -> None:
        self._paths = paths
        self._card = card
        self._damaged: dict[Path, None] = {}

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield arrays as the card wants them.

        Raises:
            ExportError: after all others, when no picture could be read.
        """
        batch = InputBatch(self._card.model_copy(update={"dynamic_size": False}), 1)
        for path in self._paths:
            try:
                picture = _read(path)
            except SourceError:
                self._damaged[path] = None
                continue
            batch.put(0, picture)
            yield batch.tensor.copy()
        if len(self._damaged) == len(self._paths):
            raise ExportError(
                f"int8 has nothing to measure ranges on, as {_none_readable(list(self._damaged))}; give others with "
                "--calibration DIR"
            )

    def notes(self) -> tuple[str, ...]:
        """Return what was left out when they were gone through, in one sentence; nothing where all could be read."""
        if not self._damaged:
            return ()
        said = _left_out(list(self._damaged))
        return (f"Of {len(self._paths)} pictures for calibration {said}; mend or remove what should not be there.",)


def check_calibration(precision: str, folder: Path | None) -> None:
    """Check that there are pictures where they are needed, before a network is converted.

    Args:
        precision: only ``int8`` needs some.
        folder: of the pictures, ``ExportOptions.calibration``.

    Raises:
        ExportError: when no folder was given.
        ConfigError: when there is no such folder, or no picture in it.
    """
    if precision == "int8":
        _calibration_paths(folder)


def _calibration_paths(folder: Path | None) -> list[Path]:
    if folder is None:
        raise ExportError(
            "int8 needs pictures to measure the ranges of activations on: give a folder of some 64 everyday ones with "
            "--calibration DIR, or take fp16, which needs none"
        )
    return _paths_in(folder)


def calibration_tensors(folder: Path | None, card: InputCard, *, count: int = CALIBRATION_COUNT) -> CalibrationTensors:
    """Return tensors with one picture each, as the card wants them.

    Args:
        folder: of the pictures, ``ExportOptions.calibration``.
        card: of the input that the ranges are measured behind.
        count: most pictures, evenly spaced by name.

    Raises:
        ExportError: when no folder was given.
        ConfigError: when there is no such folder, or no picture in it.
    """
    return CalibrationTensors(_spaced(_calibration_paths(folder), count), card)
