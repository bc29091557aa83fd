"""What a file says, what was changed since, and what of that is to be remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError
from streamvision.service.layers import Layers
from streamvision.service.masking import masked, unmasked
from streamvision.service.values import resolved
from streamvision.state.streams import StoredStream

GATE = {"id": "gate", "source": "rtsp://cam1/", "policy": "live"}
YARD = {"source": "rtsp://cam2/yard"}


def _layers(*streams: dict[str, object], **more: object) -> Layers:
    return Layers.begin({"streams": list(streams), **more}, {}, {})


def _again(layers: Layers, *streams: dict[str, object], **more: object) -> Layers:
    """Return what the next start makes of a file and of what was remembered."""
    return Layers.begin({"streams": list(streams), **more}, layers.stored, layers.changes)


def test_a_changed_key_wins_and_the_others_follow_the_file() -> None:
    layers = _layers(GATE).with_stream(StoredStream("gate", changes={"policy": "file"}))
    assert layers.documents == {"gate": {"source": "rtsp://cam1/", "policy": "file"}}
    moved = _again(layers, {**GATE, "source": "rtsp://cam9/", "policy": "auto"})
    assert moved.documents == {"gate": {"source": "rtsp://cam9/", "policy": "file"}}


def test_a_file_that_says_what_was_changed_rules_again() -> None:
    layers = _layers(GATE, overlay={"boxes": True})
    layers = layers.with_stream(StoredStream("gate", changes={"policy": "file", "loop": True}))
    layers = layers.with_stream(StoredStream("new", added=True, changes={"source": "rtsp://cam3/"}))
    layers = layers.with_changes({"overlay": {"labels": False}})
    exported = layers.exported()
    after = Layers.begin(exported, layers.stored, layers.changes)
    assert (after.stored, after.changes) == ({}, {})
    assert after.documents == layers.documents
    assert after.run_document == layers.run_document == {"overlay": {"boxes": True, "labels": False}}
    edited = Layers.begin({"streams": [{**GATE, "policy": "auto"}]}, after.stored, after.changes)
    assert edited.documents == {"gate": {"source": "rtsp://cam1/", "policy": "auto"}}


@pytest.mark.parametrize(("section", "word", "key"), [("slices", "auto", "tiles"), ("tracker", "botsort", "name")])
def test_a_key_beside_the_word_that_gives_a_section_leaves_the_word(section: str, word: str, key: str) -> None:
    more, both = {section: {"other": 1}}, {section: {key: word, "other": 1}}
    assert _layers(**{section: word}).with_changes(more).run_document == both
    assert _layers().with_changes({section: word}).with_changes(more).run_document == both
    of_the_file = _layers({**GATE, section: word}).with_stream(StoredStream("gate", changes=more))
    assert of_the_file.documents["gate"][section] == both[section]


def test_a_stream_of_the_file_that_was_removed_stays_so_until_the_file_has_it_no_more() -> None:
    layers = _layers(GATE, YARD).without_stream("gate")
    assert list(layers.documents) == ["cam2-yard"]
    assert list(_again(layers, GATE, YARD).documents) == ["cam2-yard"]
    without = _again(layers, YARD)
    assert list(_again(without, GATE, YARD).documents) == ["gate", "cam2-yard"]


def test_a_stream_that_was_added_and_removed_leaves_nothing() -> None:
    layers = _layers().with_stream(StoredStream("new", added=True, changes={"source": "rtsp://cam3/"}))
    assert list(layers.documents) == ["new"]
    assert layers.without_stream("new").stored == {}


def test_changes_of_a_stream_that_the_file_loses_come_back_with_it() -> None:
    layers = _layers(GATE).with_stream(StoredStream("gate", changes={"loop": True}))
    gone = _again(layers, YARD)
    assert list(gone.documents) == ["cam2-yard"]
    assert _again(gone, GATE).documents["gate"]["loop"] is True


def test_streams_without_an_id_are_named_by_their_source() -> None:
    assert list(_layers(YARD, YARD, {**YARD, "id": "cam2-yard"}).documents) == [
        "cam2-yard-2",
        "cam2-yard-3",
        "cam2-yard",
    ]
    with pytest.raises(ConfigError, match="two streams have the id 'gate'"):
        _layers(GATE, GATE)
    with pytest.raises(ConfigError, match=r"config, streams\.1: 'source' is missing"):
        _layers(GATE, {})


SECRET = {
    "source": "rtsp://admin:geheim@cam1/live",
    "tracker": {"name": "x", "options": {"api_key": "abc", "mode": "fast"}},
}


def test_secrets_are_masked_and_what_comes_back_masked_is_what_it_was() -> None:
    shown = masked(SECRET)
    assert "geheim" not in str(shown) and "abc" not in str(shown)
    assert shown["tracker"]["options"]["mode"] == "fast"
    assert unmasked(shown, SECRET) == SECRET
    several = {"source": ["rtsp://a:b@cam/1", "rtsp://c:d@cam/2"]}
    assert unmasked(masked(several), several) == several


def test_a_masked_password_goes_to_another_path_but_to_no_other_host() -> None:
    assert unmasked({"source": "rtsp://***@cam1/other?x=1"}, SECRET)["source"] == "rtsp://admin:geheim@cam1/other?x=1"
    others = ["rtsp://***@evil/live", "rtsp://***@cam1:99/live", "rtsp://***@cam1.evil/live", "http://cam1/***"]
    for other in [*others, "http://***@cam1/live", "rtsps://***@cam1/live", "tcp://***@cam1/live"]:
        with pytest.raises(ConfigError, match="write the secret itself"):
            unmasked({"source": other}, SECRET)


@pytest.mark.parametrize(
    ("source", "user_info"),
    [
        ("rtsp://${GATE_USER}:${GATE_PASSWORD}@cam1/live", "${GATE_USER}:${GATE_PASSWORD}"),
        ("rtsp://bob:${GATE_PASSWORD:-a/b@c}@cam1/live", "bob:${GATE_PASSWORD:-a/b@c}"),
        ("rtsp://bob:${file:FOLDER/secret}@cam1/live", "bob:${file:FOLDER/secret}"),
        ("rtsp://bob:a$$b@cam1/live", "bob:a$$b"),
    ],
)
def test_a_secret_that_is_a_reference_stays_one(
    source: str, user_info: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("geheim/@1\n")
    monkeypatch.setenv("GATE_USER", "bob")
    monkeypatch.setenv("GATE_PASSWORD", "geheim")
    source, user_info = (text.replace("FOLDER", str(tmp_path)) for text in (source, user_info))
    stored = {"source": source, "tracker": {"options": {"api_key": "${GATE_PASSWORD}", "mode": "fast"}}}
    shown = masked(resolved(stored))
    assert "geheim" not in str(shown)
    assert unmasked(shown, stored) == stored
    changed = unmasked({"source": "rtsp://***@cam1/other/${HOME}"}, stored)
    assert changed == {"source": f"rtsp://{user_info}@cam1/other/$${{HOME}}"}
    assert resolved(changed)["source"].endswith("@cam1/other/${HOME}")
    assert unmasked({"source": [shown["source"]]}, {"source": [source]}) == {"source": [source]}
    options = {"api_key": "***", "mode": "slow"}
    kept = {"tracker": {"options": {"api_key": "${GATE_PASSWORD}", "mode": "slow"}}}
    assert unmasked({"tracker": {"options": options}}, stored) == kept


def test_user_information_within_a_longer_reference_is_not_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE", "rtsp://bob:geheim@cam1/live")
    with pytest.raises(ConfigError, match="write the secret itself"):
        unmasked({"source": "rtsp://***@cam1/other"}, {"source": "${GATE}"})


def test_three_stars_in_a_name_are_three_stars() -> None:
    assert unmasked({"name": "*** VIP ***"}, {"name": "Gate"}) == {"name": "*** VIP ***"}
    with pytest.raises(ConfigError, match="api_key holds"):
        unmasked({"tracker": {"options": {"api_key": "***x"}}}, SECRET)
