"""How pictures are fed to a model, where neither its file nor its head's usual way is right."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from streamvision.core.config.section import Section

Layout = Literal["nchw", "nhwc"]
Color = Literal["rgb", "bgr", "gray"]
Resize = Literal["letterbox_center", "letterbox_top_left", "stretch", "crop_center"]
Channels = tuple[float, float, float]


class ModelInputConfig(Section):
    """How pictures are fed to the model; what is left out is the file's, or usual for the head."""

    mean: Channels | None = Field(
        None,
        description="Subtracted from the scaled values, one a channel in the order of `color`; one number is for all.",
    )
    std: Channels | None = Field(None, description="The scaled values less the mean are divided by it; as `mean`.")
    scale: float | None = Field(None, gt=0, description="Factor from levels 0..255 to values; 0.00392157 makes 0..1.")
    color: Color | None = Field(None, description="Order of the colour channels; gray: the brightness alone.")
    resize: Resize | None = Field(None, description="How the picture is fitted into the input's size.")
    layout: Layout | None = Field(None, description="Order of the tensor's axes, where its shape fits both.")

    @field_validator("mean", "std", mode="before")
    @classmethod
    def of_each_channel(cls, value: Any) -> Any:
        """Return three numbers for one."""
        return (value,) * 3 if isinstance(value, (int, float)) else value

    @field_validator("std")
    @classmethod
    def above_zero(cls, value: Channels | None) -> Channels | None:
        """Refuse what cannot be divided by."""
        if value is not None and min(value) <= 0:
            raise ValueError("each must be above 0")
        return value

    def given(self) -> dict[str, Any]:
        """Return the keys that were given, with their values."""
        return self.model_dump(exclude_none=True)
