"""Cameras that speak ONVIF, for the dialog in which streams are added: administrators only."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

from flask import Flask, Response, jsonify
from pydantic import Field, ValidationError

from streamvision.core.control import OnvifCameras, OnvifDevice, OnvifProfile
from streamvision.web.access import access
from streamvision.web.asked import json_mapping
from streamvision.web.openapi import Schema, describe
from streamvision.web.refusal import refuse, refusing


class FoundCameras(Schema):
    """Cameras that have answered."""

    devices: list[OnvifDevice]
    """Each camera."""


class AskedCamera(Schema):
    """A camera that is asked for its streams."""

    address: str = Field(max_length=300)
    """Its name or address, with or without a port, or the HTTP address of its ONVIF service."""
    user: str = Field("", max_length=200)
    """Who asks; empty: nobody."""
    password: str = Field("", max_length=200)
    """The user's password."""


class OfferedStreams(Schema):
    """What a camera offers."""

    profiles: list[OnvifProfile]
    """Each of its streams."""


def add_onvif(app: Flask, cameras: OnvifCameras) -> None:
    """Add the addresses at which cameras are found.

    Args:
        app: the application.
        cameras: who finds and asks them.
    """

    @app.get("/api/onvif/discover")
    @access("admin")
    @describe(answer=FoundCameras)
    def discover_cameras() -> Response:
        """Ask the network for a few seconds which ONVIF cameras there are."""
        with refusing():
            return jsonify({"devices": [asdict(device) for device in cameras.discover()]})

    @app.post("/api/onvif/profiles")
    @access("admin")
    @describe(answer=OfferedStreams, body=AskedCamera)
    def profiles_of_camera() -> Response:
        """Ask a camera which streams it offers; their addresses carry user and password."""
        try:
            asked = AskedCamera.model_validate(json_mapping())
        except ValidationError:
            refuse(HTTPStatus.BAD_REQUEST, "give address, user and password of the camera, each a text")
        with refusing():
            found = cameras.profiles(asked.address, asked.user, asked.password)
        return jsonify({"profiles": [asdict(profile) for profile in found]})
