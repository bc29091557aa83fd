"""A detector that is converted in seconds: the layout of YOLOv8 with a few random weights and nothing learnt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.inference.model_card import InputCard, ModelCard

STRIDES_PX = (8, 16, 32)
CHANNELS = 8


CARD = ModelCard(
    head="yolo_v8",
    names=("cat", "dog"),
    input=InputCard(width_px=96, height_px=64),
    licence="Apache-2.0",
    source="tiny",
)


@dataclass(frozen=True)
class TinySource:
    """A :class:`streamvision.checkpoints.base.Source` for inputs of 96x64 px and two classes."""

    card: ModelCard = CARD
    layers: int = 12
    """Convolutions before the last one."""
    path: Path = Path("tiny.pt")
    output_names: tuple[str, ...] = ("output0",)
    onnx: Path | None = None
    variant: tuple[str, ...] = ()

    def module(self, *, dynamic_size: bool = False) -> Any:
        import torch

        classes = len(self.card.names)
        corner = torch.tensor([self.card.input.width_px, self.card.input.height_px, 60.0, 60.0])[:, None]

        layers = self.layers

        class Network(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                inputs = [3] + [CHANNELS] * layers
                self.stem = torch.nn.Sequential()
                for channels in inputs[:-1]:
                    self.stem.extend([torch.nn.Conv2d(channels, CHANNELS, 3, padding=1), torch.nn.SiLU()])
                self.scales = torch.nn.ModuleList(
                    torch.nn.Conv2d(inputs[-1], 4 + classes, stride, stride) for stride in STRIDES_PX
                )
                self.register_buffer("corner", corner)

            def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
                seen = self.stem(pictures)
                cells = torch.cat([9 * scale(seen).flatten(2) for scale in self.scales], dim=2)
                boxes, scores = cells[:, :4].sigmoid() * self.corner, cells[:, 4:].sigmoid()
                return (torch.cat([boxes, scores], dim=1),)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            return Network().eval()

    def backend(self, *, size_px: tuple[int, int], device: str = "cpu") -> TorchBackend:
        return TorchBackend(
            self.module(), path=self.path, card=self.card, output_names=self.output_names, device=device
        )
