"""Weights of rare classes and blended batches."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.training.class_loss import class_weights, mix_batch
from streamvision.training.recipe import Augmentation

pytestmark = [pytest.mark.reference]


def test_weights_follow_the_square_root_of_rarity_and_are_one_on_average() -> None:
    common, rare = class_weights([400, 100])
    assert rare / common == pytest.approx(2)
    assert (common * 400 + rare * 100) / 500 == pytest.approx(1)
    assert class_weights([5, 5, 5]) == pytest.approx([1, 1, 1])


def test_a_class_without_pictures_has_a_finite_weight() -> None:
    assert np.isfinite(class_weights([10, 0])).all()


def blended(seed: int = 0, **settings: float) -> tuple[torch.Tensor, torch.Tensor]:
    pictures = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 3, 8, 8).clone()
    augmentation = Augmentation(**settings)
    return mix_batch(
        pictures, torch.tensor([0, 1, 2, 0]), settings=augmentation, classes=3, rng=np.random.default_rng(seed)
    )


def test_mixup_blends_pictures_and_classes_by_the_same_share() -> None:
    pictures, shares = blended(mixup=1.0)
    assert shares.shape == (4, 3)
    assert torch.allclose(shares.sum(dim=1), torch.ones(4))
    own = shares[1, 1]  # picture 1 is the only one of its class; torchvision blends with the one before
    assert 0 < own < 1
    assert torch.allclose(pictures[1], torch.full((3, 8, 8), float(own) * 1.0))


def test_cutmix_pastes_a_part_and_shares_by_its_area() -> None:
    pictures, shares = next(pair for seed in range(20) if 0 < (pair := blended(seed=seed, cutmix=1.0))[1][1, 1] < 1)
    own = (pictures[1] == 1).float().mean()
    assert 0 < own < 1
    assert torch.isclose(shares[1, 1], own, atol=1e-4)


def test_nothing_is_blended_unasked_and_chance_is_the_generators() -> None:
    pictures, classes = blended()
    assert classes.tolist() == [0, 1, 2, 0]
    assert pictures[3].unique().tolist() == [3.0]
    assert torch.equal(blended(mixup=0.5, cutmix=0.5, seed=1)[0], blended(mixup=0.5, cutmix=0.5, seed=1)[0])
