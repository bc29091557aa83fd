"""How an MQTT broker is told of streams and events."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from streamvision.core.config.section import ClassName, Section
from streamvision.core.config.wording import in_words

PLAIN_PORT = 1883
TLS_PORT = 8883
TOPIC = in_words(
    r"^[^+#$/\x00-\x1f\x7f][^+#\x00-\x1f\x7f]{0,199}$", "give 1 to 200 characters without +, # and $ or / in front"
)
"""What the beginning of topics looks like."""


class MqttConfig(Section):
    """An MQTT broker, and Home Assistant behind it."""

    host: str = Field(min_length=1, max_length=253, description="Name or address of the broker.")
    port: int | None = Field(None, ge=1, le=65535, description="Its TCP port; default: 1883, and 8883 with TLS.")
    version: Literal["5", "3.1.1"] = Field("5", description="Version of the protocol; brokers from before 2019: 3.1.1.")
    user: str | None = Field(None, max_length=256, description="Name to sign in with.")
    password: str | None = Field(None, max_length=4096, repr=False, description="Its password.")
    tls: bool = Field(False, description="Whether the connection is encrypted, and the broker's certificate checked.")
    ca: Path | None = Field(
        None, description="Certificates that the broker's must come from, PEM; default: those that the system trusts."
    )
    cert: Path | None = Field(None, description="Certificate to show to the broker: PEM, with the chain behind it.")
    key: Path | None = Field(None, description="Private key of that certificate: PEM, without a password.")
    client_id: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Name among the broker's clients; default: made of machine and prefix.",
    )
    prefix: str = Field(
        "streamvision", pattern=TOPIC, description="Beginning of all topics; each service on a broker needs its own."
    )
    discovery: bool = Field(True, description="Whether Home Assistant is told which entities there are.")
    discovery_prefix: str = Field("homeassistant", pattern=TOPIC, description="Where Home Assistant looks for them.")
    classes: tuple[ClassName, ...] | None = Field(
        None,
        max_length=64,
        description="Classes that have a presence and a count; default: each from when it was first seen.",
    )
    counts_every_s: float = Field(
        1.0, ge=0.2, le=3600, description="Shortest time between two messages with the counts of a stream, in seconds."
    )
    presence_hold_s: float = Field(
        2.0, ge=0, le=3600, description="How long an object must be out of sight to count as gone, in seconds."
    )
    picture_every_s: float | None = Field(
        10.0, ge=0.5, le=86400, description="How often the picture of a stream is sent, in seconds; null: never."
    )
    picture_width_px: int = Field(640, ge=64, le=4096, description="Width of that picture, at most.")
    recording: Literal["events", "continuous"] | None = Field(
        None,
        description="What the recording switch switches on; default: recording.mode, or continuous where that is off.",
    )
    spooled: int = Field(
        10_000, ge=1, le=1_000_000, description="Most events that wait while the broker is away; the oldest go first."
    )

    @field_validator("version", mode="before")
    @classmethod
    def _as_text(cls, given: object) -> object:
        return str(given) if type(given) is int else given

    @field_validator("prefix", "discovery_prefix")
    @classmethod
    def _has_whole_levels(cls, given: str) -> str:
        if "" in given.split("/"):
            raise ValueError("give words with one / between them, and none at the end")
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> MqttConfig:
        if (self.cert is None) != (self.key is None):
            missing = "key" if self.key is None else "cert"
            raise ValueError(f"a certificate needs its private key; give {missing}, too")
        if not self.tls and (self.ca or self.cert):
            raise ValueError("ca and cert are for TLS; set tls: true, too")
        if self.password is not None and self.user is None:
            raise ValueError("a password needs a name; give user, too")
        return self

    @property
    def place(self) -> str:
        """The broker's address, without secrets."""
        port = self.port or (TLS_PORT if self.tls else PLAIN_PORT)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{port}"
