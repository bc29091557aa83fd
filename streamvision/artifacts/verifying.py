"""Reads all that a channel of a store holds, and checks it as a device does."""

from __future__ import annotations

import hashlib

from streamvision.artifacts.errors import AbsentError, ArtifactError
from streamvision.artifacts.manifest import ArtifactFile, Manifest
from streamvision.artifacts.publishing import present_manifest
from streamvision.artifacts.signing import PublicKeys
from streamvision.artifacts.store import Store


def verify_channel(store: Store, channel: str, keys: PublicKeys) -> Manifest:
    """Return the manifest of a channel whose files are all what it says.

    Raises:
        StoreError: when the store does not answer, or lacks something.
        ArtifactError: naming the first file that is something else.
    """
    manifest = present_manifest(store, channel, keys)
    if manifest is None:
        raise AbsentError(f"{store.place} has no channel {channel}; begin it with streamvision artifacts push")
    files = {file.sha256: (name, file) for name, one in manifest.models.items() for file in one.files}
    for name, file in files.values():
        _verify(store, name, file)
    return manifest


def _verify(store: Store, name: str, file: ArtifactFile) -> None:
    digest, size_bytes = hashlib.sha256(), 0
    for chunk in store.chunks(file.key, offset_bytes=0, end_bytes=file.size_bytes):
        digest.update(chunk)
        size_bytes += len(chunk)
    if size_bytes != file.size_bytes or digest.hexdigest() != file.sha256:
        raise ArtifactError(
            f"{file.key} of {store.place}, which is {file.name} of the model {name}, is not what was published; "
            "remove it there, and publish the model again"
        )
