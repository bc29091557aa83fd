from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from streamvision.core.config.mqtt import MqttConfig
from streamvision.notify.mqtt.publisher import MqttPublisher
from streamvision.notify.spool import Spool, open_spool
from support.mosquitto import Mosquitto
from support.serving import Served, serving, write_config
from support.tiny_detector import tiny_detector


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def served(tmp_path: Path, model: Path) -> Iterator[Served]:
    with serving(str(tmp_path / "state"), tmp_path / "folder", write_config(tmp_path / "c.yaml", model)) as running:
        yield running


@pytest.fixture
def halves() -> dict[str, Any]:
    """What is counted on a stream: a line in the middle and the zone left of it."""
    zone = {"name": "left", "points": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], "anchor": "center"}
    return {"lines": [{"name": "mid", "points": [[0.5, 0], [0.5, 1]]}], "zones": [zone]}


@pytest.fixture
def publishing() -> Callable[..., AbstractContextManager[MqttPublisher]]:
    """Tell a broker of a service for the length of the block."""

    @contextmanager
    def run(broker: Mosquitto, served: Served, *, spool: Spool | None = None, **more: Any) -> Iterator[MqttPublisher]:
        config = MqttConfig(host="127.0.0.1", port=broker.port, **{"counts_every_s": 0.2, **more})
        publisher = MqttPublisher(
            config,
            served.service.view,
            spool=spool or open_spool(None, "mqtt", max_messages=10_000, max_bytes=10**8),
        )
        publisher.start()
        try:
            yield publisher
        finally:
            publisher.stop()

    return run
