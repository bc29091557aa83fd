from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from streamvision.core.errors import ConfigError
from streamvision.datasets import read_dataset, split_dataset
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage
from streamvision.datasets.splitting import hold_out_fold
from support.labelled_pictures import save_picture

THIRDS = {"train": 0.8, "val": 0.1, "test": 0.1}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """60 pictures: each shows a common object, each tenth a rare one, each sixth nothing."""
    folder = tmp_path_factory.mktemp("pictures")
    images = []
    for index in range(60):
        path = save_picture(folder / f"{index:02}.png", 32, 32, seed=index)
        boxes = () if index % 6 == 5 else (LabelledBox(0, (1, 1, 9, 9)),)
        boxes += (LabelledBox(1, (10, 10, 20, 20)),) if index % 10 == 0 else ()
        images.append(LabelledImage(path, 32, 32, boxes))
    return Dataset(("common", "rare"), tuple(images))


def test_every_split_gets_its_share_of_pictures_and_classes(dataset: Dataset) -> None:
    split = split_dataset(dataset, fractions={"train": 0.5, "val": 0.5}, seed=0)
    for part in (split.part("train"), split.part("val")):
        assert len(part.images) == pytest.approx(30, abs=1)
        counts = Counter(box.class_id for _, box in part.boxes())
        assert counts[0] == pytest.approx(25, abs=1)
        assert counts[1] == 3
        assert sum(not image.boxes for image in part.images) == 5


def test_the_seed_decides(dataset: Dataset) -> None:
    first, again, other = (split_dataset(dataset, fractions=THIRDS, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_split_without_share_gets_nothing(dataset: Dataset) -> None:
    split = split_dataset(dataset, fractions={"train": 1.0, "val": 0.0}, seed=0)
    assert {image.split for image in split.images} == {"train"}


@pytest.mark.parametrize("fractions", [{"train": 0.8}, {"train": 1.2, "val": -0.2}, {"train": 0.5, "rest": 0.5}, {}])
def test_shares_that_are_none_are_refused(dataset: Dataset, fractions: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="sum to 1"):
        split_dataset(dataset, fractions=fractions, seed=0)


def test_over_all_folds_every_picture_is_held_out_once(dataset: Dataset) -> None:
    held_out = [hold_out_fold(dataset, fold=fold, folds=3, seed=4).part("val") for fold in (1, 2, 3)]
    assert sorted(image.path for part in held_out for image in part.images) == [image.path for image in dataset.images]
    for part in held_out:
        assert len(part.images) == 20
        assert Counter(box.class_id for _, box in part.boxes())[1] == 2
    again = hold_out_fold(dataset, fold=2, folds=3, seed=4)
    assert [image.path for image in again.part("val").images] == [image.path for image in held_out[1].images]
    assert len(again.part("train").images) == 40


def test_copies_and_look_alikes_stay_together(dataset: Dataset, tmp_path: Path) -> None:
    doubled = []
    for image in dataset.images[:20]:
        with Image.open(image.path) as picture:
            again = tmp_path / f"{image.path.stem}-again.jpg"
            picture.resize((48, 48)).save(again, quality=60)
        doubled += [image, replace(image, path=again, width_px=48, height_px=48)]
    split = split_dataset(Dataset(dataset.names, tuple(doubled)), fractions={"train": 0.5, "val": 0.5}, seed=3)
    where = {image.path.stem: image.split for image in split.images}
    assert all(where[image.path.stem] == where[f"{image.path.stem}-again"] for image in dataset.images[:20])
    assert set(where.values()) == {"train", "val"}


def test_real_road_signs_keep_their_balance(data_dir: Path) -> None:
    whole = read_dataset(data_dir / "roadsigns")
    split = split_dataset(Dataset(whole.names, whole.images[::5]), fractions={"train": 0.8, "val": 0.2}, seed=0)
    total = Counter(box.class_id for _, box in split.boxes())
    held_out = Counter(box.class_id for _, box in split.part("val").boxes())
    for class_id, count in total.items():
        assert held_out[class_id] == pytest.approx(0.2 * count, abs=0.05 * count + 1)
