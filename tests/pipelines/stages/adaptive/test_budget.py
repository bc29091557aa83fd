"""Looks go to whoever needs them most, nobody starves, and without a shortage all are granted."""

from __future__ import annotations

from collections import Counter

from pipelines.stages.adaptive.budget import LEAST_PRICE, Budget


def share_out(budget: Budget, growth: dict[str, float], *, seconds: float, fps: float = 25) -> Counter[str]:
    """Let streams claim whose pictures change by so much with each frame since their last look; count the looks."""
    looks: Counter[str] = Counter()
    changed = dict.fromkeys(growth, 0.0)
    for frame in range(round(seconds * fps)):
        for name, grows in growth.items():
            changed[name] = min(changed[name] + grows, 1.0)
            if budget.grant(changed=changed[name], cost=0.5, now_s=frame / fps, behind=False):
                looks[name] += 1
                changed[name] = 0.0
    return looks


def test_without_a_limit_and_in_time_every_claim_is_granted() -> None:
    assert share_out(Budget(), {"a": 0.001, "b": 0.2}, seconds=4) == {"a": 100, "b": 100}


def test_a_limit_is_kept_and_shared_by_need() -> None:
    looks = share_out(Budget(10), {"calm": 0.005, "busy": 0.05}, seconds=40)
    assert 0.5 * looks.total() <= 10 * 40 + 5
    assert 0.5 * looks.total() >= 0.6 * 10 * 40
    assert looks["busy"] > 2 * looks["calm"] > 0


def test_streams_that_lose_frames_raise_the_price_until_they_do_not() -> None:
    budget = Budget()
    for frame in range(50):
        budget.grant(changed=0.1, cost=1, now_s=frame / 25, behind=True)
    dear = budget._price
    assert dear > 0.1
    assert not budget.grant(changed=0.05, cost=1, now_s=2.0, behind=False)
    assert budget.grant(changed=0.0, cost=1, now_s=2.0, behind=False, due=True)
    for frame in range(2000):
        budget.grant(changed=0.1, cost=1, now_s=2 + frame / 25, behind=False)
    assert budget._price == LEAST_PRICE


def test_a_long_pause_is_no_reason_for_a_burst() -> None:
    budget = Budget(4)
    share_out(budget, {"a": 1.0}, seconds=2)
    granted = [budget.grant(changed=1, cost=1, now_s=1000.0, behind=False) for _ in range(10)]
    assert sum(granted) <= 2
