"""Reads files that anybody may have written: text, JSON, YAML and XML, each with a bound on what it may take.

Time and memory grow with the size of a file and no faster, so a bound on that is one on both. What unfolds to more
than its text (aliases of YAML, entities of XML), nests deeper than anything real, or is no file but a pipe or a device
is refused. Every message is a clause that goes on from the file's name.
"""

from __future__ import annotations

import codecs
import io
import json
import math
import os
import re
import reprlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO
from xml.etree import ElementTree

import yaml

MIB = 1 << 20
MAX_TEXT_BYTES = 64 * MIB
"""Longest text: labels of a picture, a list of pictures or of classes. 64 MiB hold a million names of pictures."""
MAX_TABLE_BYTES = 2048 * MIB
"""Longest table of a whole data set. LVIS has 1.1 GB."""
MAX_YAML_BYTES = MIB
"""Longest YAML file. The names of 10,000 classes take a fifth of it; a second is read at about 100 KB."""
MAX_YAML_VALUES = 100_000
"""Most values of a YAML file, those that an alias repeats counted each time."""
MAX_XML_BYTES = 512 * MIB
"""Longest XML file. CVAT's has all pictures of a task in one."""
MAX_DEPTH = 100
"""Deepest nesting of YAML and XML; that of JSON is as deep as Python's own reader goes, about a thousand."""
MAX_DIGITS = 19
"""Digits of the longest whole number of a YAML file; those of 64 bits have as many."""

_SURROGATE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape of JSON; group 1 is half of a pair without the other half."""
_MERGE = "tag:yaml.org,2002:merge"
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Without waiting: a pipe would keep the caller until somebody writes to it."""
_ELEMENT = re.compile(rb"<([A-Za-z_][\w.:-]*)")


SHOWN_CHARACTERS = 80
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict, _SHORT.maxstring, _SHORT.maxlong = 3, 6, 6, 60, 40


class UnreadableError(ValueError):
    """A file cannot be read as what it should be; the message is a clause that goes on from the file's name."""


def open_ordinary(path: Path) -> BinaryIO:
    """Return an ordinary file, open for reading bytes; what opens it closes it.

    Raises:
        UnreadableError: when it is not there, or no ordinary file.
    """
    try:
        file = os.fdopen(os.open(path, _OPEN_FLAGS), "rb")
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from None
    except ValueError:  # NUL, or half of a surrogate pair
        raise UnreadableError("has a name that no file can have") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UnreadableError("is not an ordinary file")
    return file


def read_bytes(path: Path, *, limit: int = MAX_TABLE_BYTES) -> bytes:
    """Return what is in a file.

    Raises:
        UnreadableError: when it is not there, no ordinary file, or longer than ``limit``.
    """
    try:
        with open_ordinary(path) as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size + 1) if size <= limit else b""  # what is asked for is reserved
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from None
    if size > limit or len(content) > limit:
        raise UnreadableError(f"has {max(size, len(content)):,} bytes, of which {limit:,} are read")
    return content


