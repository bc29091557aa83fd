"""Puts an artefact into a model repository, in one step, so that a server that watches it never sees a part.

A further version goes beside those that there are. Triton keeps one configuration for all versions of a model, so a
version whose tensors or card are others needs another name.
"""

from __future__ import annotations

import json
import mmap
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from exporters.repository.pbtxt import config_text
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, ExportError, ParityError
from streamvision.core.files import writing
from streamvision.core.reading import UnreadableError, parse_json
from streamvision.inference.backends.base import LoadedBackend
from streamvision.inference.backends.kserve.description import DATATYPES
from streamvision.inference.model import Model
from streamvision.inference.tensors import TensorSpec

Server = Literal["triton", "mlserver"]
Platform = Literal["auto", "onnxruntime", "openvino", "python"]
DEFAULT_MAX_BATCH = 8
_PLATFORMS: Mapping[str, tuple[Platform, ...]] = {
    ".onnx": ("onnxruntime", "openvino", "python"),
    ".xml": ("openvino",),
}
"""By a file's ending, what can execute it on a Triton server; the first is taken where none is asked for."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MAX_REPORT_BYTES = 64 << 20
_LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])", re.DOTALL)
"""How an ONNX file begins to name another that holds weights; the length of the name ends it."""


@dataclass(frozen=True)
class Repository:
    """A model that was put into a repository."""

    folder: Path
    """The model's folder in it."""
    name: str
    """What the model is called on the server."""
    version: int | None
    """Which version of it this is; ``None`` where the server counts none."""
    platform: str
    """What executes it there."""
    gated: bool
    """Whether the report of the parity gate lies beside the artefact, and says that it equals its source."""


@dataclass(frozen=True)
class _Artefact:
    """What a repository needs to know of a model."""

    path: Path
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str]
    free_batch: bool
    """Whether one call takes any number of pictures."""


def write_repository(
    path: Path,
    output: Path,
    *,
    server: Server = "triton",
    platform: Platform = "auto",
    name: str | None = None,
    max_batch: int = DEFAULT_MAX_BATCH,
    head: str | None = None,
    names: tuple[str, ...] | None = None,
) -> Repository:
    """Put an artefact into a repository, with its card among the parameters.

    Args:
        path: the artefact: ``.onnx`` or ``.xml``.
        output: the repository; it is made where it is missing.
        server: whose repository it is.
        platform: what executes the model there; ``auto``: by the file's ending.
        name: what the model is called there; by default as its file.
        max_batch: most pictures of one call, for a model that takes any number.
        head: layout of the outputs, for a file that does not say it.
        names: class names, for a file that does not say them.

    Raises:
        ConfigError: when the file, the server and the platform do not go together, or the name is not one.
        ModelError: when the file is no model.
        ParityError: when the gate has refused the artefact.
        ExportError: when another model of that name is there.
        OutputError: when it cannot be written.
    """
    name = path.stem if name is None else name
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name for a model on a server: give letters, digits, _, . and - with --name")
    chosen = _platform(path, server, platform)
    gated = _is_gated(path)
    artefact = _opened(path, head, names)
    folder = output / name
    with writing(f"to {output}", instead="give another --output"):
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output, prefix=".writing-") as scratch:
            made = Path(scratch) / name
            made.mkdir()
            if server == "mlserver":
                _write_mlserver(made, artefact, name)
                version = None
                _put(made, folder)
            else:
                version = _next_version(folder)
                _write_triton(made, artefact, name, chosen, version, max_batch if artefact.free_batch else 0)
                _put_version(made, folder, version)
    return Repository(folder, name, version, chosen, gated)


def _platform(path: Path, server: Server, asked: Platform) -> Platform:
    fitting = _PLATFORMS.get(path.suffix.lower(), ())
    if not fitting:
        raise ConfigError(f"{path} cannot be served: give an {' or '.join(_PLATFORMS)} file")
    if server == "mlserver":
        if "python" not in fitting or asked not in ("auto", "python"):
            raise ConfigError(
                "MLServer executes .onnx files here, in its own Python: give one, and leave out --platform"
            )
        return "python"
    if asked != "auto" and asked not in fitting:
        raise ConfigError(f"a {path.suffix} file is served by {' or '.join(fitting)}, not by {asked}")
    return fitting[0] if asked == "auto" else asked


