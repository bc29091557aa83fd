"""``streamvision serve`` and ``config`` as people and systemd use them: real processes, signals, kill -9, files."""

from __future__ import annotations

import http.client
import os
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from streamvision.cli.main import cli
from support.accounts import PASSWORD
from support.command_line import called
from support.serve_process import serve
from support.serving import BOXES, serving, until, write_config

SLOW = "synthetic:boxes?fps=1&size=32x32"


def test_a_killed_service_has_lost_nothing_that_it_acknowledged(
    database_place: str, tmp_path: Path, config_file: Callable[..., Path]
) -> None:
    where = ["--state", tmp_path / "folder", "--config", config_file()]
    if "://" in database_place:
        where += ["--database", database_place]
    acknowledged: dict[str, Any] = {"layout": None, "there": set(), "gone": set()}
    failures: list[Any] = []
    with serve(*where) as service:

        def hear(work: Callable[[int], None]) -> None:
            for number in range(10_000):
                try:
                    work(number)
                except (OSError, http.client.HTTPException):
                    return  # it was killed

        def arrange(number: int) -> None:
            status, answer = service.ask("PATCH", "/api/settings", {"layout": {"number": number}})
            if status != 200:
                failures.append(answer)
            acknowledged["layout"] = number

        def come_and_go(number: int) -> None:
            status, answer = service.ask("POST", "/api/streams", {"source": SLOW, "id": f"n{number}", "loop": True})
            if status != 201:
                failures.append(answer)
            acknowledged["there"].add(f"n{number}")
            if number >= 3:
                acknowledged["gone"].add(f"n{number - 3}")  # a removal that was asked for may have happened
                status, answer = service.ask("DELETE", f"/api/streams/n{number - 3}")
                if status != 204:
                    failures.append(answer)
                acknowledged["there"].discard(f"n{number - 3}")

        threads = [threading.Thread(target=hear, args=(work,)) for work in (arrange, come_and_go)]
        for thread in threads:
            thread.start()
        until(lambda: (acknowledged["layout"] or 0) > 10 and len(acknowledged["gone"]) > 4, "changes are made", 120)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait(20)
        for thread in threads:
            thread.join(60)
    assert failures == []
    with serve(*where) as service:
        layout = service.ask("GET", "/api/settings")[1]["layout"]["number"]
        assert layout in (acknowledged["layout"], acknowledged["layout"] + 1)
        until(lambda: acknowledged["there"] - acknowledged["gone"] <= set(service.stream_ids()), "all are there again")
        number = max(int(name[1:]) for name in acknowledged["gone"])
        removed = {f"n{index}" for index in range(number)}
        assert not removed & set(service.stream_ids())


def test_serve_by_itself_then_restarts_and_an_exported_file(tmp_path: Path, model: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "cameras.yaml"
    with serve("--state", state, BOXES, "--model", model, "--loop") as service:
        until(lambda: service.stream_ids() == ["boxes"], "the source is a stream")
        secret = "rtsp://admin:geheim@127.0.0.1:9/live"
        assert service.ask("POST", "/api/streams", {"source": secret, "id": "gate"}) == (201, {"id": "gate"})
        refused = called("serve", "--state", state)
        assert refused.code == 1 and "is in use by a service that runs already" in refused.sentence()
        shown = called("config", "show", "--state", state)
        assert shown.code == 0 and "geheim" not in shown.stdout and "rtsp://***@127.0.0.1:9/live" in shown.stdout
        assert service.stop() == 0
    assert "geheim" not in "".join(service.said)
    with serve("--state", state) as service:  # nothing said: as before
        until(lambda: service.stream_ids() == ["boxes", "gate"], "both are there")
        assert service.ask("GET", "/api/models")[1]["models"][0]["path"] == str(model)
        assert service.ask("DELETE", "/api/streams/boxes")[0] == 204
        os.kill(service.process.pid, signal.SIGHUP)
        until(lambda: any("no configuration file to read again" in line for line in service.said), "it says so")
        assert service.stop() == 0
    file.write_text("# mine\n")
    exported = called("config", "export", "--state", state, "-o", file)
    assert exported.code == 0 and "keep it to yourself" in exported.stderr
    assert f"Written to {file}." in exported.stderr
    document = yaml.safe_load(file.read_text())
    assert document["streams"] == [{"id": "gate", "source": secret}]
    assert document["model"] == {"path": str(model)}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, tmp_path / "cameras.yaml.before")] == [0o600, 0o600]
    assert (tmp_path / "cameras.yaml.before").read_text() == "# mine\n"
    with serve("--state", state, BOXES) as service:  # it was removed, and stays so
        until(lambda: service.stream_ids() == ["gate"], "it stays removed")
        assert any("stream boxes was removed, and stays so" in line for line in service.said)


