"""Frames of live sources say where this machine is, where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.engine import Pipeline
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.errors import ConfigError
from support.capturing import wait_until, write_video
from support.free_ports import free_port
from support.satellites import Receiver, from_begin_m, gpsd, needs_gpsd, udp_port
from support.tiny_detector import tiny_detector

LIVE = {"source": "synthetic:boxes?fps=10&size=96x64", "id": "live"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


def config_of(model: Path, *streams: dict[str, Any], **more: Any) -> AppConfig:
    return parse_config({"model": {"path": model}, "streams": list(streams)} | more, origin="test")


def lines_of(path: Path) -> list[dict[str, Any]]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def placed(path: Path) -> list[dict[str, Any]]:
    return [line["position"] for line in lines_of(path) if "position" in line]


def test_live_frames_by_sentences(model: Path, tmp_path: Path) -> None:
    out, port = tmp_path / "d.jsonl", udp_port()
    film = {"source": str(write_video(tmp_path / "film.mp4", sizes=[(96, 64)])), "id": "film"}
    config = config_of(model, LIVE, film, position=f"nmea-udp://:{port}", outputs={"detections": out})
    with Pipeline(config), Receiver(port):
        wait_until(lambda: len(placed(out)) >= 5, timeout_s=60)
    assert {line["stream"] for line in lines_of(out) if "position" in line} == {"live"}
    assert any(line["stream"] == "film" for line in lines_of(out))
    for position in placed(out):
        assert abs(from_begin_m(position["latitude_deg"], position["longitude_deg"])[1]) < 1
        assert position["source"] == "nmea"


@needs_gpsd
def test_live_frames_by_gpsd(model: Path, tmp_path: Path) -> None:
    out, port, nmea_port = tmp_path / "d.jsonl", free_port(), udp_port()
    config = config_of(model, LIVE, position=f"gpsd://127.0.0.1:{port}", outputs={"detections": out})
    with gpsd(port=port, nmea_port=nmea_port), Receiver(nmea_port), Pipeline(config):
        wait_until(lambda: len(placed(out)) >= 5, timeout_s=60)
    assert {position["source"] for position in placed(out)} == {"gpsd"}


def test_without_a_receiver_a_run_goes_on(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.jsonl"
    config = config_of(model, LIVE, position=f"gpsd://127.0.0.1:{free_port()}", outputs={"detections": out})
    with Pipeline(config):
        wait_until(lambda: len(lines_of(out)) >= 5, timeout_s=60)
    assert not placed(out)


@pytest.mark.parametrize("address", ["car.local:2947", "gpsd://car/x", "nmea-udp://:0x5"])
def test_an_address_that_is_none_is_refused(address: str, model: Path) -> None:
    with pytest.raises(ConfigError, match=r"position.*give gpsd://"):
        config_of(model, LIVE, position=address)


def test_sentences_go_to_one_process(model: Path) -> None:
    with pytest.raises(ConfigError, match="leave out workers, or let gpsd"):
        config_of(model, LIVE, position="nmea-udp://:10110", workers=2)
    assert config_of(model, LIVE, position="gpsd://car", workers=2).position == "gpsd://car:2947"
