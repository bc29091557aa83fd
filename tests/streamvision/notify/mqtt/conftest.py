from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from streamvision.core.config.mqtt import MqttConfig
from streamvision.notify.message import Message
from streamvision.notify.mqtt.publisher import MqttPublisher
from streamvision.notify.spool import Spool, Waiting
from support.mosquitto import Mosquitto
from support.serving import Served, serving, write_config
from support.tiny_detector import tiny_detector


class ListSpool:
    def __init__(self, most: int = 10_000) -> None:
        self.lost = 0
        self._most = most
        self._waiting: deque[Waiting] = deque()
        self._number = 0

    def put(self, message: Message) -> None:
        self._number += 1
        self._waiting.append(Waiting(self._number, message))
        if len(self._waiting) > self._most:
            self._waiting.popleft()
            self.lost += 1

    def first(self, count: int) -> list[Waiting]:
        return list(self._waiting)[:count]

    def remove(self, number: int) -> None:
        while self._waiting and self._waiting[0].number <= number:
            self._waiting.popleft()

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        pass


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
        publisher = MqttPublisher(config, served.service.view, spool=spool or ListSpool(), usual_recording="off")
        publisher.start()
        try:
            yield publisher
        finally:
            publisher.stop()

    return run
