"""Trains our U-Net to name every pixel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamvision.checkpoints.torch_runtime import TorchBackend, import_torch
from streamvision.checkpoints.unet import UnetSource
from streamvision.core.config.model import ModelConfig
from streamvision.datasets.class_labels import UNKNOWN
from streamvision.datasets.dataset import MappedPicture, MappedPictures
from streamvision.evaluation.regions import measure_regions
from streamvision.inference.model import Model
from streamvision.training.picture_data import PictureData
from streamvision.training.precision import use_bf16
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.starting_weights import begin_from
from streamvision.training.torch_run import TorchRun


class SemanticRun(TorchRun):
    """One run of a U-Net; see :class:`TorchRun`. ``freeze`` counts its levels down."""

    task = "semantic"
    figure = "mean_iou"

    def __init__(
        self,
        recipe: Recipe,
        data: PictureData[MappedPicture],
        folder: RunFolder,
        progress: TrainingProgress,
        *,
        resume: bool,
    ) -> None:
        import_torch()
        from streamvision.checkpoints.unet import STRIDE_PX
        from streamvision.training.region_batches import MappedSamples

        self._data = data
        self._samples = MappedSamples(data.train, data.sizes_px, side_px=recipe.imgsz, stride_px=STRIDE_PX)
        super().__init__(recipe, data.names, data.repeats, folder, progress, resume=resume)
        self._bf16 = use_bf16(recipe.precision, self._device.type)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        import torch

        from streamvision.checkpoints.unet import UNet

        network = UNet(len(self._names))
        beginning = begin_from(network, weights)
        # A CPU convolves twice as fast in this order of bytes.
        return network.to(memory_format=torch.channels_last), beginning

    def _size_px(self) -> tuple[int, int]:
        return self._samples.size_px

    def _blocks(self) -> list[Any]:
        return list(self._model.down)

    def _batches(self, epoch: int, *, mixing: bool) -> Iterator[Any]:
        from streamvision.training.region_batches import region_batches

        return region_batches(
            self._samples,
            self._data.repeats,
            batch=self._recipe.batch,
            settings=self._recipe.augmentation(),
            seed=self._recipe.seed,
            epoch=epoch,
        )

    def _loss(self, batch: Any) -> Any:
        import torch

        pictures, classes = (tensor.to(self._device) for tensor in batch)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            logits = self._model(pictures.contiguous(memory_format=torch.channels_last))
        logits = logits.float()
        cross_entropy = torch.nn.functional.cross_entropy(
            logits, classes, ignore_index=UNKNOWN, label_smoothing=self._recipe.label_smoothing
        )
        return cross_entropy + dice_loss(logits, classes)

    def _validate(self) -> dict[str, float]:
        source = UnetSource(
            self._model,
            path=self._folder.last,
            names=self._names,
            size_px=self._size_px(),
            beginning=self.beginning,
        )
        size = source.card.input.model_copy(update={"dynamic_size": True})
        card = source.card.model_copy(update={"input": size})
        backend = TorchBackend(
            source.module(),
            path=self._folder.last,
            card=card,
            output_names=source.output_names,
            device=str(self._device),
        )
        # Measured as the finished file will be, by the runtime's own way from the picture to the map.
        with Model(backend, card, ModelConfig(path=self._folder.last)) as detector:
            result = measure_regions(detector, MappedPictures(self._names, self._data.val))
        return {"mean_iou": result.mean_iou or 0.0, "pixel_accuracy": result.pixel_accuracy}


def dice_loss(logits: Any, classes: Any) -> Any:
    """Return one less the mean overlap of what is marked and what is likely, over the classes that the batch shows.

    Small classes count as much as large ones (V-Net, Milletari, Navab and Ahmadi, 3DV 2016).

    Args:
        logits: (N, C, H, W) float32.
        classes: (N, H, W) int64; 255 counts neither way.
    """
    import torch

    known = (classes != UNKNOWN).unsqueeze(1)
    likely = logits.softmax(dim=1) * known
    marked = torch.zeros_like(likely).scatter_(1, torch.where(known[:, 0], classes, 0).unsqueeze(1), 1.0) * known
    axes = (0, 2, 3)
    both, total, shown = (likely * marked).sum(axes), (likely + marked).sum(axes), marked.sum(axes) > 0
    overlap = (2 * both + 1) / (total + 1)
    return 1 - overlap[shown].mean() if bool(shown.any()) else logits.sum() * 0
