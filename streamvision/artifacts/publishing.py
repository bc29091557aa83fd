"""Puts models into a channel of a store: files first, then the manifest, then the signature that names it.

Whoever pulls meanwhile sees the channel as it was before or as it is then, and whatever breaks off in between leaves
only files that nothing names.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.artifacts.cache import checked_manifest
from streamvision.artifacts.errors import AbsentError, ArtifactError, StoreError
from streamvision.artifacts.manifest import (
    FORMAT,
    MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES,
    MODEL_ENDINGS,
    Artifact,
    CardSummary,
    Manifest,
    ManifestAddress,
    channel_key,
    validated,
)
from streamvision.artifacts.signing import PublicKeys, Signer, signature_comment
from streamvision.artifacts.store import Store
from streamvision.core.errors import ModelError
from streamvision.core.files import sha256_of, writing
from streamvision.core.redaction import short


@dataclass(frozen=True)
class NewModel:
    """A model that is to be published."""

    files: Sequence[Path]
    """Its files, the one that is opened first; see :func:`files_of`."""
    card: CardSummary | None = None
    """What it is."""


def files_of(model: Path, beside: Sequence[Path] = ()) -> list[Path]:
    """Return a model's file and those that belong to it: weights, header, metadata, and the report of its export.

    Args:
        model: the file that is opened, or the folder of an OpenVINO or NCNN model.
        beside: further files, such as weights of an ONNX model that lie outside of it.

    Raises:
        ModelError: when there is no such file, or it is not one that is published.
    """
    if model.is_dir() and len(found := sorted([*model.glob("*.xml"), *model.glob("*.param")])) == 1:
        model = found[0]
    if not model.is_file():
        raise ModelError(f"there is no model file {model}; give one that ends in {', '.join(MODEL_ENDINGS)}")
    suffix = model.suffix.lower()
    if suffix not in MODEL_ENDINGS:
        raise ModelError(
            f"{model} is not published, since devices open files that end in {', '.join(MODEL_ENDINGS)} alone; export "
            "it to one of these"
        )
    known = [model.with_name(f"{model.name}.parity.json")]
    if suffix in (".xml", ".param"):
        known = [model.with_suffix(".bin"), model.with_name("metadata.yaml"), *known]
    own = [path for path in known if path.is_file()]
    return list(dict.fromkeys([model, *own, *beside]))


def push_models(
    store: Store,
    channel: str,
    signer: Signer,
    models: Mapping[str, NewModel],
    *,
    without: Collection[str] = (),
    from_channel: str | None = None,
    trusted: Sequence[str] = (),
    at_least: int = 1,
) -> Manifest:
    """Publish models in a channel, beside those that are there under other names; return its new manifest.

    Args:
        store: where to.
        channel: the channel; it begins with this where it is not there yet.
        signer: who signs.
        models: by name.
        without: names of models that the channel is to have no more.
        from_channel: a channel of the store whose models are published, too.
        trusted: further public keys whose manifest of the channel may be gone on from.
        at_least: least number of the manifest.

    Raises:
        StoreError: when the store does not take it; the channel is as it was before.
        ArtifactError: when the channel's present manifest is not signed by a key that is trusted.
        ModelError: when a file is not one that is published.
    """
    keys = PublicKeys([signer.public_key, *trusted])
    before = present_manifest(store, channel, keys)
    number = max(at_least, 1 if before is None else before.number + 1)
    kept = {} if before is None else {name: one for name, one in before.models.items() if name not in without}
    if from_channel is not None:
        kept |= _promoted(store, from_channel, keys, kept, number)
    added = {name: _uploaded(store, model, number) for name, model in models.items()}
    document = {
        "format": FORMAT,
        "channel": channel,
        "number": number,
        "created_unix_s": round(time.time(), 3),
        "models": {**kept, **added},
    }
    manifest = validated(Manifest, document, what=f"what the channel {short(channel)} is to hold")
    content = manifest.to_json()
    if len(content) > MAX_MANIFEST_BYTES:
        raise ArtifactError(f"the manifest would have {len(content):,} bytes, of which {MAX_MANIFEST_BYTES:,} are read")
    address = ManifestAddress.of(content)
    store.write(address.key, content)
    if present_manifest(store, channel, keys) != before:
        raise StoreError(f"somebody else has published in {channel} of {store.place} meanwhile; publish again")
    store.write(channel_key(channel), signer.sign(content, address.comment))
    return manifest


def _promoted(
    store: Store, channel: str, keys: PublicKeys, present: Mapping[str, Artifact], number: int
) -> dict[str, Artifact]:
    """Return the models of a channel as those of another, which has some of them already."""
    manifest = present_manifest(store, channel, keys)
    if manifest is None:
        raise AbsentError(f"{store.place} has no channel {channel} to publish from; give one that it has")
    return {
        name: one.model_copy(update={"number": number})
        for name, one in manifest.models.items()
        if name not in present or present[name].id != one.id
    }


def present_manifest(store: Store, channel: str, keys: PublicKeys) -> Manifest | None:
    """Return what a channel holds now; ``None`` where it is not there yet.

    Raises:
        StoreError: when the store does not answer.
        ArtifactError: when it is not signed by a key that is trusted, or for another channel.
    """
    try:
        signature = store.read(channel_key(channel), limit_bytes=MAX_SIGNATURE_BYTES)
    except AbsentError:
        return None
    address = ManifestAddress.from_comment(signature_comment(signature))
    manifest = checked_manifest(store.read(address.key, limit_bytes=address.size_bytes), address, signature, keys)
    if manifest.channel != channel:
        raise ArtifactError(f"{store.place} gives a manifest of the channel {manifest.channel} as that of {channel}")
    return manifest


def _uploaded(store: Store, model: NewModel, number: int) -> Artifact:
    files = [_described(path) for path in model.files]
    artifact = validated(
        Artifact, {"files": files, "number": number, "card": model.card}, what=f"the model {model.files[0]}"
    )
    for path, file in zip(model.files, artifact.files, strict=True):
        if not store.has(file.key, size_bytes=file.size_bytes):
            store.write_file(file.key, path)
        if _described(path) != file.model_dump():
            raise ArtifactError(f"{path} was changed while it was published; publish it again when it is finished")
    return artifact


def _described(path: Path) -> dict[str, Any]:
    with writing(path, instead="give a file that can be read"):
        return {"name": path.name, "sha256": sha256_of([path]), "size_bytes": path.stat().st_size}
