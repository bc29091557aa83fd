"""What all parts of the configuration have in common."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from streamvision.core.addresses import MASK
from streamvision.core.config.wording import faults_in_words, in_words
from streamvision.core.errors import ConfigError
from streamvision.core.reading import MAX_YAML_BYTES, UnreadableError, parse_yaml, read_text

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger(__name__)
_QUOTED = re.compile(r"'([^']*)'")

ID = in_words(
    r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$",
    "give 1 to 64 letters without accents, digits, hyphens, underscores and dots, no dot first",
)
"""What the id of a stream, or the name of a model, looks like."""
SHOWN_NAME = in_words(r"^[^\x00-\x1f\x7f]{1,80}$", "give 1 to 80 characters on one line")
"""What a name for people looks like."""
MAX_THREADS = 1024
"""Most threads of a call; each has a stack of its own, and more than a machine's cores gain nothing."""


def listed_in(registry: str) -> dict[str, Any]:
    """Return what a field says about itself (``json_schema_extra``) whose values are the names in a registry.

    Args:
        registry: ``"module:NAME"``; ``--help`` and the documentation import it to list the names.
    """
    return {"registry": registry}


ClassName = Annotated[str, BeforeValidator(lambda given: str(given) if type(given) is int else given)]
"""A class by its name or, where no class of the model has that name, by its number."""


class Section(BaseModel):
    """A part of the configuration; unknown keys are refused, renamed ones are read with a warning."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, defer_build=True)

    renamed_keys: ClassVar[dict[str, str]] = {}
    """By former name, the present name of each key that was renamed; files with the former name stay valid."""

    @model_validator(mode="before")
    @classmethod
    def with_present_keys(cls, document: Any) -> Any:
        """Return what was given, each renamed key under its present name, with one warning that names it.

        Raises:
            ValueError: when a key stands under both names.
        """
        if not isinstance(document, dict) or not (former := cls.renamed_keys.keys() & document.keys()):
            return document
        for name in sorted(former):
            present = cls.renamed_keys[name]
            if present in document:
                raise ValueError(f"{name!r} is the former name of {present!r}, and both are given; keep {present!r}")
            _log.warning("the configuration's key %r is now called %r; please rename it", name, present)
        return {cls.renamed_keys.get(name, name): value for name, value in document.items()}

    def with_keys_of(self, own: Section | None) -> Self:
        """Return this section with the keys that another of its kind was given; all its keys count as given then.

        >>> from streamvision.core.config.overlay import OverlayConfig
        >>> OverlayConfig(trails_s=0).with_keys_of(OverlayConfig(labels=False))
        OverlayConfig(boxes=True, labels=False, trails_s=0.0, status=False, analytics=True)
        """
        given = {} if own is None else {name: getattr(own, name) for name in own.model_fields_set}
        return self.model_copy(update={name: getattr(self, name) for name in type(self).model_fields} | given)


S = TypeVar("S", bound=Section)


def read_yaml(path: Path, section: type[Section], *, kind: str) -> dict[str, Any]:
    """Read a YAML file into a plain mapping, not yet validated; ``kind`` is what messages call such a file.

    Raises:
        ConfigError: when the file is missing, is not YAML, has a key twice or is not a mapping.
    """
    try:
        document = parse_yaml(read_text(path, limit=MAX_YAML_BYTES), unique_keys=True)
    except UnreadableError as error:
        raise ConfigError(f"cannot read {kind} {path}: it {error}; give an existing YAML file") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{kind} {path} is not valid YAML: {_fault_of(error)}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{kind} {path} must be a mapping with the keys {', '.join(section.model_fields)}")
    return document


def _fault_of(error: yaml.YAMLError) -> str:
    """Return what is wrong with a YAML file, and where, without what stands there: that may be a password."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem is None:
        return "it holds a byte or character that no text has"
    place = error.problem_mark
    where = f" (line {place.line + 1}, column {place.column + 1})" if place is not None else ""
    problem = error.problem.replace(r"character '\t' that cannot start any token", "a tab; indent with spaces")
    return f"{_QUOTED.sub(_masked_word, problem)}{where}"


def _masked_word(quoted: re.Match[str]) -> str:
    is_own = len(quoted[1]) < 2 or quoted[1].startswith("<")  # a character, or what YAML calls a part of its grammar
    return quoted[0] if is_own else repr(MASK)


def validate(section: type[S], document: Any, *, origin: str) -> S:
    """Return a part of the configuration from plain values; ``origin`` says in messages where they came from.

    Raises:
        ConfigError: naming the key, what was given and what is accepted; an unknown key names the nearest known one.
    """
    try:
        return section.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {faults_in_words(error, section)}") from None


def given_by(key: str) -> BeforeValidator:
    """Return what reads a section that is given by its main key alone, also by the word ``off``, which YAML reads."""
    return BeforeValidator(lambda given: {key: given} if isinstance(given, str) or given is False else given)
