"""Who is blamed for processes that are lost, and when it is tried again; time is the test's."""

from __future__ import annotations

from streamvision.cluster.suspects import CONFIRM_S, FORGIVEN_S, PAUSES_S, SUSPECT_LOSSES, TRIAL_S, Suspects


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def lose(suspects: Suspects, clock: Clock, *streams: str, node: str = "north", since_s: float = 100.0) -> list[str]:
    """Let a process be lost with streams that it has had for a while, and its machine have another."""
    suspects.lost(node, dict.fromkeys(streams, clock.now_s - since_s))
    return suspects.joined(node)


def test_one_that_ends_processes_is_told_from_those_that_were_beside_it() -> None:
    suspects = Suspects(clock := Clock())
    assert lose(suspects, clock, "bad", "a", "b") == []
    assert lose(suspects, clock, "bad", "c", node="south") == []
    assert lose(suspects, clock, "bad", "a", "c", node="south") == ["bad"]
    assert suspects.is_suspect("bad") and not any(map(suspects.is_suspect, "abc"))


def test_a_machine_that_is_lost_is_nobodys_fault() -> None:
    suspects = Suspects(clock := Clock())
    for number in range(2 * SUSPECT_LOSSES):
        suspects.lost(f"machine {number}", {"a": clock.now_s - 100})
        assert suspects.joined("another") == []
    suspects.lost("late", {"a": clock.now_s - 100})
    clock.now_s += CONFIRM_S
    assert suspects.joined("late") == []
    assert suspects.losses("a") == 0


def test_it_is_tried_ever_more_seldom_and_never_given_up() -> None:
    suspects = Suspects(clock := Clock())
    for _ in range(SUSPECT_LOSSES):
        assert suspects.is_due("bad"), "whoever is no suspect waits for nothing"
        lose(suspects, clock, "bad")
    for pause_s in (*PAUSES_S[1:], PAUSES_S[-1]):
        lose(suspects, clock, "bad")
        clock.now_s += pause_s - 1
        assert not suspects.is_due("bad")
        clock.now_s += 2
        assert suspects.is_due("bad")


def test_while_one_is_tried_it_alone_is_blamed() -> None:
    suspects = Suspects(clock := Clock())
    for _ in range(SUSPECT_LOSSES):
        lose(suspects, clock, "bad", "beside")
    assert suspects.is_suspect("beside"), "both were there each time"
    suspects.lost("north", {"bad": clock.now_s - TRIAL_S / 2, "beside": clock.now_s - TRIAL_S * 2})
    suspects.joined("north")
    assert (suspects.losses("bad"), suspects.losses("beside")) == (SUSPECT_LOSSES + 1, SUSPECT_LOSSES)
    suspects.lost("north", {"bad": clock.now_s, "beside": clock.now_s}, blamed="beside")
    suspects.joined("north")
    assert suspects.losses("beside") == SUSPECT_LOSSES + 1, "the one that is known to hold it"


def test_what_has_run_for_long_or_was_changed_has_a_clean_record() -> None:
    suspects = Suspects(clock := Clock())
    for _ in range(SUSPECT_LOSSES):
        lose(suspects, clock, "a", "b")
    suspects.forget("a")
    assert suspects.losses("a") == 0
    lose(suspects, clock, "b", since_s=FORGIVEN_S)
    assert suspects.losses("b") == 1
    suspects.lost("north", {"b": clock.now_s - 100})
    suspects.forget("b")
    suspects.joined("north")
    assert suspects.losses("b") == 0, "it was changed while its machine had no process"
