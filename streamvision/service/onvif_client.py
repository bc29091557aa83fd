"""Asks one camera for its streams, in a process of its own, whose time and memory are bounded.

It reads a question from the standard input and writes one JSON document to the standard output. The library goes where
a camera points; here it connects to the camera that was asked, and to nobody else.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import sys
from typing import Any
from urllib.parse import urlsplit

MAX_MEMORY_BYTES = 1 << 30
MAX_PROFILES = 64
MAX_TEXT = 2000
_REFUSED = re.compile(r"not ?authorized|unauthorized|(?<![\d.:])401(?!\d)")
"""What is said where the user or the password is wrong; an address whose port has these digits says nothing of that."""


def main() -> None:
    """Answer the question on the standard input."""
    asked = json.load(sys.stdin)
    answer_to = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    for kind, bound in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, MAX_MEMORY_BYTES)):
        resource.setrlimit(kind, (bound, bound))
    with os.fdopen(answer_to, "w") as output:
        json.dump(_answer(asked), output)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    from aiohttp import ClientError
    from onvif.exceptions import ONVIFError
    from zeep.exceptions import Error, Fault

    try:
        return {"profiles": asyncio.run(_profiles(asked))}
    except Fault as error:
        reason = f"{error.message} {' '.join(map(str, error.subcodes or ()))}".lower()
        return {"refused": True} if _REFUSED.search(reason) else {"error": str(error.message)}
    except (ONVIFError, Error, ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
        reason = str(error).strip() or type(error).__name__
        return {"refused": True} if _REFUSED.search(reason.lower()) else {"error": reason}
    except MemoryError:
        return {"error": "its answer is too large"}
    except Exception as error:  # the library's own, of an answer that is not what it reads
        return {"error": f"its answer is not what ONVIF has ({type(error).__name__})"}


async def _profiles(asked: dict[str, Any]) -> list[dict[str, Any]]:
    import onvif.client
    from aiohttp import TCPConnector

    scheme = "https" if asked["tls"] else "http"
    host = f"[{asked['host']}]" if ":" in asked["host"] else asked["host"]

    class OneMachine(TCPConnector):  # type: ignore[misc]
        """Connects to the camera alone, redirections included."""

        async def connect(self, req: Any, *args: Any, **options: Any) -> Any:
            if (req.url.host, req.url.port) != (asked["host"].lower(), asked["port"]):
                raise OSError(f"it points to another machine, {req.url.host}, which is not asked")
            return await super().connect(req, *args, **options)

    class Camera(onvif.client.ONVIFCamera):  # type: ignore[misc]
        """Keeps to the address that was asked, whatever the camera says of itself, as behind NAT."""

        def rewrite_url(self, url: str | None) -> str | None:
            return url and f"{scheme}://{host}:{asked['port']}{urlsplit(url).path}"

    onvif.client.TCPConnector = OneMachine
    login = asked["user"], asked["password"]
    camera = Camera(f"{scheme}://{host}", asked["port"], *login, no_cache=True, adjust_time=True)
    try:
        await camera.update_xaddrs()
        media = await camera.create_media_service()
        profiles = await media.GetProfiles()
        return [await _described(media, profile) for profile in profiles[:MAX_PROFILES]]
    finally:
        await camera.close()


async def _described(media: Any, profile: Any) -> dict[str, Any]:
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    uri = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profile.token})
    encoder = getattr(profile, "VideoEncoderConfiguration", None)
    size, rate = getattr(encoder, "Resolution", None), getattr(encoder, "RateControl", None)
    return {
        "name": str(profile.Name or profile.token)[:MAX_TEXT],
        "uri": str(uri.Uri)[:MAX_TEXT],
        "width_px": _number(getattr(size, "Width", None)),
        "height_px": _number(getattr(size, "Height", None)),
        "fps": _number(getattr(rate, "FrameRateLimit", None)),
    }


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 < value < 1e6 else None
