"""Networks that are torch modules, executed as they are: the truth that exports are proven against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.checkpoints.torch_libraries import import_torch
from streamvision.core.errors import DeviceError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.backends.loaded import LoadedBackend, ModelFacts
from streamvision.inference.model_card import ModelCard


class TorchBackend(LoadedBackend):
    """A torch module in fp32; its metadata is its card.

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
        self._torch_device = _torch_device(torch, device)
        network = network.float().eval().to(self._torch_device)
        size = (card.input.height_px, card.input.width_px)
        with self._failing_on(path), torch.no_grad():
            probed = network(torch.zeros((1, 3, *size), device=self._torch_device))
        facts = ModelFacts(
            path=path,
            device=str(self._torch_device),
            precision="fp32",
            input=TensorSpec("images", (None, 3, *((None, None) if card.input.dynamic_size else size)), "float32"),
            outputs=tuple(
                TensorSpec(name, (None, *tensor.shape[1:]), str(tensor.dtype).removeprefix("torch."))
                for name, tensor in zip(output_names, probed, strict=True)
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


def _torch_device(torch: Any, asked: str) -> Any:
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = asked.lower().partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise DeviceError(f"torch runs a checkpoint on cpu or cuda[:N], not on {asked!r}; use one of these")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"device {asked!r} was asked for, but this torch has no CUDA: use --device cpu")
    return torch.device(asked.lower())
