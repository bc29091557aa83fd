"""Whole pictures as the input of a model: whether it finds the same, and what a frame costs on the host and in all.

``python -m benchmarks.whole_pictures CHECKPOINT PICTURES [--formats onnx,openvino] [--most N] [--frames N]``: the
checkpoint is exported in its plain form and with whole pictures as input, suppression inside all of them where it can
be; the forms are shown the same pictures, and then frames of 1080p in turn.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from benchmarks.picture_costs import decoded
from exporters.base import ExportOptions
from exporters.graph.nms import SELECTED_HEADS
from exporters.parity.network_input import in_planes
from exporters.targets.registry import TARGETS
from pipelines.capture.ffmpeg.frame_pictures import FramePictures
from streamvision.checkpoints import open_source
from streamvision.checkpoints.base import Source
from streamvision.core.boxes import overlaps
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture, Picture
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from streamvision.inference.model_card import PixelFormat

FORMS: tuple[PixelFormat | None, ...] = (None, "bgr24", "yuv420p")
MIN_IOU = 0.5
WARM_UP_FRAMES = 3


@dataclass
class Agreement:
    """Objects that two models find on the same pictures, paired by class and overlap."""

    objects: int = 0
    """Of the first model."""
    others: int = 0
    """Of the second one."""
    iou: list[float] | None = None
    """Of each pair."""

    def add(self, first: Detections, second: Detections) -> None:
        """Pair the objects of one picture, the largest overlaps first."""
        self.objects, self.others = self.objects + len(first), self.others + len(second)
        self.iou = self.iou or []
        if not (len(first) and len(second)):
            return
        iou = overlaps(first.box_xyxy_px.astype(np.float64), second.box_xyxy_px.astype(np.float64))
        iou[first.class_id[:, None] != second.class_id[None]] = 0
        while iou.max() >= MIN_IOU:
            row, column = np.unravel_index(iou.argmax(), iou.shape)
            self.iou.append(float(iou[row, column]))
            iou[row], iou[:, column] = 0, 0

    def __str__(self) -> str:
        pairs = self.iou or []
        mean = statistics.fmean(pairs) if pairs else float("nan")
        return f"| {self.objects} | {self.others} | {len(pairs)} | {mean:.6f} | {min(pairs, default=0):.6f} |"


def made(source: Source, format: str, folder: Path) -> dict[PixelFormat | None, Model]:
    """Return the model in each form, in the runtime of the format."""
    target = TARGETS.get(format).create()
    models: dict[PixelFormat | None, Model] = {}
    for form in FORMS:
        own = folder / f"{format}-{form}"
        own.mkdir()
        options = ExportOptions(pixel_format=form, nms=source.card.head in SELECTED_HEADS)
        artifact = target.export(source, options, own)
        backend = target.open(artifact)
        models[form] = Model(backend, read_card(backend, path=artifact.path), ModelConfig(path=artifact.path))
    return models


def compare(models: dict[PixelFormat | None, Model], pictures: list[Picture]) -> dict[PixelFormat, Agreement]:
    """Return how each form agrees with the plain one, both shown the same bytes."""
    agreements: dict[PixelFormat, Agreement] = {"bgr24": Agreement(), "yuv420p": Agreement()}
    for picture in pictures:
        for form, agreement in agreements.items():
            shown = in_planes(picture) if form == "yuv420p" else picture
            agreement.add(*(models[which].detect([shown])[0] for which in (None, form)))
    return agreements


def time_frames(models: dict[PixelFormat | None, Model], frames: int) -> dict[PixelFormat | None, tuple[float, float]]:
    """Return medians of preprocessing on the host and of all, in ms a frame of 1080p, the forms in turn."""
    frame = FramePictures().picture(decoded("yuv420p"))
    seconds: dict[PixelFormat | None, list[tuple[float, float]]] = {form: [] for form in models}
    for number in range(frames + WARM_UP_FRAMES):
        for form, model in models.items():
            model.times = type(model.times)()
            model.detect([frame])
            stages = {name: float(spent.newest(1)[0]) for name, spent in model.times.distributions().items()}
            if number >= WARM_UP_FRAMES:
                seconds[form].append((stages["preprocess"], sum(stages.values())))
    medians = {
        form: tuple(1e3 * statistics.median(column) for column in zip(*rows, strict=True))
        for form, rows in seconds.items()
    }
    return {form: (host, whole) for form, (host, whole) in medians.items()}


@click.command()
@click.argument("checkpoint", type=Path)
@click.argument("pictures", type=Path)
@click.option("--formats", default="onnx,openvino", show_default=True)
@click.option("--most", type=click.IntRange(min=1), default=1000, show_default=True, help="Most pictures.")
@click.option("--frames", type=click.IntRange(min=1), default=30, show_default=True, help="Frames that are timed.")
def main(checkpoint: Path, pictures: Path, formats: str, most: int, frames: int) -> None:
    """Print both tables."""
    import cv2

    source = open_source(checkpoint)
    files = sorted(pictures.glob("*.jpg"))[:most]
    shown: list[Picture] = [BgrPicture(np.asarray(cv2.imread(str(file)))) for file in files]
    with tempfile.TemporaryDirectory(prefix="streamvision-") as folder:
        models = {format: made(source, format, Path(folder)) for format in formats.split(",")}
        print("| runtime | form | objects, plain | objects | pairs | mean IoU | least IoU |")
        print("|---" * 7 + "|")
        for format, forms in models.items():
            for form, agreement in compare(forms, shown).items():
                print(f"| {format} | {form} {agreement}")
        print("\n| runtime | form | on the host, ms | in all, ms |\n|---|---|---|---|")
        for format, forms in models.items():
            for name, (host_ms, whole_ms) in time_frames(forms, frames).items():
                print(f"| {format} | {name or 'plain'} | {host_ms:.2f} | {whole_ms:.1f} |")


if __name__ == "__main__":
    main()
