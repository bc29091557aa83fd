"""The description of the API: complete, made from the routes, and kept by what the server answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import schemathesis
from flask import Flask, Response
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from streamvision.web import openapi
from streamvision.web.app import create_app
from streamvision.web.openapi import documented_rules, openapi_document
from support.live_feed import LiveFeed, published_after

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def app(feed: LiveFeed) -> Flask:
    assert published_after(feed["gate"].channel, 0)
    return create_app(feed.view)


def test_every_route_says_what_it_takes_and_gives(app: Flask) -> None:
    document = openapi_document(app)
    described = {(path, method) for path, operations in document["paths"].items() for method in operations}
    for rule in documented_rules(app):
        path = rule.rule.replace("<", "{").replace(">", "}").replace("{int:", "{").replace("{path:", "{")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert (path, method.lower()) in described
    assert {("/api/streams", "get"), ("/metrics", "get"), ("/healthz", "get"), ("/readyz", "get")} <= described
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"].endswith((".", "?")), path
            assert any(code.startswith("2") or code.startswith("3") for code in operation["responses"]), path
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_a_route_without_a_description_is_noticed(feed: LiveFeed) -> None:
    app = create_app(feed.view)

    @app.get("/api/secret-door")
    def secret_door() -> Response:
        """Open."""
        raise NotImplementedError

    with pytest.raises(LookupError, match="secret-door"):
        openapi_document(app)


def test_it_is_built_once_however_often_it_is_asked_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Flask] = []

    def counted(of: Flask) -> dict[str, Any]:
        built.append(of)
        return openapi_document(of)

    monkeypatch.setattr(openapi, "openapi_document", counted)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: app.test_client().get("/api/openapi.json"), range(8)))
    assert len(built) == 1
    assert {answer.get_data() for answer in answers} == {answers[0].get_data()}
    assert answers[0].mimetype == "application/json" and answers[0].get_json() == openapi_document(app)


def test_operations_have_names_of_their_own(app: Flask) -> None:
    operations = [one for path in openapi_document(app)["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)


def test_what_is_asked_by_the_description_is_answered_as_it_says(app: Flask) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app).exclude(tag="live")
    asked = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        asked.add(operation.label)

        @settings(
            max_examples=6,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), known=st.booleans())
        def answers(case: Any, known: bool) -> None:
            if known and "stream_id" in case.path_parameters:
                case.path_parameters["stream_id"] = "gate"
            response = case.call()
            assert response.status_code < 500 or (case.path, response.status_code) == ("/readyz", 503)
            case.validate_response(response, checks=CHECKS)

        answers()
    assert "POST /api/streams/{stream_id}/analytics" in asked
