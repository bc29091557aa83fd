"""The drawn drive with a car of one's own: it goes where it is steered, and keeps or breaks the rules."""

from streamvision.synthetic.driving.car import CarState, Command
from streamvision.synthetic.driving.rule_driver import RuleDriver
from streamvision.synthetic.driving.scene import DrivenScene
from streamvision.synthetic.driving.world import DrivenWorld, Situation, WorldOptions

__all__ = ["CarState", "Command", "DrivenScene", "DrivenWorld", "RuleDriver", "Situation", "WorldOptions"]
