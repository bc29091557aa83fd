"""Models that are replaced while they run: what runs, how a change goes, and what administrators say to it."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify
from pydantic import Field

from streamvision.core.config.classical import StepConfig
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.config.section import Section
from streamvision.core.model_control import DEFAULT_MODEL, ModelChange, ModelControl, RunningModel
from streamvision.core.redaction import short
from streamvision.models import shipped_models
from streamvision.web.access import access
from streamvision.web.asked import asked, asked_body
from streamvision.web.audited import audit_details
from streamvision.web.openapi import Schema, describe
from streamvision.web.refusal import refuse, refusing


class OfferedModel(Schema):
    """A model that a stream can choose."""

    id: str
    """Its name in the addresses below `/api/models`; `default`: the one that streams have which choose none."""
    name: str | None
    """Its name, for `model` of a stream; null: the one that streams have which choose none."""
    path: str
    """Its file or address, without secrets."""
    task: str | None
    """What it does; null while it is not open."""
    classes: list[str] | None
    """Names of its classes; null while it is not open."""
    default: bool
    """Whether streams have it that choose none."""
    description: str | None
    """One line about it and where it executes; null while it is not open."""
    card: dict[str, Any] | None
    """How it is fed and read; null while it is not open."""
    steps: list[StepConfig] | None
    """Where there is no network: all steps of OpenCV in its place; null for a network."""
    streams: list[str]
    """Ids of the streams that go through it."""
    previous_path: str | None
    """The one that it has replaced, and that can be put back; null where there is none."""
    change: ModelChange | None
    """The replacement of it that goes on, or the last one; null where there was none since the start."""


class OfferedModels(Schema):
    """All models that a stream can choose."""

    models: list[OfferedModel]
    """Each of them."""
    shipped: list[str]
    """Names of the models that ship with this program."""


class ExampleQuery(Section):
    """Which picture is asked for."""

    change: int | None = Field(None, ge=0, description="The number of the change that it is of; none: the newest one.")


def add_models(app: Flask, models: ModelControl) -> None:
    """Add the addresses of models and their replacement.

    Args:
        app: the application.
        models: who replaces them.
    """

    def present_change(name: str) -> ModelChange:
        change = models.change(name)
        if change is None:
            refuse(HTTPStatus.NOT_FOUND, f"the model {short(name)!r} was not replaced since the start")
        return change

    @app.get("/api/models")
    @access("admin")
    @describe(answer=OfferedModels)
    def offered_models() -> Response:
        """Give the models that a stream can choose, and how their replacement goes."""
        with refusing():
            offered = [_offered(one, models.change(one.name)) for one in models.running()]
        return jsonify({"models": offered, "shipped": list(shipped_models())})

    @app.put("/api/models/<name>")
    @access("admin")
    @describe(answer=ModelChange, body=ModelRequest, status=HTTPStatus.ACCEPTED)
    def replace_model(name: str) -> tuple[Response, int]:
        """Load another model beside the one that runs, compare them, and let it take over between two frames.

        It answers at once; `GET /api/models/{name}/change` says how it goes.
        """
        with refusing():
            change = models.replace(name, asked_body(ModelRequest))
        audit_details(path=change.path, previous_path=change.previous_path, take_over=change.take_over)
        return jsonify(change), HTTPStatus.ACCEPTED

    @app.get("/api/models/<name>/change")
    @access("admin")
    @describe(answer=ModelChange)
    def model_change(name: str) -> Response:
        """Give how the replacement of a model goes, or how the last one ended."""
        with refusing():
            return jsonify(present_change(name))

    @app.delete("/api/models/<name>/change")
    @access("admin")
    @describe(answer=ModelChange)
    def discard_model(name: str) -> Response:
        """Discard the new model; the one that runs has never stopped."""
        with refusing():
            change = models.cancel(name)
        audit_details(path=change.path)
        return jsonify(change)

    @app.post("/api/models/<name>/take-over")
    @access("admin")
    @describe(answer=ModelChange, status=HTTPStatus.ACCEPTED)
    def let_model_take_over(name: str) -> tuple[Response, int]:
        """Let the new model take over between two frames, whatever the figures say."""
        with refusing():
            change = models.accept(name)
        audit_details(path=change.path, previous_path=change.previous_path)
        return jsonify(change), HTTPStatus.ACCEPTED

    @app.post("/api/models/<name>/rollback")
    @access("admin")
    @describe(answer=ModelChange, status=HTTPStatus.ACCEPTED)
    def put_model_back(name: str) -> tuple[Response, int]:
        """Put the model back that the last change has replaced."""
        with refusing():
            change = models.rollback(name)
        audit_details(path=change.path, previous_path=change.previous_path)
        return jsonify(change), HTTPStatus.ACCEPTED

    @app.get("/api/models/<name>/change/examples/<int:number>/picture")
    @access("admin")
    @describe(query=ExampleQuery, media_type="image/jpeg")
    def example_of_models(name: str, number: int) -> Response:
        """Give a picture that both models saw, with nothing drawn on it; the change says where both found what."""
        with refusing():
            change, wanted = present_change(name), asked(ExampleQuery).change
            jpeg = models.example_picture(name, number) if wanted in (None, change.number) else None
        if jpeg is None:
            refuse(HTTPStatus.NOT_FOUND, f"there is no example {number} of that change, or it is not kept any more")
        return Response(jpeg, content_type="image/jpeg")


def _offered(model: RunningModel, change: ModelChange | None) -> dict[str, Any]:
    is_default = model.name == DEFAULT_MODEL
    about = {key: value for key, value in asdict(model).items() if key != "name"}
    return {
        "id": model.name,
        "name": None if is_default else model.name,
        "default": is_default,
        **about,
        "change": change,
    }
