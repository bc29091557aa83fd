"""The command line and the file become one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from pipelines.capture.registry import SOURCES
from pipelines.stages.tracking.registry import TRACKERS
from streamvision.cli.options import build_config, model_options, source_options
from streamvision.cli.run import run
from streamvision.cli.sources import Sources, SourcesCommand
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


def test_a_source_that_is_missing_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="no source was given; name one"):
        build_config(None, (), {"model": Path("m.onnx")})


@pytest.mark.parametrize("file", [None, "streams: [{source: a.mp4}]\nmodel: {score: 0.4}\n"])
def test_without_a_model_the_shipped_one_is_used_and_said(
    tmp_path: Path, file: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text(file or "")
    config = build_config(tmp_path / "c.yaml" if file else None, () if file else ("a.mp4",), {})
    assert config.model.path == Path("road_signs")
    assert config.model.score == (0.4 if file else 0.25)
    said = capsys.readouterr()
    assert said.out == ""
    assert "No model was given: road_signs is used, which ships with this package" in said.err
    build_config(None, ("a.mp4",), {"model": "m.onnx"})
    assert capsys.readouterr().err == ""


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


def _given(*arguments: str) -> tuple[Sources, dict[str, Any]]:
    """Return the sources and the other options that a command gets."""
    taken: list[tuple[Sources, dict[str, Any]]] = []

    @click.command(cls=SourcesCommand)
    @source_options
    @model_options
    def command(sources: Sources, **more: Any) -> None:
        taken.append((sources, more))

    CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False)
    return taken[0]


def test_sources_need_no_option(tmp_path: Path) -> None:
    a, b, folder = tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "drive"
    for file in (a, b):
        file.touch()
    folder.mkdir()
    one, two, three = map(str, (a, b, folder))
    assert _given(one)[0] == (one,)
    assert _given("--model", "m.onnx", one, "--track", "1")[0] == (one,)
    assert _given("nowhere.mp4")[0] == ("nowhere.mp4",)
    # What a shell makes of a glob is one stream; addresses and devices are streams of their own.
    assert _given(one, two, three)[0] == ((one, two, three),)
    assert _given("rtsp://a/", "0", "http://b/?x=1")[0] == ("rtsp://a/", "0", "http://b/?x=1")
    assert _given(one, "rtsp://a/", two)[0] == (one, "rtsp://a/", two)
    assert _given(one, "--source", two, three)[0] == (one, (two, three))


def test_options_in_the_form_of_other_programs_are_shown_in_ours() -> None:
    with pytest.raises(ConfigError, match=r"^conf=... is no source; options are written --conf 0.4$"):
        _given("conf=0.4")


@pytest.mark.parametrize(
    ("given", "classes"),
    [
        (["--class", "car", "--class", "tench, Tinca tinca"], ("car", "tench, Tinca tinca")),
        (["--classes", "person,car", "a.mp4"], ("person", "car")),
        (["--classes=0,2"], ("0", "2")),
        (["--classes", "0", "2", "7", "a.mp4"], ("0", "2", "7")),
        (["--classes", "0", "--", "2"], ("0",)),
    ],
)
def test_classes_are_given_in_every_usual_way(given: list[str], classes: tuple[str, ...]) -> None:
    sources, options = _given(*given)
    assert options["classes"] == classes
    assert sources in ((), ("a.mp4",), ("2",))


def test_aliases_mean_our_options() -> None:
    _, options = _given("--conf", "0.4", "--imgsz", "320")
    config = build_config(None, ("a.mp4",), {**options, "model": "m.onnx"})
    assert (config.model.score, config.model.side_px) == (0.4, 320)
