"""The steps of OpenCV that find objects without a network: which there are, and what can be set of each."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify

from streamvision.inference.classical.registry import STEPS
from streamvision.web.access import access
from streamvision.web.openapi import Schema, describe
from streamvision.web.refusal import refusing


class StepKind(Schema):
    """One step."""

    name: str
    """What the configuration calls it."""
    summary: str
    """What it does, in one line."""
    options: dict[str, Any]
    """Its settings by name, each as JSON Schema has it, with its default."""


class StepKinds(Schema):
    """All steps that there are."""

    steps: list[StepKind]
    """Each of them."""


def add_classical(app: Flask) -> None:
    """Add the address of the steps."""

    @app.get("/api/steps")
    @access("view")
    @describe(answer=StepKinds)
    def step_kinds() -> Response:
        """Give the steps that find objects where the model is `none`, those of other packages among them."""
        with refusing():
            return jsonify({"steps": [_kind(plugin) for plugin in STEPS]})


def _kind(plugin: Any) -> dict[str, Any]:
    config = plugin.config_class()
    schema = {} if config is None else config.model_json_schema()
    return {"name": plugin.name, "summary": plugin.summary, "options": schema.get("properties", {})}
