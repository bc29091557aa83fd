"""How well objects are placed in space: overlaps, KITTI's average precision, and errors in metres and degrees."""

from streamvision.evaluation.cuboid.evaluate import PITCH_DEG, CuboidEvaluation, evaluate_cuboids
from streamvision.evaluation.cuboid.figures import CuboidFigures, PlacedCuboid

__all__ = ["PITCH_DEG", "CuboidEvaluation", "CuboidFigures", "PlacedCuboid", "evaluate_cuboids"]
