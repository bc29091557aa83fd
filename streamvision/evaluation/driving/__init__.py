"""How well a driver drives in the drawn drive: one that knows the truth, a network on the frames, none."""

from streamvision.evaluation.driving.drivers import Driver, NoDriver, PictureDriver, TruthDriver
from streamvision.evaluation.driving.evaluate import DriveFigures, DrivingEvaluation, drive_once, evaluate_driver

__all__ = [
    "DriveFigures",
    "Driver",
    "DrivingEvaluation",
    "NoDriver",
    "PictureDriver",
    "TruthDriver",
    "drive_once",
    "evaluate_driver",
]
