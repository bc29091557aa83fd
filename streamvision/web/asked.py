"""What the present request asks for, by its address and in its body."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from flask import request
from werkzeug.exceptions import BadRequest

from streamvision.core.config.section import Section, validate
from streamvision.web.access import check_streams, present
from streamvision.web.refusal import refuse

S = TypeVar("S", bound=Section)


def asked(kind: type[S]) -> S:
    """Return the parameters of the address; those that are empty count as left out.

    Raises:
        ConfigError: when a parameter is not accepted.
    """
    return validate(kind, {name: value for name, value in request.args.items() if value}, origin="the address")


def asked_streams(ids: str) -> frozenset[str] | None:
    """Return the streams of a list with commas; where it is empty, those that may be seen; ``None``: all.

    Raises:
        Refused: when one of them may not be seen.
    """
    streams = frozenset(one for one in ids.split(",") if one) or None
    check_streams(streams or ())
    return streams or present().streams


def asked_body(kind: type[S]) -> S:
    """Return what the request's body says.

    Raises:
        ConfigError: when a key is not accepted.
        Refused: when it is no JSON object.
    """
    return validate(kind, dict(json_mapping()), origin="the body")


def json_mapping() -> Mapping[str, Any]:
    """Return the request's body, which must be a JSON object; what is not is refused."""
    try:
        body = request.get_json()
    except (BadRequest, RecursionError):
        refuse(HTTPStatus.BAD_REQUEST, "the body is not JSON; send an object with the keys that are to be set")
    if not isinstance(body, dict):
        refuse(HTTPStatus.BAD_REQUEST, "the body is no JSON object; send one with the keys that are to be set")
    return body
