"""Pictures that are labelled on the page: which there are, what is on them, and what somebody decides."""

from __future__ import annotations

import re
from http import HTTPStatus

from flask import Flask, Response, jsonify
from pydantic import Field

from streamvision.core.config.section import Section
from streamvision.core.labelling import LabelBox, Labelling, LabelOverview, OpenedPicture
from streamvision.web.access import access
from streamvision.web.asked import asked, asked_body
from streamvision.web.at_once import AtOnce
from streamvision.web.audited import audit_details
from streamvision.web.openapi import Schema, describe
from streamvision.web.refusal import refuse, refusing

MAX_BOXES = 500
"""On a picture that is labelled here; about as many as a request may hold."""
MAX_NAME = 100
"""Characters of a class."""
_BY = r"^[A-Za-z0-9-]{1,40}$"


class AskerQuery(Section):
    """Who asks."""

    by: str = Field("", max_length=40, description="What tells one open page apart from the others; any letters.")


class MarkedBox(Section):
    """An object on a picture."""

    class_name: str = Field(min_length=1, max_length=MAX_NAME, description="What it is; a new class is added.")
    box_xyxy_px: tuple[float, float, float, float] = Field(
        description="Left, top, right and bottom, in pixels of the picture as it is shown."
    )


class Acceptance(Section):
    """All that is on a picture."""

    version: str = Field(max_length=64, description="The picture's version when it was looked at.")
    boxes: list[MarkedBox] = Field(max_length=MAX_BOXES, description="Every object; none where nothing is on it.")


class Refusal(Section):
    """That a picture is not wanted."""

    version: str = Field(max_length=64, description="The picture's version when it was looked at.")


class Leaver(Section):
    """Who goes."""

    by: str = Field(pattern=_BY, description="What told the open page apart from the others.")


class Gone(Schema):
    """What was thrown away."""

    name: str
    """The picture."""


def add_labelling(app: Flask, labelling: Labelling) -> None:
    """Add the addresses of pictures that are labelled.

    Args:
        app: the application.
        labelling: the folder.
    """
    lists = AtOnce(2, "lists of pictures", wait_s=10.0)

    @app.get("/api/label")
    @access("admin")
    @describe(answer=LabelOverview, query=AskerQuery)
    def label_overview() -> Response:
        """Give all pictures, those that are worth most first."""
        with refusing(), lists.one():
            return jsonify(labelling.overview(_asker()))

    @app.get("/api/label/pictures/<name>")
    @access("admin")
    @describe(answer=OpenedPicture, query=AskerQuery)
    def opened_picture(name: str) -> Response:
        """Give what is marked on a picture, or proposed; others see for three minutes that it is taken."""
        with refusing():
            return jsonify(labelling.opened(name, _asker()))

    @app.post("/api/label/let-go")
    @access("admin")
    @describe(body=Leaver, status=HTTPStatus.NO_CONTENT, media_type=None)
    def let_go_of_picture() -> tuple[str, int]:
        """Let others have the picture that an open page has, as when it is closed."""
        with refusing():
            labelling.let_go(asked_body(Leaver).by)
        return "", HTTPStatus.NO_CONTENT

    @app.get("/api/label/pictures/<name>/picture.jpg")
    @access("admin")
    @describe(media_type="image/jpeg")
    def picture_to_label(name: str) -> Response:
        """Give a picture as it was collected."""
        with refusing():
            return Response(labelling.jpeg(name), content_type="image/jpeg")

    @app.post("/api/label/pictures/<name>/accept")
    @access("admin")
    @describe(answer=OpenedPicture, body=Acceptance)
    def accept_picture(name: str) -> Response:
        """Save all that is on a picture, which is labelled then; 409 where somebody else was sooner."""
        with refusing():
            given = asked_body(Acceptance)
            boxes = [LabelBox(box.class_name, box.box_xyxy_px) for box in given.boxes]
            saved = labelling.accept(name, boxes, given.version)
        audit_details(picture=saved.name, boxes=len(saved.boxes))
        return jsonify(saved)

    @app.post("/api/label/pictures/<name>/refuse")
    @access("admin")
    @describe(answer=Gone, body=Refusal)
    def refuse_picture(name: str) -> Response:
        """Throw a picture away; the like of it is not collected again."""
        with refusing():
            labelling.refuse(name, asked_body(Refusal).version)
        audit_details(picture=name)
        return jsonify({"name": name})

    @app.post("/api/label/pictures/<name>/put-back")
    @access("admin")
    @describe(answer=OpenedPicture)
    def put_picture_back(name: str) -> Response:
        """Let a picture wait again that was thrown away since the start, as long as not much else was since."""
        with refusing():
            return jsonify(labelling.put_back(name))


def _asker() -> str:
    by = asked(AskerQuery).by
    if by and not re.fullmatch(_BY, by):
        refuse(HTTPStatus.BAD_REQUEST, "by has other letters than A-Z, a-z, 0-9 and -; leave it out, or use these")
    return by
