"""Files that are written whole or not at all, what to say where they cannot be, and where caches lie."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from streamvision.core.errors import OutputError, StreamVisionError

_CHUNK_BYTES = 1 << 20


def exists(path: Path) -> bool:
    """Whether something is there, whatever characters the path has and however many."""
    try:
        return path.exists()
    except (OSError, ValueError):  # it is longer than the system's names, on which pathlib fails
        return False


@contextmanager
def writing(what: object, *, instead: str = "give another file") -> Iterator[None]:
    """Turn what the system says while a file or folder is written within into a sentence.

    Args:
        what: the path, or what is written to it, in words.
        instead: what the user can do.

    Raises:
        OutputError: where the system refuses.
    """
    try:
        yield
    except StreamVisionError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {what}: {error.strerror or error}; {instead}") from error


def write_whole(path: Path, content: bytes | str, *, mode: int = 0o644, sync: bool = True) -> None:
    """Write a file in one step: whatever happens, under its name there is the old content or the new, never a part.

    Args:
        path: the file.
        content: what it is to hold.
        mode: who may read and write it; nobody else ever could.
        sync: whether it is on the disk on return, which takes a slow disk its time.

    Raises:
        OutputError: when it cannot be written.
    """
    scratch = None
    try:
        with writing(path, instead="free space, or give another place"):
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
                scratch = Path(stream.name)
                stream.write(content.encode() if isinstance(content, str) else content)
                stream.flush()
                if sync:
                    os.fsync(stream.fileno())
            scratch.chmod(mode)
            scratch.replace(path)
    except OutputError:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
        raise


def remove_scratch(folder: Path, is_ours: Callable[[str], bool]) -> None:
    """Remove what a process that was killed left beside the files that it was writing.

    Args:
        folder: nobody else may be writing there.
        is_ours: says of a file's name whether we write it.
    """
    with contextlib.suppress(OSError):
        for file in list(folder.iterdir()):
            if file.name.startswith(".") and is_ours(file.name[1:].rpartition(".")[0]):
                file.unlink(missing_ok=True)


def cache_folder(name: str) -> Path:
    """Return where StreamVision keeps what it can make again: below ``$XDG_CACHE_HOME``, or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamvision" / name


def sha256_of(files: Iterable[Path]) -> str:
    """Return the digest of the content of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()
