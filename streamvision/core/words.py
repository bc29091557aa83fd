"""Words of sentences for people."""

from __future__ import annotations


def with_article(name: str) -> str:
    """Return a name with its article, by its first letter.

    >>> with_article("car"), with_article("airplane")
    ('a car', 'an airplane')
    """
    return f"{'an' if name[:1].lower() in set('aeiou') else 'a'} {name}"


def counted(count: int, several: str, *, width: int = 0) -> str:
    """Return a number and what is counted, which is given in the plural, last word last.

    >>> counted(1, "boxes"), counted(2000, "pictures")
    ('1 box', '2,000 pictures')
    """
    one = several.removesuffix("es") if several.endswith(("xes", "sses")) else several.removesuffix("s")
    return f"{count:>{width},} {one if count == 1 else several}"
