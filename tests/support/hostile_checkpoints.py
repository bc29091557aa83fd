"""Checkpoints whose pickles run code while they are read, and files that only look like checkpoints."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Writes:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.marker)!r}, 'w').close()",)


class Calls:
    """Calls whatever it is given when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


def network(architecture: str = "yolov8n.yaml") -> Any:
    """Return an ultralytics network that has learnt nothing."""
    from ultralytics.nn.tasks import DetectionModel

    return DetectionModel(architecture, nc=2, verbose=False)


def save_network(path: Path, *, of: Any, **more: Any) -> Path:
    """Write a checkpoint as ultralytics' training leaves it, with other entries beside the network."""
    torch.save({"epoch": -1, "model": of.half(), "ema": None, "train_args": {"imgsz": 64}, **more}, path)
    return path


def write_hostile(kind: str, path: Path, marker: Path) -> Path:
    """Write a checkpoint of a kind of :data:`HOSTILE`; reading it freely leaves the marker."""
    evil = Writes(marker)
    if kind == "instead of the network":
        torch.save({"model": evil}, path)
    elif kind == "beside a network":
        save_network(path, of=network(), train_args={"imgsz": 64, "more": [{"deep": (evil,)}]})
    elif kind == "inside a network":
        broken = network()
        broken.model[0].hook = evil
        save_network(path, of=broken)
    elif kind == "among tensors":
        torch.save({"conv1.weight": torch.zeros(2), "note": evil}, path)
    elif kind == "alone":
        torch.save(evil, path)
    elif kind == "newer protocol":
        torch.save({"model": evil}, path, pickle_protocol=4)
    elif kind == "older format":
        torch.save({"model": evil}, path, _use_new_zipfile_serialization=False)
    else:
        path.write_bytes(pickle.dumps({"model": [evil]}, protocol=int(kind.rpartition(" ")[2])))
    return path


HOSTILE = (
    "instead of the network",
    "beside a network",
    "inside a network",
    "among tensors",
    "alone",
    "newer protocol",
    "older format",
    "plain pickle 2",
    "plain pickle 4",
)


def write_other(kind: str, path: Path) -> Path:
    """Write what is no checkpoint, of a kind of :data:`OTHERS`."""
    texts = {
        "text": "weights of the best epoch\n",
        "accents": "größte Gewichte " * 400,
        "page": "<!DOCTYPE html>\n<html><body>Sign in to download</body></html>",
        "pointer": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 6548882\n",
        "empty": "",
        "pickle of words": "cposix\nsystem\n(S'true'\ntR.",
    }
    if kind in texts:
        path.write_text(texts[kind], encoding="utf-8")
    elif kind == "picture":
        path.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(500))
    elif kind == "torchscript":
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2)), str(path))
    elif kind == "tensor":
        torch.save(torch.zeros(3), path)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/readme.txt", "nothing")
            if kind == "compressed":
                archive.writestr("archive/data.pkl", b"\x80\x02}.")
                archive.writestr("archive/data/0", bytes(10_000_000))
            elif kind == "damaged":
                archive.writestr("archive/data.pkl", b"\x80\x02}q\x00h\x07.")
    if kind == "truncated":
        torch.save({"model": torch.zeros(5000)}, path)
        path.write_bytes(path.read_bytes()[:9000])
    return path


OTHERS = {
    "text": "is a text and not a checkpoint",
    "accents": "is a text and not a checkpoint",
    "page": "is a web page",
    "pointer": "git lfs pull",
    "empty": "is empty",
    "pickle of words": "is a text and not a checkpoint",
    "picture": "is not a checkpoint of torch",
    "torchscript": "is a TorchScript archive",
    "tensor": "holds no",
    "zip": "without data.pkl",
    "compressed": "would grow when read",
    "damaged": "is a damaged checkpoint",
    "truncated": "damaged or incomplete",
}
"""Kind of file -> part of what is said of it."""


def with_names(path: Path, target: Path, names: dict[str, str]) -> Path:
    """Copy a checkpoint, other names of modules and classes in its pickle ("module name" each), as older ones have."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename.endswith("/data.pkl"):
                for before, after in names.items():
                    asked = ("c" + before.replace(" ", "\n") + "\n").encode()
                    assert asked in data, before
                    data = data.replace(asked, ("c" + after.replace(" ", "\n") + "\n").encode())
            new.writestr(member.filename, data)
    return target
