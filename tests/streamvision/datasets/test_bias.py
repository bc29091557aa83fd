"""What goes with what in a data set: what was planted is found, and nothing is where nothing was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamvision.datasets.bias import Bias, find_bias
from streamvision.datasets.bias_facts import Shown, sources_of
from streamvision.datasets.bias_tests import auc_of, ks_of

NAMES = ("stop", "light", "lamp")


def plain(count: int = 120, *, seed: int = 0, split: bool = True) -> list[Shown]:
    """Pictures on which classes, sizes, places, light and parts have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    pictures = []
    for number in range(count):
        classes = np.flatnonzero(rng.uniform(size=3) < 0.5) if number % 10 else np.array([], int)
        boxes = [(*rng.uniform(0.05, 0.95, 2), float(np.exp(rng.uniform(-3.5, -1)))) for _ in classes]
        pictures.append(
            Shown(
                Path(f"/data/images/road{number}.jpg"),
                ("train", "val")[int(rng.uniform() < 0.4)] if split else None,
                tuple(classes.tolist()),
                tuple((float(x), float(y), side) for x, y, side in boxes),
                float(rng.uniform(20, 220)),
                (640, 480),
            )
        )
    return pictures


def found(pictures: list[Shown]) -> dict[str, str]:
    """Return the sentences by kind."""
    sentences: dict[str, str] = {}
    for one in find_bias(NAMES, pictures).suspicions:
        sentences[one.kind] = f"{sentences.get(one.kind, '')} {one.sentence}"
    return sentences


def with_boxes(one: Shown, class_id: int, **changed: float) -> Shown:
    """Return the picture with the boxes of a class moved: across, down, side."""
    moved = tuple(
        tuple(changed.get(key, value) for key, value in zip(("across", "down", "side"), box, strict=True))
        if own == class_id
        else box
        for own, box in zip(one.class_ids, one.boxes, strict=True)
    )
    return replace(one, boxes=moved)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_suspicious_where_nothing_was_planted(seed: int) -> None:
    assert found(plain(seed=seed)) == {}


def test_company_that_a_class_always_has_is_told() -> None:
    pictures = []
    for one in plain():
        ids = (0, 2) if 0 in one.class_ids else tuple(class_id for class_id in one.class_ids if class_id == 1)
        pictures.append(replace(one, class_ids=ids, boxes=tuple((0.2 + 0.3 * at, 0.5, 0.2) for at in range(len(ids)))))
    said = " ".join(one.sentence for one in find_bias(NAMES, pictures).suspicions if one.kind == "together")
    assert "100% of them show lamp" in said and "100% of them show stop" in said


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        ({"across": 0.9}, "objects lie in the right half"),
        ({"across": 0.9, "down": 0.1}, "100% of {n} objects lie in the upper right ninth"),
        ({"side": 0.1}, "stop always has about one size"),
    ],
)
def test_place_and_size_that_a_class_always_has_are_told(moved: dict[str, float], words: str) -> None:
    pictures = [with_boxes(one, 0, **moved) for one in plain(split=False)]
    count = sum(0 in one.class_ids for one in pictures)
    kind = "size" if "side" in moved else "place"
    said = found(pictures)
    assert set(said) == {kind}
    assert words.format(n=count) in said[kind]


def test_light_that_goes_with_a_class_is_told_and_so_is_the_missing_night() -> None:
    bright = [replace(one, brightness=one.brightness + 90 * (1 in one.class_ids)) for one in plain(split=False)]
    assert "Pictures of light are brighter than others" in found(bright)["light"]
    day = [replace(one, brightness=max(one.brightness, 60.0)) for one in plain(split=False)]
    assert "0 of 120 pictures are dark" in found(day)["light"]


def test_a_class_from_one_source_is_told() -> None:
    pictures = [
        replace(one, path=Path(f"/data/{'cam2' if 1 in one.class_ids else 'cam1'}/{one.path.name}"))
        for one in plain(split=False)
    ]
    said = found(pictures)["source"]
    assert "100% of the pictures of light come from 'cam2 road 640x480'" in said
    sources = find_bias(NAMES, pictures).sources
    assert {one.name.split()[0] for one in sources} == {"cam1", "cam2"}
    assert sum(one.pictures for one in sources) == 120


