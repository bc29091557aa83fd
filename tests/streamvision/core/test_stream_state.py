"""The legal moves of a stream, and no others."""

from __future__ import annotations

import pytest

from streamvision.core.stream_state import FINAL_STATES, LEGAL_MOVES, StateMachine, StreamState

S = StreamState


def test_a_camera_that_falters_comes_back() -> None:
    machine = StateMachine()
    for state in (S.CONNECTING, S.LIVE, S.STALLED, S.RECONNECTING, S.LIVE, S.RECONNECTING, S.LIVE):
        assert machine.move(state, "because")
    state, reason, since_s = machine.snapshot()
    assert (state, reason) == (S.LIVE, "because")
    assert since_s >= 0


def test_stopping_is_legal_until_the_stream_is_over() -> None:
    for state, following in LEGAL_MOVES.items():
        assert S.STOPPED in following or state in FINAL_STATES


@pytest.mark.parametrize("final", sorted(FINAL_STATES))
def test_a_stream_that_is_over_stays_over(final: StreamState) -> None:
    machine = StateMachine()
    machine.move(S.CONNECTING)
    machine.move(final)
    assert not machine.move(S.LIVE)
    assert machine.state is final


def test_an_illegal_move_is_a_fault_of_the_program() -> None:
    with pytest.raises(RuntimeError, match="from idle to live"):
        StateMachine().move(S.LIVE)