def read_head(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, to see what it is; nothing where it cannot be read or is no ordinary file."""
    try:
        with os.fdopen(os.open(path, _OPEN_FLAGS), "rb") as file:
            return file.read(size) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except (OSError, ValueError):
        return b""


def lenient_text(content: bytes, *, otherwise: str = "utf-8-sig") -> str:
    """Return the text of a file or of its first bytes, a replacement character for what is none.

    Args:
        content: what is in the file.
        otherwise: the encoding where no byte order mark says one.
    """
    return content.decode(_encoding(content, otherwise), "replace")


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a text that may be larger than the memory, in the encodings of :func:`read_text`; lines end as in the file.

    Raises:
        UnreadableError: when it is not there, or no ordinary file.
    """
    encoding = _encoding(read_head(path, 4))
    with open_ordinary(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        yield text


def read_text(path: Path, *, limit: int = MAX_TEXT_BYTES) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with a byte order mark, without that; lines end in ``\\n``.

    Raises:
        UnreadableError: see :func:`read_bytes`; or when it is neither.
    """
    return _decoded(read_bytes(path, limit=limit)).replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path, *, limit: int = MAX_TABLE_BYTES) -> Any:
    """Return what a JSON file holds; ``NaN`` and ``Infinity`` are taken, since tables of others have them.

    Raises:
        UnreadableError: see :func:`read_bytes` and :func:`parse_json`.
    """
    return parse_json(read_bytes(path, limit=limit))


def read_yaml(path: Path, *, as_written: bool = False) -> Any:
    """Return what a YAML file holds; ``as_written``, see :func:`parse_yaml`.

    Raises:
        UnreadableError: see :func:`read_bytes` and :func:`parse_yaml`; with line and column.
    """
    try:
        return parse_yaml(read_text(path, limit=MAX_YAML_BYTES), as_written=as_written)
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark
        where = f"line {place.line + 1}, column {place.column + 1}: " if place is not None else ""
        raise UnreadableError(f"is not valid YAML ({where}{error.problem})") from None
    except yaml.YAMLError:
        raise UnreadableError("is not valid YAML (it holds a character that no text has)") from None


def read_xml(path: Path) -> ElementTree.Element:
    """Return the outermost element of an XML file.

    Raises:
        UnreadableError: see :func:`read_bytes` and :func:`parse_xml`.
    """
    return parse_xml(read_bytes(path, limit=MAX_XML_BYTES))


def parse_json(content: bytes | str) -> Any:
    """Return what JSON holds.

    Raises:
        UnreadableError: with line and column, when it is not JSON, nested too deeply, or has a text or a number that
            nothing can be done with.
    """
    text = _decoded(content) if isinstance(content, bytes) else content
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UnreadableError(f"is not valid JSON ({where}: {error.msg})") from None
    except RecursionError:
        raise UnreadableError("is nested too deeply") from None
    except ValueError:  # Python converts no longer one, since that takes the square of the time
        raise UnreadableError("has a whole number of more than 4,300 digits") from None
    except MemoryError:
        raise UnreadableError("is larger than the memory of this machine") from None
    if ("\\ud" in text or "\\uD" in text) and any(escape[1] for escape in _SURROGATE.finditer(text)):
        raise UnreadableError("has half of a surrogate pair, which is no character")
    return document


def parse_yaml(text: str, *, as_written: bool = False, unique_keys: bool = False) -> Any:
    """Return what YAML text holds.

    Args:
        text: the YAML.
        as_written: take every value without a tag as text: YAML 1.1 makes truth, dates and numbers of names such as
            ``no``, ``2024-01-01`` and ``007``.
        unique_keys: refuse a key that stands twice in a mapping, where the last one would count otherwise.

    Raises:
        yaml.YAMLError: with the place, when it is not YAML, nested too deeply, unfolds to too many values, or has a
            value that nothing can be done with.
    """
    if len(text) > MAX_YAML_BYTES:
        raise yaml.MarkedYAMLError(problem=f"it has {len(text):,} characters, of which {MAX_YAML_BYTES:,} are read")
    loader = _TextLoader(text) if as_written else _BoundedLoader(text)
    loader.unique_keys = unique_keys
    try:
        return loader.get_single_data()
    except ValueError as error:  # an escape of a character that there is not
        raise yaml.scanner.ScannerError(None, None, "found no character", loader.get_mark()) from error
    finally:
        loader.dispose()


def parse_xml(content: bytes) -> ElementTree.Element:
    """Return the outermost element of an XML document.

    Raises:
        UnreadableError: with line and column, when it is not XML, or has a document type: entities may be declared
            there, which unfold to any length.
    """
    parser = ElementTree.XMLParser(target=_BoundedTree())
    try:
        parser.feed(content)
        root: ElementTree.Element = parser.close()
    except UnreadableError:
        raise
    except ElementTree.ParseError as error:
        raise UnreadableError(f"is not valid XML ({error})") from None
    except (ValueError, LookupError):
        raise UnreadableError("is not valid XML (its encoding is not known)") from None
    except MemoryError:
        raise UnreadableError("is larger than the memory of this machine") from None
    return root


def first_element(head: bytes) -> str | None:
    """Return the name of the first element of XML by its first bytes; ``None`` where they show none.

    Comments and instructions before it are passed over, in one go through the bytes.
    """
    at = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    while True:
        while head[at : at + 1].isspace():
            at += 1
        ending = next((end for begin, end in ((b"<!--", b"-->"), (b"<?", b"?>")) if head.startswith(begin, at)), None)
        if ending is None:
            found = _ELEMENT.match(head, at)
            return found[1].decode("ascii") if found else None
        if (end := head.find(ending, at + 2)) < 0:
            return None
        at = end + len(ending)


def finite(value: Any) -> float | None:
    """Return a number of a document as a float; ``None`` for what is no number, NaN or beyond all floats."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def shown(value: Any) -> str:
    """Return a value of a document in at most 80 characters for a message, however large it is or deeply nested."""
    text = _SHORT.repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."


def _decoded(content: bytes) -> str:
    try:
        return content.decode(_encoding(content))
    except UnicodeDecodeError as error:
        raise UnreadableError(f"is not text in UTF-8 (byte {error.start + 1}); save it as that") from None


def _encoding(content: bytes, otherwise: str = "utf-8-sig") -> str:
    """Return UTF-16 or UTF-8 where a byte order mark says so, as on what spreadsheets save as Unicode text."""
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if is_utf16 and not content.startswith(codecs.BOM_UTF32_LE) else otherwise


class _BoundedTree(ElementTree.TreeBuilder):
    """Builds a tree of elements that is no deeper than it may be and has no entities of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise UnreadableError("has a document type, which is not read, since it may declare entities of any length")

    def start(self, tag: str, attrs: dict[str, str]) -> ElementTree.Element:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnreadableError(f"is nested deeper than {MAX_DEPTH} levels")
        return super().start(tag, attrs)

    def end(self, tag: str) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)


class _BoundedLoader(yaml.SafeLoader):
    """Loads plain values, as many and as deep as may be."""

    unique_keys = False

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._values = 0
        self._values_of: dict[int, int] = {}
        """By the identity of a node that is complete, how many values it unfolds to."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        start = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        is_alias = self.check_event(yaml.events.AliasEvent)
        before = self._values
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"found more than {MAX_DEPTH} levels", start)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if not is_alias:
            self._values += 1
            self._values_of[id(node)] = self._values - before
        elif id(node) in self._values_of:
            self._values += self._values_of[id(node)]
        else:
            raise yaml.composer.ComposerError(None, None, "found an alias of what it stands in", start)
        if self._values > MAX_YAML_VALUES:
            raise yaml.composer.ComposerError(None, None, f"found more than {MAX_YAML_VALUES:,} values", start)
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        if self.unique_keys:
            known = set()
            for key, _value in node.value:
                named = (key.tag, str(key.value))
                if named in known and key.tag != _MERGE:
                    raise yaml.composer.ComposerError(None, None, "found a key for the second time", key.start_mark)
                known.add(named)
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        with _constructing(node):
            value = super().construct_object(node, deep)
        if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            raise yaml.constructor.ConstructorError(
                None, None, f"found a whole number of more than {MAX_DIGITS} digits", node.start_mark
            )
        return value

    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and not value.isascii():
            with _constructing(node):
                value.encode()  # half of a surrogate pair cannot be
        return value

    def construct_yaml_int(self, node: Any) -> int:
        if len(self.construct_scalar(node)) > 4 * MAX_DIGITS:  # of base 60 and 2, before the square of their time
            raise yaml.constructor.ConstructorError(
                None, None, f"found a whole number of more than {MAX_DIGITS} digits", node.start_mark
            )
        return super().construct_yaml_int(node)


_BoundedLoader.add_constructor("tag:yaml.org,2002:int", _BoundedLoader.construct_yaml_int)


class _TextLoader(_BoundedLoader):
    """Loads values as they are written; ``<<`` merges a mapping into another, as it does elsewhere."""


_TextLoader.yaml_implicit_resolvers = {"<": _BoundedLoader.yaml_implicit_resolvers["<"]}
_TextLoader.add_constructor(_MERGE, _TextLoader.construct_scalar)


@contextmanager
def _constructing(node: Any) -> Iterator[None]:
    """Turn what Python says of a value that its tag does not fit into an error of YAML."""
    try:
        yield
    except yaml.YAMLError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise yaml.constructor.ConstructorError(
            None, None, "found a value that is not what it looks like", node.start_mark
        ) from error
