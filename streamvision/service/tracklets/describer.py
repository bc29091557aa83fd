"""Describes the pictures of identities by an embedding model, in the background, and finds those that look alike.

At most so many a second as is set, on one thread of the processor: the streams' own network must not notice it.
"""

from __future__ import annotations

import io
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.capture.pictures.picture_header import header_in
from streamvision.core.config.tracklets import TrackletsConfig
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture, Picture
from streamvision.core.tracklets import SimilarTracklet, TrackletQuery
from streamvision.core.upright import decode_upright
from streamvision.search.embedder import Embedder
from streamvision.service.periodic_task import PeriodicTask
from streamvision.service.picture_folder import PictureFolder
from streamvision.state.database import Database
from streamvision.state.tracklets import (
    Description,
    describe_tracklet,
    description_of,
    descriptions,
    tracklets_of,
    undescribed,
)

IDLE_S = 2.0
"""How often identities are looked for that are to be described."""
BATCH = 16
"""So many are looked up together."""
CHUNK = 2000
"""Descriptions that are compared at a time."""
RETRY_S = 30.0
"""How long is waited after a fault."""
MAX_PICTURE_PX = 40_000_000
"""Largest picture that is looked for."""
CLOSE_S = 2.0


class TrackletDescriber:
    """Writes descriptions from a thread of its own; any thread may ask what looks alike.

    Args:
        database: where the identities are.
        crops: their pictures.
        config: which model, and how fast.
    """

    def __init__(self, database: Database, crops: PictureFolder, config: TrackletsConfig) -> None:
        self._database = database
        self._crops = crops
        self._config = config
        self._model: Embedder | None = None
        self._mark = ""
        self._asking = threading.Lock()
        self._task = PeriodicTask(
            self._describe, name="tracklet-describer", first_retry_s=RETRY_S, longest_retry_s=RETRY_S
        )

    def start(self) -> None:
        """Begin; the model is loaded in the background."""
        self._task.start()

    def stop(self) -> None:
        """End, within a few seconds."""
        self._task.stop(CLOSE_S)

    def faults(self) -> list[str]:
        """Return why nothing is described, in a sentence; empty where all is well."""
        fault = self._task.fault
        return [] if fault is None else [f"identities are not described: {fault}"]

    def similar(self, tracklet_id: int, query: TrackletQuery) -> list[SimilarTracklet]:
        """Return those of a query that look most like an identity, without itself, the most similar first.

        Raises:
            ConfigError: when it is not described (yet), or the model is not ready.
            StateError: when the database does not answer.
        """
        self._ready()
        with self._database.reading() as connection:
            embedding = description_of(connection, tracklet_id, self._mark)
        if embedding is None:
            raise ConfigError(f"what tracklet {tracklet_id} looks like is not known yet; try again in a while")
        found = self._search(_vector(embedding), replace(query, limit=query.limit + 1))
        return [one for one in found if one.tracklet.id != tracklet_id][: query.limit]

    def similar_to_picture(self, picture: bytes, query: TrackletQuery) -> list[SimilarTracklet]:
        """Return those of a query that look most like a picture file, the most similar first.

        Raises:
            ConfigError: when it is no picture, or the model is not ready.
            StreamVisionError: when the model fails, or the database does not answer.
        """
        shown = _decoded(picture)
        return self._search(self._described(self._ready(), shown), query)

    def _ready(self) -> Embedder:
        if self._model is None:
            raise ConfigError("the embedding model is not open yet; try again in a while, and see /readyz")
        return self._model

    def _described(self, model: Embedder, picture: Picture) -> NDArray[np.float32]:
        with self._asking:
            vector: NDArray[np.float32] = model.describe([picture])[0]
        return vector

    def _search(self, vector: NDArray[np.float32], query: TrackletQuery) -> list[SimilarTracklet]:
        """Compare with all that the query finds, some at a time, and keep the most similar."""
        best: list[tuple[float, int]] = []
        after = 0
        while True:
            with self._database.reading() as connection:
                some = descriptions(connection, query, self._mark, after=after, limit=CHUNK)
            best = sorted([*best, *_similarities(some, vector)], reverse=True)[: query.limit]
            if len(some) < CHUNK:
                break
            after = some[-1].id
        with self._database.reading() as connection:
            known = tracklets_of(connection, [number for _, number in best])
        return [SimilarTracklet(known[number], round(alike, 4)) for alike, number in best if number in known]

    # --- in the background ------------------------------------------------------------------------------------------

    def _describe(self, is_last: bool) -> float:
        if is_last:
            self._close()
            return IDLE_S
        if self._model is None:
            self._open()
        return 0.0 if self._describe_some() else IDLE_S

    def _close(self) -> None:
        if self._model is not None:
            with self._asking:
                self._model.close()

    def _open(self) -> None:
        assert self._config.embedder is not None
        model = Embedder.open(self._config.embedder, head=self._config.embedder_head, threads=1)
        self._mark = model.mark.sha256
        self._model = model

    def _describe_some(self) -> bool:
        """Describe some identities, no faster than is set; return whether there were any."""
        with self._database.reading() as connection:
            waiting = undescribed(connection, self._mark, BATCH)
        for number, name in waiting:
            begin_s = time.monotonic()
            embedding = self._embedding_of(name)
            with self._database.begin() as connection:
                describe_tracklet(connection, number, self._mark, embedding)
            left_s = 1 / self._config.describe_per_s - (time.monotonic() - begin_s)
            if self._task.pause(max(left_s, 0.0)):
                break
        return bool(waiting)

    def _embedding_of(self, name: str) -> bytes | None:
        """Return what the picture of an identity looks like; ``None`` where it is gone or cannot be read."""
        content = self._crops.read(name)
        try:
            picture = None if content is None else _decoded(content)
        except ConfigError:
            return None
        return None if picture is None else self._described(self._ready(), picture).astype("<f2").tobytes()


def _vector(embedding: bytes) -> NDArray[np.float32]:
    return np.frombuffer(embedding, "<f2").astype(np.float32)


def _similarities(some: list[Description], vector: NDArray[np.float32]) -> list[tuple[float, int]]:
    """Return the cosine of each description, and whose it is."""
    if not some:
        return []
    known = np.stack([_vector(one.embedding) for one in some])
    length = np.maximum(np.linalg.norm(known, axis=1) * np.linalg.norm(vector), 1e-12)
    return list(zip((known @ vector / length).tolist(), (one.id for one in some), strict=True))


def _decoded(content: bytes) -> BgrPicture:
    """Return a picture file as a picture.

    Raises:
        ConfigError: when it is none, or too large.
    """
    header = header_in(io.BytesIO(content))
    if header is not None and header.width_px * header.height_px > MAX_PICTURE_PX:
        raise ConfigError(f"the picture has more than {MAX_PICTURE_PX / 1e6:.0f} million pixels; give a smaller one")
    try:
        found = decode_upright(content) if header is not None else None
    except cv2.error:
        found = None
    if found is None:
        raise ConfigError("that is no picture that can be read; give a JPEG, PNG or WebP file")
    return BgrPicture(found)
