"""The state folder: where it is, who may read it, and that only one service uses it at a time."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamvision.core.errors import StateError
from streamvision.core.files import writing

DATABASE_FILE = "state.db"
LOCK_FILE = "service.lock"
FOLDER_MODE = 0o700
FILE_MODE = 0o600
INSTEAD = "give another folder with --state DIR"


def default_folder() -> Path:
    """Return ``$STREAMVISION_STATE``, else ``streamvision`` below ``$XDG_STATE_HOME`` or ``~/.local/state``."""
    if given := os.environ.get("STREAMVISION_STATE"):
        return Path(given)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "streamvision"


def existing_folder(folder: Path, *, begin: str) -> Path:
    """Return a folder that holds a state.

    Args:
        folder: the folder.
        begin: the command that makes a state, for the message.

    Raises:
        StateError: when there is no state in it; nothing is made then.
    """
    if not (folder / DATABASE_FILE).is_file():
        raise StateError(f"there is no state in {folder}; give the --state DIR of a service, or begin one with {begin}")
    return folder


def prepare_folder(folder: Path) -> Path:
    """Make the folder, or a folder below a state folder, for its owner alone, unless it is there; return it.

    An existing folder that holds other files keeps its permissions: it may be more than a state folder.

    Raises:
        StateError: when it cannot be made, or something else is there.
    """
    with _state_errors(f"the state folder {folder}"):
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        is_ours = (folder / DATABASE_FILE).exists() or not any(folder.iterdir())
        if is_ours and stat.S_IMODE(folder.stat().st_mode) != FOLDER_MODE:
            folder.chmod(FOLDER_MODE)
    return folder


def prepare_file(path: Path) -> Path:
    """Make an empty file that its owner alone may read, or take that right from others; return it.

    Raises:
        StateError: when it cannot be made.
    """
    with _state_errors(str(path)):
        if path.is_file():  # to close a file would end the locks that this process may hold on it
            path.chmod(FILE_MODE)
            return path
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            os.fchmod(descriptor, FILE_MODE)
        finally:
            os.close(descriptor)
    return path


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Hold the folder for the service that runs within; the lock ends with the process, however that ends.

    Raises:
        StateError: when another service holds it.
    """
    path = prepare_file(prepare_folder(folder) / LOCK_FILE)
    with path.open("r+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = stream.read(20).strip() or "unknown"
            raise StateError(
                f"the state folder {folder} is in use by a service that runs already (process {holder}); stop that, or "
                f"{INSTEAD}"
            ) from None
        stream.truncate()
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield


@contextmanager
def _state_errors(what: str) -> Iterator[None]:
    try:
        with writing(what, instead=INSTEAD):
            yield
    except OSError as error:
        raise StateError(str(error)) from error
