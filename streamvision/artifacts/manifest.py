"""What a channel of a store holds: models by name, each the digests and sizes of its files.

A store has this layout, which a folder on a memory stick, a web server and a bucket can all have:

- ``channels/NAME.minisig``: the signature of the channel's newest manifest. Its trusted comment, which is signed, too,
  names that manifest by digest, so that one file decides, and it is replaced in one step.
- ``manifests/SHA256.json``: manifests.
- ``files/SHA256``: the files of models.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePath
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from streamvision.artifacts.errors import ArtifactError
from streamvision.core.config.section import ID
from streamvision.core.config.wording import fault_in_words
from streamvision.core.reading import UnreadableError, parse_json, shown

FORMAT = 1
"""Of the manifests that are written and read here."""
MAX_MANIFEST_BYTES = 1 << 20
MAX_SIGNATURE_BYTES = 4096
MAX_FILE_BYTES = 1 << 36
MAX_NUMBER = (1 << 53) - 1
"""Greatest number of a manifest: the greatest that every reader of JSON keeps exactly."""
MODEL_ENDINGS = (".onnx", ".xml", ".tflite", ".param")
"""Endings of the files that are models. None of their formats holds a pickle or other code of Python."""
BESIDE_ENDINGS = (".bin", ".data", ".onnx_data", ".weight", ".weights", ".json", ".yaml", ".txt")
"""Endings of the files that may lie beside a model: its weights, its metadata."""
_DIGEST = r"^[0-9a-f]{64}$"
_FILE_NAME = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,119}$"
_COMMENT = re.compile(r"streamvision manifest sha256:([0-9a-f]{64}) size:([1-9][0-9]{0,7})")
_Digest = Annotated[str, Field(pattern=_DIGEST)]
_Name = Annotated[str, Field(pattern=ID)]


class _Record(BaseModel):
    # What a later version adds is passed over; what changes the meaning gets another FORMAT.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ArtifactFile(_Record):
    """One file of a model."""

    name: str = Field(pattern=_FILE_NAME)
    """What it is called in the folder of its model: a name alone, which leads nowhere else."""
    sha256: _Digest
    """Digest of its content."""
    size_bytes: int = Field(ge=1, le=MAX_FILE_BYTES)
    """How long it is."""

    @property
    def key(self) -> str:
        """Where it is in a store."""
        return f"files/{self.sha256}"


class CardSummary(_Record):
    """What a model is, for those who choose one; the model's own card counts."""

    task: str = Field(max_length=40)
    """What it does."""
    classes: int = Field(ge=1)
    """How many classes it tells apart."""
    width_px: int = Field(gt=0)
    """Width of the picture that it sees."""
    height_px: int = Field(gt=0)
    """Height of the picture that it sees."""
    licence: str | None = Field(None, max_length=200)
    """Licence of its weights."""


class Artifact(_Record):
    """A model: the file that is opened, and those that lie beside it."""

    files: tuple[ArtifactFile, ...] = Field(min_length=1, max_length=16)
    """Its files, the one that is opened first."""
    number: int = Field(ge=1, le=MAX_NUMBER)
    """Number of the manifest in which it was published. A device takes it up once for each: what was refused there is
    tried again when it is published again."""
    card: CardSummary | None = None
    """What it is."""

    @field_validator("files")
    @classmethod
    def _holds_no_code(cls, files: tuple[ArtifactFile, ...]) -> tuple[ArtifactFile, ...]:
        names = [file.name.lower() for file in files]
        if len(set(names)) < len(names):
            raise ValueError("two files have one name")
        for name, endings in zip(names, (MODEL_ENDINGS, *[BESIDE_ENDINGS] * len(names)), strict=False):
            if PurePath(name).suffix not in endings:
                raise ValueError(
                    f"{name} is no file of a model: the first ends in {_any(MODEL_ENDINGS)}, those beside it in "
                    f"{_any(BESIDE_ENDINGS)}"
                )
        return files

    @property
    def id(self) -> str:
        """What tells it from all others: the digest of its files' names and contents."""
        lines = "".join(f"{file.name}\0{file.sha256}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def format(self) -> str:
        """Ending of the file that is opened, without the dot."""
        return PurePath(self.files[0].name).suffix.lower()[1:]

    @property
    def size_bytes(self) -> int:
        """Size of all its files."""
        return sum(file.size_bytes for file in self.files)


class Manifest(_Record):
    """What a channel holds."""

    format: int
    """Which form it has: :data:`FORMAT`."""
    channel: _Name
    """The channel that it is for: one cannot be passed off as another."""
    number: int = Field(ge=1, le=MAX_NUMBER)
    """Later ones of a channel are greater."""
    created_unix_s: float = Field(ge=0, le=1e11)
    """When it was made, by its maker's clock."""
    models: dict[_Name, Artifact] = Field(max_length=64)
    """By name: ``default`` is a device's ``model``, others are those of its ``models``."""

    @model_validator(mode="after")
    def _is_known(self) -> Manifest:
        if self.format != FORMAT:
            raise ValueError(f"its format is {self.format}, and this version reads {FORMAT}; install a newer one")
        return self

    def to_json(self) -> bytes:
        """Return it as a store has it; the same manifest always gives the same bytes."""
        document = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=True).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """Return what bytes of a store say; their signature was checked.

        Raises:
            ArtifactError: when they are no manifest.
        """
        try:
            document = parse_json(content)
        except UnreadableError as error:
            raise ArtifactError(f"the manifest {error}; publish the channel again") from None
        return validated(cls, document, what="the manifest")


R = TypeVar("R", bound=_Record)


def validated(record: type[R], document: Any, *, what: str) -> R:
    """Return a record of plain values; ``what`` is what a message calls it.

    Raises:
        ArtifactError: when a value is not accepted.
    """
    try:
        return record.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        said = fault_in_words(first)
        if first["type"] == "string_pattern_mismatch" and first["ctx"]["pattern"] == _FILE_NAME:
            said = "give a file whose name has 1 to 120 letters without accents, digits, hyphens, underscores and dots"
        raise ArtifactError(f"{what} is not accepted: {where}{': ' if where else ''}{said}") from None


class ManifestAddress(NamedTuple):
    """Which manifest a channel has, as the trusted comment of its signature says."""

    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, content: bytes) -> ManifestAddress:
        """Return the address of a manifest."""
        return cls(hashlib.sha256(content).hexdigest(), len(content))

    @classmethod
    def from_comment(cls, comment: str) -> ManifestAddress:
        """Return the address in a trusted comment.

        Raises:
            ArtifactError: when there is none, or the manifest would be too long.
        """
        found = _COMMENT.fullmatch(comment)
        if found is None or int(found[2]) > MAX_MANIFEST_BYTES:
            raise ArtifactError(
                f"the signature's trusted comment names no manifest ({shown(comment)}); publish the channel again with "
                "streamvision artifacts push"
            )
        return cls(found[1], int(found[2]))

    @property
    def comment(self) -> str:
        """The trusted comment."""
        return f"streamvision manifest sha256:{self.sha256} size:{self.size_bytes}"

    @property
    def key(self) -> str:
        """Where the manifest is in a store."""
        return f"manifests/{self.sha256}.json"


def channel_key(channel: str) -> str:
    """Return where the signature of a channel's newest manifest is in a store."""
    return f"channels/{channel}.minisig"


def _any(endings: tuple[str, ...]) -> str:
    return f"{', '.join(endings[:-1])} or {endings[-1]}"
