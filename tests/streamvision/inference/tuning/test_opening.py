from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import MissingDependencyError, ModelError
from streamvision.inference.backends.cores import Share
from streamvision.inference.tuning import opening
from streamvision.inference.tuning.choice import Choice, KeptChoices
from streamvision.inference.tuning.contest import MARGIN
from streamvision.inference.tuning.opening import LIVE_FPS, SLOWEST_S, open_tuned

RULE = (0, 0)


class Machine:
    """Opens models of given rates, and measures them without running anything."""

    def __init__(self, rates: Mapping[tuple[int, int], float], *, device: str = "cpu", call_s: float = 0.02) -> None:
        self.rates = rates
        self.device = device
        self.call_s = call_s
        self.opened: list[tuple[int, int]] = []
        self.still_open: list[tuple[int, int]] = []
        self.fails = False

    def open_with(self, share: Share | None) -> Any:
        used = RULE if share is None else tuple(share)
        self.opened.append(used)
        self.still_open.append(used)
        return SimpleNamespace(
            share=used, backend=SimpleNamespace(device=self.device), close=lambda: self.still_open.remove(used)
        )

    def probe(self, model: Any, share: Share) -> Any:
        if self.fails:
            model.close()
            raise ModelError("the network fails; give another")
        rate = self.rates.get(tuple(share), 1.0)
        return SimpleNamespace(
            model=model, share=share, call_s=self.call_s, rate=lambda: rate, close=model.close, end=lambda: None
        )


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelConfig:
    monkeypatch.setattr(opening, "usable_cores", lambda: 2)
    monkeypatch.setattr(opening, "busy_s", lambda: None)
    file = tmp_path / "yolo.onnx"
    file.write_bytes(b"weights")
    return ModelConfig(path=file, tune="throughput")


@pytest.fixture
def kept(tmp_path: Path) -> KeptChoices:
    return KeptChoices(tmp_path / "tuning")


def opened(machine: Machine, config: ModelConfig, kept: KeptChoices, **changes: Any) -> tuple[Any, Choice | None]:
    model, choice = open_tuned(config.model_copy(update=changes), machine.open_with, kept=kept, probe=machine.probe)
    assert machine.still_open == [model.share]
    return model.share, choice


def test_the_fastest_is_chosen_kept_and_taken_at_once_the_next_time(config: ModelConfig, kept: KeptChoices) -> None:
    machine = Machine({(1, 2): 40, (2, 1): 50, (3, 1): 60})
    share, choice = opened(machine, config, kept)
    assert share == (3, 1)
    assert choice == Choice("yolo.onnx", "onnxruntime", "throughput", Share(3, 1), Share(1, 2), 1.5)
    again = Machine({})
    assert opened(again, config, kept) == (share, choice)
    assert again.opened == [(3, 1)]


def test_one_call_of_all_threads_wins_ties(config: ModelConfig, kept: KeptChoices) -> None:
    rate = 40 * (1 + MARGIN)
    share, choice = opened(Machine({(1, 2): 40, (2, 1): rate, (3, 1): rate, (1, 1): rate}), config, kept)
    assert share == (1, 2)
    assert choice is not None
    assert choice.gain == 1.0


def test_a_single_live_source_gets_the_shortest_call(config: ModelConfig, kept: KeptChoices) -> None:
    machine = Machine({(1, 2): LIVE_FPS + 1, (1, 1): LIVE_FPS, (2, 1): 60, (3, 1): 60})
    share, choice = opened(machine, config, kept, tune="latency")
    assert share == (1, 2)
    assert choice is not None
    assert choice.goal == "latency"
    assert (2, 1) not in machine.opened


def test_it_gets_the_most_pictures_where_frames_would_be_lost(config: ModelConfig, kept: KeptChoices) -> None:
    machine = Machine({(1, 2): LIVE_FPS - 1, (2, 1): LIVE_FPS + 5})
    share, choice = opened(machine, config, kept, tune="latency")
    assert share == (2, 1)
    assert choice is not None
    assert choice.goal == "throughput"
    assert opened(Machine({}), config, kept, tune="latency")[0] == (2, 1)


def test_what_is_given_by_hand_stays(config: ModelConfig, kept: KeptChoices) -> None:
    assert opened(Machine({}), config, kept, requests=2, threads=1) == (RULE, None)
    machine = Machine({(2, 1): 40})
    assert opened(machine, config, kept, requests=2)[0] == RULE  # two calls on two cores: a thread each
    machine = Machine({(1, 1): 20, (2, 1): 50})
    assert opened(machine, config, kept, threads=1)[0] == (2, 1)
    assert {threads for _, threads in machine.opened} == {1}


