"""Where artefacts come from and go to: what is asked of a store, and a folder as the plainest one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from streamvision.artifacts.errors import AbsentError, ArtifactError, StoreError
from streamvision.core.config.fleet import S3Config, parts_scheme
from streamvision.core.files import write_whole, writing
from streamvision.core.reading import UnreadableError, open_ordinary

CHUNK_BYTES = 1 << 20


class Store(Protocol):
    """Files by key, as :mod:`streamvision.artifacts.manifest` lays them out.

    Raises, each method: AbsentError, where there is nothing of that key; StoreError, where the store does not answer
    within a minute, or not as it should. What a store says of sizes is not believed.
    """

    place: str
    """Where it is, without secrets."""

    def read(self, key: str, *, limit_bytes: int) -> bytes:
        """Return a small file.

        Raises:
            ArtifactError: when it is longer than the limit; no more than that is read.
        """

    def chunks(self, key: str, *, offset_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Return a file from an offset to an end, as it comes; fewer bytes than asked for are no error of this."""

    def has(self, key: str, *, size_bytes: int) -> bool:
        """Say whether there is a file of that length."""

    def write(self, key: str, content: bytes) -> None:
        """Write a small file in one step: those who read it see the one before or this."""

    def write_file(self, key: str, path: Path) -> None:
        """Write a file's content in one step."""


def open_store(address: str, s3: S3Config | None = None, *, begin: bool = False) -> Store:
    """Return the store at an address; nothing is asked of it yet.

    Args:
        address: a folder, ``http://``, ``https://`` or ``s3://``.
        s3: how a bucket is reached.
        begin: make the folder where it is missing, in one that is there.

    Raises:
        ConfigError: when it cannot be reached as it is set.
        MissingDependencyError: when it is no folder and the library for others is not installed.
    """
    if parts_scheme(address) is None:
        folder = Path(address)
        if begin:
            with writing(folder, instead="give a folder that can be made"):
                folder.mkdir(exist_ok=True)
        return FolderStore(folder)
    from streamvision.artifacts.remote_store import RemoteStore

    return RemoteStore(address, s3 or S3Config())


class FolderStore:
    """A folder, such as one on a memory stick or a shared disk; see :class:`Store`."""

    def __init__(self, folder: Path) -> None:
        self.place = str(folder)
        self._folder = folder

    def read(self, key: str, *, limit_bytes: int) -> bytes:
        """Return a small file."""
        content = b"".join(self.chunks(key, offset_bytes=0, end_bytes=limit_bytes + 1))
        return bounded(content, key, limit_bytes)

    def chunks(self, key: str, *, offset_bytes: int, end_bytes: int) -> Iterator[bytes]:
        """Return a file from an offset to an end."""
        self._check(key)
        try:
            with open_ordinary(self._folder / key) as file:
                file.seek(offset_bytes)
                left = end_bytes - offset_bytes
                while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
                    left -= len(chunk)
                    yield chunk
        except UnreadableError as error:
            raise StoreError(f"{self.place}: {key} {error}") from None
        except OSError as error:
            raise StoreError(f"{self.place}: {key} cannot be read ({error.strerror or error})") from error

    def has(self, key: str, *, size_bytes: int) -> bool:
        """Say whether there is a file of that length."""
        path = self._folder / key
        return path.is_file() and path.stat().st_size == size_bytes

    def write(self, key: str, content: bytes) -> None:
        """Write a small file in one step."""
        path = self._folder / key
        with writing(path, instead="give a store that may be written to"):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)

    def write_file(self, key: str, path: Path) -> None:
        """Write a file's content in one step."""
        self.write(key, path.read_bytes())

    def _check(self, key: str) -> None:
        if not self._folder.is_dir():
            raise StoreError(f"there is no folder {self.place}; if it is on another disk, attach that")
        if not (self._folder / key).exists():
            raise absent(self.place, key)


def bounded(content: bytes, key: str, limit_bytes: int) -> bytes:
    """Return what was read of a small file.

    Raises:
        ArtifactError: when it is longer than it may be.
    """
    if len(content) > limit_bytes:
        raise ArtifactError(f"{key} of the store is longer than {limit_bytes:,} bytes, which is the most that is read")
    return content


def absent(place: str, key: str) -> AbsentError:
    """Return the error that says that there is nothing of a key."""
    return AbsentError(
        f"{place} has no {key}; publish it there with streamvision artifacts push, or give another store"
    )
