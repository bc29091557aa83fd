"""What chosen pictures are worth beside as many random ones, simulated with pictures whose labels are known.

    python -m benchmarks.collecting --data roadsigns --model yolov8n_coco.pt --seeds 10-15 --output collecting

For each seed the pictures are dealt to three parts, look-alikes together: a few that a weak model learns from, a pool,
and pictures that nothing is chosen from, which all models are measured on. The weak model sees the pool; those of its
pictures that score highest (--scoring) are added to what was learnt from, and in turn as many random ones; both are
learnt from alike, from the weak model on, and the last epoch counts, so that nothing is chosen by what is measured.
Several random choices (--draws) are made and their mean is taken. What is trained is kept below --output, so that a
run that was ended goes on.

Photographs are no stream: flickering and the tracker say nothing here, and what is measured is what the model's doubt,
a second model and a new look are worth. A scoring, or a number in it, is chosen on other seeds than those that are
reported.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from streamvision.collecting.appearance import LAYOUT_SCALE, Coverage, layout
from streamvision.collecting.committee import disagreement
from streamvision.collecting.finding import Finding, hardness
from streamvision.collecting.uncertainty import uncertain
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture
from streamvision.datasets import read_dataset, split_dataset, write_dataset
from streamvision.datasets.dataset import Dataset, LabelledImage, Split
from streamvision.evaluation.evaluate import evaluate
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predictions import read_bgr
from streamvision.training.recipe import load_recipe
from streamvision.training.session import start_training

SCORINGS: dict[str, frozenset[str]] = {
    "all": frozenset({"uncertain", "disagreement", "unseen"}),
    "alone": frozenset({"uncertain", "unseen"}),
    "uncertain": frozenset({"uncertain"}),
    "disagreement": frozenset({"disagreement"}),
    "unseen": frozenset({"unseen"}),
}
"""What counts: reasons of `streamvision collect`, joined by its own weights; ``alone`` is without a second model."""
TEST_SHARE = 0.3
"""Pictures that nothing is chosen from and nothing learnt from."""
FEW, CHOSEN, WATCHED = 40, 60, 8
"""Pictures of the weak model, those that are added, and those that trainers measure epochs on, which decide nothing."""
SETTINGS = {"imgsz": 224, "batch": 8, "freeze": 10, "threads": 1, "preset": "light", "warmup": 1.0}
"""The same for all models."""
WEAK, MORE = {"epochs": 12, "lr": 2e-3}, {"epochs": 8, "lr": 1e-3}
"""Of the weak model, and of those that go on from it."""


FLOOR_SHARE, SECOND_SCORE = 0.4, 0.4
"""As in collecting: weakest score that is doubted, as a share of the threshold, and weakest of a second model's."""


@dataclass(frozen=True)
class Parts:
    """The pictures of one seed."""

    names: tuple[str, ...]
    """Class names."""
    few: tuple[LabelledImage, ...]
    """What the weak model learns from."""
    watched: tuple[LabelledImage, ...]
    """What trainers measure their epochs on."""
    pool: tuple[LabelledImage, ...]
    """What is chosen from."""
    test: tuple[LabelledImage, ...]
    """What is measured."""


def deal(data: Dataset, seed: int) -> Parts:
    """Return the parts of a seed; the few are drawn as they come."""
    split = split_dataset(data, fractions={"train": 1 - TEST_SHARE, "test": TEST_SHARE}, seed=seed)
    rest, test = (split.part(part).images for part in ("train", "test"))
    order = [rest[index] for index in np.random.default_rng(seed).permutation(len(rest))]
    few, watched, pool = order[:FEW], order[FEW : FEW + WATCHED], order[FEW + WATCHED :]
    return Parts(data.names, tuple(few), tuple(watched), tuple(pool), tuple(test))


def learn(parts: Parts, pictures: Sequence[LabelledImage], folder: Path, **recipe: object) -> Path:
    """Train a model, unless its folder is there already, and return the checkpoint of its last epoch."""
    last = folder / "run" / "weights" / "last.pt"
    if (folder / "run" / "summary.json").exists():
        return last
    shutil.rmtree(folder, ignore_errors=True)
    dealt: tuple[tuple[Sequence[LabelledImage], Split], ...] = ((pictures, "train"), (parts.watched, "val"))
    images = tuple(replace(image, split=split) for part, split in dealt for image in part)
    write_dataset(Dataset(parts.names, images), folder / "data", format="yolo", pictures="link")
    settings = load_recipe(None, {"data": folder / "data", **SETTINGS, **recipe})
    start_training(settings, project=folder, name="run", command="benchmarks.collecting")
    return last


def measure(parts: Parts, weights: Path) -> dict[str, float]:
    """Return mAP50-95 and mAP50 on the pictures that nothing was chosen from."""
    known = weights.with_suffix(".measured.json")
    if not known.exists():
        with open_model(weights, threads=1) as model:
            figures = evaluate(model, Dataset(parts.names, parts.test)).figures
        known.write_text(json.dumps({"map50_95": figures.map50_95, "map50": figures.map50}), encoding="utf-8")
    measured: dict[str, float] = json.loads(known.read_text(encoding="utf-8"))
    return measured


class Seen(NamedTuple):
    """A picture of the pool as collecting sees it."""

    findings: dict[str, Finding]
    """What was noticed on it, by kind, but for a new look."""
    look: Any
    """(176,) float32 of its colours and edges."""