def test_a_file_that_changes_is_read_again(tmp_path: Path, model: Path) -> None:
    file = tmp_path / "cameras.yaml"
    gate, yard = {"id": "gate", "source": BOXES}, {"id": "yard", "source": SLOW}

    def write(*streams: dict[str, Any], **more: Any) -> None:
        time.sleep(0.01)
        write_config(file, model, *streams, **more)

    write(gate, yard)
    with serve("--state", tmp_path / "state", "--config", file) as service:
        until(lambda: service.stream_ids() == ["gate", "yard"], "both begin")
        assert service.ask("PATCH", "/api/streams/gate", {"policy": "live"})[0] == 200
        write({**gate, "policy": "file", "loop": True}, {"id": "new", "source": SLOW})
        until(lambda: service.stream_ids() == ["gate", "new"], "one has come and one has gone")
        changed = service.ask("GET", "/api/streams/gate/config")[1]
        assert (changed["policy"], changed["loop"]) == ("live", True)
        before = service.stream_ids(), changed
        file.write_text("streams: [{id: gate, source: x, sorce: x}]\n")
        fault = f"the configuration was not reloaded: {file}, streams.0: unknown key 'sorce': did you mean 'source'?"
        until(lambda: any(fault in line for line in service.said), "the fault is said")
        assert (service.stream_ids(), service.ask("GET", "/api/streams/gate/config")[1]) == before
        os.kill(service.process.pid, signal.SIGHUP)
        until(lambda: sum(fault in line for line in service.said) == 2, "SIGHUP has it read, and the fault said, again")
        stamp = file.stat().st_mtime_ns
        write(gate)
        os.utime(file, ns=(stamp, stamp))
        os.kill(service.process.pid, signal.SIGHUP)
        until(lambda: service.stream_ids() == ["gate"], "SIGHUP reads it, too")
        told = f"The configuration was read again: {file}"
        until(lambda: sum(told in line for line in service.said) == 2, "each reading is said once")
        write_config(file, tmp_path / "other.onnx", gate)
        until(lambda: any("model was changed, which takes effect at the next start" in line for line in service.said),
              "what waits is said")  # fmt: skip
        assert service.stop() == 0


def test_the_port_of_the_page_has_its_option_named(tmp_path: Path) -> None:
    done = called("serve", "--port", "80", "--state", tmp_path / "state")
    assert done.code == 2 and "--serve HOST:PORT" in done.stderr and not (tmp_path / "state").exists()


def test_config_without_a_state_is_one_sentence(tmp_path: Path) -> None:
    done = called("config", "show", "--state", tmp_path / "none")
    assert done.code == 1 and "there is no state in" in done.sentence()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--workers", "2"], "a service runs in one process"),
        (["--database", "mysql://a:geheim@b/c"], "'mysql' are not supported"),
        (["--config", "missing.yaml"], "missing.yaml"),
    ],
)
def test_what_a_service_cannot_do_is_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = called("serve", "--state", tmp_path / "state", *arguments)
    assert done.code == 1 and sentence in done.sentence() and "geheim" not in done.stderr


def test_a_model_that_is_not_there_is_said_at_the_start(tmp_path: Path, model: Path) -> None:
    state, file = tmp_path / "state", write_config(tmp_path / "cameras.yaml", tmp_path / "later.onnx")
    refused = called("serve", "--state", state, "--model", "nope")
    assert refused.code == 1 and "no model at nope" in refused.sentence()
    assert not state.exists()
    with serve("--state", state, "--config", file) as service:  # what a file says may be there later
        assert any("no model at" in line and "later.onnx" in line for line in service.said)
        assert service.stop() == 0


def test_a_user_of_a_stream_that_is_not_there_is_added_with_a_note(tmp_path: Path, model: Path) -> None:
    state = tmp_path / "state"
    add = ["users", "add", "--state", str(state), "--role", "viewer"]
    assert CliRunner().invoke(cli, [*add[:4], "ann"], input=f"{PASSWORD}\n").exit_code == 0
    first = CliRunner().invoke(cli, [*add, "dan", "--streams", "nix"], input=f"{PASSWORD}\n")
    assert first.exit_code == 0 and "There is no stream" not in first.output  # no service has begun, so nobody knows
    with serving(str(state), state, write_config(tmp_path / "cameras.yaml", model)) as served:
        served.add(id="gate")
        noted = CliRunner().invoke(cli, [*add, "bob", "--streams", "gate,nix"], input=f"{PASSWORD}\n")
        silent = CliRunner().invoke(cli, [*add, "eve", "--streams", "gate"], input=f"{PASSWORD}\n")
    assert [one.exit_code for one in (noted, silent)] == [0, 0]
    assert "There is no stream nix yet; the streams are: gate." in noted.output
    assert "There is no stream" not in silent.output
