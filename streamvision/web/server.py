"""The HTTP server: uvicorn on a thread of its own, with bounds, on a socket that listens already."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from streamvision.core.config.serve import ProxyConfig
from streamvision.core.live import LiveView
from streamvision.web.app import create_app
from streamvision.web.asgi import AsgiApp
from streamvision.web.certificate import Certificate
from streamvision.web.connections import BoundedProtocol
from streamvision.web.fanout import EVICTION_S
from streamvision.web.listener import listen
from streamvision.web.live_service import LiveService
from streamvision.web.loop_faults import LoopFaults
from streamvision.web.open_connections import OpenConnections
from streamvision.web.open_files import max_connections
from streamvision.web.readiness import READY_AGE_S
from streamvision.web.tls_handshake import TlsHandshake

if TYPE_CHECKING:
    from streamvision.web.login import Login

KEEP_ALIVE_S = 5
"""Longest silence of a client between two requests."""
CERTIFICATE_S = 60.0
"""How often it is looked whether the certificate was replaced, or is due."""
STOP_S = 2.0
"""Longest wait for the server's thread."""


class WebServer:
    """Serves the pages, the API and the pictures of one running pipeline."""

    def __init__(
        self,
        view: LiveView,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        eviction_s: float = EVICTION_S,
        max_viewers: int | None = None,
        host_names: Iterable[str] = (),
        ready_age_s: float | None = READY_AGE_S,
        login: Login | None = None,
        proxy: ProxyConfig | None = None,
        certificate: Certificate | None = None,
        embed_origins: Iterable[str] = (),
        listener: socket.socket | None = None,
    ) -> None:
        """Prepare a server; nothing is opened before :meth:`start`.

        Args:
            view: the pipeline to show.
            host: name or address to listen on.
            port: TCP port; 0 takes any free one.
            eviction_s: how long a viewer may take nothing before it is evicted.
            max_viewers: most live connections at a time; default: 1000, or half of the open-file limit.
            host_names: names of this machine under which requests are answered, beside those that it knows.
            ready_age_s: oldest that the newest frame of a live stream may be where all is ready; ``None``: any.
            login: how people sign in; by default nobody does, and everybody may do everything.
            proxy: a reverse proxy in front whose word is taken.
            certificate: what HTTPS is begun with; default: HTTP.
            embed_origins: sites whose pages may show live streams.
            listener: a socket that listens there already.
        """
        self.host = host.strip("[]")
        self.port = port
        credentials = login.credentials if login else None
        self._live = LiveService(view, eviction_s=eviction_s, max_viewers=max_viewers, credentials=credentials)
        self.fanout = self._live.fanout
        app = create_app(
            view,
            live=self._live,
            host_names=host_names,
            ready_age_s=ready_age_s,
            login=login,
            proxy=proxy,
            embed_origins=embed_origins,
        )
        self._app = AsgiApp(app, self.fanout)
        self._eviction_s = eviction_s
        self._certificate = certificate
        self._listener = listener
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        shown = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        scheme = "https" if self._certificate else "http"
        return f"{scheme}://[{shown}]:{self.port}/" if ":" in shown else f"{scheme}://{shown}:{self.port}/"

    @property
    def serving(self) -> bool:
        """Whether the server's thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen, and serve in the background.

        Raises:
            OutputError: when the port is taken, or the address is not this machine's.
        """
        listener = self._listener or listen(self.host, self.port)
        self.port = listener.getsockname()[1]
        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # it warns of every malformed request
        self._server = uvicorn.Server(
            uvicorn.Config(
                cast(Any, self._app),
                http=cast(Any, _protocols(self.fanout.places.limit, self._eviction_s, self._certificate)),
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
            )
        )
        serving = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, serving)), name="web-server", daemon=True
        )
        self._thread.start()
        serving.wait()

    async def _serve(self, listener: socket.socket, serving: threading.Event) -> None:
        asyncio.get_running_loop().set_exception_handler(LoopFaults())
        self._live.start(asyncio.get_running_loop())
        serving.set()
        assert self._server is not None
        keeping = asyncio.ensure_future(self._keep_certificate_fresh())
        await self._server.serve(sockets=[listener])
        keeping.cancel()

    async def _keep_certificate_fresh(self) -> None:
        while self._certificate is not None:
            await asyncio.sleep(CERTIFICATE_S)
            await asyncio.to_thread(self._certificate.refresh)

    def stop(self) -> None:
        """Stop serving, close every connection and free the port, within 2 s; calling it twice is harmless."""
        server, self._server = self._server, None
        if server is None:
            return
        server.should_exit = True
        self._live.stop()
        if self._thread is not None:
            self._thread.join(STOP_S)
        self._app.close()


def _protocols(max_viewers: int, eviction_s: float, certificate: Certificate | None) -> Callable[..., asyncio.Protocol]:
    """Return what makes the protocol of each connection of one server."""
    opened = OpenConnections(max_connections(max_viewers))

    def make(*args: Any, **options: Any) -> asyncio.Protocol:
        protocol = BoundedProtocol(*args, open_connections=opened, eviction_s=eviction_s, **options)
        return TlsHandshake(protocol, context=certificate.context, open_connections=opened) if certificate else protocol

    return make
