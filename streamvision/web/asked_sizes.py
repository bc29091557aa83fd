"""In which sizes and layers a request asks for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from flask import request

from streamvision.core.redaction import short
from streamvision.web.layers import ASKED_LAYERS, PICTURES, AskedLayer, AskedLayers
from streamvision.web.refusal import refuse
from streamvision.web.widths import PictureSizes, step_for

MAX_WIDTH_PX = 65535
"""Widest picture that JPEG knows."""


def asked_sizes(streams: Sequence[str]) -> PictureSizes:
    """Return in which sizes the present request asks for the pictures of these streams.

    Raises:
        Refused: when ``width`` or ``adapt`` are not understood.
    """
    adapts = request.args.get("adapt", "1")
    if adapts not in ("0", "1"):
        refuse(HTTPStatus.BAD_REQUEST, f"adapt={short(adapts)} is not known; use 0 for pictures of one size, or 1")
    asked = _by_stream("width", "widths", streams)
    if isinstance(asked, str):
        return PictureSizes(width_px=_width_px(asked) if asked else None, adapts=adapts == "1")
    widths_px = {stream_id: _width_px(text) for stream_id, text in asked.items() if text}
    return PictureSizes(widths_px=widths_px, adapts=adapts == "1")


def asked_layers(streams: Sequence[str]) -> AskedLayers:
    """Return in which layers the present request asks for these streams.

    Raises:
        Refused: when ``layer`` is not understood.
    """
    asked = _by_stream("layer", "layers", streams)
    if isinstance(asked, str):
        return AskedLayers(_layer(asked)) if asked else PICTURES
    return AskedLayers(layers={stream_id: _layer(text) for stream_id, text in asked.items() if text})


def asked_results() -> bool:
    """Return whether the present request asks for what was found on each frame.

    Raises:
        Refused: when ``results`` is not understood.
    """
    given = request.args.get("results", "0")
    if given not in ("0", "1"):
        refuse(HTTPStatus.BAD_REQUEST, f"results={short(given)} is not known; use 1 for what was found, or 0")
    return given == "1"


def asked_width() -> int | None:
    """Return in which step of width the present request asks for one picture; ``None``: in full size.

    Raises:
        Refused: when ``width`` is no width.
    """
    text = request.args.get("width")
    return _width_px(text) if text else None


def _by_stream(name: str, several: str, streams: Sequence[str]) -> str | dict[str, str]:
    """Return what a parameter gives for all streams, or for each by its id; empty: nothing is said."""
    text = request.args.get(name, "")
    parts = text.split(",")
    if len(parts) == len(streams) and any(parts):
        return dict(zip(streams, parts, strict=True))
    given = [part for part in parts if part]
    if len(given) > 1:
        refuse(
            HTTPStatus.BAD_REQUEST,
            f"{name} gives {len(given)} {several} for {len(streams)} streams; give one for all, or one for each "
            "in their order",
        )
    return given[0] if given else ""


def _width_px(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= MAX_WIDTH_PX):
        refuse(HTTPStatus.BAD_REQUEST, f"width={short(text)} is no width; give 1 to {MAX_WIDTH_PX} pixels")
    return step_for(int(text))


def _layer(text: str) -> AskedLayer:
    known: dict[str, AskedLayer] = {one: one for one in ASKED_LAYERS}
    if text not in known:
        refuse(HTTPStatus.BAD_REQUEST, f"layer={short(text)} is not known; the layers are: {', '.join(known)}")
    return known[text]
