"""A real Home Assistant finds the cameras by itself, shows them, and switches them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import simplejpeg

from support.home_assistant import HomeAssistant, environment
from support.mosquitto import Mosquitto
from support.serving import Served, until

pytestmark = pytest.mark.slow


@pytest.mark.timeout(900)
def test_home_assistant_shows_cameras_presence_and_counts_by_itself_and_switches_them(
    tmp_path: Path, broker: Mosquitto, served: Served, publishing: Callable[..., Any], halves: dict[str, Any]
) -> None:
    environment()
    served.add(id="gate", name="Süd/Tor {{ 1 }}", analytics=halves)
    with publishing(broker, served, picture_every_s=1), HomeAssistant(tmp_path / "ha", broker.port) as home:
        found = until(lambda: len(shown := _shown(home)) >= 18 and shown, "the entities are there")
        kinds = {"camera", "event", "switch", "sensor", "binary_sensor"}
        assert {entity.partition(".")[0] for entity in found} == kinds
        _until(home, "binary_sensor.gate_c0", "on")
        until(lambda: int(_state(home, "sensor.gate_c0_count")) > 0, "the count is shown")
        _until(home, "binary_sensor.gate_connectivity", "on")
        until(lambda: int(_state(home, "sensor.gate_zone_left_entered")) > 0, "the zone counts")
        named = home.states()["camera.gate_camera"]["attributes"]["friendly_name"]
        assert named == "Süd/Tor {{ 1 }} Camera"
        picture = until(lambda: home.picture("camera.gate_camera"), "the picture is there")
        assert simplejpeg.decode_jpeg(picture).shape == (120, 160, 3)

        assert _state(home, "switch.gate_recording") == "off"
        home.call("switch", "turn_on", "switch.gate_recording")
        _until(home, "switch.gate_recording", "on")
        assert served.get("/api/streams/gate/config")["recording"]["mode"] == "continuous"
        home.call("switch", "turn_off", "switch.gate_recording")
        _until(home, "switch.gate_recording", "off")
        assert served.get("/api/streams/gate/config")["recording"]["mode"] == "off"
        home.call("switch", "turn_off", "switch.gate_detection")
        _until(home, "binary_sensor.gate_c0", "off")
        assert _state(home, "binary_sensor.gate_connectivity") == "on"
        until(lambda: _state(home, "event.gate_event") not in ("unknown", "unavailable"), "an event is shown")
        assert home.states()["event.gate_event"]["attributes"]["event_type"] in {"zone_entered", "zone_left", "line"}

        broker.kill()
        _until(home, "switch.gate_recording", "unavailable")
        broker.start()
        _until(home, "switch.gate_detection", "off")
        assert served.ask("DELETE", "/api/streams/gate")[0] == 204
        until(lambda: _shown(home) == {"binary_sensor.streamvision_connectivity"}, "its entities have gone")


def _until(home: HomeAssistant, entity: str, *wanted: str) -> None:
    """Wait until an entity is in one of these states."""
    until(lambda: _state(home, entity) in wanted, f"{entity} becomes {wanted}", 20)


def _shown(home: HomeAssistant) -> set[str]:
    return {entity for entity in home.states() if "gate" in entity or "streamvision" in entity}


def _state(home: HomeAssistant, entity: str) -> str:
    found = home.states().get(entity)
    return found["state"] if found else "unavailable"
