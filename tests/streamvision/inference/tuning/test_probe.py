from __future__ import annotations

import threading
from pathlib import Path

import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ModelError
from streamvision.inference.backends.cores import Share
from streamvision.inference.model import Model
from streamvision.inference.tuning import opening, probe
from streamvision.inference.tuning.probe import LEAST_CALLS, Probe
from support.fixed_networks import bright_cell_detector


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return bright_cell_detector(tmp_path / "tiny.onnx")


@pytest.mark.parametrize("requests", [1, 3])
def test_every_thread_runs_the_network_and_nothing_is_left_behind(
    file: Path, monkeypatch: pytest.MonkeyPatch, requests: int
) -> None:
    monkeypatch.setattr(probe, "SLOT_S", 0.0)
    model = Model.open(ModelConfig(path=file, requests=requests, threads=1))
    threads: set[int] = set()
    calls: list[int] = []
    run = model.backend.run

    def counted(*given: object) -> object:
        threads.add(threading.get_ident())
        calls.append(1)
        return run(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(model.backend, "run", counted)
    measured = Probe(model, Share(requests, 1))
    assert measured.rate() > 0
    assert measured.rate() > 0
    assert len(threads - {threading.get_ident()}) == requests
    assert len(calls) == 2 + requests + 2 * requests * LEAST_CALLS
    measured.end()
    for thread in threading.enumerate():
        if thread.name == "tuning":
            thread.join(60)
            assert not thread.is_alive()
    assert model.backend.outputs  # it stays open
    measured.close()


def test_a_network_that_fails_is_closed_and_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model.open(ModelConfig(path=file, requests=1))
    measured = Probe(model, Share(1, 1))
    model.backend.close()
    with pytest.raises(ModelError, match="is closed"):
        measured.rate()
    measured.close()
    with pytest.raises(ModelError, match="is closed"):
        Probe(model, Share(1, 1))


def test_whatever_goes_wrong_is_said_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a driver that is broken")

    model = Model.open(ModelConfig(path=file, requests=2, threads=1))
    measured = Probe(model, Share(2, 1))
    monkeypatch.setattr(model.backend, "run", broken)
    with pytest.raises(ModelError, match=r"cannot be measured.*a driver that is broken"):
        measured.rate()
    with pytest.raises(ModelError, match="a driver that is broken"):
        Probe(model, Share(2, 1))
    with pytest.raises(ModelError, match="is closed"):
        measured.model.backend.__class__.run(model.backend, measured._inputs[0].batch.tensor)
    measured.end()


def test_a_model_is_opened_measured_and_says_what_was_chosen(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(opening, "usable_cores", lambda: 2)
    monkeypatch.setattr(opening, "FULL_SHARE", 2.0)
    monkeypatch.setattr(opening, "SLOWEST_S", 1e9)
    monkeypatch.setattr(probe, "SLOT_S", 0.0)
    with Model.open(ModelConfig(path=file, tune="throughput")) as model:
        assert model.choice is not None
        assert model.requests == model.choice.share.requests
        assert model.describe().endswith(model.choice.short())
        again = model.reopened()
        assert again.choice == model.choice
        assert again.requests == model.requests
        again.close()
