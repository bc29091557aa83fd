"""Reading files of torch so that they run nobody's code, and saying in a sentence what else a file is.

A file's pickle is read by torch's restricted unpickler, which knows tensors, and what :mod:`.allow_list` adds to them.
What passes may be read again by the library whose network it is.
"""

from __future__ import annotations

import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamvision.checkpoints.run_facts import check_tensors, checked_run
from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.errors import MissingDependencyError, ModelError
from streamvision.core.install import install_command

TRUST_OPTION = "--trust-checkpoint"
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_FORMER_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files begin that torch wrote before 1.6, and torchvision still publishes."""
_START_BYTES = 4096
_NAMED = 3
"""Most names that a sentence lists."""
_lock = threading.Lock()
"""The list of what the unpickler allows is one for the process."""


class UntrustedError(ModelError):
    """A checkpoint asks for more than networks need; it can be read only by running its author's code."""


def read_checkpoint(path: Path, *, trusted: bool = False) -> Any:
    """Return what a file of torch holds: tensors, and stand-ins for the objects that are allowed besides.

    Args:
        path: the file.
        trusted: whether a file that asks for more is read all the same, which runs its author's code; the objects are
            then real ones.

    Raises:
        ModelError: when there is no such file, or it is something else, or damaged.
        UntrustedError: when it asks for more, and is not trusted.
        MissingDependencyError: when torch is not installed.
    """
    torch = import_torch()
    zipped = _check_kind(path)
    try:
        return _read_restricted(torch, path, zipped=zipped)
    except ModelError:
        if not trusted:
            raise
    except Exception as error:  # a damaged or hostile pickle raises whatever it leads to
        if not trusted:
            raise _failure(path, error) from error
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise ModelError(f"{path} cannot be read ({_first_line(error)}); give another checkpoint") from error


