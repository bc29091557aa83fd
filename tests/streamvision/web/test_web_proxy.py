"""Behind a reverse proxy: its word is taken from trusted addresses alone; a real nginx serves all under a path."""

from __future__ import annotations

import http.client
import json
import logging
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from streamvision.core.config.section import validate
from streamvision.core.config.serve import ProxyConfig, ServeConfig
from streamvision.core.errors import ConfigError
from streamvision.web.app import create_app
from streamvision.web.certificate import CertificateFiles
from streamvision.web.login import Login
from streamvision.web.proxy import PROXY_USER, TrustedProxy
from streamvision.web.self_signed import self_signed
from streamvision.web.server import WebServer
from support.accounts import PASSWORD, People, people
from support.free_ports import free_port
from support.live_feed import LiveFeed, published_after
from support.web_client import read_event, read_part

TRUSTED = ProxyConfig(trusted=("127.0.0.1", "10.0.0.0/8", "::1"), user_header="X-Remote-User", role_header="X-Role")
NGINX = shutil.which("nginx")


def seen(config: ProxyConfig | None, peer: str, path: str = "/a", **headers: str) -> dict[str, Any]:
    """Return what an application behind the proxy sees of a request."""

    @Request.application
    def application(request: Request) -> Response:
        user = request.environ.get(PROXY_USER)
        return Response(
            json.dumps(
                {
                    "address": request.remote_addr, "scheme": request.scheme, "host": request.host,
                    "root": request.root_path, "path": request.path, "user": list(user) if user else None,
                }
            )
        )  # fmt: skip

    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Client(TrustedProxy(application, config)).get(path, headers=fields, environ_base={"REMOTE_ADDR": peer})
    return json.loads(answer.text)


def test_a_trusted_proxy_says_who_where_and_how() -> None:
    assert seen(
        TRUSTED, "127.0.0.1", X_Forwarded_For="198.51.100.7", X_Forwarded_Proto="https",
        X_Forwarded_Host="cams.example", X_Forwarded_Prefix="/cams", X_Remote_User="ann", X_Role="Admin",
    ) == {
        "address": "198.51.100.7", "scheme": "https", "host": "cams.example", "root": "/cams", "path": "/a",
        "user": ["ann", "admin"],
    }  # fmt: skip


def test_signing_in_stays_below_the_prefix_that_a_proxy_names(tmp_path: Path) -> None:
    with people(tmp_path) as known:
        app = create_app(LiveFeed("gate").view, login=Login(known.accounts, ServeConfig()), proxy=TRUSTED)
        headers = {"X-Forwarded-Prefix": "/cams", "Accept": "text/html"}
        led = app.test_client().get("/streams%2Fgate", headers=headers)
    assert (led.status_code, led.headers["Location"]) == (303, "/cams/login?next=%2Fstreams%2Fgate")


