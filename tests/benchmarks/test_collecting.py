"""Which pictures the simulation of collecting chooses; what it trains is tried where it is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import collecting
from benchmarks.collecting import SCORINGS, Parts, Seen, choose, deal
from streamvision.collecting.appearance import layout
from streamvision.collecting.finding import Finding
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage
from streamvision.evaluation.predictions import read_bgr
from support.labelled_pictures import save_picture


def images(folder: Path, count: int) -> tuple[LabelledImage, ...]:
    box = (LabelledBox(0, (2, 2, 20, 20)),)
    return tuple(LabelledImage(save_picture(folder / f"{at:02}.jpg", seed=at), 60, 40, box) for at in range(count))


def test_the_parts_are_apart_and_those_of_a_seed_always_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "FEW", 3)
    monkeypatch.setattr(collecting, "WATCHED", 2)
    data = Dataset(("sign",), images(tmp_path, 20))
    parts = deal(data, 4)
    assert [len(one) for one in (parts.few, parts.watched, parts.pool, parts.test)] == [3, 2, 9, 6]
    every = [image.path for part in (parts.few, parts.watched, parts.pool, parts.test) for image in part]
    assert len(set(every)) == 20
    assert deal(data, 4) == parts != deal(data, 5)


def test_the_hardest_and_the_newest_are_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "CHOSEN", 2)
    few, *pool = images(tmp_path, 6)
    parts = Parts(("sign",), (few,), (), tuple(pool), ())
    doubt = {1: 0.9, 3: 0.5}
    seen = [
        Seen(
            {"uncertain": Finding("uncertain", doubt[at], "")} if at in doubt else {},
            layout(read_bgr(image.path)[..., ::-1]),
        )
        for at, image in enumerate(pool)
    ]
    assert choose(parts, seen, SCORINGS["uncertain"]) == [pool[1], pool[3]]
    twin = seen[1]._replace(findings={})
    assert pool[4] not in choose(parts, [*seen[:4], twin], SCORINGS["alone"])  # it looks like the first that was taken
