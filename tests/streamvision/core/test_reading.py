from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamvision.core import reading
from streamvision.core.reading import (
    UnreadableError,
    finite,
    first_element,
    parse_json,
    parse_xml,
    parse_yaml,
    read_bytes,
    read_json,
    read_text,
    read_yaml,
    shown,
)

LAUGHS = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))])
MERGES = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10))]
)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        MERGES,
        "a: &a [*a]",
        "[" * 50_000,
        "- " * 50_000,
        "9" * 6000,
        ":".join("1" * 50_000),
        "a: 2001-99-99",
        "!!int ''",
        "!!bool x",
        "!!timestamp x",
        "!!float x",
        "0x_",
        r'"\ud800"',
        r'"\U00110000"',
        "a: \x00",
        "? [a]\n: b",
        "!!python/object/apply:os.getcwd []",
        "#" * (reading.MAX_YAML_BYTES + 1),
    ],
    ids=lambda text: text[:12].encode("unicode_escape").decode(),
)
def test_yaml_that_no_file_should_hold(text: str, tmp_path: Path) -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableError) as raised:
        read_yaml(file)
    assert len(str(raised.value).splitlines()) == 1


def test_yaml_says_where_it_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\nb: [*b]\n")
    with pytest.raises(UnreadableError, match=r"^is not valid YAML \(line 2, column 5: found undefined alias 'b'\)$"):
        read_yaml(file)


def test_yaml_that_is_used(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: &a {x: 1}\r\nb: {<<: *a, y: 190:20:30}\nc: *a\nd: -9223372036854775808\n")
    assert read_yaml(file) == {"a": {"x": 1}, "b": {"x": 1, "y": 685230}, "c": {"x": 1}, "d": -(2**63)}


@pytest.mark.parametrize("text", ["a: 1\na: 1", "[{a: {b: 1, 'b': 2}}]", "{1: 1, 1: 2}", "? [a]\n: 1\n? [a]\n: 2"])
def test_keys_that_stand_twice_are_refused_where_each_must_count(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text, unique_keys=True)


def test_equal_keys_of_several_mappings_and_several_merges_stand_once() -> None:
    text = "a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc: {<<: *a, <<: *b, z: 4}\nd: {1: 1, '1': 2}"
    assert parse_yaml(text, unique_keys=True)["c"] == {"x": 1, "y": 3, "z": 4}
    assert parse_yaml("a: 1\na: 2") == {"a": 2}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 1_000_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 6000 + b"}", "more than 4,300 digits"),
        (b'["\\ud800"]', "half of a surrogate pair"),
        (b'["\\ud83d\\ude00\\udc00"]', "half of a surrogate pair"),
        (b'{"a":\n}', r"line 2, column 1: Expecting value"),
        (b"", "line 1, column 1"),
        (b'"\xff"', r"not text in UTF-8 \(byte 2\)"),
    ],
    ids=range(7),
)
def test_json_that_no_file_should_hold(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(UnreadableError, match=words):
        read_json(file)


def test_json_that_is_used() -> None:
    assert parse_json(b'\xef\xbb\xbf["\\ud83d\\ude00", "C:\\\\udata", NaN, 1e999]')[:2] == ["\U0001f600", r"C:\udata"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "document type"),
        (b"<a>" * 100_000, "deeper than 100"),
        (b"<a>", "line 1, column 3"),
        (b"", "line 1, column 0"),
        (b"<?xml version='1.0' encoding='none'?><a/>", "encoding"),
        (b"<?xml version='1.0' encoding='idna'?><a/>", "encoding"),
        (b"<a>&#xD800;</a>", "invalid character"),
    ],
    ids=range(7),
)
def test_xml_that_no_file_should_hold(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableError, match=words):
        parse_xml(content)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<a/>", "a"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- b -->\n<!----><a x='1'>", "a"),
        (b"<!---->" * 100_000 + b"<other/>", "other"),
        (b"<!--" * 100_000, None),
        (b"<!-->", None),
        (b" " * 100_000, None),
        (b"", None),
        (b"{}", None),
    ],
    ids=range(8),
)
def test_the_first_element(head: bytes, name: str | None) -> None:
    assert first_element(head) == name


def test_what_is_no_ordinary_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "zero").symlink_to("/dev/zero")
    odd = [tmp_path / name for name in ("pipe", "loop", "zero", "none", "a\0b", "\ud800", "x" * 5000)]
    for path in (*odd, tmp_path):
        with pytest.raises(UnreadableError):
            read_bytes(path)


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert read_text(file, limit=10) == "a\nb\nc\n"
    with pytest.raises(UnreadableError, match="has 10 bytes, of which 9 are read"):
        read_text(file, limit=9)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (-2.5, -2.5),
        (float("nan"), None),
        (10**400, None),
        (True, None),
        ("1", None),
        ([1], None),
        (None, None),
    ],
    ids=range(8),
)
def test_a_number_of_a_document(value: Any, number: float | None) -> None:
    assert finite(value) == number


def test_a_value_is_shown_however_large_it_is() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    for value in (nested, "x" * 1_000_000, list(range(1_000_000)), {"a": 10**4000}):
        assert 1 < len(shown(value)) <= reading.SHOWN_CHARACTERS
    assert shown({"id": 1}) == "{'id': 1}"
