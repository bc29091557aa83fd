"""Whatever is given for whatever key: the refusal is a sentence for people, and never pydantic's words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from streamvision.core.config.app import AppConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError

WRONG: list[Any] = [
    "wide", "", 5, -1, 1.5, 10**30, 1e308, math.nan, math.inf, True, None, [], {}, ["a", "b"], [1, 2], {"a": 1},
    [None], [[1]], "-5", "1e400", [{}], "a\x00b", "9" * 5000,
]  # fmt: skip
RAW = re.compile(
    r"Input |should be|should match|should have|a valid|unable to|String |pydantic|NoneType|lax-or|tuple\[|literal\[",
    re.ASCII,
)
"""Words of pydantic, of Python, and of regular expressions."""


def types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for one in get_args(annotation):
        yield from types_in(one)


def sections_in(section: type[BaseModel], known: dict[type[BaseModel], None]) -> dict[type[BaseModel], None]:
    known[section] = None
    for field in section.model_fields.values():
        for one in types_in(field.annotation):
            if isinstance(one, type) and issubclass(one, BaseModel) and one not in known:
                sections_in(one, known)
    return known


SECTIONS: list[Any] = list(sections_in(AppConfig, {}))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda one: one.__name__)
def test_no_key_answers_in_the_words_of_a_library(section: Any) -> None:
    for key in section.model_fields:
        for given in WRONG:
            try:
                validate(section, {key: given}, origin="config")
            except ConfigError as error:
                said = re.sub(r"\(given: .*?\)(?=;|$)|known keys are .*", "", str(error))
                assert not RAW.search(said) and "\n" not in said, (section.__name__, key, given, said)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (
            {"camera": {"field_of_view_deg": "wide"}},
            "camera.field_of_view_deg: give a number or assumed (given: 'wide')",
        ),
        ({"source": [1]}, "streams.0.source.0: give text (given: 1; in a YAML file it needs quotes)"),
        ({"source": None}, "streams.0.source: give text or a list (given: nothing)"),
        ({"loop": "perhaps"}, "streams.0.loop: give true or false (given: 'perhaps')"),
        ({"policy": "dead"}, "streams.0.policy: give auto, live or file (given: 'dead')"),
        ({"open_timeout_s": 99}, "streams.0.open_timeout_s: give 60 or less (given: 99)"),
        ({"track": 1.5}, "streams.0.track: give a whole number (given: 1.5)"),
        ({"ignore": [[[0, 0]]]}, "streams.0.ignore.0: has too few values (1); give 3 or more"),
        ({"node_labels": {"site": 5}}, "streams.0.node_labels.site: give text (given: 5; in a YAML file"),
        ({"id": date(2020, 1, 31)}, "streams.0.id: give text (given: 2020-01-31; in a YAML file it needs quotes)"),
        ({"id": {}}, "streams.0.id: give text (given: keys)"),
        ({"tracker": {"nam": "sort"}}, "unknown key 'streams.0.tracker.nam': did you mean 'name'?"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_accepted_and_what_was_given(document: dict[str, Any], sentence: str) -> None:
    stream = {"source": "synthetic:boxes", **document}
    with pytest.raises(ConfigError) as refused:
        validate(AppConfig, {"model": {"path": "x.onnx"}, "streams": [stream]}, origin="config")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"models": {"night": {"path": "x", "scor": 1}}}, "unknown key 'models.night.scor': did you mean 'score'?"),
        ({"models": {"a b": {"path": "x"}}}, "models.a b: give 1 to 64 letters"),
        ({"mqtt": {"host": "h", "password": 12345}}, "mqtt.password is not as it must be: give text"),
    ],
)
def test_names_and_passwords_in_a_run(document: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        validate(AppConfig, {"model": {"path": "x.onnx"}, **document}, origin="config")
    assert sentence in str(refused.value) and "12345" not in str(refused.value)
