"""Asks a service that runs, here or elsewhere, over its HTTP API."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.redaction import redact_source, short

TIMEOUT_S = 30.0
"""Longest wait for the network at a time."""
MAX_ANSWER_BYTES = 16 << 20


class ServiceError(StreamVisionError, OSError):
    """A service cannot be reached, or refuses what was asked for."""


class _StaysThere(HTTPRedirectHandler):
    """Follows no redirection: the token is meant for the address that was given."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Leave the answer as it is."""


class ServiceClient:
    """One service.

    Args:
        url: its address, as a browser has it.
        token: what proves who asks; ``None`` where nobody signs in.
        ca_file: certificates that its own is checked against; ``None``: those of the system.

    Raises:
        ConfigError: when the address or the token is none, or the file holds no certificates.
    """

    def __init__(self, url: str, token: str | None = None, ca_file: Path | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.query:
            raise ConfigError(
                f"{redact_source(short(url))!r} is not the address of a service; give it as in a browser, such as "
                "http://127.0.0.1:8080, and a token by STREAMVISION_TOKEN"
            )
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ConfigError(
                "the token is none: it is one line of letters and digits; give what `users token` printed"
            )
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise ConfigError(f"cannot read certificates from {ca_file}: {error}; give a PEM file") from error
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._opener = build_opener(_StaysThere, HTTPSHandler(context=context))

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what the service answers to a request, as plain values; ``None`` where it says nothing.

        Raises:
            ServiceError: when it cannot be reached, or refuses; its own sentence says why.
        """
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self._url}/{path}", data, self._headers, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return self._read(answer.read(MAX_ANSWER_BYTES + 1))
        except HTTPError as error:
            with error:
                raise ServiceError(self._refusal(error)) from None
        except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise ServiceError(f"the service at {self._url} does not answer: {reason}; is its address right?") from None

    def _read(self, answer: bytes) -> Any:
        try:
            if len(answer) <= MAX_ANSWER_BYTES:
                return json.loads(answer) if answer else None
        except ValueError:
            pass
        raise ServiceError(f"what answers at {self._url} is no service of this kind; is its address right?")

    def _refusal(self, error: HTTPError) -> str:
        try:
            said = json.loads(error.read(MAX_ANSWER_BYTES))["error"]
        except (ValueError, KeyError, TypeError, OSError, HTTPException):
            return f"the service at {self._url} answers {error.code} {error.reason}; is its address right?"
        if error.code == HTTPStatus.UNAUTHORIZED:
            return (
                f"the service at {self._url} wants a token: make one with `streamvision users token NAME --scope admin`"
            )
        return str(said)
