"""Variables and files in the values of a configuration."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamvision.core import redaction
from streamvision.core.addresses import with_escaped_user_info
from streamvision.core.config.app import parse_config
from streamvision.core.config.references import escape, expand, has_references
from streamvision.core.errors import ConfigError
from streamvision.core.redaction import RedactingFormatter, known_secrets, redact, redact_source, remember_secrets

ODD = [
    "p@ss/wo#rd?x=1",
    "a b\tc",
    "quo\"te'd",
    "100%",
    "ünï–code",
    "back\\slash",
    "$HOME$$",
    "{brace}",
    "semi;colon&amp",
]


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redaction._known, "_texts", {})
    monkeypatch.setattr(redaction._known, "_pattern", None)
    yield


def test_variables_files_defaults_and_dollars(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("from a file\r\n")
    document = {
        "model": {"path": "${DIR}/m.onnx"},
        "streams": [{"source": ["${DIR}/a.mp4", "b.mp4"]}, {"source": f"gst:x password=${{file:{tmp_path}/pw}} ! y"}],
        "serve": {"port": "${PORT:-8081}", "host": "${HOST:-}"},
        "max_frames": 3,
        "names": "cost $5 $$ $${DIR} $x a$",
    }
    assert expand(document, environ={"DIR": "/d", "PORT": ""}) == {
        "model": {"path": "/d/m.onnx"},
        "streams": [{"source": ["/d/a.mp4", "b.mp4"]}, {"source": "gst:x password=from a file ! y"}],
        "serve": {"port": "8081", "host": ""},
        "max_frames": 3,
        "names": "cost $5 $ ${DIR} $x a$",
    }


def test_what_stands_for_a_number_or_a_truth_value_is_one(tmp_path: Path) -> None:
    document = {
        "model": {"path": "m.onnx", "score": "${SCORE}"},
        "streams": [{"source": "a.mp4", "loop": "${LOOP}"}],
        "serve": {"port": "${PORT}"},
    }
    config = parse_config(expand(document, environ={"SCORE": "0.5", "LOOP": "true", "PORT": "9000"}), origin="test")
    assert (config.model.score, config.streams[0].loop, config.serve and config.serve.port) == (0.5, True, 9000)


def test_the_document_itself_keeps_its_references() -> None:
    document = {"streams": [{"source": "rtsp://u:${CAM_PASSWORD}@cam/"}]}
    before = json.dumps(document)
    expand(document, environ={"CAM_PASSWORD": "hunter2"})
    assert json.dumps(document) == before
    assert has_references(document)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("${NOT_SET}", "streams.0.source: the environment has no variable NOT_SET; set it, or write a default behind"),
        ("${file:/no/such}", "streams.0.source: ${file:/no/such} cannot be read: it cannot be read (No such file"),
        ("${file:/dev/zero}", "it is not an ordinary file"),
        ("${1X}", "${1X} is no reference; give ${NAME}, ${NAME:-default} or ${file:PATH}, and $$ for a dollar sign"),
        ("${}", "${} is no reference"),
        ("${A:-${B}}", "a reference begins with ${ and has no }"),
        ("pa${ss", "a reference begins with ${ and has no }; a dollar sign is written $$"),
    ],
)
def test_what_stands_for_nothing_is_one_sentence(value: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        expand({"streams": [{"source": value}]}, origin="c.yaml", environ={})
    assert str(error.value).startswith("c.yaml: streams.0.source: ")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_variable_that_is_set_and_empty_is_empty() -> None:
    assert expand("a${X}b", environ={"X": ""}) == "ab"


def test_what_a_reference_stands_for_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("${OTHER}$$")
    assert expand(f"${{A}} ${{file:{tmp_path}/s}}", environ={"A": "${file:/etc/passwd}"}) == (
        "${file:/etc/passwd} ${OTHER}$$"
    )


@given(
    st.recursive(
        st.text(alphabet="${}:-ab/", max_size=12),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    )
)
def test_what_is_escaped_comes_back_as_it_was(value: object) -> None:
    assert not has_references(escape(value))
    assert expand(escape(value), environ={}) == value


@pytest.mark.parametrize("password", ODD)
@pytest.mark.parametrize("template", ["rtsp://admin:${CAM_PASSWORD}@cam:554/live", "http://${CREDENTIALS}@cam/v.mjpg"])
def test_a_password_in_an_address_may_hold_anything(password: str, template: str) -> None:
    environ = {"CAM_PASSWORD": password, "CREDENTIALS": f"admin:{password}"}
    address = expand(template, environ=environ)
    parts = urlsplit(f"x://{with_escaped_user_info(address.partition('://')[2])}")
    assert (parts.username, unquote(parts.password or "")) == ("admin", password)
    assert parts.hostname == "cam"
    assert password not in redact_source(address)


@pytest.mark.parametrize("password", ODD)
def test_a_secret_is_masked_wherever_it_stands(password: str, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(password)
    expand(f"${{file:{tmp_path}/pw}}", environ={})
    formatter = RedactingFormatter("%(message)s")
    for text in (
        f"it said {password}!",
        f"{{'key': {password!r}}}",
        json.dumps({"a": password}),
        f"/live/{password}/x",
    ):
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, text, None, None)
        assert "***" in formatter.format(record)
        assert password not in formatter.format(record)
        assert repr(password)[1:-1] not in redact(text)
        assert password not in str(ConfigError(text))
        assert password not in redact_source(text)


def test_only_what_is_called_a_secret_is_masked() -> None:
    environ = {"HOME_DIR": "/home/pi", "API_KEY": "abcdefgh", "CAMERA_PASSWORD": "pw"}
    expand(["${HOME_DIR}", "${API_KEY}", "${CAMERA_PASSWORD}", "${NONE:-default-text}"], environ=environ)
    assert (
        redact("/home/pi/m.onnx is abcdefgh of default-text in pwd") == "/home/pi/m.onnx is *** of default-text in pwd"
    )


def test_secrets_that_are_remembered_have_a_bound() -> None:
    remember_secrets(f"secret-number-{number}" for number in range(3000))
    assert len(known_secrets()) == 1024
    assert "secret-number-2999" not in redact("x secret-number-2999 y")
