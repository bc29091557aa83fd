"""What benchmarks/calls.py makes of the rates that it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import calls
from benchmarks.peers import ContenderError
from streamvision.bench.usage import machine
from streamvision.core.config.model import ModelConfig
from support.fixed_networks import bright_cell_detector


def test_every_way_runs_in_each_round_and_is_compared_with_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = iter([10.0, 12.0, 11.0, 20.0, 26.0, 24.0])
    given: list[tuple[int, int, str]] = []

    def run(_contender: object, work: dict[str, Any]) -> dict[str, float]:
        if work["threads"] == 1 and work["requests"] == 1:
            raise ContenderError("no")
        given.append((work["requests"], work["threads"], work["tune"]))
        return {"fps": next(rates)}

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(calls, "usable_cores", lambda: 2)
    monkeypatch.setattr(calls, "run", run)
    file = bright_cell_detector(tmp_path / "tiny.onnx")
    part = calls.measured(ModelConfig(path=file), {"video": "v.mp4"}, rounds=2)
    assert given == [(1, 2, "off"), (2, 1, "off"), (3, 1, "off")] * 2
    assert [(way["requests"], way["fps"], way["ratio"]) for way in part["ways"]] == [
        (1, 15.0, 1.0), (2, 19.0, 1.25), (3, 17.5, 1.15),
    ]  # fmt: skip
    document = {"machine": machine(), "rounds": 2, "frames": 20, "models": [part]}
    assert "| 2 calls of 1 thread | 19.0 | 1.25 |" in calls.markdown(document)
