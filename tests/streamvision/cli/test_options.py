"""The command line and the file become one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from pipelines.capture.registry import SOURCES
from pipelines.stages.tracking.registry import TRACKERS
from streamvision.cli.options import Sources, SourcesCommand, build_config, source_options
from streamvision.cli.run import run
from streamvision.core.errors import ConfigError
from streamvision.inference.backends.registry import BACKENDS
from streamvision.inference.heads.registry import HEADS

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


def test_sources_on_the_command_line_replace_those_of_the_file(config_file: Path) -> None:
    config = build_config(config_file, ("b.mp4", "c.mp4"), {})
    assert [stream.source for stream in config.streams] == ["b.mp4", "c.mp4"]


@pytest.mark.parametrize(
    ("sources", "given", "words"),
    [((), {}, "--model FILE"), ((), {"model": Path("m.onnx")}, "--source URI"), (("a",), {}, "--model FILE")],
)
def test_what_is_missing_is_asked_for(sources: tuple[str, ...], given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_config(None, sources, given)


@pytest.mark.parametrize(("field", "key"), [("max_frames", "max_frames"), ("threads", "model.threads")])
def test_a_zero_is_refused_and_not_taken_for_absent(field: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}.*given: 0"):
        build_config(None, ("a.mp4",), {"model": Path("m.onnx"), field: 0})


def test_a_score_of_zero_is_a_score() -> None:
    assert build_config(None, ("a.mp4",), {"model": Path("m.onnx"), "score": 0.0}).model.score == 0.0


def test_help_lists_what_the_registries_hold() -> None:
    shown = CliRunner().invoke(run, ["--help"]).output
    words = " ".join(shown.split())
    for registry in (SOURCES, BACKENDS, HEADS, TRACKERS):
        assert ", ".join(registry.names()) in words


@pytest.mark.parametrize(
    ("given", "sources"),
    [
        (["--source", "a.mp4"], ("a.mp4",)),
        (["--source", "a.mp4", "b c.mp4", "--source", "d"], (("a.mp4", "b c.mp4"), "d")),
        (["--source=a.mp4", "b.mp4", "--track", "1"], (("a.mp4", "b.mp4"),)),
        (["--source", "-dash.mp4", "-", "--source", "-"], (("-dash.mp4", "-"), "-")),
    ],
)
def test_what_follows_a_source_up_to_the_next_option_belongs_to_it(given: list[str], sources: Sources) -> None:
    taken: list[Sources] = []

    @click.command(cls=SourcesCommand)
    @source_options
    def command(sources: Sources, **_more: object) -> None:
        taken.append(sources)

    done = CliRunner().invoke(command, given, catch_exceptions=False)
    assert (done.exit_code, taken) == (0, [sources])
    streams = build_config(None, sources, {"model": "m.onnx"}).streams
    assert tuple(stream.source for stream in streams) == sources


def test_a_path_that_belongs_to_no_source_is_refused() -> None:
    @click.command(cls=SourcesCommand)
    @source_options
    def command(**_more: object) -> None: ...

    for given in (["a.mp4"], ["--source", "a.mp4", "--track", "1", "b.mp4"]):
        done = CliRunner().invoke(command, given)
        assert done.exit_code == 2
        assert "unexpected extra argument" in done.output
