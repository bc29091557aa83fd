"""How user code is configured."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from streamvision.core.config.section import Section
from streamvision.core.config.wording import in_words

Unfinished = Literal["show", "hide"]


class StageConfig(Section):
    """Code of yours: a function of a frame and its results, or a class, of which each stream gets its own instance.
    What is not said here is as its `@streamvision.stage` says."""

    path: str | None = Field(
        None,
        pattern=in_words(r"^[^:]+:[A-Za-z_][\w.]*$", "give module:function or file.py:function"),
        description="`module:function`, or `file.py:function`.",
    )
    name: str | None = Field(None, description="In place of `path`: the name of a stage that another package brings.")
    budget_ms: float | None = Field(
        None, gt=0, le=60_000, description="How long the pipeline waits for it on each frame; default: 50."
    )
    give_up_after: int | None = Field(
        None, ge=1, description="Errors in a row after which it is switched off; default: 10."
    )
    unfinished: Unfinished | None = Field(
        None,
        description="What becomes of a frame that it did not finish: show (the default), or hide, which makes the "
        "picture unrecognisable.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Keyword arguments of the function or class, or settings of the named stage."
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> StageConfig:
        if (self.path is None) == (self.name is None):
            raise ValueError("a stage needs either path, for code of yours, or name, for one of another package")
        return self
