"""Models of a running service that fail, hang or have no room, and changes that are broken off."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.first_model import FirstModel
from pipelines.model_group import ModelGroup
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ModelError
from streamvision.core.model_control import (
    ModelChangeError,
)
from streamvision.service.models import change as change_module
from streamvision.service.models import memory
from support.service_models import audited, control_of, ended, groups_of, path_now, request, service, until_state
from support.serving import until


def test_a_model_that_hangs_while_it_is_opened_has_to_end_before_another_is_opened(
    tmp_path: Path, film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over = threading.Event(), threading.Event()

    def hanging(group: ModelGroup, config: ModelConfig) -> FirstModel:
        begun.set()
        over.wait(120)
        return open_beside(group, config)

    open_beside = ModelGroup.open_beside
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        monkeypatch.setattr(ModelGroup, "open_beside", hanging)
        control.replace("default", request(models["second"]))
        assert begun.wait(60)
        control.cancel("default")
        with pytest.raises(ModelChangeError, match="has not come back, and holds memory"):
            control.replace("default", request(models["second"]))
        monkeypatch.undo()
        over.set()
        until(lambda: not any("model-change" in one.name for one in threading.enumerate()), "it has ended")
        control.replace("default", request(models["second"], prove="none", shadow_s=0))
        until_state(control, "shadowing")


def test_a_model_that_fails_when_it_has_taken_over_is_gone_back_from(
    tmp_path: Path, film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        control.replace("default", request(models["second"], prove="none", shadow_s=0))
        until_state(control, "shadowing")
        (group,) = groups_of(served).open
        exchange = group.exchange

        def spoilt(first: Any, **more: Any) -> None:
            def run(tensor: Any) -> Any:
                raise RuntimeError("out of memory")

            first.model.backend.run = run
            exchange(first, **more)

        monkeypatch.setattr(group, "exchange", spoilt)
        control.accept("default")
        change = ended(control)
        assert change.state == "rolled_back" and "out of memory" in change.sentence
        assert path_now(control) == "first.onnx" and served.service.layers.models == {}
        until(lambda: audited(served) == [("streamvision", "model rolled back")], "it is written down")
        until(lambda: served.get("/api/streams/a")["objects"] == {"fox": 1}, "it goes on")


def test_a_model_that_hangs_when_it_has_taken_over_is_gone_back_from_while_it_is_on_trial(
    tmp_path: Path, film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_module, "LONGEST_TRIAL_S", 12.0)  # five times the limit of a call are more
    over = threading.Event()
    more = {"model": {"path": str(models["first"]), "threads": 1, "call_timeout_s": 3.0}}
    with service(tmp_path, film, models["first"], "a", **more) as served:
        control = control_of(served)
        control.replace("default", request(models["second"], prove="none"))
        until(
            lambda: (found := control.change("default")) and found.shadow and found.shadow.comparison.pictures, "both"
        )
        (group,) = groups_of(served).open
        exchange = group.exchange

        def spoilt(first: Any, **more: Any) -> None:
            first.model.backend.run = lambda tensor: over.wait(120)
            exchange(first, **more)

        monkeypatch.setattr(group, "exchange", spoilt)
        control.accept("default")
        change = ended(control)
        over.set()
        assert change.state == "rolled_back" and "has not answered for 3 s" in change.sentence
        until(lambda: served.get("/api/streams/a")["objects"] == {"fox": 1}, "it goes on")


def test_without_memory_for_two_it_is_refused_before_anything_is_opened(
    tmp_path: Path, film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        monkeypatch.setattr(memory, "available_bytes", lambda: 10_000_000)
        control.replace("default", request(models["second"]))
        change = ended(control)
        assert change.state == "refused" and "not enough memory for two models" in change.sentence
        assert change.card is None and change.memory is not None and change.memory.available_mb == 10.0


def test_stopping_ends_a_change_at_once(tmp_path: Path, film: Path, models: dict[str, Path]) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        control.replace("default", request(models["second"], pictures=1000))
        until_state(control, "proving")
    assert ended(control).state == "cancelled"
    until(lambda: not any("model-change" in one.name for one in threading.enumerate()), "its thread has ended")
    with pytest.raises(ModelChangeError, match="being stopped"):
        control.replace("default", request(models["second"]))
    with pytest.raises(ModelError, match="closed"):
        groups_of(served).open[0].models.first.backend.run(np.zeros((1, 3, 64, 64), np.float32))
