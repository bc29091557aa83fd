"""Small objects on 4K pictures with and without slicing.

python -m benchmarks.slicing --model yolo.onnx --data coco_val [--mosaics 6] [--sahi yolo.pt] [--json]

The pictures of the data set are dealt into two halves, and each makes 4K mosaics of its own. How far tiles overlap and
how boxes are merged is chosen on the mosaics of one half and reported on those of the other, both ways.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.slicing.mosaics import mosaic
from benchmarks.slicing.tried import SHOWN_SCORE, Figures, Half, Seen, figures, nested_labels, put_together, see
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.slices import SlicesConfig
from streamvision.datasets import read_dataset
from streamvision.inference.model import Model
from streamvision.inference.slicing.tiles import Tiling

OVERLAPS = {1.0: (0.2,), 1.5: (0.1, 0.2, 0.3), 2.0: (0.1, 0.2, 0.3), 3.0: (0.2,)}
"""Sides of tiles that are tried, in sides of the network's input, and how far these overlap."""
MERGES = (
    ("greedy_nmm", "ios", 0.5),
    ("greedy_nmm", "iou", 0.5),
    ("nmm", "ios", 0.5),
    ("nms", "ios", 0.5),
    ("nms", "ios", 0.7),
    ("nms", "ios", 0.9),
    ("nms", "iou", 0.5),
    ("nms", "iou", 0.7),
)
"""Ways of merging that are tried: what becomes of boxes, what of them is compared, and from where on they are one."""
SCORE_FLOOR, NMS_IOU, MAX_DETECTIONS = 0.001, 0.7, 1000


class Trial:
    """One model on the mosaics of both halves."""

    def __init__(self, model: Model, halves: Sequence[Half]) -> None:
        self._model = model
        self._halves = halves
        self._input_px = max(model.card.input.width_px, model.card.input.height_px)
        self._seen: dict[tuple[int, str, float], Seen] = {}

    def figures(self, half: int, rule: SlicesConfig, *, score: float = SCORE_FLOOR) -> Figures:
        """Return what one way of slicing finds on one half, of objects from a score on."""
        found = put_together(self.seen(half, rule).above(score), rule, agnostic=False, most=MAX_DETECTIONS)
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
            for overlap, (merge, metric, threshold) in product(OVERLAPS[side], MERGES)
        ]
        tried = [(self.figures(half, rule), rule) for rule in rules]
        most = max(nested_labels(self._halves[half][1]), min(one.nested for one, _ in tried))
        return max((pair for pair in tried if pair[0].nested <= most), key=lambda pair: pair[0].all)[1]

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a row for each side of tiles, plain first; at the end, sure objects alone."""
        plain, auto = SlicesConfig(), SlicesConfig(tiles="auto")
        rows = [self._row("plain", [plain] * 2), self._row("auto", [auto] * 2)]
        for side in OVERLAPS:
            tiles = f"{round(side * self._input_px)}px"
            chosen = [self.chosen(1 - half, side) for half in range(2)]
            rows.append(self._row(f"{tiles}, as by default", [SlicesConfig(tiles=tiles)] * 2))
            rows.append(self._row(f"{tiles}, chosen on the other half", chosen))
        for name, rule in (("plain", plain), ("auto", auto), ("auto, SAHI's default", _by_sahi(auto))):
            rows.append(self._row(f"{name}, from {SHOWN_SCORE} on", [rule] * 2, score=SHOWN_SCORE))
        return rows

    def _row(self, name: str, rules: Sequence[SlicesConfig], *, score: float = SCORE_FLOOR) -> dict[str, Any]:
        by_half = [self.figures(half, rule, score=score) for half, rule in enumerate(rules)]
        plain = [self.figures(half, SlicesConfig(), score=score) for half in range(2)]
        seen = [self.seen(half, rule) for half, rule in enumerate(rules)]
        row: dict[str, Any] = {"how": name, "inputs": seen[0].inputs}
        row["seconds"] = float(np.mean([one.seconds for one in seen]))
        for field in fields(Figures):
            row[field.name] = [round(getattr(one, field.name), 4) for one in by_half]
        for key in ("small", "small_relative"):
            pairs = [(getattr(one, key), getattr(base, key)) for one, base in zip(by_half, plain, strict=True)]
            row[f"{key}_ratio"] = [round(found / base, 2) if base else None for found, base in pairs]
        row["rules"] = [
            f"{rule.merge} {rule.match_metric} {rule.match_threshold:g}, overlap {rule.overlap:g}" for rule in rules
        ]
        return row


def _by_sahi(how: SlicesConfig) -> SlicesConfig:
    return how.model_copy(update={"merge": "greedy_nmm", "match_metric": "ios", "match_threshold": 0.5})


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
        if given.sahi:
            from benchmarks.slicing.by_sahi import rows_by_sahi

            tiling = Tiling(SlicesConfig(tiles="auto"), model.card)
            input_px = max(model.card.input.width_px, model.card.input.height_px)
            rows += rows_by_sahi(given.sahi, halves, model.names, tiling, score=SHOWN_SCORE, input_px=input_px)
    if given.json:
        print(json.dumps(rows, indent=1))
        return
    print("| | inputs | processor s | small | small, relative | all | nested | |\n|---|---|---|---|---|---|---|---|")
    for row in rows:
        cells = [" / ".join(f"{value:.3f}" for value in row[field.name]) for field in fields(Figures)]
        rules = "; ".join(dict.fromkeys(row.get("rules", ())))
        print(f"| {row['how']} | {row['inputs']:.0f} | {row['seconds']:.2f} | {' | '.join(cells)} | {rules} |")


if __name__ == "__main__":
    main()
