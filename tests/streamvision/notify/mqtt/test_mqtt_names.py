"""Whatever people call a stream, a class or a region: topics and templates stay what they are."""

from __future__ import annotations

import itertools
import json
import re

import jinja2
import pytest

from streamvision.core.config.mqtt import MqttConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError
from streamvision.notify.mqtt.discovery import Described, service_entities, stream_entities
from streamvision.notify.mqtt.topics import COUNTS, Topics, entity_of, slug

NAMES = [
    "yard", "Süd tor", "a/b", "a+b", "a#b", "#", "+", "/", "$SYS", "a%2Fb", "it's", 'say "so"', "{{ 7*7 }}", "}}",
    "{% raw %}", "\\", "\\u0041", "车", "🚗", "a.b", "a-b", "a_b", "A.b", " ", "x" * 80, "line\nbreak",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_one_level_of_a_topic_and_is_known_by_it(name: str) -> None:
    topics = Topics(MqttConfig(host="broker", prefix="home/sv"))
    topic = topics.of(name, COUNTS)
    assert topic.count("/") == 3 and not set("+#\n$") & set(topic)
    assert topics.stream_of(topic) == (name, COUNTS)
    assert topics.stream_of("elsewhere/yard/counts") is None


def test_entities_have_names_of_their_own_that_home_assistant_takes() -> None:
    told = [entity_of(*names) for count in (2, 3) for names in itertools.product(NAMES[:20], ["count", "line"][:count])]
    told += [entity_of("yard", "count", name) for name in NAMES]
    told += [entity_of("yard", "line", *pair) for pair in itertools.product(NAMES[:8], NAMES[:8])]
    assert len(set(told)) == len({*itertools.product(NAMES[:20], ["count", "line"])}) + len(NAMES) + 64
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", one) for one in told)
    assert len({slug(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_templates_say_the_numbers_of_classes_and_regions_whatever_these_are_called(name: str) -> None:
    topics = Topics(MqttConfig(host="broker"))
    stream = Described(
        "gate", name, classes=(name,), zones=(name,), lines={name: ("in", name)}, switches=("detection",)
    )
    entities = {topic: json.loads(content) for topic, content in stream_entities(topics, stream).items()}
    assert len(entities) == 5 + 1 + 2 + 3 + 2 - (name == "in")
    counts = {
        "objects": {name: 3}, "present": {name: True},
        "zones": {name: {"inside": 2, "entered": 7, "left": 5}}, "lines": {name: {"in": 4, name: 6}},
    }  # fmt: skip
    said, nothing = ([_rendered(one, value) for one in entities.values()] for value in (counts, {}))
    assert sorted(filter(None, said)) == sorted(["3", "ON", "2", "ON", "7", "4", "6"])
    assert set(filter(None, nothing)) == {"0", "OFF"}


def _rendered(entity: dict[str, str], counts: object) -> str | None:
    if not entity.get("state_topic", "").endswith(COUNTS):
        return None
    return jinja2.Environment().from_string(entity["value_template"]).render(value_json=counts)


def test_each_entity_is_told_with_what_home_assistant_needs() -> None:
    topics = Topics(MqttConfig(host="broker", prefix="a/b", discovery_prefix="ha"))
    stream = Described("gate", "Gate", classes=("car",), switches=("detection", "recording"))
    told = {**service_entities(topics), **stream_entities(topics, stream)}
    ids = [json.loads(content)["unique_id"] for content in told.values()]
    assert len(set(ids)) == len(ids)
    assert all(topics.is_config(topic) and topic.startswith("ha/") for topic in told)
    assert not topics.is_config("ha/switch/other/x/config")
    switch = json.loads(told[topics.config("switch", "gate-recording")])
    assert (switch["state_topic"], switch["command_topic"]) == ("a/b/gate/recording", "a/b/gate/recording/set")
    assert [one["topic"] for one in switch["availability"]] == ["a/b/status"]
    camera = json.loads(told[topics.config("camera", "gate-camera")])
    assert [one["topic"] for one in camera["availability"]] == ["a/b/status", "a/b/gate/availability"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "'host' is missing"),
        ({"host": "b", "prefix": "a/#"}, "prefix"),
        ({"host": "b", "prefix": "a//b"}, "words with one / between"),
        ({"host": "b", "prefix": "a/"}, "none at the end"),
        ({"host": "b", "cert": "c.pem", "tls": True}, "give key, too"),
        ({"host": "b", "ca": "c.pem"}, "set tls: true, too"),
        ({"host": "b", "password": "p"}, "give user, too"),
        ({"host": "b", "version": "4"}, "version"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_sentence(document: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        validate(MqttConfig, document, origin="mqtt")


def test_the_place_has_no_secret() -> None:
    config = MqttConfig(host="::1", user="u", password="secret", tls=True, version=5)  # type: ignore[arg-type]
    assert (config.place, "secret" in repr(config)) == ("mqtts://[::1]:8883", False)