def _is_gated(path: Path) -> bool:
    """Say whether a report beside the artefact, or beside its folder, says that it equals its source."""
    whole = path.absolute()
    for artefact in (whole, whole.parent):
        if not artefact.name:
            continue  # the root
        report = artefact.with_name(f"{artefact.name}.parity.json")
        try:
            if report.stat().st_size > _MAX_REPORT_BYTES:
                continue
            document = parse_json(report.read_bytes())
        except (OSError, UnreadableError):
            continue
        parity = document.get("parity", document) if isinstance(document, dict) else {}
        if isinstance(parity, dict) and parity.get("passed") is False:
            raise ParityError(f"{path} did not pass the parity gate, as {report.name} says; export it again")
        if isinstance(parity, dict) and parity.get("passed") is True:
            return True
    return False


def _opened(path: Path, head: str | None, names: tuple[str, ...] | None) -> _Artefact:
    config = ModelConfig(path=path, head=head, names=names, requests=1)
    with Model.open(config) as model:
        backend, card = model.backend, model.card
        inputs = backend.inputs if isinstance(backend, LoadedBackend) else (backend.input,)
        return _Artefact(path, inputs, backend.outputs, card.to_metadata(), card.input.dynamic_batch)


def _write_triton(made: Path, artefact: _Artefact, name: str, platform: Platform, version: int, max_batch: int) -> None:
    text = config_text(
        name,
        platform,
        inputs=artefact.inputs,
        outputs=artefact.outputs,
        max_batch=max_batch,
        parameters=artefact.metadata,
    )
    (made / "config.pbtxt").write_text(text, encoding="utf-8")
    files = made / str(version)
    files.mkdir()
    _copy(artefact.path, files / f"model{artefact.path.suffix.lower()}")
    if artefact.path.suffix.lower() == ".xml":
        shutil.copyfile(artefact.path.with_suffix(".bin"), files / "model.bin")
    if platform == "python":
        (files / "model.py").write_text(_served("triton_onnx.py"), encoding="utf-8")


def _write_mlserver(made: Path, artefact: _Artefact, name: str) -> None:
    module = f"served_{re.sub('[^A-Za-z0-9]', '_', name)}"  # of all models in one process each has its own
    settings = {
        "name": name,
        "implementation": f"{module}.OnnxModel",
        "platform": "onnxruntime",
        "inputs": [_described(spec) for spec in artefact.inputs],
        "outputs": [_described(spec) for spec in artefact.outputs],
        "parameters": {"extra": dict(artefact.metadata)},
    }
    (made / "model-settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    (made / f"{module}.py").write_text(_served("mlserver_onnx.py"), encoding="utf-8")
    _copy(artefact.path, made / "model.onnx")


def _copy(model: Path, to: Path) -> None:
    """Copy a model's file, and those with weights that an ONNX file keeps outside of itself."""
    shutil.copyfile(model, to)
    if model.suffix.lower() != ".onnx":
        return
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        names = {content[one.end() : one.end() + one[1][0]] for one in _LOCATION.finditer(content)}
    for name in sorted(one.decode(errors="replace") for one in names):
        weights = PurePosixPath(name)
        if weights.is_absolute() or ".." in weights.parts or not (model.parent / weights).is_file():
            continue  # it is not where the runtime would look for it
        (to.parent / weights).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model.parent / weights, to.parent / weights)


def _described(spec: TensorSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "datatype": DATATYPES[spec.dtype],
        "shape": [-1 if n is None else n for n in spec.shape],
    }


def _served(file: str) -> str:
    return (resources.files("exporters.repository") / "served" / file).read_text(encoding="utf-8")


def _next_version(folder: Path) -> int:
    if not folder.is_dir():
        return 1
    return max((int(one.name) for one in folder.iterdir() if one.name.isdecimal()), default=0) + 1


def _put(made: Path, folder: Path) -> None:
    if folder.exists():
        raise ExportError(f"{folder} is there already; remove it, or give another --name")
    made.rename(folder)


def _put_version(made: Path, folder: Path, version: int) -> None:
    if not folder.exists():
        made.rename(folder)
        return
    config = folder / "config.pbtxt"
    if not config.is_file() or config.read_bytes() != (made / "config.pbtxt").read_bytes():
        raise ExportError(
            f"{folder} holds another model: its tensors, its card or its platform differ from this one's; give another "
            "--name"
        )
    (made / str(version)).rename(folder / str(version))
