"""Learning rates over a run, and epochs within a time."""

from __future__ import annotations

import pytest

from streamvision.training.recipe import load_recipe
from streamvision.training.schedule import epochs_that_fit, learning_rate, lr_factor


def test_the_rate_rises_falls_and_ends_where_it_should() -> None:
    rates = [lr_factor(at / 10, epochs=10, warmup=2, final=0.01) for at in range(101)]
    highest = rates.index(max(rates))
    assert rates[0] == 0
    assert rates[:highest] == sorted(rates[:highest])
    assert 18 <= highest <= 21
    assert rates[highest:] == sorted(rates[highest:], reverse=True)
    assert rates[-1] == pytest.approx(0.01)


def test_a_run_of_one_epoch_has_no_warm_up_that_would_eat_it() -> None:
    assert lr_factor(0.0, epochs=1, warmup=3, final=0.01) == 1


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
