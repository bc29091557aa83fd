"""Settings of the web page: where it is, who may see it, and what stands in front of it."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from streamvision.core.config.section import Section
from streamvision.core.config.wording import in_words

HEADER_NAME = in_words(r"^[A-Za-z0-9-]{1,64}$", "give the name of a header, 1 to 64 letters, digits and hyphens")
ANY_ORIGIN = "*"
"""Stands for every site; whoever shows a stream there needs a token."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ProxyConfig(Section):
    """A reverse proxy in front of the page, whose word is taken."""

    trusted: tuple[str, ...] = Field(
        min_length=1,
        max_length=64,
        description="Addresses and networks of the proxies, such as 127.0.0.1 or 10.0.0.0/8; X-Forwarded-For, -Proto, "
        "-Host and -Prefix are read from these alone.",
    )
    user_header: str | None = Field(
        None,
        pattern=HEADER_NAME,
        description="Header in which a proxy names the user that it has signed in, such as X-Remote-User; default: it "
        "signs nobody in. The proxy must set it itself in every request.",
    )
    role_header: str | None = Field(
        None,
        pattern=HEADER_NAME,
        description="Header in which it says the role, admin or viewer, of users that are not known here.",
    )
    default_role: Literal["none", "viewer", "admin"] = Field(
        "viewer", description="Role of users that are not known here and have none by header; none refuses them."
    )

    @field_validator("trusted")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                raise ValueError(
                    f"{one!r} is no address and no network; give one such as 10.0.0.5 or 10.0.0.0/8"
                ) from None
        return given

    @model_validator(mode="after")
    def _role_needs_user(self) -> ProxyConfig:
        if self.role_header and not self.user_header:
            raise ValueError("role_header says the role of a user; give user_header, too")
        return self


class ServeConfig(Section):
    """The web page."""

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on; 0.0.0.0 opens the page to the network, which needs users.",
    )
    port: int = Field(8080, ge=0, le=65535, description="TCP port; 0 takes any free one.")
    jpeg_quality: int = Field(80, ge=1, le=100, description="Quality of the pictures sent to viewers.")
    encoder: Literal["auto", "libx264", "libopenh264", "h264_v4l2m2m", "h264_nvenc", "h264_qsv", "h264_amf"] = Field(
        "auto",
        description="Who encodes video for viewers and HLS, by FFmpeg's name; auto: the first that works, those of "
        "graphics cards and boards before the processor's.",
    )
    sound: bool = Field(
        True,
        description="Whether viewers of live video may have its sound, too; cameras are asked for it at the next "
        "connection.",
    )
    ready_age_s: float | None = Field(
        30.0,
        gt=0,
        description="Oldest that the newest frame of a live stream may be for `/readyz` to say that all is ready; "
        "null: any.",
    )
    host_names: tuple[str, ...] = Field(
        (),
        max_length=64,
        description="Names under which the page is answered, beside this machine's own, `localhost` and addresses; "
        "such as that of a proxy in front.",
    )
    public_url: str | None = Field(
        None,
        max_length=512,
        pattern=in_words(r"^https?://[^\s?#]+$", "give an address such as https://cams.example.org"),
        description="Address under which people reach the page, such as https://cams.example/; messages lead there.",
    )
    embed_origins: tuple[str, ...] = Field(
        (),
        max_length=64,
        description="Origins of the sites whose pages may show live streams, such as https://shop.example; `*`: every "
        "site, with a token.",
    )
    login: Literal["auto", "none"] = Field(
        "auto",
        description="auto: users sign in where there are any, and without them the page listens on this machine alone; "
        "none: whoever reaches the page may see and change everything.",
    )
    session_idle_h: float = Field(
        12.0, gt=0, le=8760, description="Hours after which an unused sign-in ends; a page that is open uses it."
    )
    session_h: float = Field(168.0, gt=0, le=8760, description="Hours after which each sign-in ends.")
    tls: Literal["off", "self-signed"] = Field(
        "off", description="self-signed: HTTPS with a certificate of its own, which is kept in the state folder."
    )
    tls_cert: Path | None = Field(
        None, description="HTTPS with this certificate: PEM, with the chain behind it; read again when it changes."
    )
    tls_key: Path | None = Field(None, description="Private key of that certificate: PEM, without a password.")
    proxy: ProxyConfig | None = Field(None, description="A reverse proxy in front; absent: none is trusted.")

    @field_validator("embed_origins")
    @classmethod
    def _are_origins(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if one != ANY_ORIGIN:
                _check_origin(one)
            elif len(given) > 1:
                raise ValueError(f"{ANY_ORIGIN!r} is every origin; give it alone, or only the others")
        return given

    @model_validator(mode="after")
    def _any_origin_needs_token(self) -> ServeConfig:
        if ANY_ORIGIN in self.embed_origins and self.login == "none":
            raise ValueError(
                f"embed_origins: {ANY_ORIGIN!r} needs a token, and login: none asks for none; name the origins, or let "
                "people sign in"
            )
        return self

    @model_validator(mode="after")
    def _certificate_is_whole(self) -> ServeConfig:
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_cert"
            raise ValueError(f"a certificate needs its private key; give {missing}, too")
        if self.tls_cert and self.tls != "off":
            raise ValueError("tls: self-signed makes a certificate of its own; leave out tls_cert and tls_key, or tls")
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether the page can be reached from this machine alone."""
        host = self.host.strip("[]").partition("%")[0]
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _check_origin(given: str) -> None:
    """Refuse what no browser sends as the origin of a page (RFC 6454, 6.2).

    Raises:
        ValueError: says what is accepted.
    """
    accepted = "give scheme, host and port alone, such as https://shop.example or http://192.168.1.5:3000"
    try:
        parts = urlsplit(given)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:
        raise ValueError(f"{given!r} is no origin; {accepted}") from None
    if parts.scheme not in _DEFAULT_PORTS or not host or " " in given:
        raise ValueError(f"{given!r} is no origin; {accepted}")
    named = f"[{host}]" if ":" in host else host
    sent = f"{parts.scheme}://{named}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")
    if given != sent:
        raise ValueError(f"{given!r} is not written as browsers send an origin; give {sent}")
