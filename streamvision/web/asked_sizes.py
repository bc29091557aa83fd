"""In which sizes a request asks for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from flask import request

from streamvision.core.redaction import short
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
    widths_px = [_width_px(text) for text in request.args.get("width", "").split(",") if text]
    if len(widths_px) > 1 and len(widths_px) != len(streams):
        refuse(
            HTTPStatus.BAD_REQUEST,
            f"width gives {len(widths_px)} widths for {len(streams)} streams; give one for all, or one for each "
            "in their order",
        )
    if len(widths_px) == 1:
        return PictureSizes(width_px=widths_px[0], adapts=adapts == "1")
    return PictureSizes(widths_px=dict(zip(streams, widths_px, strict=False)), adapts=adapts == "1")


def asked_width() -> int | None:
    """Return in which step of width the present request asks for one picture; ``None``: in full size.

    Raises:
        Refused: when ``width`` is no width.
    """
    text = request.args.get("width")
    return _width_px(text) if text else None


def _width_px(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= MAX_WIDTH_PX):
        refuse(HTTPStatus.BAD_REQUEST, f"width={short(text)} is no width; give 1 to {MAX_WIDTH_PX} pixels")
    return step_for(int(text))
