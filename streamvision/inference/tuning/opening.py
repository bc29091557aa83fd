"""Opens a model with the calls and threads that fit this machine: those kept from before, or measured now.

What is given by hand is never changed. Accelerators, models on servers and machines of one core have nothing to choose.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.model_location import files_of
from streamvision.core.processor import busy_s
from streamvision.inference.backends.cores import Share, usable_cores
from streamvision.inference.backends.registry import plugin_for
from streamvision.inference.tuning.candidates import Goal, baseline, candidates
from streamvision.inference.tuning.choice import Choice, KeptChoices, choice_key, try_to_keep
from streamvision.inference.tuning.contest import contest
from streamvision.inference.tuning.probe import Probe, TunedModel

log = logging.getLogger(__name__)

SLOWEST_S = 0.4
"""Networks that take longer for a call are not measured, since that would take many seconds."""
LIVE_FPS = 30.0
"""The shortest call is taken where so many pictures a second come through it; where not, most of them would be lost."""
BUSY_SHARE = 0.2
"""Where others use more than this part of the machine meanwhile, what was measured is not kept for later."""
FULL_SHARE = 0.5
"""Where they use more than this, nothing is measured."""

M = TypeVar("M", bound=TunedModel)


@dataclass(frozen=True)
class _Plan:
    """What may be chosen for a model."""

    first: Share
    """What everything else is compared with."""
    others: list[Share]
    """What else there is, for the goal."""
    further: list[Share]
    """What else there is where the goal cannot be had."""
    goal: Goal
    backend: str
    """The runtime."""
    key: dict[str, Any]
    """What the choice depends on."""


def open_tuned(
    config: ModelConfig,
    open_with: Callable[[Share | None], M],
    *,
    kept: KeptChoices | None = None,
    probe: Callable[[M, Share], Probe[M]] = Probe,
) -> tuple[M, Choice | None]:
    """Open a model, and say what was chosen for it; ``None`` where nothing was, and the rule of the backend holds.

    Args:
        config: which model, and what is given by hand.
        open_with: opens it with so many calls and threads; ``None``: by the backend's rule.
        kept: where choices are kept; by default in the cache of this user.
        probe: measures a loaded model.

    Raises:
        StreamVisionError: when it cannot be opened.
    """
    plan = _plan(config) if config.tune in ("latency", "throughput", "kept") else None
    if plan is None:
        return open_with(None), None
    kept = kept or KeptChoices()
    choice = kept.find(plan.key)
    if choice is not None and choice.share in (plan.first, *plan.others, *plan.further):
        log.info("%s (measured before)", choice.words())
        return open_with(choice.share), choice
    if config.tune == "kept":
        return open_with(None), None
    opened = open_with(plan.first)
    if opened.backend.device != "cpu":
        opened.close()
        return open_with(None), None
    before = _Moment.now()
    try:
        first = probe(opened, plan.first)
    except StreamVisionError:
        return open_with(plan.first), None  # whoever uses it is told what is wrong
    _, others = before.since()
    if others > FULL_SHARE:
        first.close()
        log.info(
            "%s is not measured, since others use %.0f %% of the machine: calls and threads go by a rule",
            config.path.name,
            100 * others,
        )
        return open_with(None), None
    if first.call_s > SLOWEST_S:
        first.end()
        choice = Choice(config.path.name, plan.backend, plan.goal, plan.first, plan.first, None)
        log.info("%s", choice.words())
        return opened, choice
    best, choice = _chosen(config, plan, first, lambda share: probe(open_with(share), share))
    passed_s, others = before.since()
    if others > BUSY_SHARE:
        note = f"not kept, since others used {100 * others:.0f} % of the machine meanwhile"
    else:
        note = "kept for the next start"
        try_to_keep(kept, plan.key, choice)
    log.info("%s (measured in %.1f s; %s)", choice.words(), passed_s, note)
    return best, choice


def _chosen(config: ModelConfig, plan: _Plan, first: Probe[M], load: Callable[[Share], Probe[M]]) -> tuple[M, Choice]:
    """Measure, and return what is best, with all others closed."""
    outcome = contest(first, [partial(load, share) for share in plan.others])
    goal, gain = plan.goal, outcome.gain
    if goal == "latency" and _is_too_slow(outcome.best):
        outcome = contest(outcome.best, [partial(load, share) for share in plan.further])
        goal, gain = "throughput", gain * outcome.gain
    outcome.best.end()
    share = outcome.best.share
    return outcome.best.model, Choice(config.path.name, plan.backend, goal, share, plan.first, round(gain, 3))


def _is_too_slow(best: Probe[M]) -> bool:
    try:
        return best.rate() < LIVE_FPS
    except StreamVisionError:
        return False


class _Moment(NamedTuple):
    """When something began, and what had been used by then."""

    at_s: float
    busy_s: float | None
    own_s: float

    @classmethod
    def now(cls) -> _Moment:
        return cls(time.monotonic(), busy_s(), time.process_time())

    def since(self) -> tuple[float, float]:
        """Return the seconds since then, and the part of the machine that others used meanwhile.

        In a container, whose cores are a part of the machine's, nobody can tell who uses these; 0 then.
        """
        now, cores = _Moment.now(), os.cpu_count() or 1
        passed_s = now.at_s - self.at_s
        if now.busy_s is None or self.busy_s is None or cores != usable_cores():
            return passed_s, 0.0
        others_s = now.busy_s - self.busy_s - (now.own_s - self.own_s)
        return passed_s, max(others_s, 0.0) / max(passed_s, 1e-9) / cores


def _plan(config: ModelConfig) -> _Plan | None:
    """Return what may be chosen; ``None`` where there is nothing."""
    if config.device not in ("auto", "cpu") or not isinstance(config.path, Path):
        return None
    path, plugin = plugin_for(config.path, config.backend, config.precision)
    if not isinstance(path, Path):
        return None
    cores = usable_cores()
    goal: Goal = "latency" if config.tune == "latency" else "throughput"
    given = {"requests": config.requests, "threads": config.threads}
    others, further = (
        candidates(cores, **given, free=plugin.tunes, goal=one, spare=plugin.spare_call) for one in (goal, "throughput")
    )
    if not (others or further):
        return None
    fed = {"side_px": config.side_px, "head": config.head, "input": config.input.model_dump(mode="json")}
    executed = {"backend": plugin.name, "device": config.device, "precision": config.precision, "goal": goal}
    return _Plan(
        first=baseline(cores, **given),
        others=others,
        further=[] if goal == "throughput" else further,
        goal=goal,
        backend=plugin.name,
        key=choice_key(files_of(path), asked={**executed, **given, **fed}, version=plugin.load().version()),
    )
