"""A device that follows a store: what comes takes over once, and without the store it goes on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streamvision.artifacts.cache import open_cache
from streamvision.core.config.fleet import FleetConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, StateError
from streamvision.core.fleet import FleetModel
from streamvision.service.fleet import follower as follower_module
from streamvision.service.fleet.follower import FleetFollower
from support.artifact_stores import Publisher, folder_publisher, only, random_model
from support.scripted_models import ScriptedModels

pytest.importorskip("minisign", reason="py-minisign is not installed: pip install 'streamvision-edge[fleet]'")

WITHIN_S = 60.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "FIRST_RETRY_S", 0.2)
    monkeypatch.setattr(follower_module, "GO_ON_S", 0.05)


class Device:
    """A device that follows a publisher's store."""

    def __init__(self, folder: Path, publisher: Publisher, **settings: Any) -> None:
        document = {"store": publisher.store.place, "public_key": publisher.public_key, "every_s": 5, **settings}
        self.config = FleetConfig.model_validate(document)
        self.folder = folder
        self.present = ModelConfig(path=Path("begun.onnx"), side_px=320, backend="onnxruntime")
        self.models = ScriptedModels(default="begun.onnx", night="night.onnx")
        self.follower = self.begun()

    def begun(self) -> FleetFollower:
        """Start it, as a service does."""
        self.follower = FleetFollower(self.config, self.folder, self.models, lambda _: self.present)
        self.follower.prepare()
        self.follower.start()
        return self.follower

    def until(self, holds: Callable[[FleetModel], bool], name: str = "default") -> FleetModel:
        """Wait until a model stands as asked."""

        def found() -> FleetModel | None:
            return next((one for one in self.follower.status().models if one.name == name and holds(one)), None)

        wait_for(lambda: found() is not None, lambda: str(self.follower.status()))
        one = found()
        assert one is not None
        return one

    def look(self) -> None:
        """Let it ask the store now, and wait until it has."""
        before = self.follower.status().confirmed_unix_s
        self.follower.check()
        wait_for(
            lambda: self.follower.status().confirmed_unix_s != before or self.follower.status().fault is not None,
            lambda: str(self.follower.status()),
        )


def wait_for(holds: Callable[[], bool], said: Callable[[], str]) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline_s, said()
        time.sleep(0.02)


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return folder_publisher(tmp_path)


@pytest.fixture
def device(tmp_path: Path, publisher: Publisher) -> Iterator[Device]:
    found = Device(tmp_path / "device", publisher)
    yield found
    found.follower.stop()


def test_what_comes_is_tried_takes_over_and_is_left_alone(device: Device, publisher: Publisher, tmp_path: Path) -> None:
    model = random_model(tmp_path / "new.onnx")
    published = publisher.push({"default": model})
    device.follower.check()
    device.until(lambda one: one.state == "changing")
    ((name, request),) = device.models.requests
    assert name == "default"
    assert Path(request.path).read_bytes() == model.read_bytes()
    assert (request.take_over, request.side_px, request.backend) == ("automatic", 320, "onnxruntime")
    device.models.accept("default")
    device.until(lambda one: one.state == "running")
    device.look()
    assert len(device.models.requests) == 1
    status = device.follower.status()
    assert (status.number, status.fault) == (published.number, None)
    assert status.models[0].came_bytes == status.models[0].size_bytes == only(published).size_bytes


def test_what_was_refused_is_tried_again_when_it_is_published_again(
    device: Device, publisher: Publisher, tmp_path: Path
) -> None:
    model = random_model(tmp_path / "new.onnx")
    publisher.push({"default": model})
    device.follower.check()
    device.until(lambda one: one.state == "changing")
    device.models.end("default", "refused", "it agrees too little")
    assert device.until(lambda one: one.state == "refused").sentence == "it agrees too little"
    publisher.push({"night": random_model(tmp_path / "night.onnx")})
    device.look()
    device.until(lambda one: one.state == "changing", "night")
    device.follower.stop()
    device.begun()
    assert device.until(lambda one: one.state == "refused").sentence == "it agrees too little"
    assert [name for name, _ in device.models.requests] == ["default", "night"], "a restart tries nothing again"
    publisher.push({"default": model})
    device.follower.check()
    device.until(lambda one: one.state == "changing")


def test_who_rolls_back_or_chooses_another_is_right(device: Device, publisher: Publisher, tmp_path: Path) -> None:
    publisher.push({"default": random_model(tmp_path / "new.onnx")})
    device.follower.check()
    device.until(lambda one: one.state == "changing")
    device.models.accept("default")
    device.until(lambda one: one.state == "running")
    device.models.rollback("default")
    assert device.until(lambda one: one.state == "rolled_back").sentence == "somebody went back"
    device.look()
    assert len(device.models.requests) == 1


def test_a_model_of_a_name_that_is_not_set_here_is_not_fetched(
    device: Device, publisher: Publisher, tmp_path: Path
) -> None:
    publisher.push({"other": random_model(tmp_path / "new.onnx")})
    device.follower.check()
    found = device.until(lambda one: one.state == "unused", "other")
    assert found.came_bytes == 0
    assert "default, night" in found.sentence


