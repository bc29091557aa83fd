"""Signals while a run goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from streamvision.cli.signals import exit_code, handled_signals


@pytest.fixture(autouse=True)
def hangup_as_it_was() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run behind nohup
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_hangup_asks_for_a_reload_as_often_as_it_comes() -> None:
    with handled_signals(reloads=True) as signals:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.take_reload()
            assert not signals.take_reload()
        assert signals.stop is None


def test_a_hangup_ends_what_cannot_be_reloaded() -> None:
    with handled_signals(reloads=False) as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not signals.take_reload()
    assert exit_code(signals.stop) == 129


def test_behind_nohup_a_hangup_is_nothing() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with handled_signals(reloads=False) as signals:
        os.kill(os.getpid(), signal.SIGHUP)
    assert signals.stop is None
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_the_second_of_a_kind_acts_as_always_and_all_is_as_before_at_the_end() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with handled_signals(reloads=True) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is before
    assert exit_code(signals.stop) == 0
