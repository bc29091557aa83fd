"""Users and tokens from the command line, and what the page is opened to without them."""

from __future__ import annotations

import http.client
import json
import os
import pty
import re
import select
import signal
import ssl
import subprocess
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streamvision.cli.main import cli
from streamvision.core.config.serve import ServeConfig
from streamvision.core.errors import ConfigError
from streamvision.service.page_access import page_access
from support.accounts import PASSWORD, people
from support.command_line import called, command, running
from support.free_ports import free_port

BOXES = ("--source", "synthetic:boxes?fps=30&size=320x180", "--model", "road_signs")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("STREAMVISION_STATE", str(folder))
    return folder


def users(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(cli, ["users", *arguments], input=given, standalone_mode=False)


def told(*arguments: str, given: str = "") -> Any:
    result = users(*arguments, "--json", given=given)
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def test_users_are_added_listed_changed_and_removed(state: Path) -> None:
    for wrong in (["list"], ["tokens"], ["remove", "ann"], ["passwd", "ann"], ["change", "ann", "--role", "viewer"]):
        assert "there is no state in" in str(users(*wrong).exception) and not state.exists()
    added = told("add", "ann", given=f"{PASSWORD}\n")
    assert (added["name"], added["role"], added["streams"]) == ("ann", "admin", None)
    assert told("add", "bob", "--streams", "gate, yard", given=f"{PASSWORD}\n")["streams"] == ["gate", "yard"]
    assert told("change", "bob", "--streams", "all")["streams"] is None
    assert told("passwd", "bob", given="another row of words\n")["name"] == "bob"
    listed = users("list").stdout.splitlines()
    assert listed[0].split() == ["name", "role", "streams"] and listed[2].split() == ["bob", "viewer", "all", "streams"]
    assert told("remove", "bob") == {"removed": "bob"}
    assert [user["name"] for user in told("list")["users"]] == ["ann"]
    assert (state / "state.db").stat().st_mode & 0o077 == 0


def test_tokens_are_shown_once_and_revoked(state: Path) -> None:
    told("add", "ann", given=f"{PASSWORD}\n")
    secret = users("token", "ann", "--name", "vlc").stdout.strip()
    assert re.fullmatch(r"svt_[\w-]{43}", secret)
    made = told("token", "ann", "--scope", "metrics", "--scope", "view", "--expires-days", "2")
    assert made["scopes"] == ["view", "metrics"] and made["expires_unix_s"] - time.time() < 2 * 86400
    assert told("token", "ann", "--never-expires")["expires_unix_s"] is None
    listed = users("tokens", "ann").stdout
    assert "vlc" in listed and secret not in listed and len(told("tokens")["tokens"]) == 3
    assert told("revoke", str(made["id"])) == {"revoked": made["id"]}
    assert len(told("tokens", "ann")["tokens"]) == 2


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (("add", "bob"), "short\n", "the password has 5 characters"),
        (("add", "bob"), "x\n", "the password has 1 character;"),
        (("add", "b ob"), "short\n", "'b ob' cannot be the name of a user"),
        (("add", "bob"), "", "the password has 0 characters"),
        (("add", "bob"), "password1\n", "tried first"),
        (("add", "ANN"), f"{PASSWORD}\n", "'ANN' already"),
        (("remove", "ann"), "", "the only admin"),
        (("passwd", "nobody"), f"{PASSWORD}\n", "no user 'nobody'"),
        (("tokens", "nobody"), "", "no user 'nobody'"),
        (("token", "ann", "--expires-days", "0"), "", "ends after"),
        (("revoke", "99"), "", "no token 99"),
    ],
)
def test_what_is_not_accepted_is_one_sentence(state: Path, arguments: tuple[str, ...], given: str, said: str) -> None:
    told("add", "ann", given=f"{PASSWORD}\n")
    result = users(*arguments, given=given)
    assert result.exception is not None and said in str(result.exception)


def test_no_password_is_an_argument() -> None:
    for name in ("add", "passwd"):
        assert "--password" not in users(name, "--help").stdout


class TestWhatThePageIsOpenedTo:
    def access(self, state: Path, **config: Any) -> Any:
        with page_access(ServeConfig(**config), state, None, ask_first_admin=lambda: None, by_link=False) as access:
            return access

    def test_this_machine_alone_needs_nobody_and_leaves_nothing(self, state: Path) -> None:
        for host in ("127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.53"):
            assert self.access(state, host=host).login is None
        assert not state.exists()

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.20", "cams.example"])
    def test_others_are_refused_without_users(self, state: Path, host: str) -> None:
        with pytest.raises(ConfigError, match=r"no users in .*users add NAME.*--no-login"):
            self.access(state, host=host)
        assert not state.exists()
        assert self.access(state, host=host, login="none").login is None
        with people(state):
            assert self.access(state, host=host).login.credentials.required()

    def test_users_hold_on_this_machine_too(self, state: Path) -> None:
        with people(state):
            assert self.access(state, host="127.0.0.1").login.credentials.required()

    def test_a_proxy_that_signs_people_in_needs_no_users(self, state: Path) -> None:
        proxy = {"trusted": ["127.0.0.1"], "user_header": "X-Remote-User"}
        for host in ("127.0.0.1", "0.0.0.0"):
            assert self.access(state, host=host, proxy=proxy).login.credentials.required()


