"""What recipes and checkpoints of training call the networks that make pictures of latent vectors."""

from __future__ import annotations

VAE, DCGAN = "vae", "dcgan"
GENERATORS = (VAE, DCGAN)
"""All of them."""
