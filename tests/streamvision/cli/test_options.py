"""The command line and the file become one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamvision.cli.options import build_config, parse_address
from streamvision.core.errors import ConfigError

FILE = """
model: {path: from-file.onnx, score: 0.4}
streams: [{id: gate, source: a.mp4, read_timeout_s: 5}]
serve: {host: 0.0.0.0}
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    file = tmp_path / "c.yaml"
    file.write_text(FILE)
    return file


def test_the_command_line_wins_and_the_rest_of_the_file_stays(config_file: Path) -> None:
    config = build_config(config_file, (), {"path": Path("mine.onnx"), "serve": "9000", "realtime": True})
    assert config.model.path == Path("mine.onnx")
    assert config.model.score == 0.4
    assert config.serve is not None
    assert (config.serve.host, config.serve.port) == ("0.0.0.0", 9000)
    assert config.streams[0].id == "gate"
    assert config.streams[0].realtime


def test_sources_on_the_command_line_replace_those_of_the_file(config_file: Path) -> None:
    config = build_config(config_file, ("b.mp4", "c.mp4"), {})
    assert [stream.source for stream in config.streams] == ["b.mp4", "c.mp4"]


@pytest.mark.parametrize(
    ("sources", "given", "words"),
    [((), {}, "--model FILE"), ((), {"path": Path("m.onnx")}, "--source URI"), (("a",), {}, "--model FILE")],
)
def test_what_is_missing_is_asked_for(sources: tuple[str, ...], given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_config(None, sources, given)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", {"host": "127.0.0.1", "port": 8080}),
        ("9000", {"port": 9000}),
        (":9000", {"port": 9000}),
        ("localhost", {"host": "localhost"}),
        ("[::1]:80", {"host": "::1", "port": 80}),
        ("[::1]", {"host": "::1"}),
    ],
)
def test_addresses(text: str, address: dict[str, Any]) -> None:
    assert parse_address(text) == address


def test_a_port_that_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="'http' is not a port"):
        parse_address("localhost:http")


@pytest.mark.parametrize(("field", "key"), [("max_frames", "max_frames"), ("threads", "model.threads")])
def test_a_zero_is_refused_and_not_taken_for_absent(field: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}.*given: 0"):
        build_config(None, ("a.mp4",), {"path": Path("m.onnx"), field: 0})


def test_a_score_of_zero_is_a_score() -> None:
    assert build_config(None, ("a.mp4",), {"path": Path("m.onnx"), "score": 0.0}).model.score == 0.0