def test_a_run_beyond_this_machine_is_refused_before_anything_else(state: Path) -> None:
    done = called("run", "--source", "nowhere.mp4", "--serve", "0.0.0.0:0", "--json")
    assert done.code == 1 and "could be reached from other machines" in done.sentence()
    assert "no users in" in done.report["error"] and not state.exists()


def test_a_run_serves_its_users_over_https(state: Path) -> None:
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    with people(state) as known:
        token = known.tokens["bob"]
    port = free_port()
    arguments = ("run", *BOXES, "--realtime", "--serve", f"0.0.0.0:{port}", "--tls", "self-signed")
    with running(*arguments, stderr=subprocess.PIPE) as process:
        said = _said(process, "fingerprint")
        context = ssl.create_default_context(cafile=state / "tls" / "self-signed.pem")
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {token}"}, 200)):
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=300, context=context)
            connection.request("GET", "/api/streams", headers=headers)
            assert connection.getresponse().status == status
            connection.close()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
    assert re.search(r"SHA-256 fingerprint (?:[0-9A-F]{2}:){31}[0-9A-F]{2}", said)
    assert token not in said


def test_a_service_without_users_or_terminal_says_a_link_that_makes_the_admin(state: Path) -> None:
    port = free_port()
    with running("serve", "--serve", f"0.0.0.0:{port}", stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        said = _said(process, "/setup/")
        link = re.search(rf"http://127\.0\.0\.1:{port}(/setup/\S+)", said)
        assert link, said
        assert _ask(port, "GET", "/api/streams")[0] == 401
        _, headers, page = _ask(port, "GET", link[1])
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        code = link[1].rpartition("/")[2]
        assert csrf
        word = PASSWORD.replace(" ", "+")
        form = f"code={code}&user=root&password={word}&again={word}&csrf={csrf[1]}"
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": headers["set-cookie"].partition(";")[0]}
        status, headers, _ = _ask(port, "POST", "/setup", form, sent)
        assert status == 303
        cookie = {"Cookie": headers["set-cookie"].partition(";")[0]}
        assert json.loads(_ask(port, "GET", "/api/me", headers=cookie)[2])["user"] == "root"
        assert _ask(port, "POST", "/setup", form, sent)[0] == 403
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
    assert [user["name"] for user in told("list")["users"]] == ["root"]


def test_a_first_start_on_a_terminal_offers_to_make_the_admin(state: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = command("run", *BOXES, "--max-frames", "3", "--serve", f"0.0.0.0:{free_port()}")
    process = subprocess.Popen(arguments, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    answers = [(b"Make an admin now?", b"y\n"), (b"Name [admin]", b"r\xc3\xb6\xc3\xb6t\n"),
               (b"cannot be the name of a user", b""), (b"Name [admin]", b"root\n"), (b"Password:", b"hush\n"),
               (b"for confirmation", b"hush\n"), (b"4 characters", b""), (b"Password:", PASSWORD.encode() + b"\n"),
               (b"for confirmation", PASSWORD.encode() + b"\n")]  # fmt: skip
    try:
        for question, answer in answers:
            while question not in shown:
                more = _read(ours)
                assert more, (question, shown)
                shown += more
            shown = shown.partition(question)[2]  # what follows may hold the next question already
            if question.startswith((b"Password", b"for confirmation")):
                _wait_until_hidden(ours)
            os.write(ours, answer)
        while _read(ours):
            pass
        assert process.wait(120) == 0
    finally:
        process.kill()
        os.close(ours)
    assert [(user["name"], user["role"]) for user in told("list")["users"]] == [("root", "admin")]


def _wait_until_hidden(terminal: int, wait_s: float = 60) -> None:
    """Wait until what is typed is not shown: with that, what stood in the terminal's queue before is thrown away."""
    end_s = time.monotonic() + wait_s
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        assert time.monotonic() < end_s, "the password would be shown"
        time.sleep(0.01)


def _read(terminal: int, wait_s: float = 60) -> bytes:
    """Return what the command printed next; nothing when it has ended, or printed nothing for so long."""
    if not select.select([terminal], [], [], wait_s)[0]:
        return b""
    try:
        return os.read(terminal, 1000)
    except OSError:  # the other end has gone
        return b""


def _said(process: subprocess.Popen[str], until: str) -> str:
    assert process.stderr is not None
    said = ""
    while until not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


def _ask(
    port: int, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read().decode()
    finally:
        connection.close()