def test_parts_that_differ_are_told() -> None:
    darker = [replace(one, brightness=one.brightness * (0.5 if one.split == "val" else 1)) for one in plain()]
    assert "val has other light than train" in found(darker)["shift"]
    far = [
        replace(one, boxes=tuple((x, y, side * (0.3 if one.split == "val" else 1)) for x, y, side in one.boxes))
        for one in plain()
    ]
    assert "val has other sizes of objects than train" in found(far)["shift"]
    lacking = []
    for one in plain():
        kept = [at for at, c in enumerate(one.class_ids) if not (c == 2 and one.split == "val")]
        pairs: Any = {
            "class_ids": tuple(one.class_ids[at] for at in kept),
            "boxes": tuple(one.boxes[at] for at in kept),
        }
        lacking.append(replace(one, **pairs))
    assert "No picture of val shows lamp" in found(lacking)["shift"]


def test_a_rare_class_is_told() -> None:
    pictures = [replace(one, class_ids=(0,), boxes=((0.3, 0.3, 0.2),)) for one in plain(split=False)]
    pictures[0] = replace(pictures[0], class_ids=(0, 1), boxes=((0.3, 0.3, 0.2), (0.5, 0.5, 0.1)))
    assert "light: on less than a tenth as many pictures" in found(pictures)["rare"]


def test_counts_are_those_of_the_pictures() -> None:
    pictures = [
        Shown(Path("a1.png"), None, (0, 0, 1), ((0.1, 0.1, 0.3), (0.95, 0.95, 0.01), (0.5, 0.1, 0.3)), 40.0, (9, 9)),
        Shown(Path("a2.png"), None, (0,), ((0.1, 0.1, 0.3),), None, (9, 9)),
    ]
    bias = find_bias(NAMES, pictures)
    assert bias.together == {"stop": {"stop": 2, "light": 1}, "light": {"stop": 1, "light": 1}}
    assert bias.sides["stop"] == (1, 0, 0, 0, 2, 0)
    assert bias.places["stop"][0][0] == 2 and bias.places["stop"][5][5] == 1
    assert bias.light["stop"] == (0, 1, 0, 0, 0, 0, 0, 0)
    assert bias.suspicions == () and bias.sources == ()
    json.dumps(bias.to_json(), allow_nan=False)
    assert isinstance(find_bias((), []), Bias)


def test_a_folder_that_is_the_class_is_no_source() -> None:
    pictures = [Shown(Path(f"/data/train/{name}/{n}.jpg"), None, (0,)) for name in ("a", "b") for n in range(10)]
    assert len(set(sources_of(pictures, folders_are_classes=False))) == 2
    assert len(set(sources_of(pictures, folders_are_classes=True))) == 1


def test_rank_tests_give_the_figures_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(2)
    first, second = rng.normal(0, 1, 60), rng.normal(0.5, 1.3, 45)
    auc, chance = auc_of(first, second)
    theirs = stats.mannwhitneyu(first, second, use_continuity=False, method="asymptotic")
    assert auc == pytest.approx(theirs.statistic / (60 * 45)) and chance == pytest.approx(theirs.pvalue, rel=1e-6)
    distance, chance = ks_of(first, second)
    assert distance == pytest.approx(stats.ks_2samp(first, second).statistic)
    assert chance == pytest.approx(stats.kstwobign.sf(distance * np.sqrt(60 * 45 / 105)), rel=1e-6)


def test_of_thousands_of_classes_those_on_most_pictures_are_looked_at() -> None:
    shown = [Shown(Path(f"/x/{row}.png"), "train", (row, 3000), ((0.1, 0.1, 0.1),) * 2, 90.0) for row in range(2000)]
    bias = find_bias([f"c{class_id}" for class_id in range(100_000)], shown)
    assert len(bias.together) == 1000
    assert bias.together["c3000"]["c3000"] == sum(bias.sides["c3000"]) == 2000