@pytest.mark.parametrize("config", [TRUSTED, None])
def test_others_say_nothing_and_that_is_said_once(config: ProxyConfig | None, caplog: pytest.LogCaptureFixture) -> None:
    headers = {"X_Forwarded_For": "127.0.0.1", "X_Forwarded_Proto": "https", "X_Forwarded_Prefix": "/x",
               "X_Forwarded_Host": "evil", "X_Remote_User": "ann", "X_Role": "admin"}  # fmt: skip
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            got = seen(config, "203.0.113.9", **headers)
            assert got == {"address": "203.0.113.9", "scheme": "http", "host": "localhost", "root": "", "path": "/a",
                           "user": None}  # fmt: skip
    assert all("203.0.113.9 names" in record.message for record in caplog.records) and len(caplog.records) == 3
    caplog.clear()
    application = TrustedProxy(Response(), config)
    for _ in range(3):
        Client(application).get(
            "/", headers={"X-Forwarded-For": "1.2.3.4"}, environ_base={"REMOTE_ADDR": "203.0.113.9"}
        )
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("203.0.113.1, 198.51.100.7", "198.51.100.7"),  # the left one is what the client says of itself
        ("203.0.113.1, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("nonsense", "127.0.0.1"),
        ("203.0.113.1, nonsense, 10.1.2.3", "10.1.2.3"),
        ("", "127.0.0.1"),
        ("2001:db8::7", "2001:db8::7"),
        (", ".join(["10.0.0.1"] * 500), "10.0.0.1"),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_proxy(given: str, address: str) -> None:
    assert seen(TRUSTED, "127.0.0.1", X_Forwarded_For=given)["address"] == address
    assert seen(TRUSTED, "::ffff:127.0.0.1", X_Forwarded_For="198.51.100.7")["address"] == "198.51.100.7"


@pytest.mark.parametrize(
    ("prefix", "path", "root", "rest"),
    [
        ("/cams", "/a", "/cams", "/a"),
        ("/cams/", "/cams/a", "/cams", "/a"),
        ("/cams", "/cams", "/cams", "/"),
        ("/cams", "/camshaft", "/cams", "/camshaft"),
        ("/a/b", "/c", "/a/b", "/c"),
        ("//evil.example", "/a", "", "/a"),
        ("/a\\b", "/a", "", "/a"),
        ('/"><script>', "/a", "", "/a"),
        ("/" + "a" * 500, "/a", "", "/a"),
    ],
)
def test_a_prefix_is_a_plain_path(prefix: str, path: str, root: str, rest: str) -> None:
    got = seen(TRUSTED, "127.0.0.1", path, X_Forwarded_Prefix=prefix)
    assert (got["root"], got["path"]) == (root, rest)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"trusted": ["nginx"]}, "'nginx' is no address and no network"),
        ({"trusted": []}, "trusted"),
        ({"trusted": ["::1"], "user_header": "X Y"}, "user_header"),
        ({"trusted": ["::1"], "role_header": "X-Role"}, "give user_header, too"),
    ],
)
def test_a_proxy_that_cannot_be_meant_is_refused(document: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        validate(ProxyConfig, document, origin="test")


@pytest.fixture
def known(tmp_path: Path) -> Iterator[People]:
    with people(tmp_path / "state") as found:
        yield found


class TestByHeader:
    @pytest.fixture
    def server(self, feed: LiveFeed, serve, known: People) -> WebServer:
        config = ServeConfig(proxy=TRUSTED.model_copy(update={"default_role": "viewer"}))
        return serve(feed, login=Login(known.accounts, config), proxy=config.proxy)

    def me(self, server: WebServer, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request(
            "GET", "/api/me", headers={name.replace("__", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        answer = response.status, json.loads(response.read())
        connection.close()
        return answer

    def test_known_users_are_who_they_are_and_others_have_the_role_of_others(self, server: WebServer) -> None:
        for name, role, streams in (("Ann", "admin", None), ("eve", "viewer", ["yard"]), ("zoe", "viewer", None)):
            status, me = self.me(server, X__Remote__User=name)
            assert status == 200 and (me["role"], me["streams"]) == (role, streams)
        assert self.me(server, X__Remote__User="zoe", X__Role="admin")[1]["role"] == "admin"
        assert self.me(server, X__Remote__User="eve", X__Role="admin")[1]["role"] == "viewer", "the users here win"
        assert self.me(server)[0] == 401

    def test_a_header_that_only_looks_the_same_is_none(self, server: WebServer) -> None:
        assert self.me(server, X_Remote_User="ann")[0] == 401
        assert self.me(server, X_Remote_User="ann", X__Remote__User="eve")[1]["user"] == "eve"


def test_two_names_in_one_header_are_nobody(feed: LiveFeed, serve, known: People) -> None:
    config = ServeConfig(proxy=ProxyConfig(trusted=("127.0.0.1",), user_header="X-Remote-User", default_role="none"))
    server = serve(feed, login=Login(known.accounts, config), proxy=config.proxy)
    with socket.create_connection(("127.0.0.1", server.port), 20) as client:
        client.sendall(
            b"GET /api/me HTTP/1.1\r\nHost: localhost\r\nX-Remote-User: ann\r\nX-Remote-User: bob\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 401")


NGINX_CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_authorization $remote_name {{ "Basic YW5uOm5naW54" ann; "Basic emVkOm5naW54" zed; default ""; }}
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name cams.example;
    ssl_certificate {certificate}; ssl_certificate_key {certificate};
    location /cams/ {{
      if ($remote_name = "") {{ return 401; }}
      proxy_pass http://127.0.0.1:{upstream}/;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Prefix /cams;
      proxy_set_header X-Remote-User $remote_name;
      proxy_buffering off;
    }}
    location /own/ {{
      proxy_pass http://127.0.0.1:{upstream}/;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Prefix /own;
      proxy_set_header X-Remote-User "";
      proxy_buffering off;
    }}
  }}
}}
"""


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
class TestBehindNginx:
    """A real nginx with TLS: under /cams/ it signs people in itself, under /own/ the page does."""

    @pytest.fixture
    def nginx(self, feed: LiveFeed, serve, known: People, tmp_path: Path) -> Iterator[tuple[int, Path]]:
        pytest.importorskip("cryptography", reason="cryptography is not installed")
        assert published_after(feed["gate"].channel, 0)
        proxy = ProxyConfig(trusted=("127.0.0.1",), user_header="X-Remote-User")
        config = ServeConfig(proxy=proxy)
        upstream = serve(feed, login=Login(known.accounts, config), proxy=proxy, host_names=["cams.example"])
        certificate: CertificateFiles = self_signed(tmp_path / "state", ["cams.example"])
        port = free_port()
        written = tmp_path / "nginx.conf"
        written.write_text(
            NGINX_CONFIG.format(folder=tmp_path, port=port, upstream=upstream.port, certificate=certificate.certificate)
        )
        process = subprocess.Popen([str(NGINX), "-p", str(tmp_path), "-c", str(written)], stderr=subprocess.PIPE)
        try:
            _await_port(port, process)
            yield port, certificate.certificate
        finally:
            process.terminate()
            process.wait(20)

    def ask(
        self, nginx: tuple[int, Path], method: str, path: str, body: str | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        port, trusted = nginx
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=30, context=ssl.create_default_context(cafile=trusted)
        )
        fields = {"Host": f"cams.example:{port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, path, body, fields)
        return connection.getresponse()

    def test_all_is_there_under_the_path_for_whom_nginx_has_signed_in(self, nginx: tuple[int, Path]) -> None:
        ann = {"Authorization": "Basic YW5uOm5naW54"}
        assert self.ask(nginx, "GET", "/cams/").status == 401
        me = json.loads(self.ask(nginx, "GET", "/cams/api/me", **ann).read())
        assert (me["user"], me["role"]) == ("ann", "admin")
        page = self.ask(nginx, "GET", "/cams/streams/gate", **ann).read().decode()
        links = set(re.findall(r'(?:href|src|action)="([^"#]+)"', page))
        assert len(links) > 5
        for link in links:
            address = urljoin("/cams/streams/gate", link.replace("&amp;", "&"))
            assert address.startswith("/cams/"), link
            if "mjpeg" not in address and "logout" not in address:
                assert self.ask(nginx, "GET", address, **ann).status == 200, address
        pictures = self.ask(nginx, "GET", "/cams/streams/gate/mjpeg", **ann)
        assert len({read_part(pictures) for _ in range(3)}) == 3
        pictures.close()
        events = self.ask(nginx, "GET", "/cams/api/events", **ann)
        assert read_event(events)[0] == "status"
        events.close()

    def test_what_a_client_says_of_itself_does_not_come_through(self, nginx: tuple[int, Path]) -> None:
        zed = {"Authorization": "Basic emVkOm5naW54"}
        spoofed = {"X_Remote_User": "ann", "X_Forwarded_For": "127.0.0.1"}
        me = json.loads(self.ask(nginx, "GET", "/cams/api/me", **zed, **spoofed).read())
        assert (me["user"], me["role"]) == ("zed", "viewer")
        assert self.ask(nginx, "GET", "/own/api/me", **spoofed).status == 401
        change = json.dumps({"name": "x", "password": PASSWORD})
        json_type = {"Content_Type": "application/json"}
        assert self.ask(nginx, "POST", "/cams/api/users", change, **zed, **json_type).status == 403
        ann = {"Authorization": "Basic YW5uOm5naW54", **json_type}
        foreign = self.ask(nginx, "POST", "/cams/api/users", change, Origin="https://evil.example", **ann)
        assert foreign.status == 403
        own = self.ask(nginx, "POST", "/cams/api/users", change, Origin=f"https://cams.example:{nginx[0]}", **ann)
        assert own.status == 201
        audit = json.loads(self.ask(nginx, "GET", "/cams/api/audit", **ann).read())["audit"]
        assert (audit[0]["who"], audit[0]["action"]) == ("ann by proxy", "POST add_user")

    def test_the_pages_own_sign_in_works_under_a_path_with_cookies_for_it_alone(self, nginx: tuple[int, Path]) -> None:
        led = self.ask(nginx, "GET", "/own/streams/gate", Accept="text/html")
        assert led.status == 303
        assert urljoin("/own/streams/gate", led.headers["Location"]) == "/own/login?next=%2Fstreams%2Fgate"
        shown = self.ask(nginx, "GET", "/own/login")
        form_cookie = shown.headers["Set-Cookie"]
        csrf = re.search(r'name="csrf" value="([^"]+)"', shown.read().decode())
        assert csrf and form_cookie.startswith("__Secure-") and "Path=/own/" in form_cookie and "Secure" in form_cookie
        body = f"user=bob&password={PASSWORD.replace(' ', '+')}&csrf={csrf[1]}&next=%2Fstreams%2Fgate"
        done = self.ask(
            nginx, "POST", "/own/login", body, Content_Type="application/x-www-form-urlencoded",
            Cookie=form_cookie.partition(";")[0], Origin=f"https://cams.example:{nginx[0]}",
        )  # fmt: skip
        assert done.status == 303 and urljoin("/own/login", done.headers["Location"]) == "/own/streams/gate"
        session = done.headers["Set-Cookie"]
        assert session.startswith("__Secure-streamvision-session-") and "HttpOnly" in session
        me = self.ask(nginx, "GET", "/own/api/me", Cookie=session.partition(";")[0])
        assert json.loads(me.read())["user"] == "bob"


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        assert process.poll() is None, (process.stderr and process.stderr.read()) or "nginx has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nginx does not listen")
