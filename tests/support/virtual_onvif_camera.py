"""A camera that speaks ONVIF: ipycam's services and WS-Discovery, on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from types import SimpleNamespace

USER, PASSWORD = "root", "p@ss/w:ord"


@contextmanager
def virtual_camera(*, local_ip: str = "127.0.0.1", discoverable: bool = False) -> Iterator[int]:
    """Run a camera with a user and a password; give the port of its ONVIF service.

    Args:
        local_ip: the address under which it says that it is.
        discoverable: whether it answers probes.
    """
    from ipycam.config import CameraConfig
    from ipycam.discovery import WSDiscoveryServer
    from ipycam.http import IPCameraHTTPHandler
    from ipycam.onvif import ONVIFService

    config = CameraConfig(name="Gate", username=USER, password=PASSWORD, local_ip=local_ip, main_fps=25)
    service = ONVIFService(config)
    handler = type("Handler", (IPCameraHTTPHandler,), {"camera": SimpleNamespace(config=config, onvif=service)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        config.onvif_port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        discovery = WSDiscoveryServer(service) if discoverable else None
        if discovery:
            discovery.start()
        try:
            yield server.server_port
        finally:
            if discovery:
                discovery.stop()
            server.shutdown()
            thread.join(60)
