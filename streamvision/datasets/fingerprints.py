"""Finds pictures that are the same or nearly so.

Exact copies share a digest of the file. Near copies (saved again, resized, a neighbouring frame) are found in three
steps: a 64-bit perceptual hash that differs in few bits (the signs of the lowest DCT frequencies, as in Zauner,
"Implementation and Benchmarking of Perceptual Image Hash Functions", 2010), confirmed by comparing thumbnails, since
plain skies and empty roads have similar hashes too, and then the details, in which one road differs from the next.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.picture_files import BrokenPictureError, decode, open_image

HASH_SIZE_PX = 32
HASH_FREQUENCIES = 8
THUMBNAIL_SIZE_PX = 16

NEAR_HASH_BITS = 20
"""Of 64. Unrelated photographs differ in 32 on average; one step of the camera changes 10 to 20."""
NEAR_THUMBNAIL_LEVELS = 18.0
"""Mean difference of thumbnails in grey levels. Together with the hash this finds 26 pairs of one scene, photographed
a moment apart, among 700 photographs of road signs, and 2 of different scenes that do look the same."""

DETAIL_SIZE_PX = 64
DETAIL_SCALE_PX = 3.0
"""Standard deviation of the Gaussian that tells details from what is around them."""
DETAIL_SHIFT_SHARE = 0.2
"""How far a camera may have moved from one to the other, as a share of the picture's side."""
NEAR_DETAIL = 0.3
"""Correlation of details. Of what hash and thumbnail take for near, it refuses drives of two seeds (0.18 to 0.27), and
of 28 pairs of photographs the one below it."""
_FAINT_LEVELS = 5.0
"""Differences from what is around that are no details but noise."""

_BLOCK = 1024
_WORKERS = 2


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What a picture is recognised by."""

    path: Path
    """The picture."""
    digest: str
    """SHA-256 of the file."""
    hash: int | None
    """64-bit perceptual hash; ``None`` where the picture cannot be decoded."""
    thumbnail: NDArray[np.float32] | None
    """(16, 16, 3) float32, mean 128 and standard deviation 64; ``None`` where it cannot be decoded."""
    grey: NDArray[np.uint8] | None = None
    """(64, 64) grey levels, for the details; ``None`` where they are not compared."""
    broken: str | None = None
    """Why it cannot be decoded."""
    brightness: float | None = None
    """Mean grey level, 0..255; ``None`` where it cannot be decoded."""


def fingerprint(path: Path) -> Fingerprint:
    """Decode a picture to its last pixel and return what it is recognised by."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return Fingerprint(path, "", None, None, broken=f"cannot be read ({error.strerror})")
    digest = hashlib.sha256(data).hexdigest()
    try:
        with open_image(data) as image:
            decode(image)
            pixels = np.asarray(image.convert("RGB"))
    except BrokenPictureError as error:
        return Fingerprint(path, digest, None, None, broken=str(error))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (DETAIL_SIZE_PX, DETAIL_SIZE_PX), interpolation=cv2.INTER_AREA)
    level = float(grey.mean())
    look = thumbnail(pixels)
    return Fingerprint(path, digest, perceptual_hash(pixels), look, np.asarray(small, np.uint8), brightness=level)


def fingerprint_all(paths: Sequence[Path], *, progress: Progress = no_progress) -> list[Fingerprint]:
    """Return the fingerprints of many pictures, in their order."""
    prints = []
    with ThreadPoolExecutor(_WORKERS) as pool:
        for done, one in enumerate(pool.map(fingerprint, paths)):
            progress("pictures compared", done, len(paths))
            prints.append(one)
    return prints


