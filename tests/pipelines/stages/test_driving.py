"""The loop through the live pipeline is closed: what a network says of a picture moves the car it is seen from."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import streamvision
from pipelines.stages.driving import limits
from pipelines.stages.driving.stage import WHEEL_TURN_DEG, wheel_marks
from streamvision.core.config.app import parse_config
from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.stage_output import Outline
from streamvision.synthetic.driving import Command, live
from streamvision.synthetic.driving.live import SILENCE_S, SeenFromCar, SteeredScene, Wheel
from streamvision.synthetic.driving.network import command_of
from support.constant_driver import constant_driver

SOURCE = "synthetic:steered_drive?fps=20&size=160x96&seed=3"
LONGEST_S = 90.0


def test_a_network_that_steers_to_the_right_drives_the_car_off_its_lane(tmp_path: Path) -> None:
    model = constant_driver(tmp_path / "right.onnx", steering=1.0, speed=8.0)
    begin_s, found = time.monotonic(), []
    for result in streamvision.stream(SOURCE, model=model):
        seen = result.frame.picture.owner
        assert isinstance(seen, SeenFromCar)
        assert (result.annotated_bgr != result.bgr)[-26:-4, 65:95].any()  # the wheel
        found += [event["name"] for event in result.to_dict().get("stage_events", ()) if event["stage"] == "driving"]
        if found or time.monotonic() - begin_s > LONGEST_S:
            break
    assert found == ["left the lane"]


def test_without_a_command_the_rule_based_driver_keeps_the_lane() -> None:
    scene = SteeredScene(64, 48, 10, 3)
    seen = [scene.picture_at(index).owner for index in range(0, 300, 10)]
    assert {one.drive for one in seen if isinstance(one, SeenFromCar)} == {1}
    assert {one.is_commanded for one in seen if isinstance(one, SeenFromCar)} == {False}
    assert max(abs(one.situation.offset_m) for one in seen if isinstance(one, SeenFromCar)) < 0.3


def test_commands_move_the_car_and_another_drive_begins_where_one_ended() -> None:
    scene, ended, offset_m = SteeredScene(64, 48, 10, 3), [], []
    for index in range(120):
        seen = scene.picture_at(index).owner
        assert isinstance(seen, SeenFromCar)
        seen.wheel.turn(Command(-0.8, 0.0), time_s=seen.time_s)
        offset_m.append(seen.situation.offset_m)
        if seen.ended:
            ended.append((seen.ended, seen.drive))
            assert seen.situation.offset_m == 0
    assert ended[0] == ("left the lane", 2)
    assert min(offset_m) < -1.0 < 0.2 > max(offset_m)


def test_a_late_command_does_not_take_the_place_of_a_newer_one_and_an_old_one_is_forgotten() -> None:
    wheel = Wheel()
    assert wheel.newest(time_s=0.0) is None
    wheel.turn(Command(0.5, 0.0), time_s=2.0)
    wheel.turn(Command(-0.5, 0.0), time_s=1.0)
    assert wheel.newest(time_s=2.1) == Command(0.5, 0.0)
    assert wheel.newest(time_s=2.1 + SILENCE_S) is None


def test_the_world_waits_for_who_drives_it_and_for_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = SteeredScene(64, 48, 10, 3)
    scene.picture_at(50)  # nobody drives: it does not wait
    seen = scene.picture_at(51).owner
    assert isinstance(seen, SeenFromCar) and not seen.is_commanded
    seen.wheel.turn(Command(0.0, 0.0), time_s=seen.time_s)
    late = threading.Thread(target=lambda: scene.picture_at(58), daemon=True)
    late.start()
    late.join(0.3)
    assert late.is_alive()  # the command is for a picture of long ago
    for _ in range(20):
        seen.wheel.turn(Command(0.0, 0.0), time_s=seen.time_s + 0.7)
        late.join(LONGEST_S)
    assert not late.is_alive()
    monkeypatch.setattr(live, "PATIENCE_S", 0.05)
    scene.picture_at(90)  # who has fallen silent is waited for once
    assert not seen.wheel._is_awaited


@pytest.mark.parametrize("pace", ["", "&realtime=0"])
def test_a_network_that_takes_its_time_still_drives(tmp_path: Path, pace: str) -> None:
    model = constant_driver(tmp_path / "d.onnx", steering=0.0, speed=2.0)
    commanded = []
    for result in streamvision.stream(f"{SOURCE}&frames=40{pace}", model=model):
        time.sleep(0.05)  # as slow as the frames of the drive are
        seen = result.frame.picture.owner
        assert isinstance(seen, SeenFromCar)
        commanded.append(seen.is_commanded)
    assert commanded[-1] and sum(commanded) > len(commanded) / 2


@pytest.mark.parametrize("steering", [-1.0, 0.0, 0.5])
def test_the_drawn_wheel_is_turned_as_the_steering_says(steering: float) -> None:
    spokes = [mark for mark in wheel_marks(steering, (640, 360)) if isinstance(mark, Outline) and not mark.closed]
    (x, y), (end_x, end_y) = spokes[0].points_px
    angle_deg = np.degrees(np.arctan2(end_y - y, end_x - x)) % 360
    assert angle_deg == pytest.approx((-90 + WHEEL_TURN_DEG * steering) % 360)


@pytest.mark.parametrize(("steering", "speed"), [(math.nan, 8.0), (0.0, math.inf)])
def test_numbers_that_are_none_give_no_command_and_no_wheel(tmp_path: Path, steering: float, speed: float) -> None:
    model = constant_driver(tmp_path / "none.onnx", steering=steering, speed=speed)
    found = list(streamvision.stream(f"{SOURCE}&frames=4&realtime=0", model=model))
    assert len(found) == 4 and found[-1].image_result.values.keys() == {"steering", "speed"}
    changed = np.abs(found[-1].annotated_bgr.astype(int) - found[-1].bgr)[-26:-4, 65:95]
    assert changed.max() < 8  # where the wheel would be
    owners = [one.frame.picture.owner for one in found]
    assert {one.is_commanded for one in owners if isinstance(one, SeenFromCar)} == {False}
    with pytest.raises(ModelError, match="both finite"):
        command_of({"steering": steering, "speed": speed}, speed_m_s=5.0, limit_m_s=10.0)


def test_the_limit_that_is_driven_is_the_one_that_the_signs_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamvision.evaluation.driving.limit_reading.BEFORE_THE_FIRST_M_S", 4.0)
    model = constant_driver(tmp_path / "fast.onnx", steering=0.0, speed=20.0)
    settings = {"driving": {"limit_detector": "road_signs"}}
    source = "synthetic:steered_drive?fps=10&size=160x96&seed=3&frames=30&realtime=0"
    found = list(streamvision.stream(source, model=model, **settings))
    owner = found[-1].frame.picture.owner
    assert (
        isinstance(owner, SeenFromCar) and owner.situation.speed_m_s < 5.5 < owner.situation.limit_m_s
    )  # no sign was seen yet


def test_limits_are_not_read_for_a_model_that_does_not_drive() -> None:
    with pytest.raises(ConfigError, match=r"driving\.limit_detector is for networks that drive"):
        next(iter(streamvision.stream("synthetic:boxes?frames=2&realtime=0", driving={"limit_detector": "road_signs"})))


def test_limits_are_read_for_the_streams_that_drive_alone() -> None:
    settings = {"driving": {"limit_detector": "road_signs"}, "models": {"driver": {"path": "driver.onnx"}}}
    assert len(list(streamvision.stream("synthetic:boxes?frames=2&realtime=0", model="none", **settings))) == 2


def test_a_reader_without_a_detector_is_refused() -> None:
    with pytest.raises(ConfigError, match="limit_reader reads signs that limit_detector finds"):
        parse_config({"model": {"path": "driver.onnx"}, "driving": {"limit_reader": "reader.onnx"}}, origin="x.yaml")


class _Called:
    """A model whose calls hang for as long as the test says, and that knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("hangs", [False, True])
def test_models_of_limits_are_released_unless_a_call_hangs(monkeypatch: pytest.MonkeyPatch, hangs: bool) -> None:
    called, goes_on = threading.Event(), threading.Event()

    class Signs:
        read_m_s = 0.0

        def __init__(self, *_: object) -> None: ...

        def look(self, _: object) -> None:
            called.set()
            assert goes_on.wait(60)

    monkeypatch.setattr(limits, "LimitOfSigns", Signs)
    monkeypatch.setattr(limits, "CLOSE_WITHIN_S", 0.1)
    models = _Called(), _Called()
    watch = limits.LimitWatch(*models, waits=False)  # type: ignore[arg-type]
    watch.see(object(), begins=False)  # type: ignore[arg-type]
    assert called.wait(60)
    if not hangs:
        goes_on.set()
        watch._thread.join(0.2)
        monkeypatch.setattr(limits, "CLOSE_WITHIN_S", 60.0)
    watch.close()
    assert [model.closed for model in models] == ([0, 0] if hangs else [1, 1])
    goes_on.set()
