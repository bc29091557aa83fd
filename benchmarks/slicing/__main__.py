"""Small objects on 4K pictures with and without slicing.

python -m benchmarks.slicing --model yolo.onnx --data coco_val [--mosaics 6] [--sahi yolo.pt] [--json]

The pictures of the data set are dealt into two halves, and each makes 4K mosaics of its own. How far tiles overlap and
how boxes are merged is chosen on the mosaics of one half and reported on those of the other, both ways.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.slicing.mosaics import mosaic
from benchmarks.slicing.tried import Figures, Pixels, Seen, figures, nested_labels, put_together, see
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.slices import NO_SLICES, SlicesConfig
from streamvision.datasets import read_dataset
from streamvision.datasets.dataset import LabelledImage
from streamvision.inference.model import Model

OVERLAPS = {1.0: (0.2,), 1.5: (0.1, 0.2, 0.3), 2.0: (0.1, 0.2, 0.3), 3.0: (0.2,)}
"""Sides of tiles that are tried, in sides of the network's input, and how far these overlap."""
THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
MERGES = (("greedy_nmm", "ios"), ("greedy_nmm", "iou"), ("nmm", "ios"), ("nms", "ios"), ("nms", "iou"))
SCORE_FLOOR, NMS_IOU, MAX_DETECTIONS = 0.001, 0.7, 1000
Half = tuple[list[Pixels], list[LabelledImage]]


class Trial:
    """One model on the mosaics of both halves."""

    def __init__(self, model: Model, halves: Sequence[Half]) -> None:
        self._model = model
        self._halves = halves
        self._input_px = max(model.card.input.width_px, model.card.input.height_px)
        self._seen: dict[tuple[int, str, float], Seen] = {}

    def figures(self, half: int, rule: SlicesConfig) -> Figures:
        """Return what one way of slicing finds on one half."""
        found = put_together(self.seen(half, rule), rule, agnostic=False, most=MAX_DETECTIONS)
        return figures(found, self._halves[half][1], self._model.names, input_px=self._input_px)

    def seen(self, half: int, rule: SlicesConfig) -> Seen:
        """Return what the network finds on the parts of one half's pictures; it is shown each way of cutting once."""
        key = half, rule.tiles, rule.overlap
        if key not in self._seen:
            self._seen[key] = see(self._model, self._halves[half][0], rule)
        return self._seen[key]

    def chosen(self, half: int, side: float) -> SlicesConfig:
        """Return the overlap and the merging that find most on one half with tiles of a side.

        Of those that report no more objects in others than are marked so; else that which reports fewest.
        """
        tiles = f"{round(side * self._input_px)}px"
        rules = [
            SlicesConfig(tiles=tiles, overlap=overlap, merge=merge, match_metric=metric, match_threshold=threshold)
            for overlap, (merge, metric), threshold in product(OVERLAPS[side], MERGES, THRESHOLDS)
        ]
        tried = [(self.figures(half, rule), rule) for rule in rules]
        most = max(nested_labels(self._halves[half][1]), min(one.nested for one, _ in tried))
        return max((pair for pair in tried if pair[0].nested <= most), key=lambda pair: pair[0].all)[1]

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a row for each side of tiles, plain first."""
        plain = self._row("plain", [NO_SLICES] * 2)
        rows = [plain, self._row("auto, as by default", [SlicesConfig(tiles="auto")] * 2)]
        for side in OVERLAPS:
            tiles = f"{round(side * self._input_px)}px"
            rows.append(self._row(f"{tiles}, as by default", [SlicesConfig(tiles=tiles)] * 2))
            rows.append(
                self._row(f"{tiles}, chosen on the other half", [self.chosen(1 - half, side) for half in (0, 1)])
            )
        return rows

    def _row(self, name: str, rules: Sequence[SlicesConfig]) -> dict[str, Any]:
        by_half = [self.figures(half, rule) for half, rule in enumerate(rules)]
        plain = [self.figures(half, NO_SLICES) for half in range(2)]
        seen = [self.seen(half, rule) for half, rule in enumerate(rules)]
        row: dict[str, Any] = {"how": name, "inputs": seen[0].inputs}
        row["seconds"] = float(np.mean([one.seconds for one in seen]))
        for field in fields(Figures):
            row[field.name] = [round(getattr(one, field.name), 4) for one in by_half]
        row["ratio_small"] = [
            round(one.small / max(base.small, 1e-9), 2) for one, base in zip(by_half, plain, strict=True)
        ]
        row["ratio_small_relative"] = [
            round(one.small_relative / max(base.small_relative, 1e-9), 2)
            for one, base in zip(by_half, plain, strict=True)
        ]
        row["rules"] = [
            f"{rule.merge} {rule.match_metric} {rule.match_threshold:g}, overlap {rule.overlap:g}" for rule in rules
        ]
        return row


def halves_of(data: Path, mosaics: int) -> list[Half]:
    """Return the mosaics of both halves of a data set."""
    images = read_dataset(data).images
    order = np.random.default_rng(0).permutation(len(images))
    halves = []
    for half in range(2):
        own = [images[index] for index in order[half::2].tolist()]
        made = [mosaic(own, seed=1000 * half + number) for number in range(mosaics)]
        halves.append(([pixels for pixels, _ in made], [image for _, image in made]))
    return halves


def main() -> None:
    """Print the table, or all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mosaics", type=int, default=6, help="of each half")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--sahi", type=Path, help="the same network for sahi's own sliced prediction")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    halves = halves_of(given.data, given.mosaics)
    config = ModelConfig(
        path=given.model,
        backend=given.backend,
        requests=1,
        threads=1,
        score=SCORE_FLOOR,
        iou=NMS_IOU,
        max_detections=MAX_DETECTIONS,
    )
    with Model.open(config, every_class=True) as model:
        rows = Trial(model, halves).rows()
        names = model.names
        input_px = max(model.card.input.width_px, model.card.input.height_px)
    if given.sahi:
        from benchmarks.slicing.by_sahi import sahi_row

        rows.append(sahi_row(given.sahi, halves, names, input_px=input_px))
    if given.json:
        print(json.dumps(rows, indent=1))
        return
    print("| | inputs | s a picture | small | small, relative | all | nested |\n|---|---|---|---|---|---|---|")
    for row in rows:
        cells = [" / ".join(f"{value:.3f}" for value in row[name]) for name in asdict(Figures(0, 0, 0, 0))]
        print(f"| {row['how']} | {row['inputs']:.0f} | {row['seconds']:.2f} | {' | '.join(cells)} |")
        print(f"  {row['ratio_small']} {row['ratio_small_relative']} {row['rules']}")


if __name__ == "__main__":
    main()
