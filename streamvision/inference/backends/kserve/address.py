"""Addresses of models on servers: ``kserve://[USER:PASSWORD@|TOKEN@]HOST[:PORT]/NAME[/VERSION]``."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from streamvision.core.addresses import split_user_info
from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelAddress
from streamvision.core.redaction import short

DEFAULT_PORTS = {"kserve": 8000, "kserve+grpc": 8001, "kserves": 443, "kserves+grpc": 443}
"""By scheme, the port where the address names none: Triton's own, and that of TLS."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model is served, and how it is asked."""

    host: str
    """Name or address of the server, an IPv6 address without its brackets."""
    port: int
    model: str
    """Name of the model on the server."""
    version: str
    """Version of the model; empty: the one that the server chooses."""
    uses_grpc: bool
    """Whether it is asked by gRPC, and not by HTTP."""
    uses_tls: bool
    authorization: str | None = field(default=None, repr=False)
    """Value of the header of that name; ``None`` where there is none."""

    @property
    def server(self) -> str:
        """Host and port, as an address has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(address: ModelAddress) -> Endpoint:
    """Return what an address says.

    Raises:
        ModelError: when it is not of that form.
    """
    refused = ModelError(
        f"{short(str(address))} is no address of a model on a server: give kserve://HOST:8000/NAME, with its version "
        "as NAME/2 where that matters; kserve+grpc:// is for gRPC, kserves:// and kserves+grpc:// for TLS"
    )
    user_info, rest = split_user_info(address.rest)
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise refused from error
    names = [unquote(name) for name in parts.path.strip("/").split("/")]
    if (
        not rest.isprintable()
        or not host
        or parts.query
        or parts.fragment
        or not 1 <= len(names) <= 2
        or not all(map(_is_name, names))
    ):
        raise refused
    model, version = (*names, "")[:2]
    authorization = None if user_info is None else _authorization(user_info)
    if authorization is not None and not (authorization.isascii() and authorization.isprintable()):
        raise ModelError(f"{address}: the token holds characters that no header takes; give one line of plain letters")
    return Endpoint(
        host=host,
        port=DEFAULT_PORTS[address.scheme] if port is None else port,
        model=model,
        version=version,
        uses_grpc=address.scheme.endswith("+grpc"),
        uses_tls=address.scheme.startswith("kserves"),
        authorization=authorization,
    )


def _is_name(text: str) -> bool:
    return bool(text) and text.isprintable() and len(text) <= 256 and text not in (".", "..")


def _authorization(user_info: str) -> str:
    """Return the header's value: ``Basic`` for a user with a password, ``Bearer`` for a token alone."""
    user, colon, password = user_info.partition(":")
    if not colon:
        return f"Bearer {unquote(user)}"
    return f"Basic {base64.b64encode(f'{unquote(user)}:{unquote(password)}'.encode()).decode()}"
