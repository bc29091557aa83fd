"""What a reverse proxy in front says of a request, taken from trusted addresses alone."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from streamvision.core.config.serve import ProxyConfig
from streamvision.core.redaction import printable, short

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

PROXY_USER = "streamvision.proxy_user"
"""Key of the WSGI environment under which the :class:`ProxyUser` of a request stands, if a proxy names one."""
MAX_HOPS = 32
"""Most proxies in a row that are looked at."""
_FORWARDED = {f"HTTP_X_FORWARDED_{name}": name for name in ("FOR", "PROTO", "HOST", "PREFIX")}
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]{1,64}){1,8}")
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")


class ProxyUser(NamedTuple):
    """Somebody whom a proxy has signed in."""

    name: str
    role: str | None
    """What the proxy says of the role; ``None``: nothing."""


class TrustedProxy:
    """A WSGI application behind proxies: addresses, scheme, host, prefix and user are those that the proxies say.

    What others say of themselves is removed, so that nothing behind it can be deceived.

    Args:
        app: the application.
        config: whose word is taken; ``None``: nobody's.
    """

    def __init__(self, app: WSGIApplication, config: ProxyConfig | None) -> None:
        self._app = app
        self._trusted = [ipaddress.ip_network(one, strict=False) for one in (config.trusted if config else ())]
        self._user_key = _environ_key(config.user_header) if config and config.user_header else None
        self._role_key = _environ_key(config.role_header) if config and config.role_header else None
        self._warned = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        peer = str(environ.get("REMOTE_ADDR", ""))
        forwarded = {name: str(environ.pop(key)) for key, name in _FORWARDED.items() if key in environ}
        user, role = (str(environ.pop(key, "")).strip() if key else "" for key in (self._user_key, self._role_key))
        if self._is_trusted(peer):
            if user:
                environ[PROXY_USER] = ProxyUser(user, role.lower() or None)
            self._apply(environ, peer, forwarded)
        elif forwarded or user:
            self._warn(peer, "the user" if user else "X-Forwarded-*")
        return self._app(environ, start_response)

    def _apply(self, environ: WSGIEnvironment, peer: str, forwarded: dict[str, str]) -> None:
        environ["REMOTE_ADDR"] = self._client(peer, forwarded.get("FOR", ""))
        scheme = _last(forwarded.get("PROTO", "")).lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        if _HOST.fullmatch(host := _last(forwarded.get("HOST", ""))):
            environ["HTTP_HOST"] = host
        if _PREFIX.fullmatch(prefix := _last(forwarded.get("PREFIX", "")).rstrip("/")):
            path = environ.get("PATH_INFO", "")
            environ["SCRIPT_NAME"] = prefix
            if path == prefix or path.startswith(f"{prefix}/"):  # of a proxy that passes it on as it came
                environ["PATH_INFO"] = path[len(prefix) :] or "/"

    def _client(self, peer: str, forwarded_for: str) -> str:
        """Return the nearest address that is no trusted proxy's."""
        for hop in reversed(forwarded_for.split(",")[-MAX_HOPS:]):
            address = hop.strip()
            if _parsed(address) is None:
                break
            peer = address
            if not self._is_trusted(address):
                break
        return peer

    def _is_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)

    def _warn(self, peer: str, what: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "%s names %s in a header, which is ignored: it is none of serve.proxy.trusted (this is said once)",
                short(printable(peer)),
                what,
            )


def _environ_key(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"


def _last(values: str) -> str:
    """Return what the nearest proxy said, where several were in a row."""
    return values.rpartition(",")[2].strip()


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed
