"""Identities in the database and their pictures in the state folder, both bounded; and how they are found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamvision.core.config.tracklets import TrackletsConfig
from streamvision.core.errors import ConfigError
from streamvision.core.tracklets import SimilarTracklet, StoredTracklet, TrackletQuery
from streamvision.service.bounded_rows import BoundedRows
from streamvision.service.picture_folder import PictureFolder
from streamvision.service.tracklets.describer import TrackletDescriber
from streamvision.state.database import Database
from streamvision.state.tracklets import (
    PICTURED_TRACKLETS,
    end_all,
    find_tracklets,
    insert_tracklets,
    tracklets_of,
    update_tracklets,
)

CROP_FOLDER = "tracklet-crops"


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
        self._rows = BoundedRows(database, PICTURED_TRACKLETS, self.crops, self._bounds)
        self._begun = False
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
        return self._rows.picture(tracklet_id)

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
        if self._begun:
            return
        with self._database.begin() as connection:
            end_all(connection)
        self._rows.take_stock()
        self._begun = True

    def write(self, new: Sequence[dict[str, Any]], changed: Sequence[dict[str, Any]]) -> list[int]:
        """Write identities down in one transaction, and return the ids of the new ones.

        Raises:
            StateError: when the database cannot be written to; nothing is written then.
        """
        with self._database.begin() as connection:
            ids = insert_tracklets(connection, new)
            update_tracklets(connection, changed)
        self._rows.note(len(ids))
        return ids

    def purge(self) -> None:
        """Let the oldest identities and pictures make room, where there are too many or they are too old."""
        self._rows.purge()

    def _bounds(self) -> tuple[int, float, int]:
        return self.config.kept, self.config.days, self.config.crops_kept
