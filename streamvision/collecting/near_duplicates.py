"""Tells pictures that were collected, labelled or thrown away already, or nearly so.

A camera that does not move gives pictures that look alike as a whole, whatever passes through them. So a picture is a
near duplicate where it looks like one that is known *and* the objects that it is kept for do, too.
"""

from __future__ import annotations

import numpy as np

from streamvision.datasets.collection_records import Look, Looks
from streamvision.datasets.fingerprints import THUMBNAIL_SIZE_PX, alike

MAX_KNOWN = 5000
"""Most pictures that are compared, 5 MB and their objects; of more the newest."""


class KnownLooks:
    """What pictures look like that are known; used by one thread at a time."""

    def __init__(self) -> None:
        self._hashes = np.zeros(MAX_KNOWN, np.uint64)
        self._thumbnails = np.zeros((MAX_KNOWN, THUMBNAIL_SIZE_PX, THUMBNAIL_SIZE_PX, 3), np.uint8)
        self._objects: list[tuple[Look, ...]] = []
        self._count = 0

    def __len__(self) -> int:
        """Return how many are compared."""
        return len(self._objects)

    def add(self, looks: Looks) -> None:
        """Count a picture among those that are known."""
        at = self._count % MAX_KNOWN
        self._hashes[at], self._thumbnails[at] = looks.picture.hash, np.rint(looks.picture.thumbnail)
        self._objects[at : at + 1] = [looks.objects]
        self._count += 1

    def is_near(self, looks: Looks) -> bool:
        """Say whether a picture is known, or nearly so."""
        count = len(self._objects)
        near = alike(looks.picture.hash, looks.picture.thumbnail, self._hashes[:count], self._thumbnails[:count])
        if not len(near) or not looks.objects:
            return bool(len(near))
        known = [one for at in near.tolist() for one in self._objects[at]]
        if not known:
            return False
        hashes = np.array([one.hash for one in known], np.uint64)
        thumbnails = np.stack([one.thumbnail for one in known])
        return all(len(alike(one.hash, one.thumbnail, hashes, thumbnails)) for one in looks.objects)
