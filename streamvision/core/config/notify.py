"""Who is told of events: targets, and the rules by which they are told."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from streamvision.core.analysis import EventKind
from streamvision.core.config.section import ID, SHOWN_NAME, ClassName, Section, listed_in

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DWELLING = frozenset({"stay", "idle", "zone_left"})
"""Kinds of events that say how long something has lasted."""
_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")
_Name = Annotated[str, Field(pattern=ID)]
_Text = Annotated[str, Field(min_length=1, max_length=256)]


def minutes_of(hours: str) -> tuple[int, int]:
    """Return the begin and the end of a span of a day, in minutes since midnight.

    >>> minutes_of("22:00-06:30")
    (1320, 390)

    Raises:
        ValueError: when it is none.
    """
    found = _HOURS.fullmatch(hours.strip())
    if found is None:
        raise ValueError(f"{hours!r} is no span of a day; give one such as 08:00-18:30 or 22:00-06:00")
    begin_h, begin_min, end_h, end_min = map(int, found.groups())
    return 60 * begin_h + begin_min, 60 * end_h + end_min


def _span(hours: str) -> str:
    minutes_of(hours)
    return hours


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(
            f"{name!r} is no time zone that is known here; give one such as Europe/Berlin or UTC"
        ) from None
    return name


class RuleConfig(Section):
    """Which events are told to whom; what is left out is not asked for."""

    name: str = Field(pattern=SHOWN_NAME, description="What it is called; the messages name it.")
    to: tuple[_Name, ...] | None = Field(None, max_length=64, description="Targets that are told; default: all.")
    kinds: tuple[EventKind, ...] | None = Field(None, min_length=1, description="Events of these kinds only.")
    classes: tuple[ClassName, ...] | None = Field(
        None, min_length=1, max_length=256, description="Objects of these classes only, by name or number."
    )
    regions: tuple[_Text, ...] | None = Field(
        None, min_length=1, max_length=256, description="At these lines and in these zones only."
    )
    streams: tuple[_Name, ...] | None = Field(None, min_length=1, max_length=1024, description="Of these streams only.")
    dwell_s: float | None = Field(
        None,
        gt=0,
        le=86400,
        description="Only what has lasted so long: an object that has been in a zone for that time is told as `stay` "
        "then; `idle` and `zone_left`, where `kinds` has them, when they took that long.",
    )
    hours: tuple[Annotated[str, AfterValidator(_span)], ...] | None = Field(
        None, min_length=1, max_length=16, description="At these times of the day only, such as 22:00-06:00."
    )
    days: tuple[Day, ...] | None = Field(
        None,
        min_length=1,
        description="On these days of the week only: mon, tue and so on; a night belongs to its evening.",
    )
    time_zone: Annotated[str, AfterValidator(_zone)] | None = Field(
        None, max_length=64, description="Time zone of hours and days, such as Europe/Berlin; default: this machine's."
    )
    every_min: float = Field(
        0.0, ge=0, le=10080, description="At most one message of each stream in so many minutes; 0: all."
    )
    picture: bool = Field(True, description="With the annotated picture.")
    clip: bool = Field(False, description="With the address of what was recorded around it.")

    @model_validator(mode="after")
    def _lasts(self) -> RuleConfig:
        if self.dwell_s is not None and self.kinds is not None and not DWELLING.issuperset(self.kinds):
            raise ValueError(
                f"dwell_s of the rule {self.name!r} is about what lasts; give kinds of {', '.join(sorted(DWELLING))}"
            )
        return self


class TargetConfig(Section):
    """Someone who is told; beside these keys it has those of its kind."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="What it is.", json_schema_extra=listed_in("streamvision.notify.registry:TARGETS"))
    max_messages: int = Field(10_000, ge=1, le=1_000_000, description="Most messages that wait while it is away.")
    max_mb: float = Field(
        256.0, gt=0, le=100_000, description="Most room that these take, pictures included, in megabytes."
    )

    @property
    def options(self) -> dict[str, Any]:
        """The keys of its kind."""
        return dict(self.model_extra or {})


class NotifyConfig(Section):
    """Who is told of events, and of which."""

    targets: dict[_Name, TargetConfig] = Field(default_factory=dict, max_length=64, description="Who, by name.")
    rules: tuple[RuleConfig, ...] = Field((), max_length=256, description="Which events; without one nobody is told.")

    @model_validator(mode="after")
    def _names_are_known(self) -> NotifyConfig:
        names = [rule.name for rule in self.rules]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"names of rules must differ, but {sorted(twice)} stands more than once")
        for rule in self.rules:
            if unknown := [name for name in rule.to or () if name not in self.targets]:
                there = ", ".join(self.targets) or "none"
                raise ValueError(f"the rule {rule.name!r} is for {unknown[0]!r}, which is no target; there are {there}")
        return self
