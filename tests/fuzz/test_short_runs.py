"""Each reader gets a few dozen files that are nearly right; ``python -m support.fuzzing`` runs the same for longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.fuzzing.target import Target
from support.fuzzing.targets import TARGETS
from support.fuzzing.trial import Trials

INPUTS = 30


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_of_anything_a_reader_makes_data_or_one_sentence(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "trials").mkdir()
    trials = Trials(target, tmp_path / "trials")

    @settings(
        max_examples=INPUTS, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.integers(0, 1 << 32))
    def feed(seed: int) -> None:
        rng = random.Random(seed)
        # What is slow is judged by long runs, on a machine that does nothing else.
        faults = [fault for fault in trials.run(target.case(rng), rng) if fault.kind != "slow"]
        assert not faults, "\n".join(f"{fault.kind}: {fault.detail}\n{fault.more}" for fault in faults)

    try:
        feed()
    finally:
        trials.close()
