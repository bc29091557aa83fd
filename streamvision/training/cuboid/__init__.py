"""Training of networks that place objects in space, from crops of pictures with cameras."""
