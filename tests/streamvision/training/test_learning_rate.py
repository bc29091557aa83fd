"""Learning rates over a run, epochs within a time, and the learning rate that the range test suggests."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from streamvision.core.errors import ModelError
from streamvision.training.learning_rate import cut_sentence, epochs_that_fit, learning_rate, lr_factor, sweep
from streamvision.training.recipe import load_recipe


def test_the_rate_rises_falls_and_ends_where_it_should() -> None:
    rates = [lr_factor(at / 10, epochs=10, warmup=2, final=0.01) for at in range(101)]
    highest = rates.index(max(rates))
    assert rates[0] == 0
    assert rates[:highest] == sorted(rates[:highest])
    assert 18 <= highest <= 21
    assert rates[highest:] == sorted(rates[highest:], reverse=True)
    assert rates[-1] == pytest.approx(0.01)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_short_run_warms_up_over_half_of_it_at_most(epochs: int) -> None:
    rates = [lr_factor(at * epochs / 100, epochs=epochs, warmup=3, final=0.01) for at in range(101)]
    assert rates[0] == 0 and rates[1] < 0.05
    assert 40 <= rates.index(max(rates)) <= 50 and max(rates) > 0.5
    assert rates[-1] == pytest.approx(0.01)


def test_a_second_stage_has_a_rate_a_warm_up_and_a_cosine_of_its_own() -> None:
    given = {"data": ".", "model": "resnet18", "lr": 1e-2, "warmup": 1, "freeze": 9, "unfreeze_at": 4, "final_lr": 0.1}
    stages = load_recipe(None, given | {"unfreeze_lr": 1e-3})
    rates = [learning_rate(stages, at / 10, epochs=9) for at in range(1, 91)]
    first, second = rates[:30], rates[30:]
    assert 7e-3 < max(first) <= 1e-2
    assert first[-1] == pytest.approx(1e-3)
    assert second[0] < 2e-4
    assert 9e-4 < max(second) <= 1e-3
    assert second[-1] == pytest.approx(1e-4)
    one = load_recipe(None, given)  # without a second rate the first cosine goes on
    assert learning_rate(one, 5.0, epochs=9) == pytest.approx(1e-2 * lr_factor(5.0, epochs=9, warmup=1, final=0.1))


def test_epochs_are_fitted_into_the_time_but_never_more_than_asked_for() -> None:
    assert epochs_that_fit(hours=None, most=50, done=1, spent_s=1e9) == 50
    assert epochs_that_fit(hours=1.0, most=50, done=2, spent_s=240) == 30
    assert epochs_that_fit(hours=1.0, most=20, done=2, spent_s=240) == 20
    assert epochs_that_fit(hours=0.01, most=20, done=2, spent_s=240) == 2


@pytest.mark.parametrize(("hours", "spent_s", "step"), [(None, 1e9, 1), (1.0, 3599.0, 1), (1.0, 3600.0, 5)])
def test_an_epoch_is_cut_only_where_the_time_is_over_and_steps_are_left(
    hours: float | None, spent_s: float, step: int
) -> None:
    assert cut_sentence(hours, spent_s=spent_s, epoch=2, step=step, steps=5) is None
    said = cut_sentence(1.0, spent_s=3600.0, epoch=2, step=4, steps=5)
    assert said == "Stopped in epoch 2, after batch 4 of 5: the time is over (--hours 1)."


def falling_then_exploding(rate: float) -> float:
    """A loss that falls most steeply at 1e-3 and runs away above 3e-2."""
    return 2 - np.tanh(math.log10(rate) + 3) + max(0.0, (rate / 0.03 - 1) * 5)


def test_the_suggestion_is_where_the_loss_falls() -> None:
    result = sweep(falling_then_exploding)
    assert 3e-4 < result.suggested < 1e-2
    assert result.rates[-1] < 0.3
    assert result.falls and result.sentence.startswith(f"Suggested: --lr {result.suggested:.2g}")


@pytest.mark.parametrize("seed", range(5))
def test_noise_between_batches_moves_the_suggestion_little(seed: int) -> None:
    rng = np.random.default_rng(seed)
    result = sweep(lambda rate: falling_then_exploding(rate) + float(rng.normal(0, 0.2)))
    assert 5e-4 < result.suggested < 1e-2


def test_a_loss_that_never_falls_gives_a_cautious_rate() -> None:
    rng = np.random.default_rng(0)
    result = sweep(lambda rate: 1 + rate * 100 + float(rng.normal(0, 0.001)))
    assert result.suggested < 1e-3
    assert not result.falls and "none can be suggested" in result.sentence


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_fall(seed: int) -> None:
    rng = np.random.default_rng(seed)
    result = sweep(lambda rate: 0.3 + max(0.0, (rate / 0.001 - 1) * 0.1) + float(rng.normal(0, 0.05)))
    assert not result.falls


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
