"""Settings of a service whose streams run on the machines of a Ray cluster."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from streamvision.core.config.section import Section

_ADDRESS = re.compile(r"auto|\[[0-9a-fA-F:.]+\]:\d{1,5}|[\w.-]+:\d{1,5}")

TAKE_OVER_SHARE = 1.4
"""How many times as long as a node may run without word of the service the service waits before it gives the node's
streams to others: clocks may run apart, and what ends must have ended."""


class ClusterConfig(Section):
    """A Ray cluster whose machines run the streams of `streamvision serve`."""

    address: str = Field(
        description="Address of the cluster, HOST:PORT as `ray start --head` says it; auto: that of this machine, "
        "which must be part of it."
    )
    lease_s: float = Field(
        4.0,
        ge=1.0,
        le=120.0,
        description="How long a machine runs its streams without word from the service, in seconds; others take them "
        "after 1.4 times as long. Longer where machines or networks stall.",
    )

    @field_validator("address")
    @classmethod
    def _is_address(cls, given: str) -> str:
        if not _ADDRESS.fullmatch(given):
            raise ValueError(f"{given!r} is no address of a cluster; give HOST:PORT, such as 10.0.0.5:6379, or auto")
        return given

    @property
    def take_over_s(self) -> float:
        """How long after a node was last heard others take its streams, in seconds."""
        return self.lease_s * TAKE_OVER_SHARE
