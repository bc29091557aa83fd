"""What networks that drive are told beside their pictures."""

from __future__ import annotations

from pydantic import Field, model_validator

from streamvision.core.config.section import Section


class DrivingConfig(Section):
    """Where the speed limit comes from, above which a network that drives does not drive."""

    limit_detector: str | None = Field(
        None,
        description="Model that finds signs with speed limits, such as road_signs, which are then read as they are "
        "passed; default: the true limit of the drawn drive.",
    )
    limit_reader: str = Field(
        "package:rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
        description="Model that reads the numbers on them.",
    )

    @model_validator(mode="after")
    def _reads_what_is_found(self) -> DrivingConfig:
        if self.limit_detector is None and self.limit_reader != type(self).model_fields["limit_reader"].default:
            raise ValueError("limit_reader reads signs that limit_detector finds; give both, or leave both out")
        return self
