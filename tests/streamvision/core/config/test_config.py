"""What is accepted, and what people are told when it is not."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from annotated_types import Le, Lt

from streamvision.core.config.app import AppConfig, load_config, parse_config
from streamvision.core.config.section import Section
from streamvision.core.errors import ConfigError

MINIMAL: dict[str, Any] = {"model": {"path": "m.onnx"}, "streams": [{"source": "a.mp4"}]}


def refused(document: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(document, origin="x.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_little_is_needed_and_the_defaults_are_safe() -> None:
    config = parse_config(MINIMAL, origin="x.yaml")
    assert config.serve is None
    assert config.tracker.name == "steady"
    assert parse_config(MINIMAL | {"serve": {}}, origin="x.yaml").serve.host == "127.0.0.1"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"modle": {}}, "unknown key 'modle': did you mean 'model'?"),
        ({"model": {"path": "m", "scoer": 1}}, "unknown key 'model.scoer': did you mean 'score'?"),
        ({"streams": [{"source": "a", "zzz": 1}]}, "unknown key 'streams.0.zzz': known keys are source, id"),
        ({"model": {"path": "none", "steps": [{"mog2": {}, "zzz": {}}]}}, "'model.steps.0.zzz': known keys are name"),
        ({"serve": {"prot": 1}}, "did you mean 'port'?"),
        ({"model": {"path": "m", "score": 2}}, "model.score: give 1 or less (given: 2)"),
        ({"model": {}}, "'model.path' is missing"),
        ({"overlay": "events"}, "overlay: is a section; give its keys, each with a value (given: 'events')"),
        ({"streams": [{"source": "a", "id": "x"}, {"source": "b", "id": "x"}]}, "stands more than once"),
        ({"streams": [{"source": "a", "id": "x/y"}]}, "streams.0.id"),
    ],
)
def test_mistakes_are_named(document: dict[str, Any], words: str) -> None:
    message = refused(MINIMAL | document)
    assert message.startswith("x.yaml: ")
    assert words in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: [", "not valid YAML"),
        ("- a", "must be a mapping"),
        ("", "must be a mapping"),
        ("streams: []\nmodel: {path: a}\nstreams: []", r"found a key for the second time \(line 3, column 1\)"),
        ("streams: [{source: a, id: x, 'id': y}]", r"found a key for the second time \(line 1, column 30\)"),
        ("streams:\n\t- source: a", r"found a tab; indent with spaces \(line 2"),
    ],
)
def test_files_that_are_no_config_are_refused(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=words):
        load_config(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read config"):
        load_config(tmp_path / "none.yaml")


CONFIGS = Path(__file__).resolve().parents[4] / "configs"


@pytest.mark.parametrize(
    "file", sorted(set(CONFIGS.glob("*.yaml")) - set(CONFIGS.glob("train-*"))), ids=lambda f: f.stem
)
def test_the_ready_made_files_are_valid(file: Path) -> None:
    assert isinstance(parse_config(load_config(file), origin=file.name), AppConfig)


WAYS_TO_A_MODEL = ("streamvision export ", "streamvision train ", "ships")


@pytest.mark.parametrize(
    "file", sorted(set(CONFIGS.glob("*.yaml")) - set(CONFIGS.glob("train-*"))), ids=lambda f: f.stem
)
def test_the_ready_made_files_say_at_the_top_how_their_models_are_had(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    top = "".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))
    config = load_config(file)
    models = [config["model"]["path"], *(one["model"] for one in config.get("key_frames", ()))]
    models += [one["model"] for one in config.get("secondary_models", ()) if not one["model"].startswith("package:")]
    if models == ["none"]:
        return
    assert any(way in top for way in WAYS_TO_A_MODEL) and "# The model" in top
    for made in (one for one in models if one.startswith("runs/train/")):
        recipes = re.findall(r"streamvision train --config (configs/train-[\w-]+\.yaml)( --name [\w-]+)?", top)
        trained = {
            name.split()[-1] if name else f"{load_config(CONFIGS.parent / path)['model']}-1" for path, name in recipes
        }
        assert Path(made).parts[2] in trained, made
    for exported in (Path(one) for one in models if one.startswith("exported/")):
        assert exported.name.split("-fp")[0] in top, f"what makes {exported}"


def test_every_ready_made_file_of_the_tasks_is_there(project_root: Path) -> None:
    named = re.findall(r"\]\(\.\./configs/([\w-]+\.yaml)\)", (project_root / "docs" / "tasks.md").read_text())
    assert len(named) >= 10
    assert set(named) <= {file.name for file in CONFIGS.iterdir()}


@pytest.mark.parametrize(
    ("section", "word", "key"),
    [("tracker", "botsort", "name"), ("adaptive", "adaptive", "mode"), ("recording", "events", "mode"),
     ("slices", "auto", "tiles")],
)  # fmt: skip
def test_a_section_is_given_by_its_main_key_for_the_run_as_for_a_stream(section: str, word: str, key: str) -> None:
    config = parse_config({**MINIMAL, section: word, "streams": [{"source": "a.mp4", section: word}]}, origin="c.yaml")
    assert getattr(getattr(config, section), key) == getattr(getattr(config.streams[0], section), key) == word


def test_every_field_says_what_it_is() -> None:
    ours = [one for one in Section.__subclasses__() if one.__module__.startswith(("streamvision.", "pipelines."))]
    assert len(ours) > 10
    for section in ours:
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name} has no description"


COSTS_NOTHING = {"max_frames", "min_side_px", "track", "crowd", "give_up_after"}
"""Whole numbers of any size: nothing is kept for each."""


def test_every_count_has_an_upper_bound() -> None:
    """A count without one, such as of objects or threads, takes the memory of the machine."""
    ours = [one for one in below(Section) if one.__module__.startswith("streamvision.core.config")]
    counts = [
        (f"{section.__name__}.{name}", field.metadata)
        for section in ours
        for name, field in section.model_fields.items()
        if int in (field.annotation, *get_args(field.annotation)) and name not in COSTS_NOTHING
    ]
    assert {"ModelConfig.max_detections", "ModelConfig.threads"} <= {name for name, _ in counts}
    unbounded = [name for name, limits in counts if not any(isinstance(one, (Le, Lt)) for one in limits)]
    assert not unbounded


def below(section: type[Section]) -> Iterator[type[Section]]:
    for one in section.__subclasses__():
        yield one
        yield from below(one)


@pytest.mark.parametrize("key", ["max_detections", "threads", "requests"])
def test_a_count_above_its_bound_is_refused_in_a_sentence(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"test: model\.{key}: give \d+ or less \(given: 1000000000\)"):
        parse_config({"model": {"path": "m.onnx", key: 1_000_000_000}, "streams": []}, origin="test")


def test_one_mistake_in_a_list_is_told_once() -> None:
    def with_points(*points: Any) -> dict[str, Any]:
        return MINIMAL | {"analytics": {"zones": [{"name": "z", "points": list(points)}]}}

    with pytest.raises(ConfigError, match=r"points\.2\.0") as caught:
        parse_config(with_points([0, 0], [1, 0], ["left", 1]), origin="c.yaml")
    assert "too few values" not in str(caught.value)
    with pytest.raises(ConfigError, match="too few values"):
        parse_config(with_points([0, 0], [1, 0]), origin="c.yaml")


@pytest.mark.parametrize(
    ("analytics", "sentence"),
    [
        ({"lines": [{"name": "a", "points": [[0, 0], [2, 0]]}]}, r"analytics\.lines\.0\.points\.1\.0: give 1 or less"),
        ({"lines": [{"name": "a", "points": [[0, 0], [0, 0]]}]}, "line 'a' begins and ends at one point"),
        ({"lines": [{"name": "a", "points": [[0, 0], [0, 1]], "directions": ["x", "x"]}]}, "have one name"),
        ({"zones": [{"name": "z", "points": [[0, 0], [1, 0], [1, 1]], "crwd": 3}]}, "did you mean 'crowd'"),
        (
            {
                "zones": [
                    {"name": "z", "points": [[0, 0], [1, 0], [1, 1]], "heading_deg": 9, "heading": [[0, 0], [1, 1]]}
                ]
            },
            "has heading and heading_deg; give one of them",
        ),
    ],
)
def test_analytics_that_make_no_sense_are_refused(analytics: dict[str, object], sentence: str) -> None:
    document = {"model": {"path": "m.onnx"}, "streams": [{"source": "a.mp4"}], "analytics": analytics}
    with pytest.raises(ConfigError, match=sentence):
        parse_config(document, origin="c.yaml")


def test_a_fault_is_told_in_one_line_however_long_the_key_or_value_is() -> None:
    odd = "x/" * 3000 + "\n\x1b[31m\ud800"
    documents = [
        MINIMAL | {odd: 1},
        MINIMAL | {"tracker": {odd: 1}},
        MINIMAL | {"model": {"path": "m", "score": odd}},
        MINIMAL | {"model": {"path": "m", "score": 10**4000}},
        MINIMAL | {"streams": [{odd: 1}] * 1000},
    ]
    for document in documents:
        with pytest.raises(ConfigError) as raised:
            parse_config(document, origin="x.yaml")
        assert len(str(raised.value)) < 2000 and str(raised.value).isprintable()


def test_many_faults_take_no_longer_than_their_number() -> None:
    stream = {"source": "a.mp4", "analytics": {"zones": [{"name": "a", "points": []}]}}
    begun_s = time.thread_time()
    with pytest.raises(ConfigError):
        parse_config(MINIMAL | {"streams": [stream] * 20_000}, origin="x.yaml")
    assert time.thread_time() - begun_s < 30, "each with each, this took minutes"


@pytest.mark.parametrize(
    ("origins", "words"),
    [
        (["shop.example"], "'shop.example' is no origin; give scheme, host and port alone"),
        (["ftp://shop.example"], "is no origin"),
        (["https://"], "is no origin"),
        (["http://["], "is no origin"),
        (["https://a:99999"], "is no origin"),
        (["null"], "is no origin"),
        (["https://shop.example/"], "is not written as browsers send an origin; give https://shop.example"),
        (["https://Shop.Example:443"], "give https://shop.example"),
        (["https://user:secret@shop.example"], "give https://shop.example"),
        (["https://shop.example/a?b"], "give https://shop.example"),
        (["https://b\u00fccher.example"], "give https://xn--bcher-kva.example"),
        (["*", "https://shop.example"], "'*' is every origin; give it alone"),
    ],
)
def test_origins_that_no_browser_sends_are_refused(origins: list[str], words: str) -> None:
    assert words in refused(MINIMAL | {"serve": {"embed_origins": origins}})


def test_origins_are_taken_as_browsers_send_them() -> None:
    given = ["https://shop.example", "http://192.168.1.5:3000", "http://[::1]:3000", "http://localhost"]
    config = parse_config(MINIMAL | {"serve": {"embed_origins": given}}, origin="x.yaml")
    assert config.serve is not None and config.serve.embed_origins == tuple(given)
    assert parse_config(MINIMAL | {"serve": {"embed_origins": ["*"]}}, origin="x.yaml")
    assert "name the origins" in refused(MINIMAL | {"serve": {"embed_origins": ["*"], "login": "none"}})


def test_models_do_not_change_while_the_machines_of_a_cluster_run() -> None:
    fleet = {"store": "models", "public_key": "RW"}
    assert "leave out one of them" in refused({"model": MINIMAL["model"], "cluster": "auto", "fleet": fleet})
