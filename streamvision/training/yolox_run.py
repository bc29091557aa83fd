"""Trains YOLOX, from its own weights or from nothing: a small, fast detector whose parts are all Apache-2.0.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from streamvision.checkpoints.onnx_file import OnnxSource
from streamvision.checkpoints.yolox import STRIDE_PX, YoloxSource
from streamvision.checkpoints.yolox_network import Yolox
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.checkpoints.yolox_weights import class_tensors, read_weights, restore_statistics
from streamvision.core.errors import ConfigError
from streamvision.core.words import counted
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.class_names import match_classes
from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.evaluation.predictions import predict
from streamvision.inference.coco import COCO_NAMES
from streamvision.inference.letterbox import rounded_up
from streamvision.training.augment import GREY, Sample
from streamvision.training.batches import DetectionSamples, to_tensor
from streamvision.training.class_rows import carry_classes
from streamvision.training.torch_run import TorchRun
from streamvision.training.weight_average import WeightAverage
from streamvision.training.weights_fit import fitting_tensors
from streamvision.training.yolox_loss import yolox_loss

AVERAGE_EPOCHS = 2.0
STATISTICS_PICTURES = 64


class GridSamples(DetectionSamples):
    """Pictures with boxes, their longer side scaled, on a canvas that those of a batch fit into.

    A batch is (N, 3, H, W) float32 RGB of 0..1, sides multiples of 32 px, and for each picture a dict of ``boxes`` (M,
    4) float32 left, top, right, bottom in px and ``classes`` (M,) int64.
    """

    def _collate(self, indices: NDArray[Any], samples: list[Sample]) -> Any:
        sizes = [sample.image.shape[:2] for sample in samples]
        height, width = (rounded_up(max(sides), STRIDE_PX) for sides in zip(*sizes, strict=True))
        pictures = torch.full((len(samples), 3, height, width), GREY[0] / 255)
        targets = []
        for picture, sample in zip(pictures, samples, strict=True):
            own_height, own_width = sample.image.shape[:2]
            picture[:, :own_height, :own_width] = to_tensor(sample.image)
            targets.append(
                {"boxes": torch.from_numpy(sample.box_xyxy_px), "classes": torch.from_numpy(sample.class_id)}
            )
        return pictures.contiguous(memory_format=torch.channels_last), targets


class YoloxRun(TorchRun):
    """One run of a YOLOX. ``freeze`` counts the five stages of its backbone."""

    task = "detect"
    figure = "map50_95"

    def _read_samples(self) -> GridSamples:
        return GridSamples(self._data.train, side_px=self._recipe.imgsz)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        network = Yolox(SCALES[self._recipe.model], len(self._data.names))
        beginning = "began from nothing" if weights is None else self._from_weights(network, weights)
        network = network.to(memory_format=torch.channels_last)
        self._exact = False
        steps = max(1, -(-sum(self._data.repeats) // self._recipe.batch))
        horizon_steps = max(1, round((self._recipe.average_epochs or AVERAGE_EPOCHS) * steps))
        self._average = WeightAverage(network, horizon_steps=horizon_steps)
        return network, beginning

    def _from_weights(self, network: Yolox, weights: Path) -> str:
        stored = read_weights(weights, SCALES[self._recipe.model], trusted=self._trusted)
        head = class_tensors()
        stored = self._begin_classes(stored)
        fitting, in_words = fitting_tensors(
            network.state_dict(),
            stored,
            in_head=head.__contains__,
            partial=self._recipe.partial_weights,
            name=str(weights),
        )
        network.load_state_dict(fitting, strict=False)
        said = f"began from {weights.name} ({in_words})"
        if weights.suffix.lower() != ".onnx":
            return said + self._carry_classes(network, weights, head=head)
        carried = 0
        if not self._recipe.init_classes:
            stored_names = OnnxSource(weights).card.names
            carried = carry_classes(network, stored, head=head, names=self._data.names, stored_names=stored_names)
        restore_statistics(network, self._samples_for_statistics())
        return f"{said}, {counted(carried, 'classes')} by name" if carried else said

    def _begin_classes(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Let classes begin from what the weights know of others, as the recipe's ``init_classes`` says."""
        given = self._recipe.init_classes
        if not given:
            return stored
        key = class_tensors()[0]
        if key not in stored or len(stored[key]) != len(COCO_NAMES):
            raise ConfigError("init_classes needs weights of the 80 classes of COCO; leave it out for these")
        for mine, theirs in given.items():
            if mine not in self._data.names or theirs not in COCO_NAMES:
                wrong = mine if mine not in self._data.names else theirs
                raise ConfigError(
                    f"init_classes: {wrong!r} is no class of "
                    f"{'the data set' if wrong == mine else 'COCO, whose classes these weights know'}"
                )
        rows = [COCO_NAMES.index(given[name]) if name in given else None for name in self._data.names]
        for name in class_tensors():
            own = torch.zeros(len(rows), *stored[name].shape[1:])
            if name.endswith("bias"):
                own -= 4.6
            for row, known in enumerate(rows):
                if known is not None:
                    own[row] = stored[name][known]
            stored = stored | {name: own}
        return stored

    def _samples_for_statistics(self) -> list[Any]:
        batches = self._samples.batches(
            self._data.repeats,
            self._recipe.model_copy(update={"preset": "plain", "augment": {}}),
            epoch=0,
            mixing=False,
        )
        count = -(-STATISTICS_PICTURES // self._recipe.batch)
        return [pictures for (pictures, _), _ in zip(batches, range(count), strict=False)]

    def _blocks(self) -> list[Any]:
        backbone = self._model.backbone.backbone
        return [backbone.stem, backbone.dark2, backbone.dark3, backbone.dark4, backbone.dark5]

    def _batches(self, epoch: int, *, mixing: bool) -> Iterator[Any]:
        self._exact = not mixing
        return super()._batches(epoch, mixing=mixing)

    def _loss(self, batch: Any) -> Any:
        pictures, targets = batch
        pictures = pictures.to(self._device)
        targets = [{key: value.to(self._device) for key, value in target.items()} for target in targets]
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            raw = self._model(pictures)
        return yolox_loss(raw.float(), targets, (pictures.shape[3], pictures.shape[2]), exact=self._exact)

    def _validate(self) -> dict[str, float]:
        side_px = rounded_up(self._recipe.imgsz, STRIDE_PX)
        source = YoloxSource(
            self._average.network if self._average else self._model,
            path=self._folder.last,
            name=self._recipe.model,
            names=self._data.names,
            size_px=(side_px, side_px),
            beginning=self.beginning,
        )
        held_out = Dataset(self._data.names, self._data.val)
        # Measured as the finished file will be, by the runtime's own way from the picture to the boxes.
        with self._as_file(source, dynamic_size=True) as detector:
            found = predict(detector, held_out, match_classes(held_out, self._data.names))
        figures = coco_figures(found)
        return {"map50": figures.map50, "map50_95": figures.map50_95}
