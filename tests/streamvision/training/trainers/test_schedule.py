"""Learning rates over a run, and epochs within a time."""

from __future__ import annotations

import pytest

from streamvision.training.trainers.schedule import epochs_that_fit, lr_factor


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


def test_epochs_are_fitted_into_the_time_but_never_more_than_asked_for() -> None:
    assert epochs_that_fit(hours=None, most=50, done=1, spent_s=1e9) == 50
    assert epochs_that_fit(hours=1.0, most=50, done=2, spent_s=240) == 30
    assert epochs_that_fit(hours=1.0, most=20, done=2, spent_s=240) == 20
    assert epochs_that_fit(hours=0.01, most=20, done=2, spent_s=240) == 2
