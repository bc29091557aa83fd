from __future__ import annotations

import pytest

from pipelines.assembly import name_streams
from pipelines.model_tuning import VARIABLE, while_others_run, with_goal, with_goals
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.model import Tune
from streamvision.core.errors import ConfigError


def run_of(*sources: str, tune: Tune = "auto") -> AppConfig:
    streams = [{"source": source, "policy": "file" if source == FILE else "auto"} for source in sources]
    model = {"path": "a.onnx", "tune": tune}
    return parse_config({"model": model, "models": {"b": {"path": "b.onnx"}}, "streams": streams}, origin="test")


def goals(config: AppConfig, *, service: bool = False) -> tuple[str, str]:
    specs = [spec for spec, _ in name_streams(config.streams).values()]
    found = with_goals(config, specs, service=service)
    return found.model.tune, found.models["b"].tune


LIVE, FILE = "rtsp://camera/1", "synthetic:boxes"


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_a_single_live_source_wants_the_shortest_call_and_all_else_the_most_pictures() -> None:
    assert goals(run_of(LIVE)) == ("latency", "latency")
    assert goals(run_of(LIVE, "rtsp://camera/2")) == ("throughput", "throughput")
    assert goals(run_of(FILE)) == ("throughput", "throughput")
    assert goals(run_of(LIVE), service=True) == ("throughput", "throughput")


def test_what_is_set_stays() -> None:
    assert goals(run_of(LIVE, tune="off")) == ("off", "latency")
    assert goals(run_of(FILE, tune="latency")) == ("latency", "throughput")


def test_the_environment_says_what_auto_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "kept")
    assert goals(run_of(LIVE, tune="throughput")) == ("throughput", "kept")
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(ConfigError, match="STREAMVISION_TUNE is 'fast'; set it to auto, latency,"):
        goals(run_of(LIVE))


def test_beside_running_streams_nothing_is_measured() -> None:
    model = run_of(FILE).model
    assert while_others_run(with_goal(model)).tune == "kept"
    assert while_others_run(model.model_copy(update={"tune": "off"})).tune == "off"
