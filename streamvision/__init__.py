"""StreamVision: cameras and files in; detected, tracked and drawn; live in a browser."""

from streamvision.detections import Detections
from streamvision.errors import StreamVisionError
from streamvision.frame import Frame, Result
from streamvision.model_card import ModelCard

__version__ = "0.1.0"
__all__ = ["Detections", "Frame", "ModelCard", "Result", "StreamVisionError", "__version__"]
