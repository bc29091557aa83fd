"""References in what a service remembers: kept until the last moment, and never made of what comes from outside."""

from __future__ import annotations

import pytest

from streamvision.core.config.app import parse_config
from streamvision.core.config.merging import join_options
from streamvision.core.errors import ConfigError
from streamvision.service.layers import named_streams
from streamvision.service.values import literal, parsed_stream


def test_a_reference_of_the_file_is_resolved_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "a@b")
    document = {"source": "rtsp://admin:${CAM_PASSWORD}@cam/"}
    assert parsed_stream(document, origin="file").source == "rtsp://admin:a%40b@cam/"
    assert document["source"] == "rtsp://admin:${CAM_PASSWORD}@cam/"
    monkeypatch.delenv("CAM_PASSWORD")
    with pytest.raises(ConfigError, match="file: source: the environment has no variable CAM_PASSWORD"):
        parsed_stream(document, origin="file")


def test_what_comes_over_the_network_reads_no_variable_and_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "hunter2")
    for source in ("http://evil/${file:/etc/passwd}", "http://evil/${CAM_PASSWORD}", "rtsp://a:p$$w@cam/"):
        assert parsed_stream(literal({"source": source}), origin="page").source == source


@pytest.mark.parametrize("streams", [3, "a.mp4", {"source": "a.mp4"}, [3], ["a.mp4"], [{"source": "a.mp4"}, None]])
def test_streams_that_are_no_list_of_mappings_are_one_sentence(streams: object) -> None:
    with pytest.raises(ConfigError, match=r"^file: streams must be a list, each member a mapping with the key source$"):
        named_streams(streams, origin="file")
    with pytest.raises(ConfigError, match="streams"):
        parse_config(join_options({"model": {"path": "m.onnx"}, "streams": streams}, {"loop": True}), origin="file")
