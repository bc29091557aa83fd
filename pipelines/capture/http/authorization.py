"""User names and passwords of HTTP cameras: Basic (RFC 7617) and Digest (RFC 7616, RFC 2069)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import parse_http_list, parse_keqv_list

_SCHEMES = re.compile(r"(?:^|,)\s*(Basic|Digest)(?=\s|,|$)", re.IGNORECASE)
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


@dataclass(frozen=True)
class Credentials:
    """Who asks."""

    user: str = field(repr=False)
    password: str = field(repr=False)


def split_credentials(url: str) -> tuple[str, Credentials | None]:
    """Return the address without user name and password, and these, decoded; ``None`` where it has none."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if parts.username is None:
        return bare, None
    return bare, Credentials(unquote(parts.username), unquote(parts.password or ""))


class Authorization:
    """Answers a server's challenges, and keeps the newest one for the requests that follow."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._digest: dict[str, str] | None = None
        self._is_basic = False
        self._count = 0

    def take_challenges(self, headers: list[str]) -> None:
        """Take the ``WWW-Authenticate`` headers of a refusal; Digest is preferred, which does not send the password."""
        offered = dict(challenge for header in headers for challenge in _challenges(header))
        digest = offered.get("digest")
        self._digest = digest if digest and digest.get("algorithm", "MD5").upper() in _ALGORITHMS else None
        self._is_basic = self._digest is None and ("basic" in offered or not offered)
        self._count = 0

    def header(self, method: str, target: str) -> str | None:
        """Return the ``Authorization`` header of a request; ``None`` before the first challenge.

        Args:
            method: ``GET``, for instance.
            target: path and query as they stand in the request.
        """
        if self._digest is not None:
            return self._digest_header(self._digest, method, target)
        if not self._is_basic:
            return None
        pair = f"{self._credentials.user}:{self._credentials.password}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _digest_header(self, challenge: dict[str, str], method: str, target: str) -> str:
        algorithm = challenge.get("algorithm", "MD5").upper()
        new_hash = _HASHES[algorithm.removesuffix("-SESS")]

        def digest(*parts: str) -> str:
            return new_hash(":".join(parts).encode(), usedforsecurity=False).hexdigest()

        self._count += 1
        count, own_nonce = f"{self._count:08x}", secrets.token_hex(8)
        realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
        secret = digest(self._credentials.user, realm, self._credentials.password)
        if algorithm.endswith("-SESS"):
            secret = digest(secret, nonce, own_nonce)
        asked = digest(method, target)
        fields = {"username": self._credentials.user, "realm": realm, "nonce": nonce, "uri": target}
        plain = {"algorithm": challenge["algorithm"]} if "algorithm" in challenge else {}
        if "auth" in [choice.strip().lower() for choice in challenge.get("qop", "").split(",")]:
            fields |= {"response": digest(secret, nonce, count, own_nonce, "auth", asked), "cnonce": own_nonce}
            plain |= {"qop": "auth", "nc": count}
        else:
            fields["response"] = digest(secret, nonce, asked)
        if "opaque" in challenge:
            fields["opaque"] = challenge["opaque"]
        quoted = [f'{name}="{_escaped(value)}"' for name, value in fields.items()]
        return "Digest " + ", ".join([*quoted, *(f"{name}={value}" for name, value in plain.items())])


_ALGORITHMS = {name + ending for name in _HASHES for ending in ("", "-SESS")}


def _challenges(header: str) -> list[tuple[str, dict[str, str]]]:
    """Return each scheme of a header with its parameters; several may stand in one."""
    begins = [*_SCHEMES.finditer(header)]
    ends = [*(found.start() for found in begins[1:]), len(header)]
    return [(found[1].lower(), _parameters(header[found.end() : end])) for found, end in zip(begins, ends, strict=True)]


def _parameters(text: str) -> dict[str, str]:
    pairs = [part for part in parse_http_list(text.strip().strip(",")) if "=" in part]
    return {name.strip().lower(): _unescaped(value) for name, value in parse_keqv_list(pairs).items()}


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
