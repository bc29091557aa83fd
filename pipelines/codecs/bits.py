"""Bits of a NAL unit (ITU-T H.264 and H.265, 7.2 and 9.1), or of what has no escapes."""

from __future__ import annotations


class Bits:
    """Reads the content of a NAL unit from its first bit on.

    Args:
        unit: its bytes behind the unit's header; as many as are needed.
        is_escaped: whether bytes of no meaning keep start codes out of it.

    Every read raises ``ValueError`` beyond the end.
    """

    def __init__(self, unit: bytes, *, is_escaped: bool = True) -> None:
        content = unit.replace(b"\0\0\3", b"\0\0") if is_escaped else unit
        self._value = int.from_bytes(content, "big")
        self._left = 8 * len(content)

    def u(self, count: int) -> int:
        """Return the next ``count`` bits as a number."""
        self._left -= count
        if self._left < 0:
            raise ValueError("the unit is shorter than its content")
        return (self._value >> self._left) & ((1 << count) - 1)

    def ue(self) -> int:
        """Return the next Exp-Golomb number."""
        rest = self._value & ((1 << self._left) - 1)
        zeros = self._left - rest.bit_length()
        if zeros > 32 or not rest:
            raise ValueError("no Exp-Golomb number")
        self._left -= zeros
        return self.u(zeros + 1) - 1

    def se(self) -> int:
        """Return the next signed Exp-Golomb number."""
        number = self.ue()
        return (number + 1) // 2 if number % 2 else -(number // 2)
