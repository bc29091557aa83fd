"""How well a tracker keeps identities, in the figures that the field uses."""
