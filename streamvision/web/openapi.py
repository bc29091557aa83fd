"""The API in the terms of OpenAPI 3.1, made from the application's own routes and the types that they take and give.

A route says what it takes and gives by :func:`describe`; its summary is the first line of its docstring, its path
parameters those of its rule. What it refuses is one sentence of JSON everywhere.
"""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, Response, jsonify
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from werkzeug.routing import Rule

from streamvision.core.version import __version__
from streamvision.web.access import Level, access, level_of

F = TypeVar("F", bound=Callable[..., Any])

OPENAPI_VERSION = "3.1.0"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_ATTRIBUTE = "openapi_description"
_REF = "#/components/schemas/{model}"
_CONVERTER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_DOCUMENTED = ("/api", "/streams", "/healthz", "/readyz", "/metrics", "/login", "/logout")
PATH_PARAMETERS = {
    "stream_id": "The stream's id, as /api/streams names it.",
    "name": "Its name.",
    "recording_id": "The number of a recording, as /api/recordings names it.",
    "tracklet_id": "The number of a tracklet, as /api/tracklets names it.",
}


class Schema(BaseModel):
    """What travels, as the description of the API has it; the docstring of a field is its description."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")


class ApiError(Schema):
    """Why a request is refused."""

    error: str
    """One sentence."""


@dataclass(frozen=True)
class Description:
    """What a route takes and gives."""

    answer: Any
    """Type of its JSON; ``None`` where it gives no JSON."""
    body: Any
    """Type of the JSON, or of the form, that it takes; ``None`` where it takes none."""
    query: Any
    """A :class:`Schema` whose fields are the query's parameters; ``None`` where there are none."""
    status: int
    """Status of success."""
    media_type: str | None
    """Of its answer; ``None`` where there is no body."""
    body_type: str
    """Media type of what it takes."""
    live: bool
    """Whether the answer goes on until the viewer or the stream ends."""
    also: tuple[str, ...] = ()
    """Further media types in which it can be asked for."""
    or_status: int | None = None
    """A status with which the same answer is given where something is not as it should be."""


PAGE = Description(None, None, None, HTTPStatus.OK, "text/html", JSON, live=False)
"""Of a route that says nothing and whose function returns a text."""


def describe(
    *,
    answer: Any = None,
    body: Any = None,
    query: Any = None,
    status: int = HTTPStatus.OK,
    media_type: str | None = JSON,
    body_type: str = JSON,
    live: bool = False,
    also: tuple[str, ...] = (),
    or_status: int | None = None,
) -> Callable[[F], F]:
    """Say what a route takes and gives, as :class:`Description` has it; types are whatever pydantic takes."""

    about = Description(answer, body, query, status, media_type, body_type, live, also, or_status)

    def note(function: F) -> F:
        setattr(function, _ATTRIBUTE, about)
        return function

    return note


def add_openapi(app: Flask) -> None:
    """Add ``/api/openapi.json``; routes that are added before the first request are in it, too."""
    lock = threading.Lock()
    built: list[bytes] = []

    def built_once() -> bytes:
        """Return the description, which takes seconds to build, whoever may ask for it and how often."""
        with lock:
            if not built:
                built.append(jsonify(openapi_document(app)).get_data())
            return built[0]

    @app.get("/api/openapi.json")
    @access("public")
    @describe(answer=dict[str, Any])
    def openapi() -> Response:
        """Give this description of the API."""
        return Response(built_once(), content_type=JSON)


def openapi_document(app: Flask) -> dict[str, Any]:
    """Return the whole description, as plain values.

    Raises:
        LookupError: when a route says not what it takes and gives.
    """
    operations = [operation for rule in documented_rules(app) for operation in _operations(app, rule)]
    references, schemas = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method] = _operation_json(one, references)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "StreamVision",
            "version": __version__,
            "summary": "Streams, their pictures, objects, counts and events.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of `streamvision users token`."},
                "session": {"type": "apiKey", "in": "cookie", "name": "session", "description": "Of POST /login."},
            },
        },
        "security": [{"token": []}, {"session": []}] if "login_page" in app.view_functions else [],
    }


def documented_rules(app: Flask) -> Iterator[Rule]:
    """Yield the routes that belong to the API."""
    for rule in app.url_map.iter_rules():
        begins = any(rule.rule == prefix or rule.rule.startswith(f"{prefix}/") for prefix in _DOCUMENTED)
        if begins:
            yield rule


