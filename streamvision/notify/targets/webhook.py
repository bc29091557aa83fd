"""Events by HTTP: one POST each, signed as Standard Webhooks (standardwebhooks.com) says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, make_headers, parse_url

from streamvision.core.config.section import Section
from streamvision.core.errors import ConfigError
from streamvision.core.redaction import redact_outside
from streamvision.core.version import __version__
from streamvision.notify.body import body_of
from streamvision.notify.message import Message
from streamvision.notify.options import SECRET, SECRET_ADDRESS
from streamvision.notify.target import DeliveryError, TargetContext

CONNECT_S = 5.0
MAX_ANSWER_BYTES = 4096
"""So much of an answer is read, for the message."""
MAX_REDIRECTS = 3
LATER = frozenset({401, 403, 404, 407, 408, 421, 423, 425, 429})
"""Statuses below 500 that are about who asks, where or when, and not about the message: it may be taken later."""
_SECRET_PREFIX = "whsec_"
_HEADER_NAME = r"^[A-Za-z0-9-]{1,64}$"
_HEADER_VALUE = r"^[\x20-\x7e]{0,4096}$"
_OWN_HEADERS = frozenset({"content-type", "content-length", "host", "transfer-encoding", "connection"})


class WebhookConfig(Section):
    """A program that takes events by HTTP POST."""

    url: str = Field(
        min_length=1, max_length=2048, description="Where to: http:// or https://.", json_schema_extra=SECRET_ADDRESS
    )
    secret: str | None = Field(
        None,
        min_length=8,
        max_length=512,
        description="What each request is signed with, as Standard Webhooks has it: a text, or whsec_ and base64.",
        json_schema_extra=SECRET,
    )
    headers: dict[Annotated[str, Field(pattern=_HEADER_NAME)], Annotated[str, Field(pattern=_HEADER_VALUE)]] = Field(
        default_factory=dict, max_length=16, description="Further headers of each request.", json_schema_extra=SECRET
    )
    timeout_s: float = Field(10.0, ge=0.5, le=12.0, description="Longest wait for an answer, in seconds.")
    ca: Path | None = Field(
        None, description="Certificates (PEM) of who may have signed the server's; default: the system's."
    )

    @field_validator("url")
    @classmethod
    def _is_http(cls, given: str) -> str:
        try:
            url = parse_url(given)
        except LocationParseError:
            url = Url()
        if url.scheme not in ("http", "https") or not url.host or any(ord(sign) < 33 for sign in given):
            raise ValueError("is no HTTP address; give one such as https://host/path")
        return given

    @field_validator("secret")
    @classmethod
    def _is_key(cls, given: str | None) -> str | None:
        if given is not None:
            signing_key(given)
        return given

    @field_validator("headers")
    @classmethod
    def _are_free(cls, given: dict[str, str]) -> dict[str, str]:
        if taken := [name for name in given if name.lower() in _OWN_HEADERS or name.lower().startswith("webhook-")]:
            raise ValueError(f"the header {taken[0]} is written by the program itself; leave it out")
        return given


def signing_key(secret: str) -> bytes:
    """Return the bytes that a secret stands for.

    Raises:
        ValueError: when what follows ``whsec_`` is not base64.
    """
    if not secret.startswith(_SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("what follows whsec_ must be base64; give that, or a text without whsec_") from None


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a request, as Standard Webhooks has it."""
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def webhook(context: TargetContext) -> Webhook:
    """Return the target.

    Raises:
        ConfigError: when the certificates cannot be read.
    """
    assert isinstance(context.options, WebhookConfig)
    return Webhook(context.options)


