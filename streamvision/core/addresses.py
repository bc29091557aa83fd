"""Addresses of cameras (RFC 3986, and what people write in its place): what of one may be shown, and what is secret.

Of an address, scheme, host, port and the names of its path may be seen. User information, the values of its query,
its fragment, and what in its path looks like a password or a token are replaced by ``***``.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,31}://", re.IGNORECASE)
"""What an address begins with."""
MASK = "***"
"""What stands in place of a secret."""

_KNOWN_PORTS = frozenset(
    map(str, (80, 81, 88, 322, 443, 554, 1935, 5000, 5001, 5554, 7441, 7447, 8000, 8080, 8081, 8443, 8554, 8888, 8889))
)
"""Ports of cameras; another number may as well be the beginning of a password that holds a slash."""
_NUMERIC_HOST = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|localhost|\[[0-9a-f:.%]{2,64}\]):\d{1,5}", re.IGNORECASE)
_PORT = re.compile(r"[^:]*(?::\d{0,5})?|\[[^\]]*\](?::\d{0,5})?")
_QUERY = re.compile(r"\?[\w.%\[\]~-]{1,64}=")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Some cameras take parameters as part of the path: rtsp://cam/user=admin&password=x&channel=1.
_PATH_VALUE = re.compile(r"(?P<name>[^/&;=]{0,64})=(?:(?P<plain>\d{1,3}|main|sub|tcp|udp)(?=[/&;]|$)|[^&;]*)")
_HARMLESS = frozenset({"channel", "ch", "chn", "cam", "camera", "stream", "subtype", "track", "trackid", "profile"})
_BEFORE_SECRETS = frozenset({"auth", "key", "pass", "passwd", "password", "pwd", "pw", "secret", "token"})
_LONG_WORD = re.compile(r"[A-Za-z0-9]{16,}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-", re.IGNORECASE)


class Address(NamedTuple):
    """An address without its scheme, taken apart at the user information."""

    user_info: str | None
    """User name and password as they were written; ``None`` where there are none."""
    rest: str
    """From the host on."""


def split_user_info(rest: str) -> Address:
    """Take what follows ``scheme://`` apart.

    A password may hold what should have been escaped: the last ``@`` before the query ends it.

    >>> split_user_info("admin:p@ss/word@cam/live")
    Address(user_info='admin:p@ss/word', rest='cam/live')
    """
    at = _before_query(rest).rfind("@")
    if "@" not in _authority(rest):
        return Address(None, rest)
    return Address(rest[:at], rest[at + 1 :])


def with_escaped_user_info(rest: str) -> str:
    """Return what follows ``scheme://`` with the user information as RFC 3986 wants it; escapes in it are kept.

    >>> with_escaped_user_info("admin:p@ss/wo rd@cam/live")
    'admin:p%40ss%2Fwo%20rd@cam/live'
    """
    user_info, rest = split_user_info(rest)
    if user_info is None:
        return rest
    return f"{quote(_ESCAPE.sub('%25', user_info), safe=':%')}@{rest}"


def masked(rest: str) -> str:
    """Return what may be shown of what follows ``scheme://``, in a time that grows with its length alone.

    >>> masked("admin:pa#s/s@cam:554/live?channel=2&pw=x#y")
    '***@cam:554/live?channel=***&pw=***'
    """
    at = _secret_end(rest)
    user_info, rest = (f"{MASK}@", rest[at + 1 :]) if at >= 0 else ("", rest)
    host = _authority(rest)
    path, query = _cut_at(rest[len(host) :], "?#")
    shown = host if _PORT.fullmatch(host) else MASK
    return f"{user_info}{shown}{_masked_path(path)}{_masked_query(query)}"


def is_open(rest: str) -> bool:
    """Say whether what follows ``scheme://`` up to a space or a quote may be only the beginning of an address: a
    password may hold both."""
    user_info, _ = split_user_info(rest)
    return (user_info is not None and user_info != MASK) or not _PORT.fullmatch(_authority(rest))


def _secret_end(rest: str) -> int:
    """Return the place of the ``@`` behind what may be a password, -1 where there is none."""
    authority = _authority(rest)
    at = _before_query(rest).rfind("@")
    if "@" in authority:
        return at
    is_host = ":" not in authority or authority.rpartition(":")[2] in _KNOWN_PORTS or _NUMERIC_HOST.fullmatch(authority)
    if is_host:
        return -1
    return at if _PORT.fullmatch(authority) else rest.rfind("@")


def _before_query(rest: str) -> str:
    query = _QUERY.search(rest)
    return rest[: query.start()] if query else rest


def _authority(rest: str) -> str:
    return _cut_at(rest, "/?#")[0]


def _cut_at(text: str, marks: str) -> tuple[str, str]:
    """Return a text up to the first of some marks, and from there on."""
    end = min((place for mark in marks if (place := text.find(mark)) >= 0), default=len(text))
    return text[:end], text[end:]


def _masked_path(path: str) -> str:
    segments = _PATH_VALUE.sub(_masked_value, path).split("/")
    before = ["", *segments[:-1]]
    return "/".join(_masked_segment(one, previous) for one, previous in zip(segments, before, strict=True))


def _masked_value(found: re.Match[str]) -> str:
    if found["plain"] and found["name"].lower() in _HARMLESS:
        return found[0]
    return f"{found['name']}={MASK}"


def _masked_segment(segment: str, previous: str) -> str:
    is_secret = ":" in segment or previous.lower() in _BEFORE_SECRETS or _is_token(segment)
    return MASK if segment and is_secret else segment


def _is_token(segment: str) -> bool:
    """Say whether a name holds letters mixed with digits as no word does."""
    words = _LONG_WORD.findall(segment)
    return any(not (word.isalpha() or word.isdigit()) for word in words) or _UUID.search(segment) is not None


def _masked_query(query: str) -> str:
    if len(query) < 2:
        return query
    if query[0] == "#":
        return f"#{MASK}"
    return "?" + "&".join(_masked_parameter(one) for one in re.split("[&;]", query[1:]))


def _masked_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return f"{name}={MASK}" if equals and len(name) <= 64 and re.fullmatch(r"[\w.%\[\]~-]+", name) else MASK
