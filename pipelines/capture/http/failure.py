"""Why an HTTP camera gives no picture, in one sentence."""

from __future__ import annotations

import http.client
import re
import socket
import ssl

from pipelines.capture.ffmpeg.open_failure import not_served, refused
from pipelines.capture.http.client import HttpResponse, LeadsElsewhereError
from pipelines.capture.source import SourceSpec
from streamvision.core.errors import SourceError
from streamvision.core.redaction import redact_outside

_REFUSED = frozenset({http.client.UNAUTHORIZED, http.client.FORBIDDEN})
_ABSENT = frozenset({http.client.NOT_FOUND, http.client.GONE})
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|script|title|meta)\b", re.IGNORECASE)


def request_failure(error: Exception, spec: SourceSpec) -> str:
    """Say why a request failed."""
    shown = spec.safe_uri
    if isinstance(error, LeadsElsewhereError):
        return f"{shown} {redact_outside(str(error))}"
    if isinstance(error, (socket.gaierror, UnicodeError)):
        host = spec.endpoint[0] if isinstance(spec.endpoint, tuple) else shown
        return f"the address of host {host!r} cannot be looked up (DNS); check the name, or give the IP address"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {shown}"
    if isinstance(error, TimeoutError):
        return f"{shown} did not answer in time"
    if isinstance(error, ssl.SSLError):
        return f"{shown} speaks no TLS that is understood here; try http:// in place of https://"
    if isinstance(error, (http.client.BadStatusLine, http.client.LineTooLong)) and not isinstance(error, OSError):
        return f"what listens at {shown} does not speak HTTP; check the port"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{shown} cannot be read: {redact_outside(text[:1].lower() + text[1:])}; check the address and the network"


def answer_failure(response: HttpResponse, spec: SourceSpec) -> SourceError | None:
    """Return what is wrong with an answer by its status; ``None`` where it is a good one."""
    shown = spec.safe_uri
    if response.status in _REFUSED:
        return refused(spec)
    if response.status in _ABSENT:
        return not_served(shown)
    if response.status != http.client.OK:
        reason = http.client.responses.get(response.status, "an unknown status")
        return SourceError(f"{shown} answers {response.status} ({reason}); check the address and the camera")
    return None


def page_failure(response: HttpResponse, begin: bytes, spec: SourceSpec) -> SourceError | None:
    """Return the error of an answer that is a web page; ``None`` where it is none."""
    if response.content_type not in ("text/html", "application/xhtml+xml") and not _PAGE.match(begin):
        return None
    return SourceError(
        f"{spec.safe_uri} is a web page; give the address of the picture or stream itself, as in the camera's manual",
        permanent=True,
    )