class Webhook:
    """See :class:`streamvision.notify.target.Target`."""

    batch = 1
    """Each event is a request of its own, whose id is that of the event."""

    def __init__(self, config: WebhookConfig) -> None:
        self._config = config
        self._key = None if config.secret is None else signing_key(config.secret)
        self._url = parse_url(config.url)
        self._tls = _tls(config.ca) if self._url.scheme == "https" else None
        self._connection: HTTPConnection | None = None

    def send(self, messages: Sequence[Message]) -> None:
        """Post each message, in order.

        Raises:
            DeliveryError: when one is not taken.
        """
        for delivered, message in enumerate(messages):
            try:
                self._post(message)
            except DeliveryError as error:
                error.delivered = delivered
                raise

    def close(self) -> None:
        """Let go of the connection; a request that is under way fails at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _cut(connection)

    def _post(self, message: Message) -> None:
        body, path = body_of(message), self._url.request_uri
        for _ in range(MAX_REDIRECTS + 1):
            status, headers, said = self._answer(path, body, self._headers(message, body))
            if 200 <= status < 300:
                return
            if status not in (307, 308):
                raise _refusal(status, headers, said)
            path = self._redirected(headers.get("location", ""))
        raise DeliveryError(f"{self._host} redirects in a circle; give the address that takes events", retry=True)

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        timestamp = int(time.time())
        signed = {} if self._key is None else {"webhook-signature": signature(self._key, message.id, timestamp, body)}
        user = make_headers(basic_auth=self._url.auth) if self._url.auth else {}
        return {
            "User-Agent": f"StreamVision/{__version__}",
            **user,
            **self._config.headers,
            "Content-Type": "application/json",
            "Idempotency-Key": message.id,
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
            **signed,
        }

    def _answer(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        """Return status, headers and the beginning of an answer.

        A connection that the other side has closed in the meantime is opened again at once: a request that arrives
        twice has the same id.
        """
        if self._connection is not None:
            with suppress(HTTPException, OSError):
                return self._asked(self._connection, path, body, headers)
        self.close()
        try:
            self._connection = self._connect()
            return self._asked(self._connection, path, body, headers)
        except (HTTPException, OSError) as error:
            self.close()
            reason = (
                "it did not answer in time" if isinstance(error, TimeoutError) else redact_outside(_in_words(error))
            )
            raise DeliveryError(f"{self._host} cannot be reached: {reason}", retry=True) from error

    def _asked(
        self, connection: HTTPConnection, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        with _within(connection, self._config.timeout_s):
            connection.request("POST", path, body=body, headers=headers)
            answer = connection.getresponse()
            said = _beginning(answer)
        if not answer.isclosed():  # it says more than is read
            self.close()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, said

    def _connect(self) -> HTTPConnection:
        host, timeout_s = (self._url.host or "").strip("[]"), min(CONNECT_S, self._config.timeout_s)
        connection: HTTPConnection
        if self._tls is not None:
            connection = HTTPSConnection(host, self._url.port, timeout=timeout_s, context=self._tls)
        else:
            connection = HTTPConnection(host, self._url.port, timeout=timeout_s)
        connection.connect()
        connection.sock.settimeout(self._config.timeout_s)
        return connection

    def _redirected(self, location: str) -> str:
        """Return the path of a redirection on the same host.

        Raises:
            DeliveryError: for one to elsewhere, which gets no event and no signature.
        """
        try:
            url = parse_url(location)
        except LocationParseError:
            url = Url(host="?")
        same = url.host is None or (url.scheme, url.host, url.port) == (
            self._url.scheme,
            self._url.host,
            self._url.port,
        )
        if not same or not (url.path or "").startswith("/"):
            raise DeliveryError(
                f"{self._host} redirects to elsewhere, which is not followed; give the address that takes events",
                retry=True,
            )
        return url.request_uri

    @property
    def _host(self) -> str:
        return f"{self._url.scheme}://{self._url.netloc}"


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _tls(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigError(f"the certificates {ca} cannot be read: {error}; give a PEM file") from error


def _refusal(status: int, headers: dict[str, str], said: str) -> DeliveryError:
    reason = f"it was answered with {status}{f': {said}' if said else ''}"
    return DeliveryError(reason, retry=status in LATER or not 400 <= status < 500, after_s=_retry_after(headers))


def _retry_after(headers: dict[str, str]) -> float | None:
    """Return what an answer says of the next try, in seconds from now; ``None`` where it says nothing."""
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        when = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(when.replace(tzinfo=when.tzinfo or timezone.utc).timestamp() - time.time(), 0.0)


def _beginning(answer: HTTPResponse) -> str:
    """Return the beginning of what an answer says, on one line.

    Raises:
        HTTPException: when the answer is not whole: who says it may have taken the message or not.
    """
    told = b""
    while len(told) < MAX_ANSWER_BYTES and (piece := answer.read(MAX_ANSWER_BYTES - len(told))):
        told += piece
    if answer.headers.defects or (answer.length and len(told) < MAX_ANSWER_BYTES):
        raise HTTPException("its answer was cut off")
    return redact_outside(" ".join(told.decode("utf-8", "replace").split())[:200])


@contextmanager
def _within(connection: HTTPConnection, timeout_s: float) -> Iterator[None]:
    """Cut a connection off after this time, however slowly it gives one byte after another.

    Raises:
        TimeoutError: when it was cut off.
    """
    over = threading.Event()

    def end() -> None:
        over.set()
        _cut(connection)

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


def _cut(connection: HTTPConnection) -> None:
    sock = connection.sock
    with suppress(OSError):
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        connection.close()
