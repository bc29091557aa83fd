"""Options win over a configuration key by key, alike for the command line and for the Python API."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from streamvision.api.options import build_config as from_python
from streamvision.cli.options import build_config as from_command_line
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.merging import join_options, parse_address
from streamvision.core.errors import ConfigError

FILE = """
model: {path: from-file.onnx, score: 0.4}
streams: [{id: gate, source: a.mp4, read_timeout_s: 5}]
serve: {host: 0.0.0.0, jpeg_quality: 50}
tracker: {memory_s: 9}
"""


def both(tmp_path: Path, text: str = FILE, **options: Any) -> AppConfig:
    """Return the configuration that options make of a file, after making sure that both ways agree."""
    file = tmp_path / "c.yaml"
    file.write_text(text)
    given = {"model": None, **options}
    made = from_command_line(file, (), dict(given))
    model = given.pop("model")
    assert from_python(None, model=model, config=file, options=given) == made
    return made


def test_a_tracker_by_name_keeps_the_other_settings_of_the_tracker(tmp_path: Path) -> None:
    tracker = both(tmp_path, tracker="botsort").tracker
    assert (tracker.name, tracker.memory_s) == ("botsort", 9)


def test_each_option_reaches_its_section_and_leaves_the_rest(tmp_path: Path) -> None:
    made = both(tmp_path, model="mine.onnx", serve="9000", realtime=True, adaptive="adaptive", record=Path("r.mp4"))
    assert (made.model.path, made.model.score) == (Path("mine.onnx"), 0.4)
    assert made.serve is not None
    assert (made.serve.host, made.serve.port, made.serve.jpeg_quality) == ("0.0.0.0", 9000, 50)
    assert (made.streams[0].id, made.streams[0].realtime, made.streams[0].read_timeout_s) == ("gate", True, 5)
    assert made.adaptive.mode == "adaptive"
    assert made.outputs.record == Path("r.mp4")


def test_a_section_as_a_mapping_is_joined_too() -> None:
    joined = join_options({"tracker": {"memory_s": 9}, "serve": "localhost"}, {"tracker": {"name": "sort"}})
    assert joined == {"tracker": {"memory_s": 9, "name": "sort"}, "serve": "localhost"}
    assert join_options({"serve": "localhost"}, {"serve": None}) == {"serve": None}
    assert join_options({"serve": "localhost"}, {"serve": "80"}) == {"serve": {"host": "localhost", "port": 80}}


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no option 'scor': did you mean 'score'"):
        join_options({}, {"scor": 0.5})


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost", "localhost", 8080),
        ("0.0.0.0", "0.0.0.0", 8080),
        ("::1", "::1", 8080),
        ("::", "::", 8080),
        ("[::1]", "::1", 8080),
        ("[::1]:81", "::1", 81),
        (":81", "127.0.0.1", 81),
        ("81", "127.0.0.1", 81),
        ("camera.local:0", "camera.local", 0),
    ],
)
def test_addresses_are_read_alike(tmp_path: Path, text: str, host: str, port: int) -> None:
    serve = both(tmp_path, "{model: {path: m.onnx}, streams: [{source: a.mp4}]}", serve=text).serve
    assert serve is not None
    assert (serve.host, serve.port) == (host, port)


@pytest.mark.parametrize(
    "text", ["localhost:http", "", ":", "[]", "a:b:c", "[::1", "[::1]:x", "1:2:3:80", "9" * 5000, ":" + "9" * 5000]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="give HOST:PORT, HOST or PORT"):
        parse_address(text)


@pytest.mark.parametrize(
    ("former", "present", "value"),
    [
        ("effort", "adaptive", {"mode": "adaptive"}),
        ("second", "secondary_models", [{"model": "m.onnx", "name": "make"}]),
    ],
)
def test_former_keys_are_read_with_one_warning_that_names_the_present_one(
    former: str, present: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    document = {"model": {"path": "m.onnx"}, "streams": [{"source": "a.mp4"}]}
    with caplog.at_level(logging.WARNING):
        old = parse_config(join_options({**document, former: value}, {}), origin="c.yaml")
    assert [record.getMessage() for record in caplog.records] == [
        f"the configuration's key {former!r} is now called {present!r}; please rename it"
    ]
    caplog.clear()
    assert old == parse_config({**document, present: value}, origin="c.yaml")
    assert not caplog.records
    with pytest.raises(ConfigError, match=f"keep '{present}'"):
        parse_config({**document, former: value, present: value}, origin="c.yaml")


def test_former_keys_inside_a_section_are_read_too(caplog: pytest.LogCaptureFixture) -> None:
    document = {"model": {"path": "m.onnx"}, "streams": [{"source": "a.mp4"}], "adaptive": {"looks_per_s": 9}}
    assert parse_config(document, origin="c.yaml").adaptive.full_frames_per_s == 9
    assert "'full_frames_per_s'" in caplog.text
