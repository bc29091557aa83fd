"""The scene ``synthetic:drive``: a dashcam drive through day, dusk and rain, past road signs whose place is known."""

from streamvision.synthetic.drive.scene import DriveScene

__all__ = ["DriveScene"]
