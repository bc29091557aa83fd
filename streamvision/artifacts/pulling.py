"""Brings a device what a channel of a store holds: nothing is opened, kept or believed before it was checked.

A store is trusted for nothing: what it gives counts only if a key of the device has signed it, is not older than what
the device has accepted before, and has the digest and the size that the signed manifest says. What came of a file is
kept, and the rest is asked for the next time.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streamvision.artifacts.cache import Accepted, Cache, checked_manifest
from streamvision.artifacts.errors import ArtifactError, StoreError
from streamvision.artifacts.manifest import (
    MAX_SIGNATURE_BYTES,
    Artifact,
    ArtifactFile,
    ManifestAddress,
    channel_key,
)
from streamvision.artifacts.signing import PublicKeys, signature_comment
from streamvision.artifacts.store import Store
from streamvision.core.errors import StreamVisionError
from streamvision.core.files import writing

_HASH_BYTES = 1 << 20


class StoppedError(StreamVisionError):
    """Pulling was told to end."""


@dataclass(frozen=True)
class Source:
    """What is pulled, and whom is believed."""

    store: Store
    """Where it comes from."""
    channel: str
    """Which of its channels."""
    keys: PublicKeys
    """Whose signature is believed."""


def pull_manifest(source: Source, cache: Cache) -> Accepted:
    """Return the newest manifest of a channel, which is remembered as such.

    Raises:
        StoreError: when the store does not answer.
        ArtifactError: when what it gives is not signed by a trusted key, not for this channel, or older than what was
            accepted before; that one stays.
        OutputError: when it cannot be written down.
    """
    before = cache.accepted(source.channel, source.keys)
    signature = source.store.read(channel_key(source.channel), limit_bytes=MAX_SIGNATURE_BYTES)
    address = ManifestAddress.from_comment(signature_comment(signature))
    content = cache.manifest_bytes(address) or source.store.read(address.key, limit_bytes=address.size_bytes)
    manifest = checked_manifest(content, address, signature, source.keys)
    found = Accepted(manifest, address, signature)
    _check_place(source, found, before, cache.least_number(source.channel, source.keys))
    if before is None or before.signature != signature:
        cache.accept(found, content, before)
    else:
        cache.confirm(source.channel)
    return found


def _check_place(source: Source, found: Accepted, before: Accepted | None, least_number: int) -> None:
    manifest = found.manifest
    if manifest.channel != source.channel:
        raise ArtifactError(
            f"{source.store.place} gives a manifest of the channel {manifest.channel} as that of {source.channel}; it "
            "was not taken"
        )
    if before is not None and before.address == found.address:
        return
    newest = least_number if before is None else before.manifest.number
    if manifest.number < newest:
        raise ArtifactError(
            f"{source.store.place} gives manifest {manifest.number} of the channel {manifest.channel}, but "
            f"{newest} was accepted before; an old one that is served again is not taken: to go back, "
            "publish the older models anew, which gives them a greater number"
        )
    if before is not None and manifest.number == newest:
        raise ArtifactError(
            f"{source.store.place} gives another manifest {manifest.number} of the channel {manifest.channel} than the "
            "one that was accepted before; publish it again, which gives it a number of its own"
        )


def pull_model(
    artifact: Artifact,
    source: Source,
    cache: Cache,
    *,
    is_ended: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Return the file of a model that is here whole and checked; what is missing of it is fetched.

    Args:
        artifact: the model, of a manifest that was accepted.
        source: where it comes from.
        cache: where it goes to; there must be room, see :meth:`Cache.make_room`.
        is_ended: says now and then whether to give up.
        progress: is told how many bytes have come.

    Raises:
        StoreError: when the store does not answer, or ends too early; what came is kept.
        ArtifactError: when what it gives is something else; that is removed.
        OutputError: when the disk refuses.
        StoppedError: when ``is_ended`` said so.
    """
    if cache.has(artifact):
        return cache.path_of(artifact)
    folder = cache.incoming(artifact)
    for file in artifact.files:
        _Download(file, folder / file.name, source.store, is_ended, progress).run()
    return cache.install(artifact)


class _Download:
    """Brings one file, gone on with where it broke off.

    Args:
        file: what is to come.
        path: where to.
        store: where from.
        is_ended: see :func:`pull_model`.
        progress: see :func:`pull_model`.
    """

    def __init__(
        self,
        file: ArtifactFile,
        path: Path,
        store: Store,
        is_ended: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> None:
        self._file, self._path, self._store = file, path, store
        self._is_ended, self._progress = is_ended, progress

    def run(self) -> None:
        """Bring it, or say why not."""
        had_bytes = self._path.stat().st_size if self._path.is_file() else 0
        if self._came(had_bytes):
            return
        self._path.unlink(missing_ok=True)
        if had_bytes > 0 and self._came(0):
            return  # what was left of another day was damaged, as by a power cut
        self._path.unlink(missing_ok=True)
        raise ArtifactError(
            f"{self._file.key} of {self._store.place} is not the file that the manifest names: its content has another "
            "digest; remove it there, and publish the model again"
        )

    def _came(self, offset_bytes: int) -> bool:
        """Bring what is behind an offset; say whether the whole is what it should be."""
        if offset_bytes > self._file.size_bytes:
            return False
        try:
            with writing(self._path, instead="free space, or give another folder"):
                return self._fetch(offset_bytes) == self._file.sha256
        except OSError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT):
                self._path.unlink(missing_ok=True)  # others need the room more
            raise

    def _fetch(self, offset_bytes: int) -> str:
        digest, size_bytes = hashlib.sha256(), self._file.size_bytes
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "r+b") as stream:
            stream.truncate(offset_bytes)
            while chunk := stream.read(_HASH_BYTES):
                digest.update(chunk)
            at_bytes = offset_bytes
            for chunk in self._store.chunks(self._file.key, offset_bytes=at_bytes, end_bytes=size_bytes):
                chunk = chunk[: size_bytes - at_bytes]
                stream.write(chunk)
                digest.update(chunk)
                at_bytes += len(chunk)
                self._progress(len(chunk))
                if self._is_ended():
                    raise StoppedError("pulling was ended; it goes on with what came at the next start")
                if at_bytes >= size_bytes:
                    break
            stream.flush()
            os.fsync(stream.fileno())
        if at_bytes < size_bytes:
            raise StoreError(
                f"{self._store.place} gave {at_bytes:,} bytes of the {size_bytes:,} of {self._file.key}; the rest is "
                "asked for at the next try"
            )
        return digest.hexdigest()
