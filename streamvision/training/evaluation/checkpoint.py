"""Runs an ultralytics checkpoint (.pt) as if it were an exported model, so that it is measured by the same rules.

The checkpoint is a pickle, which may run code of its author's while it is loaded: open only files that you trust.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.backends.base import TensorSpec
from streamvision.errors import DeviceError, MissingDependencyError, ModelError
from streamvision.training.trainers.torch_setup import import_torch as import_patient_torch
from streamvision.training.trainers.ultralytics_setup import import_ultralytics

INSTALL = "pip install 'streamvision[train]'"
DEFAULT_SIDE_PX = 640


class CheckpointBackend:
    """The network of a checkpoint in torch, with fp32 arithmetic; see :class:`streamvision.backends.base.Backend`.

    Args:
        path: the checkpoint.
        side_px: side of the square input, rounded up to a multiple of the network's coarsest stride; ``None`` for
            the side that it was trained with.
        device: ``auto`` (CUDA where torch has it), ``cpu`` or ``cuda[:N]``.

    Raises:
        MissingDependencyError: when torch or ultralytics is not installed.
        ModelError: when the file is not a checkpoint of a detection model.
        DeviceError: when torch does not have the device.
    """

    def __init__(self, path: Path, *, side_px: int | None = None, device: str = "auto") -> None:
        network, trained_side_px = load_network(path)
        torch = import_torch()
        self._path = path
        self._torch_device = _torch_device(torch, device)
        self._stride_px = int(max(network.stride))
        side_px = side_px or trained_side_px
        self._side_px = -(-side_px // self._stride_px) * self._stride_px
        self._names: dict[int, str] = dict(network.names)
        self._task = str(getattr(network, "task", "detect"))
        self._end2end = bool(getattr(network, "end2end", False))
        self._network: Any = network.to(self._torch_device).eval()
        shape = self.run(np.zeros((1, 3, self._side_px, self._side_px), np.float32))[0].shape
        self._outputs = (TensorSpec("output0", (None, *shape[1:]), "float32"),)

    @property
    def name(self) -> str:
        """The runtime."""
        return "torch"

    @property
    def device(self) -> str:
        """Where the network executes."""
        return str(self._torch_device)

    @property
    def precision(self) -> str:
        """The arithmetic."""
        return "fp32"

    @property
    def requests(self) -> int:
        """How many threads may call :meth:`run` at a time."""
        return 1

    @property
    def input(self) -> TensorSpec:
        """The picture input; any number of pictures of one size."""
        return TensorSpec("images", (None, 3, self._side_px, self._side_px), "float32")

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The boxes of all classes, as ultralytics exports them."""
        return self._outputs

    @property
    def metadata(self) -> Mapping[str, str]:
        """What ultralytics would write into an export of this checkpoint."""
        return {
            "description": f"ultralytics checkpoint {self._path.name}",
            "task": self._task,
            "names": repr(self._names),
            "stride": str(self._stride_px),
            "imgsz": repr([self._side_px, self._side_px]),
            "end2end": repr(self._end2end),
        }

    @property
    def network(self) -> Any:
        """The torch module, in evaluation mode; ``None`` after :meth:`close`."""
        return self._network

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Execute the network on one batch (N, 3, H, W).

        Raises:
            ModelError: when torch fails or the backend is closed.
        """
        if self._network is None:
            raise ModelError(f"{self._path} is closed; open it again to run it")
        torch = import_torch()
        try:
            with torch.no_grad():  # inference mode would leave tensors in the network that gradients cannot pass later
                output = self._network(torch.from_numpy(tensor).to(self._torch_device))
        except RuntimeError as error:
            raise ModelError(f"torch failed on {self._path}: {str(error).splitlines()[0]}") from error
        boxes = output[0] if isinstance(output, (tuple, list)) else output
        return [boxes.float().cpu().numpy()]

    def close(self) -> None:
        """Release the network."""
        self._network = None

    def __repr__(self) -> str:
        return f"CheckpointBackend({self._path.name}, {self.device})"


def load_network(path: Path) -> tuple[Any, int]:
    """Return the torch module of a checkpoint in fp32 on the CPU, and the side in pixels that it was trained with.

    Raises:
        MissingDependencyError: when torch or ultralytics is not installed.
        ModelError: when the file is not a checkpoint of an ultralytics model.
    """
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}: give an existing .pt file")
    import_torch()
    # What ultralytics says at its first start must not mix with a report on stdout.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            model: Any = import_ultralytics().YOLO(str(path), verbose=False)
            network = model.model.float().eval()
        except MissingDependencyError as error:
            raise MissingDependencyError(f".pt checkpoints need ultralytics: {INSTALL}") from error
        except Exception as error:  # unpickling raises whatever the file's content leads to
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelError(
                f"{path} is not a checkpoint that ultralytics can load ({first}); give another, or an export (.onnx)"
            ) from error
    side = (getattr(model, "overrides", None) or {}).get("imgsz", DEFAULT_SIDE_PX)
    return network, int(max(side)) if isinstance(side, (list, tuple)) else int(side)


def import_torch() -> Any:
    """Return the package.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    try:
        return import_patient_torch()
    except MissingDependencyError as error:
        raise MissingDependencyError(f".pt checkpoints need torch: {INSTALL}") from error


def _torch_device(torch: Any, asked: str) -> Any:
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = asked.lower().partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise DeviceError(f"torch runs a checkpoint on cpu or cuda[:N], not on {asked!r}; use one of these")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"device {asked!r} was asked for, but this torch has no CUDA: use --device cpu")
    return torch.device(asked.lower())
