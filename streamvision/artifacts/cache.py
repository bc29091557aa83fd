"""The folder of a device in which accepted manifests and checked models lie, through power cuts.

Its layout::

    lock                     held by the process that uses it
    channels/NAME.minisig    signature of the newest manifest that was accepted of a channel, as in a store; its time of
                             change says when the store last confirmed it
    previous/NAME.minisig    that of the one before
    numbers/NAME             the number of the newest manifest, and by which key: known though that is damaged
    manifests/SHA256.json    these manifests
    incoming/ID/             files of a model as they come
    models/ID/               a model whose files are all there, checked, and on the disk

A model appears under ``models`` in one step, when all of it is on the disk, and is never changed there. So whatever
lies there can be opened, and whatever else lies about after a power cut is gone on with or removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamvision.artifacts.errors import ArtifactError, StoreError
from streamvision.artifacts.manifest import (
    MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES,
    Artifact,
    Manifest,
    ManifestAddress,
    channel_key,
)
from streamvision.artifacts.signing import PublicKeys, signature_comment, signature_key_id
from streamvision.core.errors import StreamVisionError
from streamvision.core.files import remove_scratch, sha256_of, write_whole, writing
from streamvision.core.reading import UnreadableError, read_bytes

FREE_BYTES = 256 << 20
"""Room on the disk that is left to others."""
_INSTEAD = "free space, or give another folder"
_FOLDERS = ("channels", "previous", "numbers", "manifests", "incoming", "models")
_MAX_NUMBER_BYTES = 100


@dataclass(frozen=True)
class Accepted:
    """A manifest that was accepted."""

    manifest: Manifest
    """What it says."""
    address: ManifestAddress
    """Its digest and length."""
    signature: bytes
    """Its signature."""


class Cache:
    """See the module; made by :func:`open_cache`, so that one process has it at a time.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        """Where it is."""

    # --- manifests ----------------------------------------------------------------------------------------------------

    def accepted(self, channel: str, keys: PublicKeys) -> Accepted | None:
        """Return the newest manifest that was accepted of a channel.

        One whose key is trusted no more counts as none: whoever had that key must not rule by a high number.
        """
        return self._read(channel_key(channel), channel, keys)

    def previous(self, channel: str, keys: PublicKeys) -> Accepted | None:
        """Return the manifest that was accepted before that."""
        return self._read(_previous_key(channel), channel, keys)

    def accept(self, accepted: Accepted, content: bytes, before: Accepted | None) -> None:
        """Remember a manifest as the newest of its channel.

        Args:
            accepted: the manifest.
            content: its bytes.
            before: the one that it follows.

        Raises:
            OutputError: when it cannot be written; the one before is the newest then.
        """
        channel = accepted.manifest.channel
        write_whole(self.folder / accepted.address.key, content)
        number = f"{accepted.manifest.number} {signature_key_id(accepted.signature)}\n"
        write_whole(self.folder / "numbers" / channel, number.encode())
        if before is not None and before.address != accepted.address:
            write_whole(self.folder / _previous_key(channel), before.signature)
        write_whole(self.folder / channel_key(channel), accepted.signature)
        self._sync(*(self.folder / name for name in ("manifests", "numbers", "previous", "channels")))
        self._remove_manifests()

    def least_number(self, channel: str, keys: PublicKeys) -> int:
        """Return the number of the newest manifest that was accepted of a channel by a key that is trusted; 0: none.

        It is known also where that manifest has been damaged since, so that none before it is taken in its place.
        """
        try:
            text = read_bytes(self.folder / "numbers" / channel, limit=_MAX_NUMBER_BYTES).decode("ascii")
            number, by = text.split()
            return int(number) if by in keys.ids else 0
        except (UnreadableError, ValueError):
            return 0

    def confirm(self, channel: str) -> None:
        """Note that the store still has the newest manifest of a channel."""
        with contextlib.suppress(OSError):
            os.utime(self.folder / channel_key(channel))

    def confirmed_unix_s(self, channel: str) -> float | None:
        """Return when the store last confirmed it, by this machine's clock at that time; ``None``: never."""
        try:
            return (self.folder / channel_key(channel)).stat().st_mtime
        except OSError:
            return None

    def _read(self, key: str, channel: str, keys: PublicKeys) -> Accepted | None:
        """Return a manifest that is kept, checked anew; ``None`` where there is none, or none that is right."""
        try:
            signature = read_bytes(self.folder / key, limit=MAX_SIGNATURE_BYTES)
            address = ManifestAddress.from_comment(signature_comment(signature))
            manifest = checked_manifest(self.manifest_bytes(address) or b"", address, signature, keys)
        except (UnreadableError, ArtifactError):
            return None
        return Accepted(manifest, address, signature) if manifest.channel == channel else None

    def manifest_bytes(self, address: ManifestAddress) -> bytes | None:
        """Return the bytes of a manifest that is kept; ``None`` where it is not there, or damaged."""
        try:
            content = read_bytes(self.folder / address.key, limit=MAX_MANIFEST_BYTES)
        except UnreadableError:
            return None
        return content if ManifestAddress.of(content) == address else None

    def _remove_manifests(self) -> None:
        """Remove manifests that no signature names."""
        named = set()
        for file in self.folder.glob("*/*.minisig"):
            with contextlib.suppress(UnreadableError, StreamVisionError):
                comment = signature_comment(read_bytes(file, limit=MAX_SIGNATURE_BYTES))
                named.add(ManifestAddress.from_comment(comment).key)
        for file in (self.folder / "manifests").glob("*.json"):
            if f"manifests/{file.name}" not in named:
                file.unlink(missing_ok=True)

    # --- models -------------------------------------------------------------------------------------------------------

    def path_of(self, artifact: Artifact) -> Path:
        """Return where a model's file is once it has come whole."""
        return self.folder / "models" / artifact.id / artifact.files[0].name

    def has(self, artifact: Artifact) -> bool:
        """Say whether a model has come whole."""
        return self.path_of(artifact).is_file()

    def came_bytes(self, artifact: Artifact) -> int:
        """Return how much of a model has come, in bytes."""
        return artifact.size_bytes if self.has(artifact) else _size_bytes(self.folder / "incoming" / artifact.id)

    def ids(self) -> frozenset[str]:
        """Return the ids of all models that are here."""
        with writing(self.folder, instead=_INSTEAD):
            return frozenset(folder.name for folder in (self.folder / "models").iterdir())

    def id_at(self, path: str | Path) -> str | None:
        """Return the id of the model that a path of :meth:`path_of` leads to; ``None`` for all other paths."""
        try:
            within = Path(path).absolute().relative_to(self.folder / "models")
        except ValueError:
            return None
        return within.parts[0] if len(within.parts) == 2 else None

    def incoming(self, artifact: Artifact) -> Path:
        """Return the folder for the files of a model as they come; it is made."""
        folder = self.folder / "incoming" / artifact.id
        with writing(folder, instead=_INSTEAD):
            folder.mkdir(exist_ok=True)
        return folder

    def install(self, artifact: Artifact) -> Path:
        """Take a model up whose files have come, were checked, and are on the disk; return :meth:`path_of` it.

        Raises:
            OutputError: when the disk refuses.
        """
        source, target = self.folder / "incoming" / artifact.id, self.folder / "models" / artifact.id
        with writing(target, instead=_INSTEAD):
            for stray in {file.name for file in source.iterdir()} - {file.name for file in artifact.files}:
                (source / stray).unlink()
            self._sync(source)
            self._remove(target)  # what is left where somebody took the file away, or removing it broke off
            source.rename(target)
            self._sync(target.parent, source.parent)
        return self.path_of(artifact)

    def is_whole(self, artifact: Artifact) -> bool:
        """Say whether the files of a model that has come are what they were; one that is not is removed."""
        folder = self.folder / "models" / artifact.id
        if not folder.is_dir():
            return False
        try:
            whole = all(sha256_of([folder / file.name]) == file.sha256 for file in artifact.files)
        except OSError:
            whole = False
        if not whole:
            self._remove(folder)
        return whole

    def make_room(self, artifacts: Iterable[Artifact], *, keep: Iterable[str], max_bytes: int) -> None:
        """Remove what nobody needs any more, and check that there is room for what is to come.

        Args:
            artifacts: what is to be here.
            keep: ids of further models that stay.
            max_bytes: most room that all take.

        Raises:
            StoreError: when there is not enough; nothing that is needed was removed.
            OutputError: when the folder cannot be read.
        """
        with writing(self.folder, instead=_INSTEAD):
            self._make_room({one.id: one for one in artifacts}, set(keep), max_bytes)

    def _make_room(self, wanted: dict[str, Artifact], keep: set[str], max_bytes: int) -> None:
        kept = {*wanted, *keep}
        for name, ids in (("models", kept), ("incoming", set(wanted))):
            for folder in (self.folder / name).iterdir():
                if folder.name not in ids:
                    self._remove(folder)
        came = {name: _size_bytes(self.folder / name) for name in ("models", "incoming")}
        missing = sum(one.size_bytes for one in wanted.values() if not self.has(one)) - came["incoming"]
        if (total := came["models"] + came["incoming"] + max(missing, 0)) > max_bytes:
            raise StoreError(
                f"{self.folder} would hold {total / 1e6:,.0f} MB of models, those that run and those before them "
                f"included, and {max_bytes / 1e6:,.0f} MB are allowed; raise fleet.max_gb, or publish smaller ones"
            )
        if missing > 0 and (free := shutil.disk_usage(self.folder).free) < missing + FREE_BYTES:
            raise StoreError(
                f"the models to come take {missing / 1e6:,.0f} MB more, and the disk of {self.folder} has "
                f"{free / 1e6:,.0f} MB, {FREE_BYTES / 1e6:,.0f} MB of which are left to others; free space"
            )

    def _remove(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.is_symlink() or folder.is_file():
            folder.unlink(missing_ok=True)

    @staticmethod
    def _sync(*folders: Path) -> None:
        """Bring what was renamed in folders onto the disk."""
        for folder in folders:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def open_cache(folder: Path) -> Iterator[Cache]:
    """Have a cache for the length of the block; what it needs is made.

    Raises:
        StoreError: when another process has it.
        OutputError: when it cannot be made.
    """
    with writing(folder, instead=_INSTEAD):
        for name in _FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"{folder} is in use by another process, which pulls models there; end that, or give each its own "
                "fleet.folder"
            ) from None
        for name in ("channels", "previous", "manifests"):
            remove_scratch(folder / name, lambda file: file.endswith((".minisig", ".json")))
        remove_scratch(folder / "numbers", lambda file: True)
        yield Cache(folder)
    finally:
        os.close(descriptor)


def checked_manifest(content: bytes, address: ManifestAddress, signature: bytes, keys: PublicKeys) -> Manifest:
    """Return a manifest whose digest is the one that a signature names, and which a trusted key has signed.

    Raises:
        ArtifactError: when it is not.
    """
    if ManifestAddress.of(content) != address:
        raise ArtifactError(f"{address.key} of the store is not the file that the channel's signature names")
    keys.check(content, signature)
    return Manifest.from_json(content)


def _previous_key(channel: str) -> str:
    return channel_key(channel).replace("channels/", "previous/", 1)


def _size_bytes(folder: Path) -> int:
    """Return how long the files in a folder are; another thread may take them away meanwhile."""
    size_bytes = 0
    with contextlib.suppress(FileNotFoundError):
        for file in folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                status = file.lstat()
                size_bytes += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return size_bytes
