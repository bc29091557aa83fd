"""Networks that make pictures of latent vectors, and learn how from pictures."""
