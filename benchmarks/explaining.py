"""How much of the heat of ``streamvision explain`` lies on the drawn sign that it explains, method by method.

The drawn drive knows where its signs are. Windows of it that hold one sign each teach a small classifier, whose heat is
then compared with the sign's box; a detector and a model for scenes are measured on whole pictures where given:

    streamvision data synthetic --task detect --images 700 --val-images 120 --size 640x360 --output signs
    python benchmarks/explaining.py signs [--detector yolov8n.pt] [--scenes unet.pt --maps regions] [--most 40]

Printed are, by method, the median share of the heat inside the truth beside the truth's share of the area, and the mean
areas under the curves of deletion and insertion. ``random`` is heat that knows nothing: smooth noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.core.boxes import overlaps
from streamvision.core.config.model import ModelConfig
from streamvision.core.terminal import table
from streamvision.datasets import read_dataset
from streamvision.datasets.class_labels import read_class_map, read_class_maps
from streamvision.evaluation.explaining import Explanation, explain
from streamvision.evaluation.explaining.covering import CoveredPicture, heat_curves
from streamvision.evaluation.explaining.subjects import ask, box_mask
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predictions import read_bgr
from streamvision.inference.model import Model
from streamvision.inference.model_card import InputCard, ModelCard

SIDE_PX = 128
METHODS = ("occlusion", "gradient", "grad-cam", "grad-cam++")
CURVED = 8
"""Pictures of each task whose curves are computed; they take 42 looks at each."""
Case = tuple[NDArray[np.uint8], str, NDArray[np.bool_]]
"""A picture, the class of what is on it, and where that is."""


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("signs", type=Path)
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--scenes", type=Path)
    parser.add_argument("--maps", type=Path)
    parser.add_argument("--most", type=int, default=40)
    given = parser.parse_args()
    with trained_classifier(list(windows(given.signs, "train"))) as model:
        cases = list(windows(given.signs, "val"))
        right = [case for case in cases if said(model, case[0]) == case[1]]
        print(f"The classifier is right on {len(right)} of {len(cases)} windows of other drives.")
        report("classifier", model, Path("classifier.pt"), right[: given.most])
    if given.detector:
        with open_model(given.detector, side_px=640) as model:
            report("detector", model, given.detector, list(found_signs(model, given))[: given.most])
    if given.scenes:
        with open_model(given.scenes) as model:
            report("scenes", model, given.scenes, list(regions(given.maps, model.names))[: given.most])


def windows(folder: Path, split: str, *, seed: int = 0) -> Iterator[Case]:
    """Yield windows of the drive that hold one sign, and where it is."""
    random = np.random.default_rng(seed)
    dataset = read_dataset(folder)
    for image in dataset.part(split).images:
        bgr = read_bgr(image.path)
        boxes = np.array([box.box_xyxy_px for box in image.boxes]).reshape(-1, 4)
        for index, box in enumerate(image.boxes):
            width, height = boxes[index, 2:] - boxes[index, :2]
            side = int(max(width, height) * random.uniform(2.2, 3.5))
            corner = boxes[index, :2] - random.uniform(0, 1, 2) * (side - np.array([width, height]))
            left, top = np.clip(corner, 0, np.array(bgr.shape[1::-1]) - side).astype(int)
            others = np.delete(boxes, index, axis=0)
            seen = overlaps(np.array([[left, top, left + side, top + side]], float), others)
            if max(width, height) < 14 or side > min(bgr.shape[:2]) or seen.any():
                continue
            window = cv2.resize(bgr[top : top + side, left : left + side], (SIDE_PX, SIDE_PX))
            sign = (boxes[index] - [left, top, left, top]) * SIDE_PX / side
            yield window, dataset.names[box.class_id], box_mask(sign.tolist(), SIDE_PX, SIDE_PX)


class Convolutions(torch.nn.Module):
    """Four levels of convolutions, the mean over all places, and one layer that tells classes apart."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        widths = (3, 24, 32, 48, 64)
        self.features = torch.nn.Sequential(
            *(
                torch.nn.Sequential(
                    torch.nn.Conv2d(before, after, 3, padding=1, stride=2 if level < 3 else 1, bias=False),
                    torch.nn.BatchNorm2d(after),
                    torch.nn.ReLU(),
                )
                for level, (before, after) in enumerate(pairwise(widths))
            )
        )
        self.last = torch.nn.Linear(widths[-1], classes)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the logits."""
        return (self.last(self.features(pictures).mean(dim=(2, 3))),)


def trained_classifier(cases: Sequence[Case], *, epochs: int = 24) -> Model:
    """Return a classifier that has learnt these windows."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    names = tuple(sorted({name for _, name, _ in cases}))
    pictures = torch.from_numpy(np.stack([bgr[..., ::-1].transpose(2, 0, 1) for bgr, *_ in cases])).float() / 255
    classes = torch.tensor([names.index(name) for _, name, _ in cases])
    network = Convolutions(len(names))
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.05)
    steps = epochs * (len(cases) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for step in range(steps):
        chosen = torch.randint(len(cases), (32,))
        loss = torch.nn.functional.cross_entropy(network(pictures[chosen])[0], classes[chosen], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step} of {steps}: loss {float(loss.detach()):.3f}", flush=True)
    path = Path("classifier.pt")
    size = InputCard(width_px=SIDE_PX, height_px=SIDE_PX, resize="stretch")
    card = ModelCard(task="classify", head="classify_logits", names=names, input=size)
    backend = TorchBackend(network.eval(), path=path, card=card, output_names=("logits",), device="cpu")
    return Model.open(ModelConfig(path=path, requests=1), backend=backend)


def said(model: Model, bgr: NDArray[np.uint8]) -> str:
    """Return the likeliest class."""
    config = ModelConfig(path=Path("classifier.pt"))
    return ask(model, bgr, config=config, score=0.25, most=1, classes=()).subjects[0].name


def found_signs(model: Model, given: argparse.Namespace) -> Iterator[Case]:
    """Yield pictures on which the detector's best object is a drawn sign, and where that is."""
    for image in read_dataset(given.signs).part("val").images:
        bgr = read_bgr(image.path)
        best = ask(model, bgr, config=ModelConfig(path=given.detector), score=0.25, most=20, classes=()).subjects
        truths = np.array([box.box_xyxy_px for box in image.boxes]).reshape(-1, 4)
        for subject in best:
            likeness = overlaps(np.array([subject.box_xyxy_px]), truths)[0]
            if likeness.max(initial=0) >= 0.5 and sum(one.name == subject.name for one in best) == 1:
                yield bgr, subject.name, box_mask(truths[likeness.argmax()].tolist(), *bgr.shape[:2])
                break


def regions(folder: Path, names: Sequence[str]) -> Iterator[Case]:
    """Yield pictures and the regions of buildings and plants on them, as they are drawn."""
    for image in read_class_maps(folder).part("val").images:
        marked = read_class_map(image.map_path)
        for name in ("building", "vegetation"):
            if 0.02 < (mask := marked == names.index(name)).mean() < 0.4:
                yield read_bgr(image.path), name, mask


def report(kind: str, model: Model, path: Path, cases: Sequence[Case]) -> None:
    """Print what each method's heat is worth on the cases."""
    rows = [(kind, "heat inside", "area", "ratio", "deletion", "insertion", "of")]
    for method in ("random", *METHODS):
        inside, areas, curves = [], [], []
        for index, (bgr, name, truth) in enumerate(cases):
            one = explained(model, path, bgr, name, method, curves=index < CURVED)
            if one is None or (share := one.share_inside(0, truth)) is None:
                continue
            inside.append(share)
            areas.append(float(truth.mean()))
            curves += [line for line in one.curves if line]
        ratio = float(np.median(np.array(inside) / np.array(areas)))
        judged = (np.mean([one.deletion_area for one in curves]), np.mean([one.insertion_area for one in curves]))
        figures = (f"{np.median(inside):.1%}", f"{np.median(areas):.1%}", f"{ratio:.1f}", *(f"{v:.3f}" for v in judged))
        rows.append((method, *figures, f"{len(inside)}"))
        print("\n".join(table(rows)) if method == METHODS[-1] else f"{kind}: {method} done", flush=True)


def explained(
    model: Model, path: Path, bgr: NDArray[np.uint8], name: str, method: str, *, curves: bool
) -> Explanation | None:
    """Return the explanation of the best subject of a class; ``random`` has noise for heat."""
    options = {"path": path, "score": 0.25, "most": 1, "classes": (name,)}
    if method != "random":
        one = explain(model, bgr, method=method, masks=200, curves=curves, **options)
        return one if one.subjects else None
    question = ask(model, bgr, config=ModelConfig(path=path), score=0.25, most=1, classes=(name,))
    noise = cv2.GaussianBlur(np.random.default_rng(0).random(bgr.shape[:2]), (0, 0), max(bgr.shape) / 16)
    heat = ((noise - noise.min()) / (noise.max() - noise.min())).astype(np.float32)[None]
    shown = CoveredPicture(model, bgr, question, on_asked=lambda pictures: None)
    judged = heat_curves(shown, heat) if curves else (None,)
    return (
        Explanation(bgr, model.card.task, question.subjects, heat, "occlusion", judged) if question.subjects else None
    )


if __name__ == "__main__":
    main()
