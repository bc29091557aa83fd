"""Training of networks that make pictures of pictures."""
