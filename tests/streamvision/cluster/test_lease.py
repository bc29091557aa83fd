"""A node's lease ends before the head gives its streams to others, whatever the network does."""

import pytest

from streamvision.cluster.lease import REMEMBERED, Lease


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_begins_with_the_first_answer_that_was_heard_and_goes_on_with_each_further_one(clock: Clock) -> None:
    lease = Lease(4.0, clock)
    assert not lease.renew(0), "nothing was heard yet"
    assert not lease.over, "what was never given is not over"
    lease.answered(1)
    clock.now_s += 1
    assert lease.renew(1)
    clock.now_s += 2.5
    assert lease.renew(1) and not lease.over
    lease.answered(2)
    assert lease.renew(2)
    clock.now_s += 3.9
    assert not lease.over


def test_an_exchange_that_was_long_on_its_way_counts_from_the_answer_before_it(clock: Clock) -> None:
    lease = Lease(4.0, clock)
    lease.answered(1)
    clock.now_s += 3.9
    assert lease.renew(1)
    clock.now_s += 0.2
    assert lease.over, "the head heard the answer more than four seconds ago"


def test_what_is_over_stays_over_though_the_head_is_heard_again(clock: Clock) -> None:
    lease = Lease(4.0, clock)
    lease.answered(1)
    assert lease.renew(1)
    lease.answered(2)
    clock.now_s += 4.1
    lease.answered(3)
    assert not lease.renew(3)
    assert lease.over


def test_answers_of_long_ago_renew_nothing(clock: Clock) -> None:
    lease = Lease(4.0, clock)
    for number in range(1, REMEMBERED + 3):
        lease.answered(number)
    assert not lease.renew(1)
    assert lease.renew(REMEMBERED + 2)
