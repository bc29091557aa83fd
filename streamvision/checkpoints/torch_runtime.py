"""Torch as it is used here: imported so that it shares a busy machine well, its modules executed."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, DeviceError, MissingDependencyError
from streamvision.core.files import cache_folder
from streamvision.core.install import install_command
from streamvision.core.redaction import redact
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec

INSTALL = install_command("train")


def import_torch() -> Any:
    """Return torch.

    Raises:
        MissingDependencyError: when torch or torchvision is not installed.
    """
    # Threads that wait for each other by spinning slow training down many times where other programs run too.
    # OpenMP reads this when it is loaded, so it must be set before the first import.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import torch
        import torchvision  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(f"checkpoints and training need {error.name or 'torch'}: {INSTALL}") from error
    return torch


def import_ultralytics() -> Any:
    """Import ultralytics, offline, and silent unless our own log is at INFO (``-v``); nothing is fetched or installed.

    Raises:
        MissingDependencyError: when it, or torch, is not installed.
    """
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_VERBOSE"] = str(logging.getLogger().isEnabledFor(logging.INFO)).lower()
    # Its settings (among them the consent to analytics) are kept apart from the user's own.
    os.environ.setdefault("YOLO_CONFIG_DIR", str(cache_folder("")))
    import_torch()
    # What it says at its first start must not mix with a report on stdout.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            import ultralytics
        except ImportError as error:
            raise MissingDependencyError(
                f"checkpoints and training need {error.name or 'ultralytics'}: {INSTALL}"
            ) from error
        _fetch_nothing()
        if ultralytics.settings["sync"]:
            ultralytics.settings.update({"sync": False})
    return ultralytics


def _fetch_nothing() -> None:
    """Have ultralytics refuse what it would fetch, and not look whether an address is there.

    Offline as it is set, it still fetches weights, architectures and data sets by their addresses, and a font when it
    reads a data set.
    """
    from ultralytics.utils import downloads

    instead = {"is_url": _is_address, "safe_download": _refuse_download, "download": _refuse_download}
    originals = {name: getattr(downloads, name) for name in instead}
    for module in [module for name, module in sys.modules.items() if name.startswith("ultralytics.")]:
        for name, original in originals.items():
            if vars(module).get(name) is original:
                setattr(module, name, instead[name])


def _is_address(url: object, check: bool = False) -> bool:
    return not check and "://" in str(url)


def _refuse_download(url: object, *_: object, **__: object) -> None:
    raise ConfigError(
        f"ultralytics would fetch {redact(str(url))}, and nothing is downloaded unasked: fetch it yourself"
    )


def refuse_address(model: str | Path) -> None:
    """Refuse a model that is an address; ultralytics would fetch it.

    Raises:
        ConfigError: when it is one, also one that a path has been made of.
    """
    if _ADDRESS.match(str(model)):
        raise ConfigError(
            f"{redact(str(model))} is an address, and nothing is downloaded unasked: fetch the file and give its path"
        )


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""At least two letters, as one is a drive of Windows; one stroke, as paths have no two in a row."""


class TorchBackend(LoadedBackend):
    """A torch module in fp32, executed as it is; its metadata is its card.

    Args:
        network: a ``torch.nn.Module`` in evaluation mode on the CPU, from (N, 3, H, W) float32 to a tuple of tensors.
        path: where the weights came from, for messages.
        card: how the network is fed and read.
        output_names: names of the outputs, in the module's order.
        device: ``auto`` (CUDA where torch has it), ``cpu`` or ``cuda[:N]``.

    Raises:
        DeviceError: when torch does not have the device.
        ModelError: when the network fails on a picture of the card's size.
    """

    name = "torch"
    runtime = "torch"
    failures = (RuntimeError, ValueError, IndexError, AssertionError)

    def __init__(
        self, network: Any, *, path: Path, card: ModelCard, output_names: tuple[str, ...], device: str = "auto"
    ) -> None:
        torch = import_torch()
        self._torch_device = torch_device(torch, device)
        network = network.float().eval().to(self._torch_device)
        size = (card.input.height_px, card.input.width_px)
        other = tuple(side + card.input.stride_px for side in size) if card.input.dynamic_size else size
        with self._failing_on(path), torch.no_grad():
            probed = [network(torch.zeros((1, 3, *sides), device=self._torch_device)) for sides in (size, other)]
        facts = ModelFacts(
            path=path,
            device=str(self._torch_device),
            precision="fp32",
            input=TensorSpec("images", (None, 3, *((None, None) if card.input.dynamic_size else size)), "float32"),
            outputs=tuple(
                TensorSpec(name, _free_axes(tensor.shape, larger.shape), str(tensor.dtype).removeprefix("torch."))
                for name, tensor, larger in zip(output_names, *probed, strict=True)
            ),
            metadata=card.to_metadata(),
        )
        super().__init__(facts, network)

    @property
    def network(self) -> Any:
        """The torch module, in evaluation mode; ``None`` after :meth:`close`."""
        return self._engine

    @staticmethod
    def _cause(error: Exception) -> str:
        return next(iter(str(error).splitlines()), type(error).__name__)

    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        torch = import_torch()
        with torch.no_grad():  # inference mode would leave tensors in the network that gradients cannot pass later
            outputs = engine(torch.from_numpy(np.ascontiguousarray(tensor)).to(self._torch_device))
        return [output.cpu().numpy() for output in outputs]


def _free_axes(shape: Sequence[int], other: Sequence[int]) -> tuple[int | None, ...]:
    """Return an output's shape, ``None`` for the batch and for axes that differ with the input's size."""
    return None, *(one if one == two else None for one, two in zip(shape[1:], other[1:], strict=True))


def torch_device(torch: Any, asked: str) -> Any:
    """Return torch's device by its name: auto (CUDA where torch has it), cpu or cuda[:N].

    Raises:
        DeviceError: when torch does not have it.
    """
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = asked.lower().partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise DeviceError(f"torch runs a checkpoint on cpu or cuda[:N], not on {asked!r}; use one of these")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"device {asked!r} was asked for, but this torch has no CUDA: use --device cpu")
    try:
        return torch.device(asked.lower())
    except RuntimeError as error:
        raise DeviceError(f"there is no device {asked!r}; use cpu, or cuda:N with a number") from error
