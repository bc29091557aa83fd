"""Whether a Matroska or WebM file has all the bytes that its header promises (RFC 9559, EBML: RFC 8794)."""

from __future__ import annotations

from pathlib import Path

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def missing_bytes(path: Path) -> int:
    """Return how many bytes are missing at the end of the file; 0 where it does not say how many there should be."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        header = _element(head, 0)
        if header is None or header[0] != _EBML or header[2] is None:
            return 0
        segment = _element(head, header[1] + header[2])
        if segment is None or segment[0] != _SEGMENT or segment[2] is None:
            return 0
        return max(segment[1] + segment[2] - path.stat().st_size, 0)
    except OSError:
        return 0


def _element(data: bytes, position: int) -> tuple[int, int, int | None] | None:
    """Return an element's id, where its data begin, and their size: ``None`` where it was not known when written."""
    if position + 12 > len(data):
        return None
    id_bytes = 9 - data[position].bit_length()
    size_bytes = 9 - data[position + id_bytes].bit_length() if id_bytes <= 4 else 9
    if size_bytes > 8:
        return None
    begin = position + id_bytes + size_bytes
    size = int.from_bytes(data[position + id_bytes : begin], "big") & ((1 << 7 * size_bytes) - 1)
    is_known = size != (1 << 7 * size_bytes) - 1
    return int.from_bytes(data[position : position + id_bytes], "big"), begin, size if is_known else None
