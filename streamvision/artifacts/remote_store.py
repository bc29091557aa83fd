"""Stores on the network, by obstore: web servers, and buckets of S3 and of servers that speak it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from streamvision.artifacts.errors import StoreError
from streamvision.artifacts.store import absent, bounded
from streamvision.core.config.fleet import S3Config
from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.core.install import install_command
from streamvision.core.redaction import redact_outside, redact_source, remember_secrets, short
from streamvision.core.version import __version__

CONNECT_TIMEOUT_S = 15.0
REQUEST_TIMEOUT_S = 60.0
"""Longest time of a request. What came until then of a file is kept, so that a slow network gets there in several."""
WHOLE_TIMEOUT_S = 3600.0
"""Longest time for a file from a server that gives no parts of one."""
PART_BYTES = 4 << 20
"""Most that is asked for in one request."""
READ_BYTES = 64 << 10
"""Least that is handed on at a time, but for the end."""
_MAX_READ = 16384
_QUOTED = re.compile(r'(?:message|error): "([^"\n]{1,200})"')
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")
_SIGNS = (
    (
        "InvalidCertificate",
        "its certificate is not accepted: it is expired, not of that name or not from an authority that "
        "this machine knows, or the clock of this machine is wrong",
    ),
    ("TimedOut", "no answer in time"),
    ("IncompleteBody", "the connection ended too early"),
)
T = TypeVar("T")


class RemoteStore:
    """A web server or a bucket; see :class:`streamvision.artifacts.store.Store`.

    Args:
        address: ``http://``, ``https://``, with user name and password where it asks for them, or ``s3://``.
        s3: how a bucket is reached.

    Raises:
        ConfigError: when it cannot be reached as it is set.
        MissingDependencyError: when obstore is not installed.
    """

    def __init__(self, address: str, s3: S3Config) -> None:
        self.place = redact_source(address)
        try:
            import obstore
        except ImportError as error:
            raise MissingDependencyError(
                f"{self.place} is read by obstore, which is not installed: {install_command('fleet')}; a folder needs "
                "none"
            ) from error
        self._obstore = obstore
        self._gives_parts = True
        self._store = _opened(address, s3, REQUEST_TIMEOUT_S)
        self._patient_store = _opened(address, s3, WHOLE_TIMEOUT_S)

    def read(self, key: str, *, limit_bytes: int) -> bytes:
        """Return a small file."""
        content = b""
        for chunk in self._whole(self._store, key):
            content += chunk
            if len(content) > limit_bytes:
                break
        return bounded(content, key, limit_bytes)

    def chunks(self, key: str, *, offset_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Return a file from an offset to an end."""
        while self._gives_parts and offset_bytes < end_bytes:
            part_end_bytes = min(offset_bytes + PART_BYTES, end_bytes)
            came_bytes = 0
            try:
                for chunk in self._part(key, offset_bytes, part_end_bytes):
                    came_bytes += len(chunk)
                    yield chunk
            except _NoPartsError:
                self._gives_parts = False
                break
            offset_bytes += came_bytes
            if offset_bytes < part_end_bytes:
                return
        if offset_bytes < end_bytes:
            yield from self._behind(key, offset_bytes, end_bytes)

    def has(self, key: str, *, size_bytes: int) -> bool:
        """Say whether there is a file of that length."""
        try:
            found: int = self._asked(key, lambda: self._obstore.head(self._store, key)["size"])
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        return found == size_bytes

    def write(self, key: str, content: bytes) -> None:
        """Write a small file in one step."""
        self._asked(key, lambda: self._obstore.put(self._store, key, content, use_multipart=False))

    def write_file(self, key: str, path: Path) -> None:
        """Write a file's content in one step."""
        self._asked(key, lambda: self._obstore.put(self._patient_store, key, path))

    def _whole(self, store: Any, key: str) -> Iterator[bytes]:
        found = self._asked(key, lambda: self._obstore.get(store, key))
        yield from self._streamed(key, found)

    def _part(self, key: str, begin: int, end: int) -> Iterator[bytes]:
        options = {"range": (begin, end)}
        try:
            found = self._asked(key, lambda: self._obstore.get(self._store, key, options=options))
        except StoreError as error:
            if isinstance(error.__cause__, self._obstore.exceptions.NotSupportedError):
                raise _NoPartsError from error
            raise
        yield from self._streamed(key, found)

    def _behind(self, key: str, offset_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Return what is behind an offset, of a server that gives whole files only."""
        at = 0
        for chunk in self._whole(self._patient_store, key):
            begin, at = at, at + len(chunk)
            if at > offset_bytes:
                yield chunk[max(offset_bytes - begin, 0) : end_bytes - begin]
            if at >= end_bytes:
                return

    def _streamed(self, key: str, found: Any) -> Iterator[bytes]:
        stream = iter(found.stream(min_chunk_size=READ_BYTES))
        while (chunk := self._asked(key, lambda: next(stream, None))) is not None:
            yield bytes(chunk)

    def _asked(self, key: str, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except FileNotFoundError as error:
            raise absent(self.place, key) from error
        except (self._obstore.exceptions.BaseError, OSError, ValueError) as error:
            raise StoreError(f"{self.place} does not give or take {key}: {_reason(error)}") from error


class _NoPartsError(Exception):
    """The server answers with the whole file where a part was asked for."""


def _reason(error: Exception) -> str:
    """Return why something failed, out of a text of several lines in which the library says it."""
    said, _, details = str(error)[:_MAX_READ].partition("\n\nDebug source:")
    line = said.split("\n", 1)[0].split(" - ", 1)[-1].split(": <", 1)[0]  # a page or document follows it
    reason = short(redact_outside(line))
    found = next((words for sign, words in _SIGNS if sign in details), None)
    quoted = found or next(iter(_CODE.findall(said) or _QUOTED.findall(details)), None)
    return reason if quoted is None else f"{redact_outside(quoted)} ({reason})"


def _opened(address: str, s3: S3Config, timeout_s: float) -> Any:
    from obstore.store import HTTPStore, S3Store

    client: dict[str, Any] = {
        "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT_S),
        "timeout": timedelta(seconds=timeout_s),
        "user_agent": f"streamvision/{__version__}",
        "allow_http": address.lower().startswith("http://") or (s3.endpoint or "").startswith("http://"),
    }
    retries = {"max_retries": 1, "retry_timeout": timedelta(seconds=timeout_s)}
    try:
        if not address.lower().startswith("s3://"):
            url, headers = _without_user(address)
            options = {**client, "default_headers": headers} if headers else client
            return HTTPStore.from_url(url, client_options=options, retry_config=retries)
        return S3Store.from_url(address, config=_s3_settings(s3), client_options=client, retry_config=retries)
    except Exception as error:  # the library has a kind for each fault of a setting, and panics at some
        place = redact_source(address)
        raise ConfigError(f"the store {place} cannot be reached as it is set: {_reason(error)}") from error


def _s3_settings(s3: S3Config) -> dict[str, Any]:
    given = {
        "endpoint": s3.endpoint,
        "region": s3.region,
        "access_key_id": s3.access_key_id,
        "secret_access_key": s3.secret_access_key,
        "skip_signature": s3.anonymous or None,
    }
    if s3.secret_access_key:
        remember_secrets([s3.secret_access_key])
    return {key: value for key, value in given.items() if value is not None}


def _without_user(address: str) -> tuple[str, dict[str, str]]:
    """Return an address without user name and password, and the header that carries them instead."""
    parts = urlsplit(address)
    if parts.username is None:
        return address, {}
    user, password = unquote(parts.username), unquote(parts.password or "")
    coded = base64.b64encode(f"{user}:{password}".encode()).decode()
    remember_secrets([password, coded])
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {coded}"}