def look_at(parts: Parts, weights: Path, second: Path | None) -> list[Seen]:
    """Return what is noticed on each picture of the pool; ``second`` is the model that may disagree."""
    seen: list[Seen] = []
    score = ModelConfig(path=weights).score
    with open_model(weights, threads=1) as model:
        found = [_found(model, image) for image in parts.pool]
    others: list[Detections | None] = [None] * len(found)
    if second is not None:
        with open_model(second, threads=1) as other:
            others = [_found(other, image) for image in parts.pool]
    for image, candidates, theirs in zip(parts.pool, found, others, strict=True):
        sure = candidates[candidates.score >= score]
        floor = FLOOR_SHARE * score
        weak = candidates[candidates.score >= floor]
        doubt = uncertain(sure, weak, names=parts.names, threshold=score, floor=floor)
        quarrel = None
        if theirs is not None:
            voted = theirs[theirs.score >= SECOND_SCORE]
            quarrel = disagreement(sure, voted, names=parts.names, second_names=parts.names)
        findings: dict[str, Finding] = {one.kind: one for one in (doubt, quarrel) if one is not None}
        seen.append(Seen(findings, layout(read_bgr(image.path)[..., ::-1])))
    return seen


def choose(parts: Parts, seen: Sequence[Seen], kinds: frozenset[str]) -> list[LabelledImage]:
    """Return the pictures that score highest, one after the other: what looks new depends on what was taken before."""
    known = Coverage(scale=LAYOUT_SCALE)
    for image in parts.few:
        known.add(layout(read_bgr(image.path)[..., ::-1]))
    left = set(range(len(seen)))
    chosen: list[LabelledImage] = []
    while left and len(chosen) < CHOSEN:
        best = max(left, key=lambda at: (_hardness(seen[at], known, kinds), -at))
        left.remove(best)
        known.add(seen[best].look)
        chosen.append(parts.pool[best])
    return chosen


def _hardness(one: Seen, known: Coverage, kinds: frozenset[str]) -> float:
    findings = [finding for kind, finding in one.findings.items() if kind in kinds]
    if "unseen" in kinds and (new := known.novelty(one.look)):
        findings.append(Finding("unseen", new, ""))
    return hardness(findings)


def _found(model: Any, image: LabelledImage) -> Detections:
    return model.find([BgrPicture(read_bgr(image.path))])[0].detections  # type: ignore[no-any-return]


def compare(parts: Parts, folder: Path, *, model: str, seed: int, scoring: str, draws: int) -> Iterator[dict[str, Any]]:
    """Yield what each model of a seed reaches, with how many objects were added."""
    weak = learn(parts, parts.few, folder / "weak", model=model, seed=seed, **WEAK)
    yield {"what": "weak", "objects": 0, **measure(parts, weak)}
    second = None
    if "disagreement" in SCORINGS[scoring]:
        second = learn(parts, parts.few, folder / "second", model=model, seed=seed + 1000, **WEAK)
    sets = {f"chosen-{scoring}": choose(parts, look_at(parts, weak, second), SCORINGS[scoring])}
    for draw in range(draws):
        order = np.random.default_rng([seed, draw]).permutation(len(parts.pool))[:CHOSEN]
        sets[f"random-{draw}"] = [parts.pool[index] for index in order]
    for name, added in sets.items():
        weights = learn(parts, [*parts.few, *added], folder / name, model=str(weak), seed=seed, **MORE)
        objects = sum(len(image.boxes) for image in added)
        yield {"what": name.partition("-")[0], "objects": objects, **measure(parts, weights)}


@click.command(help=__doc__.partition("\n\n")[0] if __doc__ else None)
@click.option("--data", type=Path, required=True, help="Labelled pictures, in any format.")
@click.option("--model", required=True, help="What the weak model begins from: a checkpoint, as `train --model`.")
@click.option("--seeds", default="10-15", show_default=True, help="First and last seed.")
@click.option("--scoring", type=click.Choice(list(SCORINGS)), default="alone", show_default=True)
@click.option("--draws", type=click.IntRange(min=1), default=1, show_default=True, help="Random choices of a seed.")
@click.option("--output", type=Path, required=True, help="Folder for all that is trained.")
def main(data: Path, model: str, seeds: str, scoring: str, draws: int, output: Path) -> None:
    """Simulate, and print what each model reaches and by how much chosen pictures beat random ones."""
    first, _, last = seeds.partition("-")
    dataset = read_dataset(data)
    gains: dict[str, list[float]] = {"map50_95": [], "map50": []}
    for seed in range(int(first), int(last or first) + 1):
        parts = deal(dataset, seed)
        rows = list(compare(parts, output / f"seed-{seed}", model=model, seed=seed, scoring=scoring, draws=draws))
        for row in rows:
            figures = f"mAP50-95 {row['map50_95']:.3f}, mAP50 {row['map50']:.3f}"
            click.echo(f"seed {seed} {row['what']:>6} {figures}, {row['objects']} objects added")
        for figure, values in gains.items():
            by = {what: np.mean([row[figure] for row in rows if row["what"] == what]) for what in ("chosen", "random")}
            values.append(float(by["chosen"] - by["random"]))
    for figure, values in gains.items():
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
        error = spread / np.sqrt(len(values))
        click.echo(
            f"{figure}: chosen beats random by {100 * np.mean(values):+.1f} points, standard deviation over "
            f"{len(values)} seeds {100 * spread:.1f}, standard error {100 * error:.1f}; of each "
            f"{', '.join(f'{100 * value:+.1f}' for value in values)}"
        )


if __name__ == "__main__":
    main()