@dataclass(frozen=True)
class _Operation:
    path: str
    method: str
    name: str
    summary: str
    description: str
    parameters: tuple[dict[str, Any], ...]
    about: Description
    level: Level


def _operations(app: Flask, rule: Rule) -> Iterator[_Operation]:
    function = app.view_functions[rule.endpoint]
    about = getattr(function, _ATTRIBUTE, None)
    if about is None and inspect.signature(function).return_annotation in (str, "str"):
        about = PAGE
    if about is None:
        raise LookupError(f"the route {rule.rule} says not what it takes and gives; put @describe(...) above it")
    text = inspect.getdoc(function) or ""
    summary, _, more = text.partition("\n")
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        yield _Operation(
            _CONVERTER.sub(r"{\1}", rule.rule),
            method.lower(),
            rule.endpoint,
            summary.strip(),
            more.strip(),
            tuple(_path_parameter(rule, name) for name in sorted(rule.arguments)),
            about,
            level_of(app, rule.endpoint),
        )


def _path_parameter(rule: Rule, name: str) -> dict[str, Any]:
    is_number = re.search(rf"<int(?:\([^)]*\))?:{name}>", rule.rule) is not None
    schema = (
        {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1} if is_number else {"type": "string", "minLength": 1}
    )
    described = {"description": PATH_PARAMETERS[name]} if name in PATH_PARAMETERS else {}
    return {"name": name, "in": "path", "required": True, "schema": schema, **described}


_Key = tuple[str, JsonSchemaMode]


def _schemas(operations: Iterable[_Operation]) -> tuple[dict[tuple[int, JsonSchemaMode], Any], dict[str, Any]]:
    """Return the schema of each type by its identity, and what these refer to by name."""
    used: dict[tuple[int, JsonSchemaMode], Any] = {(id(ApiError), "serialization"): ApiError}
    for one in operations:
        for kind, mode in ((one.about.answer, "serialization"), (one.about.body, "validation")):
            if kind is not None:
                used[id(kind), mode] = kind  # type: ignore[index]
    adapters = [(key, key[1], TypeAdapter(kind)) for key, kind in used.items()]
    found, definitions = TypeAdapter.json_schemas(adapters, ref_template=_REF)
    return {key: schema for (key, _), schema in found.items()}, dict(sorted(definitions.get("$defs", {}).items()))


def _operation_json(one: _Operation, references: dict[tuple[int, JsonSchemaMode], Any]) -> dict[str, Any]:
    about = one.about
    success: dict[str, Any] = {"description": HTTPStatus(about.status).phrase}
    if about.media_type is not None:
        schema = references[id(about.answer), "serialization"] if about.answer is not None else {"type": "string"}
        others: dict[str, Any] = {media_type: {"schema": {}} for media_type in about.also}
        success["content"] = {about.media_type: {"schema": schema}, **others}
    refused: dict[str, Any] = {
        "description": "Refused.",
        "content": {JSON: {"schema": references[id(ApiError), "serialization"]}},
    }
    if about.body_type == FORM:
        refused["content"]["text/html"] = {"schema": {"type": "string"}}
    operation: dict[str, Any] = {
        "operationId": f"{one.method}_{one.name.replace('.', '_')}",
        "summary": one.summary,
        "parameters": [*one.parameters, *_query_parameters(about.query)],
        "responses": {
            str(int(about.status)): success,
            **({str(int(about.or_status)): success | {"description": "Not all is well."}} if about.or_status else {}),
            "default": refused,
        },
    }
    if one.level == "public":
        operation["security"] = []
    else:
        operation["x-access"] = one.level
    if one.description:
        operation["description"] = one.description
    if about.live:
        operation["tags"] = ["live"]
    if about.body is not None:
        schema = references[id(about.body), "validation"]
        operation["requestBody"] = {"required": True, "content": {about.body_type: {"schema": schema}}}
    return operation


def _query_parameters(query: Any) -> Iterator[dict[str, Any]]:
    if query is None:
        return
    schema = TypeAdapter(query).json_schema()
    for name, one in schema.get("properties", {}).items():
        described = {"description": one.pop("description")} if "description" in one else {}
        one.pop("title", None)
        required = name in schema.get("required", ())
        yield {"name": name, "in": "query", "required": required, "schema": one, **described}
