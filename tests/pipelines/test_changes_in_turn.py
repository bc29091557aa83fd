"""Of one stream, one thread changes something at a time; of different ones, any number."""

from __future__ import annotations

import threading

import pytest

from pipelines.changes_in_turn import StreamChanges
from streamvision.core.errors import BusyError


def test_the_same_stream_is_changed_in_turn_and_others_meanwhile() -> None:
    changes = StreamChanges(timeout_s=60)
    order: list[str] = []

    def work() -> None:
        with changes.of("gate"):
            order.append("second")

    with changes.of("gate"):
        other = threading.Thread(target=work)
        other.start()
        with changes.of("yard"), changes.reserved(None, lambda taken: f"new-{len(taken)}") as name:
            assert changes.busy == {"gate", "yard", "new-2"} and name == "new-2"
        order.append("first")
    other.join(60)
    assert order == ["first", "second"]
    assert not changes.busy


def test_a_change_that_does_not_end_is_one_sentence_and_an_error_frees_the_stream() -> None:
    changes = StreamChanges(timeout_s=0.01)
    with changes.of("gate"):
        for again in (changes.of("gate"), changes.reserved("gate", lambda taken: "gate")):
            with pytest.raises(BusyError, match="stream 'gate' is in the middle of another change; try again"):
                again.__enter__()
    with pytest.raises(ZeroDivisionError), changes.reserved("gate", lambda taken: "gate"):
        raise ZeroDivisionError
    with changes.of("gate"):
        assert changes.busy == {"gate"}