def test_without_the_store_it_goes_on_and_says_since_when(device: Device, publisher: Publisher, tmp_path: Path) -> None:
    publisher.push({"default": random_model(tmp_path / "new.onnx")})
    device.follower.check()
    device.until(lambda one: one.state == "changing")
    device.models.accept("default")
    device.until(lambda one: one.state == "running")
    away = Path(publisher.store.place).rename(tmp_path / "away")
    device.follower.check()
    wait_for(lambda: device.follower.status().fault is not None, lambda: "no fault")
    fault = device.follower.status().fault
    assert fault is not None
    assert "it goes on with manifest 1, as the store gave it of 20" in fault
    assert device.until(lambda one: one.state == "running")

    device.follower.stop()
    device.begun()
    device.until(lambda one: one.state == "running")
    wait_for(lambda: "goes on with manifest 1" in str(device.follower.fault), lambda: str(device.follower.fault))
    away.rename(publisher.store.place)
    wait_for(lambda: device.follower.status().fault is None, lambda: str(device.follower.status()))


def test_what_came_before_the_store_went_away_takes_over_without_it(
    device: Device, publisher: Publisher, tmp_path: Path
) -> None:
    publisher.push({"default": random_model(tmp_path / "new.onnx")})
    device.follower.check()
    device.until(lambda one: one.state == "changing")
    device.follower.stop()
    shutil.rmtree(publisher.store.place)
    device.models = ScriptedModels(default="begun.onnx", night="night.onnx")
    device.begun()
    device.until(lambda one: one.state == "changing")


def test_another_change_is_waited_for(device: Device, publisher: Publisher, tmp_path: Path) -> None:
    from streamvision.core.config.model_request import ModelRequest

    device.models.replace("default", ModelRequest(path="by-hand.onnx"))
    publisher.push({"default": random_model(tmp_path / "new.onnx")})
    device.follower.check()
    device.until(lambda one: one.came_bytes == one.size_bytes)
    assert len(device.models.requests) == 1
    device.models.cancel("default")
    device.until(lambda one: one.state == "changing")
    assert len(device.models.requests) == 2


def test_a_model_without_a_stream_is_not_taken_unproven(device: Device, publisher: Publisher, tmp_path: Path) -> None:
    device.models.streams = ()
    device.models.put("default", str(random_model(tmp_path / "there.onnx")))
    publisher.push({"default": random_model(tmp_path / "new.onnx")})
    device.follower.check()
    device.until(lambda one: "waits for a stream that goes through default" in one.sentence)
    assert not device.models.requests
    device.models.streams = ("gate",)
    device.until(lambda one: one.state == "changing")


def test_a_device_without_a_model_begins_with_that_of_the_store(
    device: Device, publisher: Publisher, tmp_path: Path
) -> None:
    device.models.streams = ()
    publisher.push({"default": random_model(tmp_path / "new.onnx")})
    device.follower.check()
    device.until(lambda one: one.state == "changing")


def test_what_the_service_refuses_at_once_is_said(device: Device, publisher: Publisher, tmp_path: Path) -> None:
    device.models.fault = ConfigError("no such file")
    publisher.push({"default": random_model(tmp_path / "new.onnx")})
    device.follower.check()
    assert device.until(lambda one: one.state == "refused").sentence == "no such file"


def test_a_state_that_does_not_answer_is_asked_again(device: Device, publisher: Publisher, tmp_path: Path) -> None:
    device.models.fault = StateError("the database is away")
    publisher.push({"default": random_model(tmp_path / "new.onnx")})
    device.follower.check()
    device.until(lambda one: one.state == "changing")


def test_a_model_that_was_damaged_on_disk_is_not_opened_and_comes_again(
    device: Device, publisher: Publisher, tmp_path: Path
) -> None:
    model = random_model(tmp_path / "new.onnx")
    publisher.push({"default": model})
    device.follower.check()
    device.until(lambda one: one.state == "changing")
    device.models.accept("default")
    device.until(lambda one: one.state == "running")
    device.follower.stop()
    path = Path(device.models.requests[0][1].path)
    path.write_bytes(b"damaged" + path.read_bytes()[7:])
    device.begun()
    wait_for(lambda: path.is_file() and path.read_bytes() == model.read_bytes(), lambda: "it did not come again")


def test_those_before_stay_and_older_ones_go(device: Device, publisher: Publisher, tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        publisher.push({"default": random_model(tmp_path / f"{number}.onnx")})
        device.follower.check()
        device.until(lambda one: one.state == "changing")
        paths.append(Path(device.models.requests[-1][1].path))
        device.models.accept("default")
        device.until(lambda one: one.state == "running")
    device.look()
    wait_for(lambda: [path.exists() for path in paths] == [False, True, True], lambda: str(paths))


def test_what_waits_to_take_over_stays_though_others_were_published(
    device: Device, publisher: Publisher, tmp_path: Path
) -> None:
    for number in range(3):
        new = only(publisher.push({"default": random_model(tmp_path / f"{number}.onnx")})).id
        device.follower.check()
        device.until(lambda one, new=new: one.id == new and one.came_bytes == one.size_bytes)  # type: ignore[misc]
    ((_, request),) = device.models.requests
    assert Path(request.path).is_file(), "the model that is compared with the one that runs was removed"


def test_a_cache_that_another_process_has_is_waited_for(publisher: Publisher, tmp_path: Path) -> None:
    publisher.push({"default": random_model(tmp_path / "new.onnx")})
    with open_cache(tmp_path / "device"):
        device = Device(tmp_path / "device", publisher)
        wait_for(lambda: device.follower.fault is not None, lambda: "no fault")
        assert "in use by another process" in str(device.follower.fault)
    device.until(lambda one: one.state == "changing")
    device.follower.stop()


def test_settings_that_cannot_be_are_refused_at_the_start(publisher: Publisher, tmp_path: Path) -> None:
    for settings in ({"public_key": "RWabc"}, {"store": "s3://"}):
        with pytest.raises((ConfigError, ValueError)):
            Device(tmp_path / "device", publisher, **settings)
