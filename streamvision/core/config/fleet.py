"""Where a service's models come from, and how they take over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from streamvision.core.addresses import SCHEME
from streamvision.core.config.model_request import ModelProofConfig
from streamvision.core.config.section import ID, Section

STORE_SCHEMES = ("http", "https", "s3")


class S3Config(Section):
    """How a bucket is reached; what is left out comes from the environment, as AWS's own tools take it."""

    endpoint: str | None = Field(
        None,
        max_length=2048,
        description="Address of a server that speaks S3, such as https://minio.example:9000; default: Amazon's.",
    )
    region: str | None = Field(None, max_length=64, description="Region of the bucket; default: AWS_REGION.")
    access_key_id: str | None = Field(None, max_length=256, repr=False, description="Name of the key to sign in with.")
    secret_access_key: str | None = Field(None, max_length=4096, repr=False, description="The key.")
    anonymous: bool = Field(False, description="Sign no request: for buckets that everybody may read.")

    @model_validator(mode="after")
    def _key_is_whole(self) -> S3Config:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            missing = "secret_access_key" if self.secret_access_key is None else "access_key_id"
            raise ValueError(f"a key has a name and a secret; give {missing}, too")
        return self

    @field_validator("endpoint")
    @classmethod
    def _endpoint_is_an_address(cls, given: str | None) -> str | None:
        if given is not None and not (given.startswith(("http://", "https://")) and urlsplit(given).hostname):
            raise ValueError("give an address such as https://minio.example:9000")
        return given


class ReplaceConfig(ModelProofConfig):
    """What a model of the store has to show, and who lets it take over."""

    take_over: Literal["ask", "automatic"] = Field(
        "automatic",
        description="automatic: after the shadow run, where agreement and number of objects suffice; ask: when "
        "somebody says so on the page.",
    )


class FleetConfig(Section):
    """A store of signed models that a service follows."""

    store: str = Field(
        min_length=1,
        max_length=4096,
        description="Where the models are: a folder, http://, https:// or s3://BUCKET[/PREFIX].",
    )
    public_key: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
        BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
    ] = Field(
        min_length=1,
        max_length=8,
        description="Public key whose signature a manifest must have: the last line of the .pub file that "
        "`streamvision artifacts keygen` or minisign wrote. Several while one follows another.",
    )
    channel: str = Field("stable", pattern=ID, description="Which of the store's channels is followed.")
    every_s: float = Field(
        300.0, ge=5, le=604800, description="How often the store is asked, in seconds; each device differs by a tenth."
    )
    folder: Path | None = Field(
        None, description="Where models are kept; default: the folder `fleet` of the state folder."
    )
    max_gb: float = Field(
        4.0,
        gt=0,
        le=10_000,
        description="Most room that kept models take. Those that run, those before them and those to come are kept; "
        "what would need more is refused.",
    )
    replace: ReplaceConfig = Field(ReplaceConfig(), description="What a new model has to show before it takes over.")
    s3: S3Config = Field(S3Config(), description="How a bucket is reached.")

    @field_validator("store")
    @classmethod
    def _store_is_known(cls, given: str) -> str:
        check_store(given)
        return given


def check_store(given: str) -> None:
    """Check that an address is one of a store.

    Raises:
        ValueError: when it is none.
    """
    accepted = "give a folder, http://HOST/PATH, https://HOST/PATH or s3://BUCKET/PREFIX"
    scheme = SCHEME.match(given)
    if scheme is None:
        return
    try:
        parts = urlsplit(given)
        named = parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        named = None
    if parts_scheme(given) not in STORE_SCHEMES or not named:
        raise ValueError(f"is no store; {accepted}")
    if parts.query or parts.fragment:
        raise ValueError(f"has a ? or # behind it, which no store has; {accepted}")


def parts_scheme(given: str) -> str | None:
    """Return the scheme of an address in small letters; ``None`` for a folder."""
    scheme = SCHEME.match(given)
    return scheme[0][:-3].lower() if scheme else None