def perceptual_hash(rgb: NDArray[np.uint8]) -> int:
    """Return the 64-bit hash of (height, width, 3) uint8 RGB."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (HASH_SIZE_PX, HASH_SIZE_PX), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:HASH_FREQUENCIES, :HASH_FREQUENCIES].ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def thumbnail(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the normalised thumbnail of (height, width, 3) uint8 RGB."""
    small = cv2.resize(rgb, (THUMBNAIL_SIZE_PX, THUMBNAIL_SIZE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray((small - small.mean()) / max(float(small.std()), 8.0) * 64 + 128, np.float32)


def near_pairs(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Yield the indices of pictures that are the same or nearly so, smaller index first.

    Every pair is compared, in blocks: a second for ten thousand pictures, memory bounded by the block.
    """
    known = [index for index, one in enumerate(prints) if one.hash is not None]
    hashes = np.array([prints[index].hash for index in known], np.uint64)
    for at in range(0, len(known), _BLOCK):
        rows = hashes[at : at + _BLOCK, None]
        for to in range(at, len(known), _BLOCK):
            near = _bit_count(rows ^ hashes[None, to : to + _BLOCK]) <= NEAR_HASH_BITS
            for i, j in zip(*(axis.tolist() for axis in np.nonzero(near)), strict=True):
                first, second = known[at + i], known[to + j]
                if first < second and _same_look(prints[first], prints[second]):
                    yield first, second


def alike(hash: int, thumbnail: NDArray[Any], hashes: NDArray[np.uint64], thumbnails: NDArray[Any]) -> NDArray[np.intp]:
    """Return the indices of the pictures that are the same as one or nearly so.

    Args:
        hash: of the one.
        thumbnail: (16, 16, 3) levels of the one.
        hashes: (N,) of the others.
        thumbnails: (N, 16, 16, 3) levels of the others.
    """
    near = np.flatnonzero(_bit_count(hashes ^ np.uint64(hash)) <= NEAR_HASH_BITS)
    difference = np.abs(thumbnails[near].astype(np.float32) - thumbnail).mean(axis=(1, 2, 3))
    return np.asarray(near[difference <= NEAR_THUMBNAIL_LEVELS])


def exact_groups(prints: Sequence[Fingerprint]) -> list[list[int]]:
    """Return the indices of pictures whose files are the same, byte by byte; groups of two and more."""
    groups: dict[str, list[int]] = {}
    for index, one in enumerate(prints):
        if one.digest:
            groups.setdefault(one.digest, []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def alike_groups(prints: Sequence[Fingerprint]) -> list[list[int]]:
    """Return the indices of all pictures in groups that belong together; most groups have one member."""
    parent = list(range(len(prints)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    same = ((group[0], index) for group in exact_groups(prints) for index in group[1:])
    for first, second in itertools.chain(same, near_pairs(prints)):
        parent[root(second)] = root(first)
    groups: dict[int, list[int]] = {}
    for index in range(len(prints)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def _same_look(first: Fingerprint, second: Fingerprint) -> bool:
    if first.thumbnail is None or second.thumbnail is None:
        return False
    if np.abs(first.thumbnail - second.thumbnail).mean() > NEAR_THUMBNAIL_LEVELS:
        return False
    return first.grey is None or second.grey is None or detail_correlation(first.grey, second.grey) >= NEAR_DETAIL


def detail_correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return how alike the details of two pictures are, at most 1, wherever the camera has moved in between.

    Args:
        first: (64, 64) grey levels.
        second: (64, 64) grey levels.
    """
    details, others = _details(first), _details(second)
    margin = round(DETAIL_SIZE_PX * DETAIL_SHIFT_SHARE)
    inner = slice(margin, DETAIL_SIZE_PX - margin)
    return max(
        float(cv2.matchTemplate(whole, part[inner, inner], cv2.TM_CCOEFF_NORMED).max())
        for whole, part in ((details, others), (others, details))
    )


def _details(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (64, 64) float32 how each place differs from what is around it, in local standard deviations."""
    levels = grey.astype(np.float32)
    apart = levels - cv2.GaussianBlur(levels, (0, 0), DETAIL_SCALE_PX)
    spread = np.sqrt(cv2.GaussianBlur(apart * apart, (0, 0), DETAIL_SCALE_PX) + _FAINT_LEVELS**2)
    return np.asarray(apart / spread, np.float32)


def _bit_count(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return how many bits are set in each; NumPy has bitwise_count from 2.0 on only."""
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(*values.shape, 8)
    return np.asarray(_BITS_OF_BYTE[octets].sum(axis=-1, dtype=np.uint8))


_BITS_OF_BYTE = np.array([bin(value).count("1") for value in range(256)], np.uint8)
