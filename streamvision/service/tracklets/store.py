"""Identities in the database and their pictures in the state folder, both bounded; and how they are found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamvision.core.config.tracklets import TrackletsConfig
from streamvision.core.errors import ConfigError
from streamvision.core.tracklets import SimilarTracklet, StoredTracklet, TrackletQuery
from streamvision.service.picture_folder import PictureFolder
from streamvision.service.tracklets.describer import TrackletDescriber
from streamvision.state.database import Database
from streamvision.state.tracklets import (
    BATCH,
    count_tracklets,
    crop_of,
    end_all,
    find_tracklets,
    forget_oldest_crops,
    insert_tracklets,
    known_crops,
    purge_tracklets,
    tracklets_of,
    update_tracklets,
)

CROP_FOLDER = "tracklet-crops"
PURGE_S = 600.0
"""How often identities are looked for that are too old."""
SLACK = 0.02
"""Share by which a bound is passed before it is restored, so that this costs little."""
DAY_S = 86400.0


class TrackletStore:
    """Reads from any thread; what writes and purges is one thread's, the recorder's.

    Args:
        database: where the identities are.
        folder: the state folder.
        config: what is kept.
    """

    def __init__(self, database: Database, folder: Path, config: TrackletsConfig) -> None:
        self.config = config
        """What is kept."""
        self._database = database
        self.crops = PictureFolder(folder / CROP_FOLDER)
        """Their pictures."""
        self._count: int | None = None
        self._purged_at_s = -PURGE_S
        self.describer = TrackletDescriber(database, self.crops, config) if config.embedder is not None else None
        """Describes the pictures; ``None`` where no embedding model is set."""

    # --- asked by the web -------------------------------------------------------------------------------------------

    def find(self, query: TrackletQuery) -> list[StoredTracklet]:
        """Return identities, those that began last first."""
        with self._database.reading() as connection:
            return find_tracklets(connection, query)

    def tracklet(self, tracklet_id: int) -> StoredTracklet | None:
        """Return one; ``None`` where it is not there, or not any more."""
        with self._database.reading() as connection:
            return tracklets_of(connection, [tracklet_id]).get(tracklet_id)

    def crop(self, tracklet_id: int) -> bytes | None:
        """Return the picture of one as a JPEG file; ``None`` where there is none, or none any more."""
        with self._database.reading() as connection:
            name = crop_of(connection, tracklet_id)
        return self.crops.read(name)

    def similar(self, tracklet_id: int, query: TrackletQuery) -> list[SimilarTracklet]:
        """Return those of a query that look most like an identity, the most similar first."""
        return self._asked_describer().similar(tracklet_id, query)

    def similar_to_picture(self, picture: bytes, query: TrackletQuery) -> list[SimilarTracklet]:
        """Return those of a query that look most like a picture file, the most similar first."""
        return self._asked_describer().similar_to_picture(picture, query)

    def _asked_describer(self) -> TrackletDescriber:
        if self.describer is None:
            raise ConfigError("no embedding model is set, so nobody knows what looks alike; set tracklets.embedder")
        return self.describer

    # --- the recorder's ---------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take stock: identities of an earlier process are over, and pictures that none of them names go.

        Raises:
            StateError: when the database does not answer.
        """
        if self._count is not None:
            return
        with self._database.begin() as connection:
            end_all(connection)
            count, known = count_tracklets(connection), known_crops(connection)
        self.crops.take_stock(known)
        self._count = count

    def write(self, new: Sequence[dict[str, Any]], changed: Sequence[dict[str, Any]]) -> list[int]:
        """Write identities down in one transaction, and return the ids of the new ones.

        Raises:
            StateError: when the database cannot be written to; nothing is written then.
        """
        with self._database.begin() as connection:
            ids = insert_tracklets(connection, new)
            update_tracklets(connection, changed)
        self._count = (self._count or 0) + len(ids)
        return ids

    def purge(self) -> None:
        """Let the oldest identities and pictures make room, where there are too many or they are too old."""
        is_time = time.monotonic() - self._purged_at_s >= PURGE_S
        if is_time or (self._count or 0) > self.config.kept * (1 + SLACK):
            self._purge_tracklets()
            self._purged_at_s = time.monotonic()
        while self.crops.count > self.config.crops_kept * (1 + SLACK):
            if not self._purge_crops():
                return

    def _purge_tracklets(self) -> None:
        oldest_unix_s = time.time() - self.config.days * DAY_S
        gone = BATCH
        while gone >= BATCH:
            surplus = max((self._count or 0) - self.config.kept, 0)
            with self._database.begin() as connection:
                gone, crops = purge_tracklets(connection, surplus=surplus, before_unix_s=oldest_unix_s)
            self._count = (self._count or 0) - gone
            self.crops.remove(crops)

    def _purge_crops(self) -> bool:
        with self._database.begin() as connection:
            names = forget_oldest_crops(connection, self.crops.count - self.config.crops_kept)
        self.crops.remove(names)
        return bool(names)
