"""Calls into a runtime that are made again while the server of the model is away."""

from __future__ import annotations

import threading

import pytest

from streamvision.core.errors import ModelAwayError
from streamvision.service.models import calls
from streamvision.service.models.calls import Caller, GivenUpError


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setattr(calls, "AWAY_PAUSE_S", 0.01)
    return Caller(lambda: False)


def away() -> str:
    raise ModelAwayError("the server does not answer")


def test_a_server_that_is_back_in_time_is_asked_again(caller: Caller) -> None:
    answers = iter([away, away, lambda: "found"])
    assert caller.call_patiently(lambda: next(answers)(), timeout_s=60, away_s=60, what="the new model") == "found"
    caller.close()


def test_one_that_is_away_for_long_is_said(caller: Caller) -> None:
    with pytest.raises(ModelAwayError, match="the server does not answer"):
        caller.call_patiently(away, timeout_s=60, away_s=0.0, what="the new model")
    caller.close()


def test_whoever_waits_for_it_may_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()
    caller = Caller(given_up.is_set)

    def away_at_last() -> str:
        given_up.set()
        return away()

    with pytest.raises(GivenUpError):
        caller.call_patiently(away_at_last, timeout_s=60, away_s=600.0, what="the new model")
    caller.close()