@pytest.mark.parametrize("tune", ["auto", "off", "kept"])
def test_nothing_is_measured_where_that_is_not_wanted(config: ModelConfig, kept: KeptChoices, tune: str) -> None:
    machine = Machine({(2, 1): 50})
    assert opened(machine, config, kept, tune=tune) == (RULE, None)
    assert machine.opened == [RULE]


def test_what_was_measured_before_serves_where_nothing_may_be_measured(config: ModelConfig, kept: KeptChoices) -> None:
    opened(Machine({(2, 1): 50}), config, kept)
    assert opened(Machine({}), config, kept, tune="kept")[0] == (2, 1)
    assert opened(Machine({}), config, kept, tune="off")[0] == RULE


def test_there_is_nothing_to_choose_on_one_core_nor_on_an_accelerator(
    config: ModelConfig, kept: KeptChoices, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened(Machine({}), config, kept, device="cuda:0") == (RULE, None)
    assert opened(Machine({}, device="cuda:0"), config, kept) == (RULE, None)  # the device was left open
    monkeypatch.setattr(opening, "usable_cores", lambda: 1)
    machine = Machine({})
    assert opened(machine, config, kept) == (RULE, None)
    assert machine.opened == [RULE]


def test_a_slow_network_is_not_measured_and_gets_one_call_of_all_threads(
    config: ModelConfig, kept: KeptChoices
) -> None:
    share, choice = opened(Machine({(2, 1): 50}, call_s=SLOWEST_S + 0.1), config, kept)
    assert share == (1, 2)
    assert choice is not None
    assert choice.gain is None
    assert kept.all() == []


@pytest.mark.parametrize(("others", "share", "stays"), [(0.1, (2, 1), True), (0.3, (2, 1), False), (0.7, RULE, False)])
def test_a_busy_machine_is_not_trusted(
    config: ModelConfig,
    kept: KeptChoices,
    monkeypatch: pytest.MonkeyPatch,
    others: float,
    share: tuple[int, int],
    stays: bool,
) -> None:
    monkeypatch.setattr(opening._Moment, "since", lambda before: (1.0, others))
    assert opened(Machine({(2, 1): 50}), config, kept)[0] == share
    assert bool(kept.all()) == stays


def test_what_others_use_is_told_from_what_this_process_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "usable_cores", lambda: 4)
    monkeypatch.setattr(opening.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(opening._Moment, "now", lambda: opening._Moment(12.0, 106.0, 7.0))
    assert opening._Moment(10.0, 100.0, 3.0).since() == (2.0, 0.25)
    assert opening._Moment(10.0, None, 3.0).since() == (2.0, 0.0)
    monkeypatch.setattr(opening, "usable_cores", lambda: 2)  # a container
    assert opening._Moment(10.0, 100.0, 3.0).since() == (2.0, 0.0)


def test_a_model_that_fails_is_opened_nevertheless(config: ModelConfig, kept: KeptChoices) -> None:
    machine = Machine({})
    machine.fails = True
    assert opened(machine, config, kept) == ((1, 2), None)


def test_a_share_that_is_none_of_the_candidates_is_not_taken_from_the_cache(
    config: ModelConfig, kept: KeptChoices
) -> None:
    opened(Machine({(2, 1): 50}), config, kept)
    (file,) = kept.folder.iterdir()
    file.write_text(file.read_text().replace('"share": [\n  2,\n  1\n ]', '"share": [60, 60]'))
    assert kept.all()[0].share == (60, 60)
    assert opened(Machine({(2, 1): 50}), config, kept)[0] == (2, 1)


def test_a_missing_file_is_said_as_ever(config: ModelConfig, tmp_path: Path) -> None:
    machine = Machine({})
    with pytest.raises(ModelError, match="no model at"):
        open_tuned(config.model_copy(update={"path": tmp_path / "none.onnx"}), machine.open_with)
    assert machine.opened == []


def test_a_runtime_that_is_absent_is_said_as_ever(config: ModelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_cls: object) -> str:
        raise MissingDependencyError("ONNX Runtime is not installed; install it")

    monkeypatch.setattr("streamvision.inference.backends.onnx_runtime.OnnxRuntimeBackend.version", classmethod(absent))
    with pytest.raises(MissingDependencyError):
        open_tuned(config, Machine({}).open_with)
