"""The loss of several answers: what is not known counts neither way, and weights do what they say."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch

from streamvision.training.answers.loss import answer_losses, weighted_sum
from streamvision.training.answers.samples import UNKNOWN_CLASS

NAN = math.nan


def test_answers_that_are_not_known_count_neither_way() -> None:
    results = torch.tensor([[2.0, 0.0, 1.0, 5.0], [0.0, 3.0, -1.0, 7.0]], requires_grad=True)
    classes, numbers = torch.tensor([0, UNKNOWN_CLASS]), torch.tensor([[0.5, NAN], [NAN, NAN]])
    losses = answer_losses(results, classes, numbers, class_count=2)
    expected = [math.log(1 + math.exp(-2)), 0.25, 0.0]
    assert losses.tolist() == pytest.approx(expected)
    losses.sum().backward()
    assert results.grad is not None
    assert torch.isfinite(results.grad).all()
    assert not results.grad[1].any()
    assert results.grad[0, 2] == 1


def test_numbers_alone_have_no_class() -> None:
    losses = answer_losses(torch.tensor([[1.0], [3.0]]), torch.tensor([-1, -1]), torch.zeros(2, 1), class_count=0)
    assert losses.tolist() == [5.0]
    assert float(weighted_sum(torch.tensor([2.0, 3.0]), [0.5, 2.0])) == 7
