"""What finds objects where there is no network: steps of OpenCV, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from streamvision.core.config.section import Section, listed_in

MAX_STEPS = 32
"""Most steps of one model."""


class StepConfig(Section):
    """One step. In YAML it may be written as its name alone, `mog2`, or as its name with its settings,
    `mog2: {history: 300}`; on the command line as `mog2:history=300`."""

    name: str = Field(
        description="What it does; the page on classical vision explains the steps and their settings.",
        json_schema_extra=listed_in("streamvision.inference.classical.registry:STEPS"),
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Its settings, by OpenCV's names.")

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, given: Any) -> Any:
        if isinstance(given, str):
            return parse_step(given)
        if isinstance(given, Mapping) and len(given) == 1 and not given.keys() & cls.model_fields.keys():
            ((name, options),) = given.items()
            return {"name": str(name), "options": {} if options is None else options}
        return given


def parse_step(text: str) -> dict[str, Any]:
    """Return a step that is written as ``NAME`` or ``NAME:KEY=VALUE,KEY=VALUE``, as a plain mapping.

    Several numbers are parted by slashes.

    >>> parse_step("in_range:lower=0/120/80,upper=10/255/255")
    {'name': 'in_range', 'options': {'lower': ['0', '120', '80'], 'upper': ['10', '255', '255']}}

    Raises:
        ValueError: when a setting has no value.
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for one in filter(None, rest.split(",")):
        key, equals, value = one.partition("=")
        if not equals:
            raise ValueError(f"{one.strip()!r} has no value; give each setting with one, such as mog2:history=300")
        options[key.strip()] = value.split("/") if "/" in value else value.strip()
    return {"name": name.strip(), "options": options}
