"""Pictures are decoded by one function, so that all of them stand upright."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.upright import decode_upright

ROOT = Path(__file__).parents[3]
DECODERS = ("cv2.imread(", "cv2.imdecode(", "cv2.imreadmulti(", "exif_transpose(")
ELSEWHERE = {
    "streamvision/core/upright.py": "the function itself",
    "streamvision/core/given_picture.py": "images of Pillow, whose files are not known any more",
    "streamvision/datasets/contact_sheet.py": "says of a broken picture what Pillow says of it",
}


def test_nothing_else_decodes_pictures() -> None:
    folders = ("streamvision", "pipelines", "exporters")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in files if any(one in path.read_text() for one in DECODERS)}
    assert found == set(ELSEWHERE)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\xff\xd8\xff", b"II*\0", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_what_is_no_picture_is_none(content: bytes) -> None:
    assert decode_upright(content) is None
