"""Pictures that are to become others: two folders of files of the same names, or pictures alone, which are made worse.

- ``inputs/`` beside ``targets/``: a picture in each, of the same name but for its ending. Splits are folders below
  either of the two.
- Otherwise every picture of the folder, or of its ``images/``: the network is to give it back from a worse copy.
"""

from __future__ import annotations

from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import PairedPicture, PairedPictures, Problem
from streamvision.datasets.files import find_pictures, split_of_path
from streamvision.datasets.problems import Problems

INPUTS, TARGETS = "inputs", "targets"
_ALONE_IN = ("images", "JPEGImages")
NAMES = ("image",)
"""What stands for the classes, of which pictures that become others have none."""


def has_pairs(folder: Path) -> bool:
    """Say whether a folder says itself what each picture becomes."""
    return (folder / INPUTS).is_dir() and (folder / TARGETS).is_dir()


def read_pairs(folder: Path, *, reverse: bool = False) -> PairedPictures:
    """Read pictures of ``inputs/`` and what they become, of ``targets/``; what has no partner becomes a problem.

    Args:
        folder: where both are.
        reverse: whether the targets are what the network is given, and the inputs what it is to give.

    Raises:
        ConfigError: when there are no such folders, or no picture of one has a partner in the other.
    """
    if not has_pairs(folder):
        raise ConfigError(
            f"{folder} does not say what its pictures become; give a folder with {INPUTS}/ and {TARGETS}/, a picture "
            "of the same name in each"
        )
    targets = {_key(path, folder / TARGETS): path for path in find_pictures(folder / TARGETS)}
    images, problems = [], Problems()
    for path in find_pictures(folder / INPUTS):
        target = targets.pop(_key(path, folder / INPUTS), None)
        if target is None:
            problems.append(Problem(path, f"has no picture in {TARGETS}/; left out", "unlabelled_picture"))
            continue
        pair = (target, path) if reverse else (path, target)
        images.append(PairedPicture(*pair, split_of_path(path, folder)))
    problems.extend(
        Problem(path, f"has no picture in {INPUTS}/; left out", "missing_picture") for path in targets.values()
    )
    if not images:
        raise ConfigError(f"no picture in {folder / INPUTS} has one of the same name in {folder / TARGETS}; give both")
    return PairedPictures(NAMES, tuple(images), tuple(problems))


def read_measured_pairs(
    folder: Path, *, noise: float | None = None, shrink: int | None = None, reverse: bool = False
) -> PairedPictures:
    """Read what a network is measured on: pairs, or pictures that are made worse.

    Args:
        folder: where they are.
        noise: standard deviation of the noise in levels of 0..255.
        shrink: how many times smaller the network is given the pictures.
        reverse: whether it is given the targets of pairs, and is to give their inputs.

    Raises:
        ConfigError: when these do not fit the folder.
    """
    if has_pairs(folder):
        if noise is not None or shrink is not None:
            option = "noise" if noise is not None else "shrink"
            raise ConfigError(f"{option} makes pictures worse, and {folder} has inputs/ and targets/; leave it out")
        return read_pairs(folder, reverse=reverse)
    if reverse:
        return read_pairs(folder)  # which says what is missing
    if noise is None and shrink is None:
        raise ConfigError(
            f"{folder} does not say what its pictures become; give noise (--noise LEVELS) or shrink (--shrink N), "
            "which make them worse, or a folder with inputs/ and targets/, a picture of the same name in each"
        )
    return read_made_worse(folder, noise=noise or 0.0, shrink=shrink or 1)


def read_made_worse(folder: Path, *, noise: float = 0.0, shrink: int = 1) -> PairedPictures:
    """Read pictures that a network is to give back from copies that are noisy, smaller, or both.

    Args:
        folder: the pictures lie in its ``images/``, or anywhere in it.
        noise: standard deviation of the noise in levels of 0..255.
        shrink: how many times smaller the copies are.

    Raises:
        ConfigError: when there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder at {folder}; give one with pictures")
    inside = next((folder / name for name in _ALONE_IN if (folder / name).is_dir()), folder)
    images = tuple(
        PairedPicture(path, None, split_of_path(path, folder), noise, shrink) for path in find_pictures(inside)
    )
    if not images:
        raise ConfigError(f"there are no pictures in {inside}; give a folder with some")
    return PairedPictures(NAMES, images)


def _key(path: Path, below: Path) -> Path:
    return path.relative_to(below).with_suffix("")
