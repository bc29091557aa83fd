"""What is made unreadable, and where nobody shall know that the camera was."""

from __future__ import annotations

from pydantic import Field, field_validator

from streamvision.core.config.section import Section
from streamvision.core.hidden_place import HiddenPlace


class PrivacyConfig(Section):
    """What is hidden before anything is shown, kept or sent."""

    blur: bool = Field(
        False,
        description="Make faces and number plates unreadable in all pictures that are shown, kept or sent. It misses "
        "some: see docs/privacy.md.",
    )
    blur_model: str | None = Field(
        None,
        description="A detector of faces, heads, plates, people or vehicles for it, which finds more: a model file.",
    )
    home: tuple[str, ...] = Field(
        (),
        max_length=16,
        description="LAT,LON,RADIUS_M: positions this near to a place, in degrees and metres, are left out of "
        "everything; a list of several.",
    )

    @field_validator("home", mode="before")
    @classmethod
    def _one_or_several(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @field_validator("home")
    @classmethod
    def _are_places(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for text in given:
            HiddenPlace.parse(text)
        return given

    @property
    def hidden_places(self) -> tuple[HiddenPlace, ...]:
        """What ``home`` says."""
        return tuple(HiddenPlace.parse(text) for text in self.home)
