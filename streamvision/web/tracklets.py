"""The identities that were seen: what was here, its picture, and what looks like it."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify

from streamvision.core.cells import cells_of_polygon
from streamvision.core.errors import ConfigError
from streamvision.core.tracklets import SimilarTracklet, StoredTracklet, TrackletQuery, Tracklets
from streamvision.web.access import access, present
from streamvision.web.asked import asked, asked_body, asked_streams
from streamvision.web.at_once import AtOnce
from streamvision.web.openapi import describe
from streamvision.web.polygon import polygon_of
from streamvision.web.refusal import refuse, refusing
from streamvision.web.tracklet_schemas import AskedPicture, LookAlikes, SimilarQuery, TrackletPage, TrackletsQuery


def add_tracklets(app: Flask, tracklets: Tracklets) -> None:
    """Add the addresses of tracklets.

    Args:
        app: the application.
        tracklets: which identities were seen.
    """
    _add_list(app, tracklets)
    _add_searches(app, tracklets)


def _add_list(app: Flask, tracklets: Tracklets) -> None:
    @app.get("/api/tracklets")
    @access("view")
    @describe(answer=TrackletPage, query=TrackletsQuery)
    def list_tracklets() -> Response:
        """Give the identities that were seen, those that began last first."""
        with refusing():
            query = _query(asked(TrackletsQuery))
            found = tracklets.find(query)
        following = found[-1].id if len(found) == query.limit else None
        return jsonify({"tracklets": [_plain(one) for one in found], "next": following})

    @app.get("/api/tracklets/<int:tracklet_id>/crop.jpg")
    @access("view")
    @describe(media_type="image/jpeg")
    def tracklet_crop(tracklet_id: int) -> Response:
        """Give the clearest picture of an identity."""
        with refusing():
            _check(tracklets, tracklet_id)
            jpeg = tracklets.crop(tracklet_id)
        if jpeg is None:
            refuse(HTTPStatus.NOT_FOUND, f"there is no picture of a tracklet {tracklet_id}, or it is not kept any more")
        return Response(jpeg, content_type="image/jpeg")


def _add_searches(app: Flask, tracklets: Tracklets) -> None:
    searches = AtOnce(2, "searches for similar objects")

    @app.get("/api/tracklets/<int:tracklet_id>/similar")
    @access("view")
    @describe(answer=LookAlikes, query=SimilarQuery)
    def similar_tracklets(tracklet_id: int) -> Response:
        """Give those that look most like an identity, the most similar first."""
        with refusing(), searches.one():
            query = _query(asked(SimilarQuery))
            _check(tracklets, tracklet_id)
            found = tracklets.similar(tracklet_id, query)
        return jsonify({"tracklets": [_alike(one) for one in found]})

    @app.post("/api/tracklets/similar")
    @access("view")
    @describe(answer=LookAlikes, body=AskedPicture)
    def similar_to_picture() -> Response:
        """Give those that look most like a picture, the most similar first."""
        with refusing(), searches.one():
            given = asked_body(AskedPicture)
            found = tracklets.similar_to_picture(_picture(given.picture), _query(given))
        return jsonify({"tracklets": [_alike(one) for one in found]})


def _check(tracklets: Tracklets, tracklet_id: int) -> None:
    """Refuse an identity that is not there and, in the same words, one whose stream may not be seen."""
    found = tracklets.tracklet(tracklet_id)
    if found is None or not present().may_see(found.stream):
        refuse(HTTPStatus.NOT_FOUND, f"there is no tracklet {tracklet_id}, or it is not kept any more")


def _query(given: TrackletsQuery | SimilarQuery) -> TrackletQuery:
    """Return what is asked for, of the streams that may be seen.

    Raises:
        ConfigError: when the region is none.
    """
    return TrackletQuery(
        streams=asked_streams(given.streams),
        class_name=given.class_name,
        since_unix_s=given.since,
        until_unix_s=given.until,
        cells=cells_of_polygon(polygon_of(given.polygon)) if given.polygon else None,
        before=given.before if isinstance(given, TrackletsQuery) else None,
        limit=given.limit,
    )


def _picture(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError("picture is not in base64; send the file's bytes so") from error


def _plain(one: StoredTracklet) -> dict[str, Any]:
    return {
        "id": one.id,
        "stream": one.stream,
        "track_id": one.track_id,
        "class_name": one.class_name,
        "first_unix_s": one.first_unix_s,
        "last_unix_s": one.last_unix_s,
        "frames": one.frames,
        "best_score": one.best_score,
        "best_unix_s": one.best_unix_s,
        "best_box": list(one.best_box),
        "crop": f"api/tracklets/{one.id}/crop.jpg" if one.has_crop else None,
    }


def _alike(one: SimilarTracklet) -> dict[str, Any]:
    return {**_plain(one.tracklet), "similarity": one.similarity}
