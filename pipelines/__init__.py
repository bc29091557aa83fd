"""The online half: one module per stage, in the order in which a frame meets them."""
