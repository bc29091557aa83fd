"""How the settings of a target say what of them is secret."""

from __future__ import annotations

from typing import Any

SECRET: dict[str, Any] = {"secret": "all"}
"""``json_schema_extra`` of a field that is never shown: a text, or a list or mapping of texts."""
SECRET_ADDRESS: dict[str, Any] = {"secret": "address"}
"""``json_schema_extra`` of an address: its host is shown, and what may be secret in it is not. Secrets that are left as
they are go to no other address than the one that they were given for."""