def read_tensors(path: Path, *, trusted: bool = False) -> dict[str, Any]:
    """Return the tensors of a file by name, whether it holds them alone or with what training left beside them.

    Raises:
        ModelError: as :func:`read_checkpoint` does, and when there are none in it.
        UntrustedError: when it asks for more than tensors, and is not trusted.
    """
    stored = _read_safetensors(path) if path.suffix == ".safetensors" else read_checkpoint(path, trusted=trusted)
    for key in ("model", "state_dict", "model_state_dict"):
        if isinstance(stored, dict) and key in stored:
            stored = stored[key]
    if callable(getattr(stored, "state_dict", None)):
        stored = stored.state_dict()
    torch = import_torch()
    tensors = stored if isinstance(stored, dict) else {}
    tensors = {key: value for key, value in tensors.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise ModelError(f"{path} holds no tensors by name; give a state dict (.pth)")
    check_tensors(tensors, path)
    return tensors


def _read_safetensors(path: Path) -> Any:
    """Return what a file in the form of https://huggingface.co/docs/safetensors holds; it runs no code."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingDependencyError(
            f"{path} needs {error.name or 'safetensors'}: {install_command('timm')}"
        ) from error
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read ({_first_line(error)}); give a state dict (.safetensors)") from error


def network_of(stored: Any) -> Any | None:
    """Return the network in what was read of a checkpoint of ultralytics, or its stand-in; ``None`` without one."""
    found = (stored.get("ema") or stored.get("model")) if isinstance(stored, dict) else getattr(stored, "model", None)
    return None if found is None or isinstance(found, dict) else found


def read_run(path: Path, *, trusted: bool = False) -> dict[str, Any] | None:
    """Return what the ``best.pt`` or ``last.pt`` of a run of ``streamvision train`` holds; ``None`` for other files.

    Ultralytics' runs leave ultralytics' checkpoints, which are others.

    Raises:
        ModelError: as :func:`read_checkpoint` does, and when what it says of its network is not what a run leaves.
        UntrustedError: as :func:`read_checkpoint` does.
    """
    stored = read_checkpoint(path, trusted=trusted)
    is_run = isinstance(stored, dict) and {"architecture", "names", "imgsz", "model"} <= stored.keys()
    return checked_run(stored, path) if is_run else None


def _check_kind(path: Path) -> bool:
    """Refuse what is no file of torch; return whether it is a zip archive, as torch writes them since 1.6."""
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}: give an existing .pt file")
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if start.startswith(_ZIP):
        _check_archive(path)
        return True
    if start.startswith(_FORMER_MAGIC):
        return False
    raise ModelError(f"{path} {_what_else(start)}")


def _what_else(start: bytes) -> str:
    if not start:
        return "is empty; give a checkpoint (.pt)"
    if start.startswith(_PICKLE):
        return (
            "is a plain pickle and no checkpoint of torch; reading it would run whatever its author wrote, with "
            f"{TRUST_OPTION} too, so give a checkpoint that torch.save wrote, or an export (.onnx)"
        )
    if start.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS and not the checkpoint itself; fetch it with git lfs pull"
    text = start.decode("utf-8", errors="ignore")
    if re.match(r"\s*<(!doctype|html)", text, re.IGNORECASE):
        return "is a web page and not a checkpoint; download the file itself"
    if b"\0" not in start and len(text.encode()) > len(start) - 4:
        return "is a text and not a checkpoint; give a .pt file"
    return "is not a checkpoint of torch, or its beginning is damaged; give a .pt file"


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelError(
            f"{path} is a damaged or incomplete checkpoint ({_first_line(error)}); download or copy it again"
        ) from error
    files = {member.filename.rpartition("/")[2] for member in members}
    if "constants.pkl" in files:
        raise ModelError(
            f"{path} is a TorchScript archive, which holds compiled code and not a network to go on with; give the "
            "checkpoint that it was made from, or an export (.onnx)"
        )
    if "data.pkl" not in files:
        raise ModelError(f"{path} is a zip archive without data.pkl and so not a checkpoint of torch; give a .pt file")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise ModelError(f"{path} is compressed, as torch never writes it, and would grow when read; give the original")


def _read_restricted(torch: Any, path: Path, *, zipped: bool) -> Any:
    from streamvision.checkpoints.allow_list import stand_in

    with _lock, _only_tensors(torch):
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path) if zipped else ()
        given = {name: stand_in(name) for name in names}
        refused = sorted(name for name, held in given.items() if held is None)
        if refused:
            raise _untrusted(path, refused)
        torch.serialization.add_safe_globals([(held, name) for name, held in given.items()])
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)


@contextmanager
def _only_tensors(torch: Any) -> Iterator[None]:
    """Allow nothing but tensors, whatever other code of the process has allowed before."""
    before = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def _untrusted(path: Path, names: list[str]) -> ModelError:
    listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    if all(name.startswith(("models.", "utils.")) for name in names):
        return ModelError(
            f"{path} needs the code of the repository that it was trained in ({listed}), as YOLOv5's and YOLOv7's do; "
            "export it to ONNX there and give that"
        )
    return UntrustedError(
        f"{path} asks for {listed}, which no network of ours or of ultralytics needs: to read it is to run its "
        f"author's code with your rights; {_advice()}"
    )


def _failure(path: Path, error: Exception) -> ModelError:
    """Return what to say of a pickle that the restricted unpickler gave up."""
    from pickle import UnpicklingError

    if not isinstance(error, UnpicklingError):
        return ModelError(f"{path} is a damaged checkpoint ({_first_line(error)}); download or copy it again")
    cause = (str(error).partition("WeightsUnpickler error: ")[2] or str(error)).strip()
    asked = re.search(r"GLOBAL (\S+) ", cause)
    if asked is not None:
        return _untrusted(path, [asked[1]])
    return UntrustedError(
        f"{path} cannot be read without running what its author wrote ({cause.splitlines()[0][:100]}), and that with "
        f"your rights; {_advice()}"
    )


def _advice() -> str:
    return f"give {TRUST_OPTION} if you trust where it comes from, else ask for an export (.onnx), which holds no code"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
