"""Models of a service that runs, replaced from the command line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streamvision.cli.main import cli
from streamvision.cli.service_client import ServiceClient, ServiceError
from streamvision.core.errors import ConfigError
from streamvision.core.model_control import ENDED
from streamvision.evaluation.gate import Gate, GateResult, write_gate
from support.accounts import People, people
from support.serving import BOXES, Served, serving, until, write_config
from support.tiny_detector import tiny_detector


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def known(folder: Path) -> Iterator[People]:
    with people(folder / "state") as found:
        yield found


@pytest.fixture(scope="module")
def served(folder: Path, known: People) -> Iterator[Served]:
    model = tiny_detector(folder / "first.onnx")
    config = write_config(folder / "cameras.yaml", model, {"id": "gate", "source": BOXES})
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(str(folder / "state"), folder / "state", config, login=True) as running,
    ):
        patch.setattr("streamvision.service.models.change.TRIAL_S", 0.5)
        yield running


@pytest.fixture
def models(served: Served, known: People, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call the command and return its exit code and what it printed."""
    monkeypatch.setenv("STREAMVISION_URL", f"http://127.0.0.1:{served.port}")
    monkeypatch.setenv("STREAMVISION_TOKEN", known.tokens["ann"])

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["models", *arguments], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result.return_value, result.stdout

    return call


def test_a_model_is_replaced_and_put_back(models: Any, served: Served, folder: Path) -> None:
    first, second = folder / "first.onnx", tiny_detector(folder / "second.onnx")
    until(lambda: json.loads(models("list", "--json")[1])["models"][0]["description"], "the model is open")
    assert str(first) in models("list")[1]
    compared = ("--prove", "none", "--shadow-share", "1", "--shadow-s", "0.5")
    code, said = models("replace", "default", str(second), *compared, "--wait")
    assert code == 0 and "agreement 100.0%" in said and f"{first} -> {second}" in said
    assert models("take-over", "default")[0] == 0
    until(lambda: json.loads(models("status", "default", "--json")[1])["state"] == "done", "it takes over")
    assert str(second) in models("list")[1]
    assert models("rollback", "default")[0] == 0
    until(lambda: json.loads(models("status", "default", "--json")[1])["state"] in ENDED, "it is back")
    assert json.loads(models("list", "--json")[1])["models"][0]["path"] == str(first)


def test_a_training_run_is_promoted_where_its_comparison_says_so(models: Any, served: Served, folder: Path) -> None:
    running = Path(json.loads(models("list", "--json")[1])["models"][0]["path"])
    run = folder / "run"
    (run / "weights").mkdir(parents=True)
    new = tiny_detector(run / "weights" / "best.onnx")
    with pytest.raises(ServiceError, match="there is no comparison"):
        models("promote", "default", str(run))
    result = GateResult(Gate(), 0.5, 0.6, 0.05, 0.15, 0.0, 40, {}, {}, ())
    other = tiny_detector(folder / "another.onnx", seed=5)
    write_gate(result, old=other, new=new)
    code, said = models("promote", "default", str(run))
    assert code == 1 and "with another model than the one that runs" in said
    write_gate(result, old=running, new=new)
    code, said = models("promote", "default", str(run))
    assert code == 0 and str(new) in said
    assert json.loads(models("list", "--json")[1])["models"][0]["path"] == str(new)
    assert "0.600" in json.loads(models("status", "default", "--json")[1])["proof"]["notes"][0]
    assert models("rollback", "default")[0] == 0
    until(lambda: json.loads(models("status", "default", "--json")[1])["state"] in ENDED, "it is back")


def test_a_run_that_is_not_there_is_told_before_the_service_is_asked(
    models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ServiceError, match=r"/nowhere/run/weights/best\.onnx"):
        models("promote", "default", "/nowhere/run")
    monkeypatch.setenv("STREAMVISION_URL", "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"no folder or file runs/train/yolox-9 here; give the folder"):
        models("promote", "default", "runs/train/yolox-9")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"empty has no weights/best\.onnx; give the folder"):
        models("promote", "default", "empty")
    (tmp_path / "best.pt").write_bytes(b"1")
    with pytest.raises(ConfigError, match=r"best\.pt is no ONNX file; give the folder"):
        models("promote", "default", "best.pt")
    tiny_detector(tmp_path / "best.onnx")
    for there in ("best.onnx", "/nowhere/best.onnx", "/nowhere/run"):
        with pytest.raises(ServiceError):
            models("promote", "default", there)


def test_one_that_is_refused_ends_with_an_exit_code(models: Any, folder: Path) -> None:
    other = tiny_detector(folder / "other.onnx", seed=1)
    code, said = models("replace", "default", str(other), "--min-agreement", "1", "--shadow-s", "0", "--wait")
    assert code == 1 and "agreement" in said


def test_what_cannot_be_asked_is_one_sentence(
    models: Any, known: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ServiceError, match="nobody"):
        models("status", "nobody")
    with pytest.raises(ConfigError, match=r"no-token"):
        models("list", "--token-file", str(tmp_path / "no-token"))
    monkeypatch.delenv("STREAMVISION_TOKEN")
    with pytest.raises(ServiceError, match="wants a token"):
        models("list")
    (tmp_path / "token").write_text(f"{known.tokens['bob']}\n")
    with pytest.raises(ServiceError, match="bob may not do this"):
        models("list", "--token-file", str(tmp_path / "token"))
    for url in ("ftp://127.0.0.1/", "127.0.0.1:8080", "http://ann:secret@127.0.0.1/"):
        with pytest.raises(ConfigError, match="not the address of a service") as refused:
            models("list", "--url", url)
        assert "secret" not in str(refused.value)
    with pytest.raises(ServiceError, match="does not answer"):
        models("list", "--url", "http://127.0.0.1:9")


@pytest.mark.parametrize("token", ["two\nlines", "stra\u00dfe", "a\x00b"])
def test_what_is_no_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(ConfigError, match="the token is none: it is one line") as caught:
        ServiceClient("http://127.0.0.1:1", token)
    assert token not in str(caught.value)


def test_a_token_follows_no_redirection() -> None:
    asked: list[str] = []

    class Leads(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Leads) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with pytest.raises(ServiceError, match="302"):
            ServiceClient(f"http://127.0.0.1:{server.server_port}", "secret").ask("GET", "api/models")
        server.shutdown()
        thread.join(60)
    assert asked == ["/api/models"]
