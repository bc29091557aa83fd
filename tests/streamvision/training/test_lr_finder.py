"""The learning rate that the range test suggests."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from streamvision.core.errors import ModelError
from streamvision.training.lr_finder import sweep


def falling_then_exploding(rate: float) -> float:
    """A loss that falls most steeply at 1e-3 and runs away above 3e-2."""
    return 2 - np.tanh(math.log10(rate) + 3) + max(0.0, (rate / 0.03 - 1) * 5)


def test_the_suggestion_is_where_the_loss_falls() -> None:
    result = sweep(falling_then_exploding)
    assert 3e-4 < result.suggested < 1e-2
    assert result.rates[-1] < 0.3


def test_a_loss_that_never_falls_gives_a_cautious_rate() -> None:
    rng = np.random.default_rng(0)
    result = sweep(lambda rate: 1 + rate * 100 + float(rng.normal(0, 0.001)))
    assert result.suggested < 1e-3


def test_a_step_that_fails_ends_the_test() -> None:
    def step(rate: float) -> float:
        if rate > 1e-3:
            raise ModelError("not a number")
        return 1.0

    assert max(sweep(step).rates) <= 1e-3


def test_figures_and_plot_are_written(tmp_path: Path) -> None:
    result = sweep(falling_then_exploding)
    result.write(tmp_path / "lr.csv", tmp_path / "lr.png")
    assert len((tmp_path / "lr.csv").read_text(encoding="utf-8").splitlines()) == len(result.rates) + 1
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
