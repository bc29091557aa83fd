"""Puts pictures that somebody has already into a collection, where they wait to be labelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError
from streamvision.core.reading import UnreadableError, read_bytes
from streamvision.core.upright import decode_upright
from streamvision.datasets.collection import Collection
from streamvision.datasets.collection_files import MAX_PICTURE_BYTES
from streamvision.datasets.collection_records import Look, Looks, Proposal, ProposedBox, Reason, text_of
from streamvision.datasets.dataset import DatasetFormat, Problem
from streamvision.datasets.files import find_pictures
from streamvision.datasets.formats import find_marks, read_dataset
from streamvision.datasets.problems import Problems

MAX_ADDED = 20_000
"""Files below a folder whose pictures are added."""
MAX_LOOKS = 30_000
"""Pictures of each sort that are compared with those that are added."""
MAX_JPEG_PX = 65_500
"""Of a side, of what is written as JPEG."""
_JPEG_QUALITY = 95
_JPEG_BEGIN = b"\xff\xd8\xff"
_SAME_LEVELS = 1.0
"""Of a thumbnail, 0..255: what rounding makes of the same picture."""

Propose = Callable[[NDArray[np.uint8]], Sequence[ProposedBox]]
"""Returns what may be marked on a picture, (height, width, 3) uint8 BGR."""


@dataclass(frozen=True)
class Added:
    """What became of pictures that were to be added."""

    names: tuple[str, ...]
    """Those that wait now."""
    known: int
    """Those that were there already: waiting, labelled or thrown away."""
    problems: tuple[Problem, ...]
    """Those that could not be read."""


def pictures_without_labels(folder: Path, given: DatasetFormat | None = None) -> tuple[list[Path], tuple[str, ...]]:
    """Return the pictures of a folder that nobody has labelled, and the classes that its labels have.

    Args:
        folder: pictures, in whatever folders, or a data set whose labels do not name all of its pictures.
        given: the data set's format; ``None``: found by its files.

    Raises:
        ConfigError: when there is no such folder, it has too many files, or its labels cannot be read.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder; give one with pictures, or a data set")
    pictures = find_pictures(folder, most=MAX_ADDED)
    if given is None and not find_marks(folder):
        return pictures, ()
    dataset = read_dataset(folder, format=given)
    unlabelled = {problem.path for problem in dataset.problems if problem.kind == "unlabelled_picture"}
    return [path for path in pictures if path in unlabelled], dataset.names


def add_pictures(
    collection: Collection,
    pictures: Sequence[Path],
    *,
    origin: str,
    model_name: str = "",
    propose: Propose = lambda _bgr: (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Added:
    """Let pictures wait in a collection; those that are there already, or were thrown away, are passed over.

    A JPEG file stays as it is. Those come first of whose objects the model is least sure.

    Args:
        collection: where they are to wait.
        pictures: files, in any format that OpenCV reads.
        origin: what their source is called.
        model_name: what the model that proposes is called.
        propose: returns what may be marked on a picture.
        progress: called with how many are done, and of how many.

    Raises:
        OutputError: when the folder cannot be written, or too many pictures wait.
    """
    known = _by_hash(collection.looks(most=MAX_LOOKS))
    names, problems, passed = [], Problems(), 0
    for done, path in enumerate(pictures):
        progress(done, len(pictures))
        try:
            content = read_bytes(path, limit=MAX_PICTURE_BYTES)
        except UnreadableError as error:
            problems.append(Problem(path, f"{error}; left out", "broken_picture"))
            continue
        bgr = _decoded(content)
        if bgr is None:
            problems.append(Problem(path, "is no picture that can be read; left out", "broken_picture"))
            continue
        if max(bgr.shape) > MAX_JPEG_PX:
            what = f"has {bgr.shape[1]:,}x{bgr.shape[0]:,} pixels, more than a JPEG; cut it into parts; left out"
            problems.append(Problem(path, what, "broken_picture"))
            continue
        look = Look.of(np.ascontiguousarray(bgr[..., ::-1]))
        if any(_is_same(look, one) for one in known.get(look.hash, ())):
            passed += 1
            continue
        known.setdefault(look.hash, []).append(look)
        boxes = tuple(propose(bgr))
        height_px, width_px = bgr.shape[:2]
        proposal = Proposal(
            width_px,
            height_px,
            text_of(path.stem),
            text_of(origin),
            (Reason("asked", 1.0, f"it was added from {origin}"),),
            max((1 - abs(2 * box.score - 1) for box in boxes), default=0.0),
            boxes,
            model_name=model_name,
            looks=Looks(look),
        )
        names.append(collection.add(content if content.startswith(_JPEG_BEGIN) else _as_jpeg(bgr), proposal))
    progress(len(pictures), len(pictures))
    return Added(tuple(names), passed, tuple(problems))


def _decoded(content: bytes) -> NDArray[np.uint8] | None:
    """Return a picture as it is shown, its EXIF orientation applied; ``None`` where it is none."""
    try:
        return decode_upright(content)
    except cv2.error:  # more pixels than OpenCV takes
        return None


def _as_jpeg(bgr: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()


def _by_hash(looks: Iterable[Looks]) -> dict[int, list[Look]]:
    found: dict[int, list[Look]] = {}
    for one in looks:
        found.setdefault(one.picture.hash, []).append(one.picture)
    return found


def _is_same(first: Look, second: Look) -> bool:
    return first.hash == second.hash and bool(np.abs(first.thumbnail - second.thumbnail).max() <= _SAME_LEVELS)
